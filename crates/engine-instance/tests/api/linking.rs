//! Link errors, one of each kind, and linkers.

use crate::*;

/// Instantiates `(module (import "m" "f" IMPORT))` with what `give` makes, and returns what is wrong.
fn problem(import: &str, give: impl FnOnce(&mut Store<()>) -> Extern) -> Option<ImportProblem> {
    let (engine, module) =
        module(&format!(r#"(module (import "m" "other" (func)) (import "m" "f" {import}))"#));
    let mut store = Store::new(&engine, ());
    let other = Func::wrap(&mut store, || ());
    let given = give(&mut store);
    let error = match Instance::new(&mut store, &module, &[other.into(), given]) {
        Ok(_) => return None,
        Err(error) => error,
    };
    assert!(error.to_string().starts_with("incompatible import type"), "{error}");
    match error.downcast::<LinkError>().expect("a link error") {
        LinkError::Import { index: 1, module, field, problem } if &*module == "m" && &*field == "f" => {
            Some(problem)
        }
        other => panic!("{other:?}"),
    }
}

fn func(store: &mut Store<()>) -> Extern {
    Func::wrap(store, |_: i32| ()).into()
}
fn table(minimum: u64, maximum: Option<u64>) -> impl FnOnce(&mut Store<()>) -> Extern {
    move |store| {
        let ty = TableType { element: RefType::FUNCREF, minimum, maximum };
        Table::new(store, ty, Ref::Func(None)).unwrap().into()
    }
}
fn memory(minimum: u64, maximum: Option<u64>) -> impl FnOnce(&mut Store<()>) -> Extern {
    move |store| {
        Memory::new(store, MemoryType { minimum, maximum, shared: false, memory64: false }).unwrap().into()
    }
}
fn global(content: ValType, mutable: bool) -> impl FnOnce(&mut Store<()>) -> Extern {
    move |store| {
        Global::new(store, GlobalType { content, mutable }, Val::default_for_ty(content)).unwrap().into()
    }
}

#[test]
fn kinds() {
    assert_eq!(problem("(func)", memory(1, None)), Some(ImportProblem::NotAFunction("memory")));
    assert_eq!(problem("(table 1 funcref)", func), Some(ImportProblem::NotATable("function")));
    assert_eq!(problem("(memory 1)", table(1, None)), Some(ImportProblem::NotAMemory("table")));
    assert_eq!(problem("(global i32)", memory(1, None)), Some(ImportProblem::NotAGlobal("memory")));
}

#[test]
fn functions() {
    assert_eq!(problem("(func (param i32))", func), None);
    let Some(ImportProblem::FunctionType { expected, found }) = problem("(func (result i32))", func) else {
        panic!("a type mismatch");
    };
    assert_eq!(expected, FuncType::new([], [ValType::I32]));
    assert_eq!(found, Some(FuncType::new([ValType::I32], [])));
}

#[test]
fn tables_() {
    use ImportProblem::*;
    assert_eq!(problem("(table 10 20 funcref)", table(10, Some(20))), None);
    assert_eq!(problem("(table 10 funcref)", table(11, Some(20))), None);
    let element = TableElement { expected: RefType::EXTERNREF, found: RefType::FUNCREF };
    assert_eq!(problem("(table 10 externref)", table(10, None)), Some(element));
    assert_eq!(problem("(table 10 funcref)", table(9, None)), Some(TableTooSmall { minimum: 10, size: 9 }));
    assert_eq!(problem("(table 10 20 funcref)", table(10, None)), Some(TableWithoutMaximum { maximum: 20 }));
    let large = TableMaximumTooLarge { maximum: 20, found: 21 };
    assert_eq!(problem("(table 10 20 funcref)", table(10, Some(21))), Some(large));
}

#[test]
fn memories_() {
    use ImportProblem::*;
    assert_eq!(problem("(memory 1 3)", memory(2, Some(3))), None);
    assert_eq!(problem("(memory 2)", memory(1, None)), Some(MemoryTooSmall { minimum: 2, size: 1 }));
    assert_eq!(problem("(memory 1 3)", memory(1, None)), Some(MemoryWithoutMaximum { maximum: 3 }));
    assert_eq!(
        problem("(memory 1 3)", memory(1, Some(4))),
        Some(MemoryMaximumTooLarge { maximum: 3, found: 4 })
    );
}

#[test]
fn a_memory_counts_with_its_present_size() {
    let grown = |store: &mut Store<()>| {
        let export = memory(1, None)(store);
        export.into_memory().unwrap().grow(store, 1).unwrap();
        export
    };
    assert_eq!(problem("(memory 2)", grown), None);
}

#[test]
fn globals_() {
    use ImportProblem::*;
    assert_eq!(problem("(global (mut i64))", global(ValType::I64, true)), None);
    assert_eq!(
        problem("(global (mut i64))", global(ValType::I64, false)),
        Some(GlobalMutability { expected: true })
    );
    assert_eq!(
        problem("(global i64)", global(ValType::I64, true)),
        Some(GlobalMutability { expected: false })
    );
    assert!(matches!(problem("(global i64)", global(ValType::F64, false)), Some(GlobalType { .. })));
}

#[test]
fn too_many_elements_are_out_of_memory() {
    let (engine, module) = module("(module (table 4000000000 funcref))");
    let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(LinkError::OutOfMemory { .. })), "{error}");
}

