//! `wasmi` 2, which executes an intermediate language with registers and gets some programs wrong.

use super::{Instance, Outcome, Side, Value};
use engine_instance::TrapCode;
use wasmi::TrapCode as Theirs;
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{Config, Engine, Error, ExternRef, F32, F64, Linker, Module, Nullable, Store, Val};

/// A module without imports in `wasmi` 2.
pub struct Latest<'a> {
    /// It.
    pub bytes: &'a [u8],
}

/// An instance in `wasmi` 2.
pub struct LatestInstance {
    store: Store<()>,
    instance: wasmi::Instance,
}

impl Side for Latest<'_> {
    type Instance = LatestInstance;

    fn instantiate(&self) -> Result<LatestInstance, Outcome> {
        // An engine keeps the code of all its modules, and is no more to be trusted after a panic. With room for every
        // recursion that the modules' fuel allows.
        let mut config = Config::default();
        config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, self.bytes).map_err(|error| Outcome::Failure(error.to_string()))?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .map_err(|error| outcome(&error))?;
        Ok(LatestInstance { store, instance })
    }
}

impl Instance for LatestInstance {
    fn call(&mut self, name: &str, args: &[Value]) -> Option<Outcome> {
        let function = self.instance.get_func(&self.store, name)?;
        let params: Vec<Val> = args.iter().map(|value| their_value(&mut self.store, value)).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        Some(match function.call(&mut self.store, &params, &mut results) {
            Ok(()) => Outcome::Values(results.iter().map(|value| from_theirs(&self.store, value)).collect()),
            Err(error) => outcome(&error),
        })
    }

    fn memory(&mut self, name: &str) -> Option<Vec<u8>> {
        let memory = self.instance.get_memory(&self.store, name)?;
        Some(memory.data(&self.store).to_vec())
    }

    fn global(&mut self, name: &str) -> Option<Value> {
        let global = self.instance.get_global(&self.store, name)?;
        Some(from_theirs(&self.store, &global.get(&self.store)))
    }

    fn table_size(&mut self, name: &str) -> Option<u64> {
        Some(self.instance.get_table(&self.store, name)?.size(&self.store))
    }
}

fn outcome(error: &Error) -> Outcome {
    let code = match error.as_trap_code() {
        Some(Theirs::StackOverflow) => return Outcome::StackOverflow,
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
        _ => return Outcome::Failure(error.to_string()),
    };
    Outcome::Trap(code.message())
}

fn their_value(store: &mut Store<()>, value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::Func(_) => Val::FuncRef(Nullable::Null),
        Value::Host(None) => Val::ExternRef(Nullable::Null),
        Value::Host(Some(value)) => Val::ExternRef(Nullable::Val(ExternRef::new(store, value))),
    }
}

fn from_theirs(store: &Store<()>, value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::FuncRef(func) => Value::Func(!func.is_null()),
        Val::ExternRef(Nullable::Null) => Value::Host(None),
        Val::ExternRef(Nullable::Val(value)) => Value::Host(value.data(store).downcast_ref::<u32>().copied()),
        Val::V128(_) => unreachable!("vectors are not generated"),
    }
}
