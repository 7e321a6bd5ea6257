//! `cargo xtask bench instantiate`: what it costs to make an instance in a store of its own and to drop both, against the bare
//! system calls that its memory needs.

use super::engine_error;
use super::maps::{Image, Reservation};
use super::statistics::{Measure, alternate, rounded};
use crate::table;
use anyhow::{Context as _, Result, ensure};
use engine_instance::{Engine, Instance, Module, Store};
use serde_json::json;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use wasm_encoder as we;

/// Bytes of data segments.
const DATA: usize = 1 << 20;
/// A page of the host; a guest that touches each of them touches all memory.
const HOST_PAGE: usize = 4096;
const WASM_PAGE: usize = 65536;

/// Arguments of `cargo xtask bench instantiate`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Samples of each contestant
    #[arg(long, value_name = "N", default_value_t = 31)]
    samples: u32,
    /// Instances in a sample
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    instances: u32,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// What is instantiated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    NoMemory,
    Memory,
    Data,
    DataTouched,
}

impl Case {
    const ALL: [Case; 4] = [Case::NoMemory, Case::Memory, Case::Data, Case::DataTouched];

    fn name(self) -> &'static str {
        match self {
            Case::NoMemory => "no memory",
            Case::Memory => "memory",
            Case::Data => "memory, 1 MB data",
            Case::DataTouched => "memory, 1 MB data, touched",
        }
    }

    /// A binary module whose export `touch` writes to each page of its data.
    fn module(self) -> Vec<u8> {
        let mut module = we::Module::new();
        let mut types = we::TypeSection::new();
        types.ty().function([], []);
        module.section(&types);
        module.section(we::FunctionSection::new().function(0));
        if self != Case::NoMemory {
            let pages = if self == Case::Memory { 1 } else { DATA / WASM_PAGE };
            module.section(we::MemorySection::new().memory(we::MemoryType {
                minimum: pages as u64,
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            }));
        }
        module.section(we::ExportSection::new().export("touch", we::ExportKind::Func, 0));
        module.section(we::CodeSection::new().function(&self.touch()));
        if matches!(self, Case::Data | Case::DataTouched) {
            module.section(we::DataSection::new().active(0, &we::ConstExpr::i32_const(0), data()));
        }
        module.finish()
    }

    fn touch(self) -> we::Function {
        let mut body = we::Function::new([(1, we::ValType::I32)]);
        if self == Case::DataTouched {
            let at = we::MemArg { offset: 0, align: 0, target: we::MemArgTarget::Memory(0), ordering: None };
            body.instructions()
                .loop_(we::BlockType::Empty)
                .local_get(0)
                .i32_const(1)
                .i32_store8(at)
                .local_get(0)
                .i32_const(HOST_PAGE as i32)
                .i32_add()
                .local_tee(0)
                .i32_const(DATA as i32)
                .i32_lt_u()
                .br_if(0)
                .end();
        }
        body.instructions().end();
        body
    }

    /// The system calls that its memory needs.
    fn bare(self, image: &Image) -> Result<()> {
        let mut reservation = Reservation::new()?;
        match self {
            Case::NoMemory => {}
            Case::Memory => reservation.allow(WASM_PAGE)?,
            Case::Data => reservation.map(image)?,
            Case::DataTouched => {
                reservation.map(image)?;
                reservation.touch(image, HOST_PAGE);
            }
        }
        Ok(())
    }
}

/// Data without zero pages.
fn data() -> Vec<u8> {
    (0..DATA).map(|i| (i % 251) as u8 | 1).collect()
}

