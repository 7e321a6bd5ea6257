//! Programs made for what a single-pass compiler is clever about, in all configurations against `wasmi`,
//! an old one: version 2.0.0 gets one program in 600 of these wrong, and panics on one in 40 where assertions are on.
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

use super::Fuzzer;
use super::differential::{Outcome, Stop, Value, from_ours, our_trap, our_value, random_value};
use crate::rng::Rng;
use anyhow::{Result, anyhow};
use choices::Choices;
use engine_instance::{Config, Engine, FuncType, Linker, Module, Store, TrapCode, Val, ValType};
use engine_machine::{Arch, TargetFeatures};

/// Calls of each exported function.
const CALLS: usize = 3;

pub struct Structured {
    engines: Vec<(&'static str, Engine)>,
    theirs: wasmi_stack::Engine,
}

impl Structured {
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
        add("canonical", &|config| {
            config.canonicalize_nans(true).interruptible(false);
        });
        let mut engines = Vec::new();
        for (name, config) in configs {
            engines.push((name, Engine::new(&config).map_err(|error| anyhow!("{error:#}"))?));
        }
        Ok(Structured { engines, theirs: wasmi_stack::Engine::default() })
    }

    /// Runs a program in all configurations. `Ok(false)`: it ran out of stack.
    fn compare(&self, bytes: &[u8], rng: impl Fn() -> Rng) -> Result<bool, String> {
        let theirs = match self.theirs(bytes, &mut rng()) {
            Ok(theirs) => theirs,
            Err(Stop::StackOverflow) => return Ok(false),
            Err(Stop::Different(reason)) => return Err(reason),
        };
        for (name, engine) in &self.engines {
            match ours(engine, bytes, &mut rng()) {
                Ok(ours) => ours.same(&theirs).map_err(|reason| format!("{name}: {reason}"))?,
                Err(Stop::StackOverflow) => return Ok(false),
                Err(Stop::Different(reason)) => return Err(format!("{name}: {reason}")),
            }
        }
        Ok(true)
    }

    fn theirs(&self, bytes: &[u8], rng: &mut Rng) -> Result<Trace, Stop> {
        let failed = |error: wasmi_stack::Error| Stop::Different(format!("wasmi: {error}"));
        let module = wasmi_stack::Module::new(&self.theirs, bytes).map_err(failed)?;
        let mut store = wasmi_stack::Store::new(&self.theirs, ());
        let mut linker = wasmi_stack::Linker::new(&self.theirs);
        for (i, (params, results)) in program::host_signatures().into_iter().enumerate() {
            let their_types = |types: &[wasm_encoder::ValType]| -> Vec<wasmi_stack::core::ValueType> {
                types.iter().map(|ty| their_type(our_type(*ty))).collect()
            };
            let ty = wasmi_stack::FuncType::new(their_types(&params), their_types(&results));
            let name = format!("h{i}");
            let define = linker.func_new("host", &name, ty, move |_, params, slots| {
                let params: Vec<Value> = params.iter().map(from_their_number).collect();
                for (slot, value) in slots.iter_mut().zip(host(&params, &results)) {
                    *slot = their_number(&value);
                }
                Ok(())
            });
            define.map_err(|error| Stop::Different(format!("wasmi: {error}")))?;
        }
        let instance = linker
            .instantiate(&mut store, &module)
            .and_then(|instance| instance.start(&mut store))
            .map_err(failed)?;
        let mut trace = Trace::default();
        for i in 0.. {
            let Some(function) = instance.get_func(&store, &format!("f{i}")) else { break };
            let ty = function.ty(&store);
            for _ in 0..CALLS {
                let args: Vec<Value> =
                    ty.params().iter().map(|ty| random_value(rng, our_type_of_theirs(*ty))).collect();
                let params: Vec<wasmi_stack::Value> = args.iter().map(their_number).collect();
                let mut results = vec![wasmi_stack::Value::I32(0); ty.results().len()];
                let outcome = match function.call(&mut store, &params, &mut results) {
                    Ok(()) => Outcome::Values(
                        results.iter().map(|value| without_nan_bits(from_their_number(value))).collect(),
                    ),
                    Err(error) => their_trap(&error)?,
                };
                trace.calls.push((i, args, outcome));
            }
        }
        for i in 0.. {
            let Some(global) = instance.get_global(&store, &format!("g{i}")) else { break };
            trace.globals.push(without_nan_bits(from_their_number(&global.get(&store))));
        }
        if let Some(memory) = instance.get_memory(&store, "memory") {
            trace.memory = memory.data(&store).to_vec();
        }
        Ok(trace)
    }
}

