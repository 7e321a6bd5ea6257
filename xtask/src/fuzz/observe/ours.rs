//! This engine.

use super::{Import, Instance, Outcome, Side, Value};
use engine_instance::{Error, ExternRef, Linker, Module, Store, Trap, TrapCode, Val};

/// A module in this engine.
pub struct Ours<'a> {
    /// It, compiled.
    pub module: &'a Module,
    /// What it may import.
    pub imports: &'a [Import],
}

/// An instance in this engine.
pub struct OurInstance {
    store: Store<()>,
    instance: engine_instance::Instance,
}

impl Side for Ours<'_> {
    type Instance = OurInstance;

    fn instantiate(&self) -> Result<OurInstance, Outcome> {
        let mut store = Store::new(self.module.engine(), ());
        let mut linker = Linker::new(self.module.engine());
        for import in self.imports {
            let (ty, function) = (import.ty.clone(), import.function);
            let host = move |_: engine_instance::Caller<'_, ()>, params: &[Val], slots: &mut [Val]| {
                let params: Vec<Value> = params.iter().map(from_ours).collect();
                for (slot, value) in slots.iter_mut().zip(function(&params, &ty)) {
                    *slot = our_value(&value);
                }
                Ok(())
            };
            linker
                .func_new(import.module, &import.name, import.ty.clone(), host)
                .map_err(|error| outcome(&error))?;
        }
        let instance = linker.instantiate(&mut store, self.module).map_err(|error| outcome(&error))?;
        Ok(OurInstance { store, instance })
    }
}

impl Instance for OurInstance {
    fn call(&mut self, name: &str, args: &[Value]) -> Option<Outcome> {
        let function = self.instance.get_func(&mut self.store, name)?;
        let params: Vec<Val> = args.iter().map(our_value).collect();
        let ty = function.ty(&self.store);
        let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
        Some(match function.call(&mut self.store, &params, &mut results) {
            Ok(()) => Outcome::Values(results.iter().map(from_ours).collect()),
            Err(error) => outcome(&error),
        })
    }

    fn memory(&mut self, name: &str) -> Option<Vec<u8>> {
        let memory = self.instance.get_memory(&mut self.store, name)?;
        Some(memory.data(&self.store).to_vec())
    }

    fn global(&mut self, name: &str) -> Option<Value> {
        let global = self.instance.get_global(&mut self.store, name)?;
        Some(from_ours(&global.get(&mut self.store)))
    }

    fn table_size(&mut self, name: &str) -> Option<u64> {
        let table = self.instance.get_table(&mut self.store, name)?;
        Some(table.size(&self.store))
    }
}

fn outcome(error: &Error) -> Outcome {
    match error.downcast_ref::<Trap>().map(Trap::code) {
        Some(TrapCode::StackOverflow) => Outcome::StackOverflow,
        // They do not tell a call through a missing table element from other accesses outside of a table.
        Some(TrapCode::UndefinedElement) => Outcome::Trap(TrapCode::TableOutOfBounds.message()),
        Some(code) => Outcome::Trap(code.message()),
        None => Outcome::Failure(format!("{error:#}")),
    }
}

fn our_value(value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::Func(_) => Val::FuncRef(None),
        Value::Host(value) => Val::ExternRef(value.map(ExternRef::new)),
    }
}

fn from_ours(value: &Val) -> Value {
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
