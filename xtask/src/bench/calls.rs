//! `cargo xtask bench calls`: what a call between host and Wasm costs, in multiples of an indirect C call with the same
//! arguments.
//!
//! Everything is measured in this process, built as a program that embeds the engine is (`rerun_measurable`).

use super::engine_error;
use super::statistics::{Measure, Samples, alternate, rounded, worst};
use crate::table;
use engine_instance::{
    Caller, Context as _, Engine, FuncType, IntoFunc, Linker, Module, Store, Val, ValType,
};
use engine_instance::{Result, WasmParams, WasmResults};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

/// Arguments of `cargo xtask bench calls`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Samples of each contestant
    #[arg(long, value_name = "N", default_value_t = 51)]
    samples: u32,
    /// Calls in a sample
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=i32::MAX as i64))]
    calls: u32,
}

/// Parameters and result that are measured. The function returns its last argument.
struct Shape {
    params: &'static [ValType],
    /// The arguments.
    values: Vec<Val>,
    result: Option<ValType>,
}

/// The ways of calling, in the order in which [`contestants`] lists them after the C call and the empty loop.
const WAYS: [(&str, &str); 4] = [
    ("host_to_wasm", "typed"),
    ("host_to_wasm", "dynamic"),
    ("wasm_to_host", "typed"),
    ("wasm_to_host", "dynamic"),
];

/// `cargo xtask bench calls`
pub fn main(args: &Args, json: bool) -> anyhow::Result<()> {
    let engine = Engine::default();
    let mut rows = Vec::new();
    let mut multiples: [Vec<f64>; WAYS.len()] = Default::default();
    for (shape, mut contestants) in shapes(&engine, args.calls).map_err(engine_error)? {
        let count = shape.params.len();
        let case = || format!("calls with {count} arguments (to run them alone: cargo xtask bench calls)");
        let samples = anyhow::Context::with_context(alternate(args.samples, &mut contestants), case)?;
        let [c_call, empty, ways @ ..] = samples.as_slice() else { continue };
        for (((direction, kind), all), way) in WAYS.iter().zip(&mut multiples).zip(ways) {
            let way = if *direction == "wasm_to_host" { way.less(empty) } else { way.clone() };
            let multiple = way.over(c_call);
            all.push(multiple.median());
            if json {
                println!("{}", line(direction, kind, count, &way, c_call, &multiple));
            }
            rows.push(vec![
                direction.replace('_', " "),
                (*kind).to_owned(),
                count.to_string(),
                format!("{:.1}", way.median()),
                format!("{:.1}", way.spread()),
                format!("{:.2}", c_call.median()),
                format!("{:.1}", multiple.median()),
                format!("{:.1}", multiple.spread()),
            ]);
        }
    }
    if json {
        let mut line = json!({ "summary": true });
        for ((direction, kind), all) in WAYS.iter().zip(multiples) {
            line[format!("worst_{direction}_{kind}")] = json!(rounded(worst(all)));
        }
        println!("{line}");
    } else {
        let header =
            ["call", "interface", "arguments", "ns", "spread %", "C call ns", "multiple", "spread %"];
        table::print(&header, &rows);
        println!("medians; spread: distance between the quartiles; multiple: of an indirect C call");
    }
    Ok(())
}

fn line(
    direction: &str,
    kind: &str,
    count: usize,
    way: &Samples,
    c_call: &Samples,
    multiple: &Samples,
) -> serde_json::Value {
    json!({
        "direction": direction, "kind": kind, "arguments": count, "ns": rounded(way.median()),
        "spread_percent": rounded(way.spread()), "c_call_ns": rounded(c_call.median()),
        "multiple": rounded(multiple.median()), "multiple_spread_percent": rounded(multiple.spread()),
    })
}

extern "C" fn c_none() {}
extern "C" fn c_three(_: i32, _: i64, c: i32) -> i32 {
    c
}
extern "C" fn c_eight(_: i32, _: i64, _: i32, _: i64, _: f64, _: f64, _: i32, h: i64) -> i64 {
    h
}
type CThree = extern "C" fn(i32, i64, i32) -> i32;
type CEight = extern "C" fn(i32, i64, i32, i64, f64, f64, i32, i64) -> i64;

/// The shapes and, for each, the contestants: the C call, the empty loop, and [`WAYS`].
fn shapes(engine: &Engine, calls: u32) -> Result<Vec<(Shape, Vec<Measure<'static>>)>> {
    use ValType::{F64, I32, I64};
    let none = Shape { params: &[], values: vec![], result: None };
    let three = Shape {
        params: &[I32, I64, I32],
        values: vec![Val::I32(1), Val::I64(2), Val::I32(3)],
        result: Some(I32),
    };
    let f64 = |value: f64| Val::F64(value.to_bits());
    let eight = Shape {
        params: &[I32, I64, I32, I64, F64, F64, I32, I64],
        values: vec![
            Val::I32(1),
            Val::I64(2),
            Val::I32(3),
            Val::I64(4),
            f64(5.0),
            f64(6.0),
            Val::I32(7),
            Val::I64(8),
        ],
        result: Some(I64),
    };
    let (f0, f3, f8): (extern "C" fn(), CThree, CEight) =
        (black_box(c_none), black_box(c_three), black_box(c_eight));
    let host3 = |_: i32, _: i64, c: i32| c;
    let host8 = |_: i32, _: i64, _: i32, _: i64, _: f64, _: f64, _: i32, h: i64| h;
    let args8 = (1, 2, 3, 4, 5.0, 6.0, 7, 8);
    let c0 = timed(calls, move || f0());
    let c3 = timed(calls, move || f3(1, 2, 3));
    let c8 = timed(calls, move || f8(1, 2, 3, 4, 5.0, 6.0, 7, 8));
    let of0 = contestants::<(), (), _, _>(engine, calls, &none, c0, (), || ())?;
    let of3 = contestants::<_, i32, _, _>(engine, calls, &three, c3, (1i32, 2i64, 3i32), host3)?;
    let of8 = contestants::<(i32, i64, i32, i64, f64, f64, i32, i64), i64, _, _>(
        engine, calls, &eight, c8, args8, host8,
    )?;
    Ok(vec![(none, of0), (three, of3), (eight, of8)])
}