/// All that a program did and left behind.
#[derive(Default)]
struct Trace {
    calls: Vec<(usize, Vec<Value>, Outcome)>,
    globals: Vec<Value>,
    memory: Vec<u8>,
}

impl Trace {
    fn same(&self, theirs: &Trace) -> Result<(), String> {
        for ((i, args, ours), (_, _, theirs)) in self.calls.iter().zip(&theirs.calls) {
            if ours != theirs {
                return Err(format!("f{i}{args:?}: {ours:?}, wasmi {theirs:?}"));
            }
        }
        for (i, (ours, theirs)) in self.globals.iter().zip(&theirs.globals).enumerate() {
            if ours != theirs {
                return Err(format!("global g{i}: {ours:?}, wasmi {theirs:?}"));
            }
        }
        if self.memory.len() != theirs.memory.len() {
            return Err(format!("memory: {} bytes, wasmi {}", self.memory.len(), theirs.memory.len()));
        }
        match self.memory.iter().zip(&theirs.memory).position(|(a, b)| a != b) {
            Some(at) => {
                Err(format!("memory at {at:#x}: {:#x}, wasmi {:#x}", self.memory[at], theirs.memory[at]))
            }
            None => Ok(()),
        }
    }
}

impl Fuzzer for Structured {
    fn name(&self) -> &'static str {
        "structured"
    }

    fn module(&self, seed: u64, case: u64) -> Vec<u8> {
        program::module(&mut Choices::random(Rng::new(seed, case)))
    }

    fn run(&self, seed: u64, case: u64) -> Result<bool, String> {
        self.compare(&self.module(seed, case), || Rng::new(seed ^ 0x5eed, case))
    }
}

fn ours(engine: &Engine, bytes: &[u8], rng: &mut Rng) -> Result<Trace, Stop> {
    let failed = |error: engine_instance::Error| Stop::Different(format!("{error:#}"));
    let module = Module::new(engine, bytes).map_err(failed)?;
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    for (i, (params, results)) in program::host_signatures().into_iter().enumerate() {
        let ty = FuncType::new(params.into_iter().map(our_type), results.iter().copied().map(our_type));
        let name = format!("h{i}");
        let define = linker.func_new("host", &name, ty, move |_, params, slots| {
            let params: Vec<Value> = params.iter().map(from_ours).collect();
            for (slot, value) in slots.iter_mut().zip(host(&params, &results)) {
                *slot = our_value(&value);
            }
            Ok(())
        });
        define.map_err(failed)?;
    }
    let instance = linker.instantiate(&mut store, &module).map_err(failed)?;
    let mut trace = Trace::default();
    for i in 0.. {
        let Some(function) = instance.get_func(&mut store, &format!("f{i}")) else { break };
        let ty = function.ty(&store);
        for _ in 0..CALLS {
            let args: Vec<Value> = ty.params().iter().map(|ty| random_value(rng, *ty)).collect();
            let params: Vec<Val> = args.iter().map(our_value).collect();
            let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
            let outcome = match function.call(&mut store, &params, &mut results) {
                Ok(()) => {
                    Outcome::Values(results.iter().map(|value| without_nan_bits(from_ours(value))).collect())
                }
                Err(error) => our_trap(&error)?,
            };
            trace.calls.push((i, args, outcome));
        }
    }
    for i in 0.. {
        let Some(global) = instance.get_global(&mut store, &format!("g{i}")) else { break };
        trace.globals.push(without_nan_bits(from_ours(&global.get(&mut store))));
    }
    if let Some(memory) = instance.get_memory(&mut store, "memory") {
        trace.memory = memory.data(&store).to_vec();
    }
    Ok(trace)
}