#[test]
fn an_undefined_import_is_unknown() {
    let (engine, module) = module(r#"(module (import "m" "f" (func)))"#);
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert_eq!(error.to_string(), "unknown import: `m::f` (import 0) has not been defined");
    let problem = error.downcast_ref::<LinkError>();
    assert!(matches!(problem, Some(LinkError::Import { problem: ImportProblem::NotFound, .. })));
    linker.define_unknown_imports_as_traps(&module).unwrap();
    linker.instantiate(&mut store, &module).unwrap();
}

#[test]
fn unknown_imports_as_traps_fail_when_called() {
    let (engine, module) = module(
        r#"(module (import "m" "f" (func $f (param i64) (result f32)))
            (func (export "run") (drop (call $f (i64.const 0)))))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let error = call::<(), ()>(&mut store, instance, "run", ()).unwrap_err();
    assert_eq!(error.to_string(), "unknown import: `m::f` has not been defined");
}

#[test]
fn names_are_shadowed_only_if_allowed() {
    let engine = Engine::default();
    let mut linker: Linker<()> = Linker::new(&engine);
    linker.func_wrap("m", "f", || 1).unwrap();
    assert_eq!(linker.func_wrap("m", "f", || 2).unwrap_err().to_string(), "`m::f` is defined twice");
    linker.allow_shadowing(true).func_wrap("m", "f", || 2).unwrap();
    linker.alias("m", "f", "n", "g").unwrap();
    linker.alias_module("n", "o").unwrap();
    assert!(linker.alias("m", "missing", "n", "h").is_err());
    let mut store = Store::new(&engine, ());
    let func = linker.get(&mut store, "o", "g").unwrap().into_func().unwrap();
    assert_eq!(func.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 2);
    assert!(linker.get(&mut store, "o", "h").is_none());
}

#[test]
fn a_host_function_of_a_linker_is_one_function_in_a_store() {
    let engine = Engine::default();
    let mut linker: Linker<()> = Linker::new(&engine);
    linker.func_wrap("m", "f", || ()).unwrap();
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let func = linker.get(&mut one, "m", "f").unwrap();
    assert_eq!(linker.get(&mut one, "m", "f").unwrap(), func);
    assert_ne!(linker.get(&mut two, "m", "f").unwrap(), func);
}

#[test]
fn linked_instances_call_each_other() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker: Linker<()> = Linker::new(&engine);
    let double = r#"(module (func (export "double") (param i32) (result i32)
        (i32.shl (local.get 0) (i32.const 1))))"#;
    linker.module(&mut store, "math", &compile(&engine, double)).unwrap();
    let user = compile(
        &engine,
        r#"(module (import "math" "double" (func $double (param i32) (result i32)))
            (func (export "run") (param i32) (result i32) (call $double (call $double (local.get 0)))))"#,
    );
    let instance = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(call::<_, i32>(&mut store, instance, "run", 5).unwrap(), 20);
}

#[test]
fn things_of_other_stores_and_engines_are_refused() {
    let (engine, importer) = module(r#"(module (import "m" "f" (func)))"#);
    let (mut store, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let func = Func::wrap(&mut other, || ());
    assert!(Instance::new(&mut store, &importer, &[func.into()]).is_err());
    assert!(Instance::new(&mut store, &importer, &[]).is_err());
    let mut foreign = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut foreign, || ());
    assert!(Instance::new(&mut foreign, &importer, &[func.into()]).is_err());
}
