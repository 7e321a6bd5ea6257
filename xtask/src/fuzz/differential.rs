//! Valid modules against `wasmi`: every exported function called with random arguments, then memories and globals
//! compared. A module in which either side runs out of stack is given up at that point, as the depth may differ.

use super::{Fuzzer, modules};
use crate::rng::Rng;
use anyhow::{Result, anyhow};
use engine_instance::{
    Config, Engine, Extern, ExternRef, Instance, Linker, Module, Store, Trap, TrapCode, Val, ValType,
};
use wasmi::TrapCode as Theirs;
use wasmi::errors::{ErrorKind, InstantiationError};

/// Calls of each exported function.
const CALLS: usize = 3;

/// What a call or instantiation did, in terms of both sides.
#[derive(PartialEq, Debug)]
pub(super) enum Outcome {
    Values(Vec<Value>),
    Trap(&'static str),
}

/// A value, comparable across both sides: references only by whether they are null, host references by their number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    Func(bool),
    Host(Option<u32>),
}

/// Why a case ends early.
pub(super) enum Stop {
    StackOverflow,
    Different(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Stop {
        Stop::Different(reason)
    }
}

/// In a reason, between what we have and what they have.
const THEIRS: &str = ", wasmi ";

/// How often a difference is looked at again: `wasmi` 2.0.0 now and then computes with memory that it never wrote, and then
/// gives another answer each time.
const AGAIN: usize = 4;

pub struct Differential {
    engines: Vec<(&'static str, Engine)>,
    theirs: wasmi::Engine,
}

impl Differential {
    pub fn new() -> Result<Differential> {
        let mut checked = Config::new();
        checked.memory_guard(false);
        let mut floor = Config::new();
        floor.target(engine_machine::TargetFeatures::floor(
            engine_machine::Arch::host().ok_or_else(|| anyhow!("this CPU is not supported"))?,
        ));
        let mut engines = Vec::new();
        for (name, config) in [("guarded", Config::new()), ("checked", checked), ("floor", floor)] {
            engines.push((name, Engine::new(&config).map_err(|error| anyhow!("{error:#}"))?));
        }
        Ok(Differential { engines, theirs: their_engine() })
    }
}

impl Fuzzer for Differential {
    fn name(&self) -> &'static str {
        "differential"
    }

    fn module(&self, seed: u64, case: u64) -> Vec<u8> {
        modules::deterministic(&mut Rng::new(seed, case))
    }