/// What a host function returns: something of each type that every parameter has a say in.
fn host(params: &[Value], results: &[wasm_encoder::ValType]) -> Vec<Value> {
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
    let value = |(i, ty): (usize, &wasm_encoder::ValType)| {
        let hash = hash.rotate_left(8 * i as u32);
        match ty {
            wasm_encoder::ValType::I32 => Value::I32(hash as i32),
            wasm_encoder::ValType::I64 => Value::I64(hash as i64),
            wasm_encoder::ValType::F32 => Value::F32((hash as i32 as f32).to_bits()),
            _ => Value::F64((hash as i64 as f64).to_bits()),
        }
    };
    results.iter().enumerate().map(value).collect()
}

/// All NaNs are alike.
fn without_nan_bits(value: Value) -> Value {
    match value {
        Value::F32(bits) if f32::from_bits(bits).is_nan() => Value::F32(0x7fc0_0000),
        Value::F64(bits) if f64::from_bits(bits).is_nan() => Value::F64(0x7ff8_0000_0000_0000),
        other => other,
    }
}

fn their_trap(error: &wasmi_stack::Error) -> Result<Outcome, Stop> {
    use wasmi_stack::core::TrapCode as Theirs;
    let code = match error {
        wasmi_stack::Error::Trap(trap) => trap.trap_code(),
        _ => None,
    };
    let code = match code {
        Some(Theirs::StackOverflow) => return Err(Stop::StackOverflow),
        Some(Theirs::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Theirs::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(Theirs::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Theirs::IndirectCallToNull) => TrapCode::IndirectCallToNull,
        Some(Theirs::IntegerDivisionByZero) => TrapCode::IntegerDivisionByZero,
        Some(Theirs::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Theirs::BadConversionToInteger) => TrapCode::BadConversionToInteger,
        Some(Theirs::BadSignature) => TrapCode::BadSignature,
        _ => return Err(format!("wasmi stops without a trap: {error}").into()),
    };
    Ok(Outcome::Trap(code.message()))
}

fn our_type(ty: wasm_encoder::ValType) -> ValType {
    match ty {
        wasm_encoder::ValType::I32 => ValType::I32,
        wasm_encoder::ValType::I64 => ValType::I64,
        wasm_encoder::ValType::F32 => ValType::F32,
        _ => ValType::F64,
    }
}

fn their_type(ty: ValType) -> wasmi_stack::core::ValueType {
    match ty {
        ValType::I32 => wasmi_stack::core::ValueType::I32,
        ValType::I64 => wasmi_stack::core::ValueType::I64,
        ValType::F32 => wasmi_stack::core::ValueType::F32,
        _ => wasmi_stack::core::ValueType::F64,
    }
}

fn our_type_of_theirs(ty: wasmi_stack::core::ValueType) -> ValType {
    match ty {
        wasmi_stack::core::ValueType::I32 => ValType::I32,
        wasmi_stack::core::ValueType::I64 => ValType::I64,
        wasmi_stack::core::ValueType::F32 => ValType::F32,
        _ => ValType::F64,
    }
}

fn from_their_number(value: &wasmi_stack::Value) -> Value {
    match value {
        wasmi_stack::Value::I32(value) => Value::I32(*value),
        wasmi_stack::Value::I64(value) => Value::I64(*value),
        wasmi_stack::Value::F32(value) => Value::F32(value.to_bits()),
        wasmi_stack::Value::F64(value) => Value::F64(value.to_bits()),
        _ => unreachable!("only numbers are generated"),
    }
}

fn their_number(value: &Value) -> wasmi_stack::Value {
    match *value {
        Value::I32(value) => wasmi_stack::Value::I32(value),
        Value::I64(value) => wasmi_stack::Value::I64(value),
        Value::F32(bits) => wasmi_stack::Value::F32(wasmi_stack::core::F32::from_bits(bits)),
        Value::F64(bits) => wasmi_stack::Value::F64(wasmi_stack::core::F64::from_bits(bits)),
        Value::Func(_) | Value::Host(_) => unreachable!("only numbers are generated"),
    }
}
