//! `wasmi` 0.31, a plain stack machine.

use super::{Import, Instance, Outcome, Side, Value};
use engine_instance::{TrapCode, ValType};
use wasmi_stack::core::{F32, F64, TrapCode as Theirs, ValueType};
use wasmi_stack::errors::{InstantiationError, MemoryError};
use wasmi_stack::{
    Config, Engine, Error, ExternRef, FuncRef, FuncType, Linker, Module, StackLimits, Store, Value as Val,
};

/// A module in `wasmi` 0.31.
pub struct Stack<'a> {
    /// It.
    pub bytes: &'a [u8],
    /// What it may import.
    pub imports: &'a [Import],
}

/// An instance in `wasmi` 0.31.
pub struct StackInstance {
    store: Store<()>,
    instance: wasmi_stack::Instance,
}

impl Side for Stack<'_> {
    type Instance = StackInstance;

    fn instantiate(&self) -> Result<StackInstance, Outcome> {
        let failed = |error: &dyn std::fmt::Display| Outcome::Failure(error.to_string());
        // With room for every recursion that the modules' fuel allows; the first two are numbers of values.
        let limits = StackLimits::new(128, 8 << 20, 100_000).map_err(|error| failed(&error))?;
        let mut config = Config::default();
        config.set_stack_limits(limits);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, self.bytes).map_err(|error| failed(&error))?;
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        for import in self.imports {
            let (ty, function) = (import.ty.clone(), import.function);
            let types = |types: &[ValType]| -> Vec<ValueType> { types.iter().map(their_type).collect() };
            let their_ty = FuncType::new(types(ty.params()), types(ty.results()));
            let host = move |mut caller: wasmi_stack::Caller<'_, ()>, params: &[Val], slots: &mut [Val]| {
                let params: Vec<Value> = params.iter().map(|value| from_theirs(&caller, value)).collect();
                for (slot, value) in slots.iter_mut().zip(function(&params, &ty)) {
                    *slot = their_value(&mut caller, &value);
                }
                Ok(())
            };
            linker.func_new(import.module, &import.name, their_ty, host).map_err(|error| failed(&error))?;
        }
        let instance = linker
            .instantiate(&mut store, &module)
            .and_then(|instance| instance.start(&mut store))
            .map_err(|error| outcome(&error))?;
        Ok(StackInstance { store, instance })
    }
}

impl Instance for StackInstance {
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
        Some(self.instance.get_table(&self.store, name)?.size(&self.store).into())
    }
}

fn outcome(error: &Error) -> Outcome {
    let code = match error {
        Error::Trap(trap) => trap.trap_code(),
        // Active segments outside of their table or memory are errors of their own there.
        Error::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Some(Theirs::TableOutOfBounds)
        }
        Error::Memory(MemoryError::OutOfBoundsAccess) => Some(Theirs::MemoryOutOfBounds),
        _ => None,
    };
    let code = match code {
        Some(Theirs::StackOverflow) => return Outcome::StackOverflow,
        Some(Theirs::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Theirs::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(Theirs::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Theirs::IndirectCallToNull) => TrapCode::IndirectCallToNull,
        Some(Theirs::IntegerDivisionByZero) => TrapCode::IntegerDivisionByZero,
        Some(Theirs::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Theirs::BadConversionToInteger) => TrapCode::BadConversionToInteger,
        Some(Theirs::BadSignature) => TrapCode::BadSignature,
        _ => return Outcome::Failure(error.to_string()),
    };
    Outcome::Trap(code.message())
}

fn their_type(ty: &ValType) -> ValueType {
    match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ValType::Ref(ty) if ty.is_func() => ValueType::FuncRef,
        _ => ValueType::ExternRef,
    }
}

fn their_value(store: impl wasmi_stack::AsContextMut, value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::Func(_) => Val::FuncRef(FuncRef::null()),
        Value::Host(None) => Val::ExternRef(ExternRef::null()),
        Value::Host(Some(value)) => Val::ExternRef(ExternRef::new::<u32>(store, value)),
    }
}

fn from_theirs(store: impl wasmi_stack::AsContext, value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::FuncRef(func) => Value::Func(!func.is_null()),
        Val::ExternRef(value) => {
            Value::Host(value.data(store.as_context()).and_then(|value| value.downcast_ref::<u32>().copied()))
        }
    }
}
