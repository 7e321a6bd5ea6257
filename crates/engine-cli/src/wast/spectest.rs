//! The host module `spectest` that scripts import from.

use engine_instance::{
    Extern, Func, FuncType, Global, GlobalType, Linker, Memory, MemoryType, Ref, RefType, Result, Store,
    Table, TableType, Val, ValType,
};

const MODULE: &str = "spectest";

/// Defines everything that scripts may import from `spectest`. The printing functions print nothing.
pub(super) fn define(store: &mut Store<()>, linker: &mut Linker<()>) -> Result<()> {
    use ValType::{F32, F64, I32, I64};
    let functions: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ];
    for (name, params) in functions {
        let ty = FuncType::new(params.iter().copied(), []);
        let function = Func::new(&mut *store, ty, |_, _, _| Ok(()));
        linker.define(&*store, MODULE, name, Extern::Func(function))?;
    }
    let globals = [
        ("global_i32", I32, Val::I32(666)),
        ("global_i64", I64, Val::I64(666)),
        ("global_f32", F32, Val::F32(666.6f32.to_bits())),
        ("global_f64", F64, Val::F64(666.6f64.to_bits())),
    ];
    for (name, content, value) in globals {
        let global = Global::new(&mut *store, GlobalType { content, mutable: false }, value)?;
        linker.define(&*store, MODULE, name, Extern::Global(global))?;
    }
    let ty = TableType { element: RefType::FUNCREF, minimum: 10, maximum: Some(20) };
    let table = Table::new(&mut *store, ty, Ref::Func(None))?;
    linker.define(&*store, MODULE, "table", Extern::Table(table))?;
    let ty = MemoryType { minimum: 1, maximum: Some(2), shared: false, memory64: false };
    let memory = Memory::new(&mut *store, ty)?;
    linker.define(&*store, MODULE, "memory", Extern::Memory(memory))?;
    Ok(())
}
