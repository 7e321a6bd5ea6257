//! The fixed cost of a module: the time from a small module's bytes to an export that can be called, against validating them.
//!
//! Measured in this process, with an engine that has been used before.

use super::bodies::{self, Export, Plan};
use super::engine_error;
use super::statistics::{Measure, alternate, rounded};
use anyhow::{Context as _, Result};
use engine_instance::{Engine, Instance, Module, Store};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

/// The modules: a name, bytes of code, and bytes of a function. The rest of each is about 45 bytes.
const MODULES: [(&str, Plan); 3] = [
    ("synthetic 100 B", plan(55, 100)),
    ("synthetic 1 kB", plan(950, 200)),
    ("synthetic 10 kB", plan(9_900, 200)),
];

const SAMPLES: u32 = 301;

const fn plan(code_bytes: usize, function_bytes: usize) -> Plan {
    Plan { code_bytes, function_bytes, export: Export::Function }
}

/// What has been measured of a module: medians in microseconds, and percentages for spreads.
pub struct Row {
    name: &'static str,
    bytes: usize,
    code_section_bytes: usize,
    validate: f64,
    callable: f64,
    callable_spread: f64,
    ratio: f64,
    ratio_spread: f64,
}

/// The small modules whose names are wanted.
pub fn measure(wanted: impl Fn(&str) -> bool) -> Result<Vec<Row>> {
    let engine = Engine::default();
    MODULES
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, plan)| {
            measure_module(&engine, name, *plan)
                .with_context(|| format!("to run it alone: cargo xtask bench compile --filter '{name}'"))
        })
        .collect()
}

fn measure_module(engine: &Engine, name: &'static str, plan: Plan) -> Result<Row> {
    let bytes = bodies::module(plan);
    let module = Module::new(engine, &bytes).map_err(engine_error)?;
    let code_section_bytes = module.decoded().module.code_section.len();
    drop(module);
    let mut contestants: [Measure<'_>; 2] = [
        Box::new(|| {
            let start = Instant::now();
            wasmparser::validate(black_box(&bytes))?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        }),
        Box::new(|| callable(engine, black_box(&bytes)).map_err(engine_error)),
    ];
    let samples = alternate(SAMPLES, &mut contestants)?;
    let ratio = samples[1].over(&samples[0]);
    Ok(Row {
        name,
        bytes: bytes.len(),
        code_section_bytes,
        validate: samples[0].median(),
        callable: samples[1].median(),
        callable_spread: samples[1].spread(),
        ratio: ratio.median(),
        ratio_spread: ratio.spread(),
    })
}

/// Microseconds from bytes to an export. What has been made is dropped afterwards.
fn callable(engine: &Engine, bytes: &[u8]) -> engine_instance::Result<f64> {
    let start = Instant::now();
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let export = instance.get_typed_func::<(i32, i32), i32>(&mut store, "f")?;
    let time = start.elapsed().as_secs_f64() * 1e6;
    black_box(export);
    Ok(time)
}

impl Row {
    /// As one JSON object.
    pub fn json(&self, tier: &str) -> serde_json::Value {
        json!({
            "module": self.name, "synthetic": true, "tier": tier, "bytes": self.bytes,
            "code_section_bytes": self.code_section_bytes, "validate_us": rounded(self.validate),
            "callable_us": rounded(self.callable), "callable_spread_percent": rounded(self.callable_spread),
            "ratio": rounded(self.ratio), "ratio_spread_percent": rounded(self.ratio_spread),
        })
    }

    /// As a line of a table.
    pub fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.bytes.to_string(),
            format!("{:.1}", self.validate),
            format!("{:.1}", self.callable),
            format!("{:.1}", self.callable_spread),
            format!("{:.2}", self.ratio),
            format!("{:.1}", self.ratio_spread),
        ]
    }
}