    fn run(&self, seed: u64, case: u64) -> Result<bool, String> {
        let bytes = self.module(seed, case);
        let theirs = wasmi::Module::new(&self.theirs, &bytes).map_err(|error| format!("wasmi: {error}"))?;
        // A configuration is chosen by the case, so that all get their share.
        let (name, engine) = &self.engines[case as usize % self.engines.len()];
        let ours = Module::new(engine, &bytes).map_err(|error| format!("{name}: {error:#}"))?;
        let compare = |their_engine: &wasmi::Engine, theirs: &wasmi::Module| {
            compare(engine, &ours, their_engine, theirs, &mut Rng::new(seed ^ 0x5eed, case))
        };
        let reason = match compare(&self.theirs, &theirs) {
            Ok(()) => return Ok(true),
            Err(Stop::StackOverflow) => return Ok(false),
            Err(Stop::Different(reason)) => reason,
        };
        for _ in 0..AGAIN {
            let engine = their_engine();
            let module = wasmi::Module::new(&engine, &bytes).map_err(|error| format!("wasmi: {error}"))?;
            if let Err(Stop::Different(again)) = compare(&engine, &module)
                && again != reason
                && again.split(THEIRS).next() == reason.split(THEIRS).next()
            {
                return Ok(false);
            }
        }
        Err(format!("{name}: {reason}"))
    }
}

/// With room for every recursion that the modules' fuel allows.
pub(super) fn their_engine() -> wasmi::Engine {
    let mut config = wasmi::Config::default();
    config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
    wasmi::Engine::new(&config)
}

fn compare(
    engine: &Engine,
    ours: &Module,
    their_engine: &wasmi::Engine,
    theirs: &wasmi::Module,
    rng: &mut Rng,
) -> Result<(), Stop> {
    let mut store = Store::new(engine, ());
    let mut their_store = wasmi::Store::new(their_engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, ours);
    let their_instance = wasmi::Linker::new(their_engine).instantiate_and_start(&mut their_store, theirs);
    let (instance, their_instance) = match (instance, their_instance) {
        (Ok(instance), Ok(their_instance)) => (instance, their_instance),
        (ours, theirs) => {
            let ours = ours.map_or_else(|error| our_trap(&error), |_| Ok(Outcome::Values(Vec::new())))?;
            let theirs =
                theirs.map_or_else(|error| their_trap(&error), |_| Ok(Outcome::Values(Vec::new())))?;
            same("instantiation", &ours, &theirs)?;
            return Ok(());
        }
    };

    let names: Vec<String> = ours.exports().map(|export| export.name().to_owned()).collect();
    for name in &names {
        let Some(function) = instance.get_func(&mut store, name) else { continue };
        let Some(their_function) = their_instance.get_func(&their_store, name) else {
            return Err(format!("wasmi does not export {name:?}").into());
        };
        let ty = function.ty(&store);
        for _ in 0..CALLS {
            let args: Vec<Value> = ty.params().iter().map(|ty| random_value(rng, *ty)).collect();
            let params: Vec<Val> = args.iter().map(our_value).collect();
            let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
            let ours = match function.call(&mut store, &params, &mut results) {
                Ok(()) => Outcome::Values(results.iter().map(from_ours).collect()),
                Err(error) => our_trap(&error)?,
            };
            let params: Vec<wasmi::Val> =
                args.iter().map(|value| their_value(&mut their_store, value)).collect();
            let mut results = vec![wasmi::Val::I32(0); ty.results().len()];
            let theirs = match their_function.call(&mut their_store, &params, &mut results) {
                Ok(()) => {
                    Outcome::Values(results.iter().map(|value| from_theirs(&their_store, value)).collect())
                }
                Err(error) => their_trap(&error)?,
            };
            same(&format!("{name}{args:?}"), &ours, &theirs)?;
        }
    }
    compare_state(&names, (&instance, &mut store), (&their_instance, &their_store))
}

/// Memories, globals and sizes of tables.
fn compare_state(
    names: &[String],
    (instance, store): (&Instance, &mut Store<()>),
    (their_instance, their_store): (&wasmi::Instance, &wasmi::Store<()>),
) -> Result<(), Stop> {
    for name in names {
        match (instance.get_export(&mut *store, name), their_instance.get_export(their_store, name)) {
            (Some(Extern::Memory(ours)), Some(wasmi::Extern::Memory(theirs))) => {
                let (ours, theirs) = (ours.data(&*store), theirs.data(their_store));
                if ours.len() != theirs.len() {
                    return Err(
                        format!("memory {name:?}: {} bytes, wasmi {}", ours.len(), theirs.len()).into()
                    );
                }
                if let Some(at) = ours.iter().zip(theirs).position(|(a, b)| a != b) {
                    return different(&format!("memory {name:?} at {at:#x}"), ours[at], theirs[at]);
                }
            }
            (Some(Extern::Global(ours)), Some(wasmi::Extern::Global(theirs))) => {
                let ours = from_ours(&ours.get(&mut *store));
                let theirs = from_theirs(their_store, &theirs.get(their_store));
                if ours != theirs {
                    return different(&format!("global {name:?}"), ours, theirs);
                }
            }
            (Some(Extern::Table(ours)), Some(wasmi::Extern::Table(theirs))) => {
                let (ours, theirs) = (ours.size(&*store), theirs.size(their_store));
                if ours != theirs {
                    return different(&format!("elements of table {name:?}"), ours, theirs);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn same(what: &str, ours: &Outcome, theirs: &Outcome) -> Result<(), Stop> {
    if ours == theirs { Ok(()) } else { different(what, ours, theirs) }
}

fn different(what: &str, ours: impl std::fmt::Debug, theirs: impl std::fmt::Debug) -> Result<(), Stop> {
    Err(Stop::Different(format!("{what}: {ours:?}{THEIRS}{theirs:?}")))
}

pub(super) fn our_trap(error: &engine_instance::Error) -> Result<Outcome, Stop> {
    match error.downcast_ref::<Trap>().map(Trap::code) {
        Some(TrapCode::StackOverflow) => Err(Stop::StackOverflow),
        // They do not tell a call through a missing table element from other accesses outside of a table.
        Some(TrapCode::UndefinedElement) => Ok(Outcome::Trap(TrapCode::TableOutOfBounds.message())),
        Some(code) => Ok(Outcome::Trap(code.message())),
        None => Err(format!("an error that is no trap: {error:#}").into()),
    }
}

pub(super) fn their_trap(error: &wasmi::Error) -> Result<Outcome, Stop> {
    let code = match error.as_trap_code() {
        Some(Theirs::StackOverflow) => return Err(Stop::StackOverflow),
        Some(Theirs::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Theirs::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(Theirs::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Theirs::IndirectCallToNull) => TrapCode::IndirectCallToNull,
        Some(Theirs::IntegerDivisionByZero) => TrapCode::IntegerDivisionByZero,
        Some(Theirs::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Theirs::BadConversionToInteger) => TrapCode::BadConversionToInteger,
        Some(Theirs::BadSignature) => TrapCode::BadSignature,
        // An active segment outside of its table is an error of its own there.
        None if matches!(
            error.kind(),
            ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })
        ) =>
        {
            TrapCode::TableOutOfBounds
        }
        _ => return Err(format!("wasmi stops without a trap: {error}").into()),
    };
    Ok(Outcome::Trap(code.message()))
}

/// Values at the edges half of the time.
pub(super) fn random_value(rng: &mut Rng, ty: ValType) -> Value {
    const EDGES: [u64; 10] =
        [0, 1, 2, u64::MAX, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 1 << 63, (1 << 63) - 1];
    let bits = if rng.below(2) == 0 { EDGES[rng.below(EDGES.len())] } else { rng.next() };
    match ty {
        ValType::I32 => Value::I32(bits as i32),
        ValType::I64 => Value::I64(bits as i64),
        // No NaN comes in from outside: its payload need not survive.
        ValType::F32 => {
            let value = f32::from_bits(bits as u32);
            Value::F32(if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() })
        }
        ValType::F64 => {
            let value = f64::from_bits(bits);
            Value::F64(if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() })
        }
        ValType::Ref(ty) if ty.is_func() => Value::Func(false),
        _ => Value::Host((bits & 1 == 0).then_some(bits as u32)),
    }
}

pub(super) fn our_value(value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::Func(_) => Val::FuncRef(None),
        Value::Host(value) => Val::ExternRef(value.map(ExternRef::new)),
    }
}

pub(super) fn from_ours(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::FuncRef(func) => Value::Func(func.is_some()),
        Val::ExternRef(value) => Value::Host(value.as_ref().and_then(|value| value.downcast_ref().copied())),
        Val::V128(_) => unreachable!("vectors are not generated"),
    }
}

fn their_value(store: &mut wasmi::Store<()>, value: &Value) -> wasmi::Val {
    match *value {
        Value::I32(value) => wasmi::Val::I32(value),
        Value::I64(value) => wasmi::Val::I64(value),
        Value::F32(bits) => wasmi::Val::F32(wasmi::F32::from_bits(bits)),
        Value::F64(bits) => wasmi::Val::F64(wasmi::F64::from_bits(bits)),
        Value::Func(_) => wasmi::Val::FuncRef(wasmi::Nullable::Null),
        Value::Host(None) => wasmi::Val::ExternRef(wasmi::Nullable::Null),
        Value::Host(Some(value)) => {
            wasmi::Val::ExternRef(wasmi::Nullable::Val(wasmi::ExternRef::new(store, value)))
        }
    }
}

fn from_theirs(store: &wasmi::Store<()>, value: &wasmi::Val) -> Value {
    match value {
        wasmi::Val::I32(value) => Value::I32(*value),
        wasmi::Val::I64(value) => Value::I64(*value),
        wasmi::Val::F32(value) => Value::F32(value.to_bits()),
        wasmi::Val::F64(value) => Value::F64(value.to_bits()),
        wasmi::Val::FuncRef(func) => Value::Func(!func.is_null()),
        wasmi::Val::ExternRef(wasmi::Nullable::Null) => Value::Host(None),
        wasmi::Val::ExternRef(wasmi::Nullable::Val(value)) => {
            Value::Host(value.data(store).downcast_ref::<u32>().copied())
        }
        wasmi::Val::V128(_) => unreachable!("vectors are not generated"),
    }
}