/// `cargo xtask bench instantiate`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let engine = Engine::default();
    let image = Image::new(&data())?;
    let mut rows = Vec::new();
    let mut summary = json!({ "summary": true });
    for case in Case::ALL {
        if args.filter.as_ref().is_some_and(|filter| !case.name().contains(filter)) {
            continue;
        }
        let module = Module::new(&engine, case.module()).map_err(engine_error)?;
        for threads in [1, 2] {
            let alone =
                || format!("to run it alone: cargo xtask bench instantiate --filter '{}'", case.name());
            let row = measure(case, threads, &module, &image, args).with_context(alone)?;
            let key = case.name().replace(", ", "_").replace(' ', "_").to_lowercase();
            if json {
                println!("{}", row.json(case, threads));
            }
            summary[format!("{key}_{threads}")] =
                json!(rounded(row.ratio.map_or(row.time, |(ratio, _)| ratio)));
            rows.push(row.cells(case, threads));
        }
    }
    ensure!(!rows.is_empty(), "no case is named so");
    if json {
        println!("{summary}");
    } else {
        let header = ["case", "threads", "µs", "spread %", "bare maps µs", "ratio", "spread %"];
        table::print(&header, &rows);
        println!(
            "medians for each instance on a thread, made and dropped with its store; bare maps: reserve, map or allow, unmap"
        );
    }
    Ok(())
}

/// What has been measured: microseconds, and percentages for spreads.
struct Row {
    time: f64,
    spread: f64,
    bare: Option<f64>,
    ratio: Option<(f64, f64)>,
}

impl Row {
    fn json(&self, case: Case, threads: u32) -> serde_json::Value {
        json!({
            "case": case.name(), "threads": threads, "us": rounded(self.time), "spread_percent": rounded(self.spread),
            "bare_us": self.bare.map(rounded), "ratio": self.ratio.map(|(ratio, _)| rounded(ratio)),
            "ratio_spread_percent": self.ratio.map(|(_, spread)| rounded(spread)),
        })
    }

    fn cells(&self, case: Case, threads: u32) -> Vec<String> {
        let number =
            |value: Option<f64>, decimals| value.map_or(String::new(), |v| format!("{v:.decimals$}"));
        vec![
            case.name().to_owned(),
            threads.to_string(),
            format!("{:.2}", self.time),
            format!("{:.1}", self.spread),
            number(self.bare, 2),
            number(self.ratio.map(|(ratio, _)| ratio), 2),
            number(self.ratio.map(|(_, spread)| spread), 1),
        ]
    }
}

fn measure(case: Case, threads: u32, module: &Module, image: &Image, args: &Args) -> Result<Row> {
    let make = || instance(case, module).map_err(engine_error);
    let bare = || case.bare(image);
    let mut contestants: Vec<Measure<'_>> = vec![Box::new(|| per_iteration(threads, args.instances, &make))];
    if case != Case::NoMemory {
        contestants.push(Box::new(|| per_iteration(threads, args.instances, &bare)));
    }
    let samples = alternate(args.samples, &mut contestants)?;
    let ratio = samples.get(1).map(|bare| samples[0].over(bare));
    Ok(Row {
        time: samples[0].median(),
        spread: samples[0].spread(),
        bare: samples.get(1).map(|bare| bare.median()),
        ratio: ratio.map(|ratio| (ratio.median(), ratio.spread())),
    })
}

/// Makes an instance and drops it, with its store.
fn instance(case: Case, module: &Module) -> engine_instance::Result<()> {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[])?;
    if case == Case::DataTouched {
        instance.get_typed_func::<(), ()>(&mut store, "touch")?.call(&mut store, ())?;
    }
    Ok(())
}

/// Microseconds of one of many iterations, of the slowest of some threads that work at the same time.
fn per_iteration(threads: u32, iterations: u32, work: &(dyn Fn() -> Result<()> + Sync)) -> Result<f64> {
    let barrier = Barrier::new(threads as usize);
    let one = || -> Result<Duration> {
        // What a thread does once is not measured. Errors wait, as the others would wait for this thread for ever.
        let first = work();
        barrier.wait();
        first?;
        let start = Instant::now();
        for _ in 0..iterations {
            work()?;
        }
        Ok(start.elapsed())
    };
    let slowest = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
        let mut slowest = one()?;
        for other in others {
            let time = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            slowest = slowest.max(time);
        }
        anyhow::Ok(slowest)
    })?;
    Ok(slowest.as_secs_f64() * 1e6 / f64::from(iterations))
}