/// A contestant whose samples are the nanoseconds of one of many calls.
fn timed<R: 'static>(calls: u32, call: impl Fn() -> R + 'static) -> Measure<'static> {
    contestant(calls, move || {
        for _ in 0..calls {
            black_box(call());
        }
        Ok(())
    })
}

fn contestant(calls: u32, mut all: impl FnMut() -> Result<()> + 'static) -> Measure<'static> {
    Box::new(move || {
        let start = Instant::now();
        all().map_err(engine_error)?;
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
    })
}

fn contestants<P, R, HostParams, HostResults>(
    engine: &Engine,
    calls: u32,
    shape: &Shape,
    c_call: Measure<'static>,
    args: P,
    host: impl IntoFunc<(), HostParams, HostResults>,
) -> Result<Vec<Measure<'static>>>
where
    P: WasmParams + Copy + 'static,
    R: WasmResults + 'static,
{
    let module = Module::new(engine, wat::parse_str(text(shape))?)?;
    let mut typed = Linker::new(engine);
    typed.func_wrap("host", "f", host)?;
    let mut dynamic = Linker::new(engine);
    let ty = FuncType::new(shape.params.iter().copied(), shape.result);
    dynamic.func_new("host", "f", ty, |_: Caller<'_, ()>, params, results| {
        if let (Some(result), Some(last)) = (results.first_mut(), params.last()) {
            *result = last.clone();
        }
        Ok(())
    })?;
    Ok(vec![
        c_call,
        guest_loop(&typed, &module, "empty", calls)?,
        call_typed::<P, R>(&typed, &module, args, calls)?,
        call_dynamic(&typed, &module, shape, calls)?,
        guest_loop(&typed, &module, "loop", calls)?,
        guest_loop(&dynamic, &module, "loop", calls)?,
    ])
}

fn call_typed<P, R>(linker: &Linker<()>, module: &Module, args: P, calls: u32) -> Result<Measure<'static>>
where
    P: WasmParams + Copy + 'static,
    R: WasmResults + 'static,
{
    let mut store = Store::new(linker.engine(), ());
    let instance = linker.instantiate(&mut store, module)?;
    let callee = instance.get_typed_func::<P, R>(&mut store, "callee")?;
    Ok(contestant(calls, move || {
        for _ in 0..calls {
            black_box(callee.call(&mut store, args)?);
        }
        Ok(())
    }))
}

fn call_dynamic(linker: &Linker<()>, module: &Module, shape: &Shape, calls: u32) -> Result<Measure<'static>> {
    let mut store = Store::new(linker.engine(), ());
    let instance = linker.instantiate(&mut store, module)?;
    let callee = instance.get_func(&mut store, "callee").context("the module exports no `callee`")?;
    let params = shape.values.clone();
    let mut results: Vec<Val> = shape.result.iter().map(|_| Val::I64(0)).collect();
    Ok(contestant(calls, move || {
        for _ in 0..calls {
            callee.call(&mut store, &params, &mut results)?;
        }
        Ok(())
    }))
}

/// The loop of this name in the guest, which goes round as many times as it is told.
fn guest_loop(linker: &Linker<()>, module: &Module, name: &str, calls: u32) -> Result<Measure<'static>> {
    let mut store = Store::new(linker.engine(), ());
    let instance = linker.instantiate(&mut store, module)?;
    let run = instance.get_typed_func::<u32, ()>(&mut store, name)?;
    Ok(contestant(calls, move || run.call(&mut store, calls)))
}

/// A module that exports a function of the shape, a loop that calls such an import, and a loop that does nothing.
fn text(shape: &Shape) -> String {
    let params: String = shape.params.iter().map(|ty| format!(" {ty}")).collect();
    let result = shape.result.map_or(String::new(), |ty| format!("(result {ty})"));
    let ty = format!("(param{params}) {result}");
    let last = shape.params.len().checked_sub(1).map_or(String::new(), |last| format!("local.get {last}"));
    let values: String =
        shape.params.iter().zip(1..).map(|(ty, value)| format!("{ty}.const {value} ")).collect();
    let drop = if shape.result.is_some() { "drop" } else { "" };
    let repeat = "(br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))";
    format!(
        r#"(module
            (import "host" "f" (func $f {ty}))
            (func (export "callee") {ty} {last})
            (func (export "loop") (param $n i32) (loop $again {values} call $f {drop} {repeat}))
            (func (export "empty") (param $n i32) (loop $again {repeat})))"#
    )
}
