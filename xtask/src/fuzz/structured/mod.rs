//! Programs made for what a single-pass compiler is clever about, in all configurations against
//! `wasmi` 0.31: version 2.0.0 gets one program in 600 of these wrong, and panics on one in 40 where assertions are on.
//!
//! Random modules rarely keep a local in a register over a loop, or twenty values on the stack over a call. These programs do
//! little else: see `program.rs` for what they are made from, `reduce.rs` for how they become small.

mod body;
mod choices;
mod expressions;
mod operators;
mod program;
pub mod reduce;
mod statements;

use super::observe::{Import, Observed, Ours, Script, Stack, Value, without_nan_bits};
use super::{Fuzzer, Verdict};
use crate::rng::Rng;
use anyhow::{Result, anyhow};
use choices::Choices;
use engine_instance::{CompilationMode, Config, Engine, FuncType, Module, Tier, Tiering, ValType};
use engine_machine::{Arch, TargetFeatures};

/// Programs made for the baseline compiler, in all configurations.
pub struct Structured {
    engines: Vec<(String, Engine)>,
}

impl Structured {
    /// With an engine for each configuration.
    pub fn new() -> Result<Structured> {
        let arch = Arch::host().ok_or_else(|| anyhow!("this CPU is not supported"))?;
        let floor = TargetFeatures::floor(arch);
        let mut configs = vec![("guarded", Config::new())];
        let mut add = |name, change: &dyn Fn(&mut Config)| {
            let mut config = Config::new();
            change(&mut config);
            configs.push((name, config));
        };
        add("checked", &|config| {
            config.memory_guard(false);
        });
        add("floor", &|config| {
            config.target(floor);
        });
        add("bare", &|config| {
            config.interruptible(false).spectre(false).memory_guard(false);
        });
        add("lazy", &|config| {
            config.compilation_mode(CompilationMode::Lazy);
        });
        add("canonical", &|config| {
            config.canonicalize_nans(true).interruptible(false);
        });
        let mut engines = Vec::new();
        for (tier_name, tier) in [("baseline", Tier::Baseline), ("optimized", Tier::Optimized)] {
            for (name, config) in &configs {
                let mut config = config.clone();
                config.tiering(Tiering::Off(tier));
                let engine = Engine::new(&config).map_err(|error| anyhow!("{error:#}"))?;
                engines.push((format!("{tier_name}, {name}"), engine));
            }
        }
        engines.extend(crate::fuzz::dynamic_engines()?);
        Ok(Structured { engines })
    }

    /// Runs a program in all configurations.
    fn compare(&self, bytes: &[u8], rng: &mut Rng) -> Result<Verdict, String> {
        let mut modules = Vec::new();
        for (name, engine) in &self.engines {
            modules.push((name, Module::new(engine, bytes).map_err(|error| format!("{name}: {error:#}"))?));
        }
        let imports = &imports();
        let script = Script::new(&modules[0].1, rng).with_nans_alike();
        let theirs = Observed::new(&Stack { bytes, imports }, &script);
        if theirs.out_of_stack() {
            return Ok(Verdict::Nothing);
        }
        for (name, module) in &modules {
            let ours = Observed::new(&Ours { module, imports }, &script);
            if let Some(place) = ours.difference(&theirs) {
                let (what, ours, theirs) = (script.describe(place), ours.at(place), theirs.at(place));
                return Err(format!("{name}: {what}: {ours}, wasmi {theirs}"));
            }
            if ours.out_of_stack() {
                return Ok(Verdict::Nothing);
            }
        }
        Ok(Verdict::Passed)
    }
}

impl Fuzzer for Structured {
    fn name(&self) -> &'static str {
        "structured"
    }

    fn module(&self, seed: u64, case: u64) -> Vec<u8> {
        program::module(&mut Choices::random(Rng::new(seed, case)))
    }

    fn run(&self, seed: u64, case: u64) -> Result<Verdict, String> {
        self.compare(&self.module(seed, case), &mut Rng::new(seed ^ 0x5eed, case))
    }
}

/// The host functions.
fn imports() -> Vec<Import> {
    let import = |(i, (params, results)): (usize, program::Signature)| Import {
        module: "host",
        name: format!("h{i}"),
        ty: FuncType::new(params.into_iter().map(our_type), results.into_iter().map(our_type)),
        function: host,
    };
    program::host_signatures().into_iter().enumerate().map(import).collect()
}

/// What a host function returns: something of each type that every parameter has a say in.
fn host(params: &[Value], ty: &FuncType) -> Vec<Value> {
    let mut hash = 0u64;
    for &param in params {
        let bits = match without_nan_bits(param) {
            Value::I32(value) => u64::from(value as u32),
            Value::I64(value) => value as u64,
            Value::F32(bits) => u64::from(bits),
            Value::F64(bits) => bits,
            Value::Func(_) | Value::Host(_) => 0,
        };
        hash = (hash ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }
    let value = |(i, ty): (usize, &ValType)| {
        let hash = hash.rotate_left(8 * i as u32);
        match ty {
            ValType::I32 => Value::I32(hash as i32),
            ValType::I64 => Value::I64(hash as i64),
            ValType::F32 => Value::F32((hash as i32 as f32).to_bits()),
            _ => Value::F64((hash as i64 as f64).to_bits()),
        }
    };
    ty.results().iter().enumerate().map(value).collect()
}

fn our_type(ty: wasm_encoder::ValType) -> ValType {
    match ty {
        wasm_encoder::ValType::I32 => ValType::I32,
        wasm_encoder::ValType::I64 => ValType::I64,
        wasm_encoder::ValType::F32 => ValType::F32,
        _ => ValType::F64,
    }
}
