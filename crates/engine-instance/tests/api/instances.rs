//! Modules and instances: exports, start functions, variants.

use crate::*;

#[test]
fn imports_and_exports_have_names_and_types() {
    let (_, module) = module(
        r#"(module $named (import "a" "f" (func (param i32))) (import "b" "m" (memory 1 2))
            (func (export "g") (result i64) i64.const 0) (table (export "t") 3 funcref)
            (global (export "x") (mut f32) (f32.const 0)))"#,
    );
    assert_eq!(module.name(), Some("named"));
    let imports: Vec<_> = module.imports().map(|i| (i.module(), i.name(), i.ty())).collect();
    assert_eq!(imports[0], ("a", "f", ExternType::Func(FuncType::new([ValType::I32], []))));
    let ty = MemoryType { minimum: 1, maximum: Some(2), shared: false, memory64: false };
    assert_eq!(imports[1], ("b", "m", ExternType::Memory(ty)));
    let exports: Vec<_> = module.exports().map(|export| export.name()).collect();
    assert_eq!(exports, ["g", "t", "x"]);
    let ty = GlobalType { content: ValType::F32, mutable: true };
    assert_eq!(module.get_export("x"), Some(ExternType::Global(ty)));
    assert_eq!(module.get_export("y"), None);
}

#[test]
fn exports_of_an_instance() {
    let (mut store, instance) = instance(
        r#"(module (func (export "f")) (memory (export "m") 1) (table (export "t") 1 funcref)
            (global (export "g") i32 (i32.const 1)))"#,
    );
    let names: Vec<_> = instance.exports(&mut store).map(|export| export.name().to_string()).collect();
    assert_eq!(names, ["f", "m", "t", "g"]);
    assert!(instance.get_func(&mut store, "f").is_some());
    assert!(instance.get_func(&mut store, "m").is_none());
    assert!(instance.get_memory(&mut store, "m").is_some());
    assert!(instance.get_table(&mut store, "t").is_some());
    assert!(instance.get_global(&mut store, "g").is_some());
    assert!(instance.get_export(&mut store, "none").is_none());
    assert_eq!(instance.module(&store).name(), None);
}

#[test]
fn invalid_modules_are_decode_errors() {
    let engine = Engine::default();
    let error = Module::new(&engine, b"\0asm\x01\0\0").unwrap_err();
    assert!(error.is::<DecodeError>(), "{error}");
    let bytes = wat::parse_str("(module (func (result i32)))").unwrap();
    assert!(Module::new(&engine, &bytes).unwrap_err().is::<DecodeError>());
    assert!(Module::validate(&engine, &bytes).unwrap_err().is::<DecodeError>());
    Module::validate(&engine, wat::parse_str("(module)").unwrap()).unwrap();
    assert!(Module::from_file(&engine, "/nonexistent.wasm").unwrap_err().to_string().contains("cannot read"));
}

#[test]
fn a_start_function_runs_after_segments_and_may_be_imported() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Vec::<u8>::new());
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("m", "seen", |mut caller: Caller<'_, Vec<u8>>, byte: u32| {
            caller.data_mut().push(byte as u8);
        })
        .unwrap();
    linker.func_wrap("m", "start", |mut caller: Caller<'_, Vec<u8>>| caller.data_mut().push(b'!')).unwrap();
    let own = r#"(module (import "m" "seen" (func $seen (param i32))) (memory 1) (table 1 funcref)
        (elem (i32.const 0) $f) (data (i32.const 0) "x") (start $main)
        (func $f (call $seen (i32.load8_u (i32.const 0))))
        (func $main (call_indirect (i32.const 0))))"#;
    linker.instantiate(&mut store, &compile(&engine, own)).unwrap();
    let imported = r#"(module (import "m" "start" (func $start)) (start $start))"#;
    linker.instantiate(&mut store, &compile(&engine, imported)).unwrap();
    assert_eq!(store.data(), b"x!");
}

#[test]
fn a_start_function_that_traps_fails_the_instantiation() {
    let (engine, module) = module("(module $m (start $main) (func $main unreachable))");
    let mut store = Store::new(&engine, ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Unreachable));
    assert_eq!(error.backtrace().unwrap().frames()[0].func_name(), Some("main"));
}

#[test]
fn instances_of_one_module_are_apart() {
    let (engine, module) = module(
        r#"(module (global $g (mut i32) (i32.const 0)) (func (export "next") (result i32)
            (global.set $g (i32.add (global.get $g) (i32.const 1))) global.get $g))"#,
    );
    let mut store = Store::new(&engine, ());
    let one = Instance::new(&mut store, &module, &[]).unwrap();
    let two = Instance::new(&mut store, &module, &[]).unwrap();
    assert_eq!(call::<_, i32>(&mut store, one, "next", ()).unwrap(), 1);
    assert_eq!(call::<_, i32>(&mut store, one, "next", ()).unwrap(), 2);
    assert_eq!(call::<_, i32>(&mut store, two, "next", ()).unwrap(), 1);
}
