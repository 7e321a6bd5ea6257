//! Functions compiled at their first call.

use crate::*;
use std::sync::Barrier;

fn engine(validation: LazyValidation) -> Engine {
    let mut config = Config::new();
    config.compilation_mode(CompilationMode::Lazy).lazy_validation(validation);
    Engine::new(&config).expect("an engine")
}

fn lazy(text: &str) -> (Store<()>, Instance, Module) {
    let engine = engine(LazyValidation::AtLoad);
    let module = compile(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiation");
    (store, instance, module)
}

#[test]
fn a_function_is_compiled_by_its_first_call_and_no_other() {
    let (mut store, instance, module) = lazy(
        r#"(module
            (func (export "one") (result i32) i32.const 1)
            (func (export "two") (result i32) i32.const 2))"#,
    );
    assert_eq!(module.lazy_stats().functions, 0);
    for _ in 0..3 {
        assert_eq!(call::<_, i32>(&mut store, instance, "two", ()).unwrap(), 2);
        assert_eq!(module.lazy_stats().functions, 1);
    }
    assert_eq!(call::<_, i32>(&mut store, instance, "one", ()).unwrap(), 1);
    let stats = module.lazy_stats();
    assert_eq!(stats.functions, 2);
    assert!(stats.bytes > 0 && !stats.time.is_zero());
}

#[test]
fn arguments_and_results_pass_the_first_call() {
    // More of each kind than there are registers, and results in memory.
    let count = 40;
    let types = ["i32", "i64", "f32", "f64"];
    let list: Vec<_> = (0..count).map(|i| types[i % 4]).collect();
    let gets: Vec<_> = (0..count).rev().map(|i| format!("local.get {i}")).collect();
    let pass: Vec<_> = (0..count).map(|i| format!("local.get {i}")).collect();
    let reversed: Vec<_> = list.iter().rev().copied().collect();
    let (params, results) = (list.join(" "), reversed.join(" "));
    let text = format!(
        r#"(module
            (func (export "outer") (param {params}) (result {results}) {} call $inner)
            (func $inner (param {params}) (result {results}) {}))"#,
        pass.join(" "),
        gets.join(" ")
    );
    let (mut store, instance, module) = lazy(&text);
    let values = mixed_values(count);
    let mut results = vec![Val::I32(0); count];
    let outer = instance.get_func(&mut store, "outer").unwrap();
    outer.call(&mut store, &values, &mut results).unwrap();
    results.reverse();
    assert_eq!(format!("{results:?}"), format!("{values:?}"));
    assert_eq!(module.lazy_stats().functions, 2);
}

#[test]
fn every_way_to_a_function_compiles_it() {
    let text = r#"(module
        (type $t (func (result i32)))
        (table (export "table") 4 funcref)
        (elem (i32.const 0) $indirect)
        (elem declare func $reference)
        (func $direct (result i32) i32.const 1)
        (func $indirect (result i32) i32.const 2)
        (func $reference (result i32) i32.const 3)
        (func (export "exported") (result i32) i32.const 4)
        (func (export "direct") (result i32) call $direct)
        (func (export "indirect") (result i32) i32.const 0 call_indirect (type $t))
        (func (export "reference") (result i32)
            i32.const 1 ref.func $reference table.set 0
            i32.const 1 call_indirect (type $t)))"#;
    let (mut store, instance, module) = lazy(text);
    for (name, value, compiled) in
        [("exported", 4, 1), ("direct", 1, 3), ("indirect", 2, 5), ("reference", 3, 7)]
    {
        assert_eq!(call::<_, i32>(&mut store, instance, name, ()).unwrap(), value, "{name}");
        assert_eq!(module.lazy_stats().functions, compiled, "{name}");
    }
    // Imported into another instance.
    let exported = instance.get_export(&mut store, "exported").unwrap();
    let importer =
        r#"(module (import "" "" (func $f (result i32))) (func (export "call") (result i32) call $f))"#;
    let other = import(&mut store, importer, &[exported]);
    assert_eq!(call::<_, i32>(&mut store, other, "call", ()).unwrap(), 4);
}

#[test]
fn many_threads_compile_a_function_once() {
    const THREADS: usize = 8;
    let functions: String = (0..200)
        .map(|i| {
            format!(r#"(func (export "f{i}") (param i32) (result i32) local.get 0 i32.const {i} i32.add)"#)
        })
        .collect();
    let engine = engine(LazyValidation::AtLoad);
    let module = compile(&engine, &format!("(module {functions})"));
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                barrier.wait();
                for i in 0..200 {
                    let sum: i32 = call(&mut store, instance, &format!("f{i}"), 1000).unwrap();
                    assert_eq!(sum, 1000 + i);
                }
            });
        }
    });
    assert_eq!(module.lazy_stats().functions, 200);
}

#[test]
fn traps_and_recursion_look_as_in_eager_code() {
    let text = r#"(module
        (func $sum (export "sum") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
                (else (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))))
        (func $inner unreachable)
        (func $outer (export "trap") call $inner)
        (func $endless (export "endless") call $endless))"#;
    let (mut store, instance, _) = lazy(text);
    assert_eq!(call::<_, i32>(&mut store, instance, "sum", 1000).unwrap(), 500_500);
    let error = call::<_, ()>(&mut store, instance, "trap", ()).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Unreachable));
    let (mut eager_store, eager) = crate::instance(text);
    let expected = call::<_, ()>(&mut eager_store, eager, "trap", ()).unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{expected:?}"));
    let error = call::<_, ()>(&mut store, instance, "endless", ()).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::StackOverflow));
}

#[test]
fn an_invalid_function_is_refused_when_it_was_asked_for() {
    let bytes = wat::parse_str(
        r#"(module
            (func (export "good") (result i32) i32.const 1)
            (func (export "bad") (result i32) i64.const 1))"#,
    )
    .unwrap();
    let expected = Module::new(&Engine::default(), &bytes).unwrap_err();
    let at_load = Module::new(&engine(LazyValidation::AtLoad), &bytes).unwrap_err();
    assert_eq!(at_load.to_string(), expected.to_string());

    let engine = engine(LazyValidation::AtFirstCall);
    let module = Module::new(&engine, &bytes).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    assert_eq!(call::<_, i32>(&mut store, instance, "good", ()).unwrap(), 1);
    for _ in 0..2 {
        let error = call::<_, i32>(&mut store, instance, "bad", ()).unwrap_err();
        assert!(error.is::<DecodeError>(), "{error:?}");
        assert_eq!(error.to_string(), expected.to_string());
    }
    assert_eq!(call::<_, i32>(&mut store, instance, "good", ()).unwrap(), 1);
}

#[test]
fn chosen_functions_are_compiled_ahead() {
    let (mut store, instance, module) = lazy(
        r#"(module
            (func (export "a") (result i32) i32.const 1)
            (func (export "b") (result i32) i32.const 2)
            (func (export "c") (result i32) i32.const 3))"#,
    );
    module.warm([0, 2]).unwrap();
    assert_eq!(module.lazy_stats().functions, 2);
    module.warm([2]).unwrap();
    assert_eq!(module.lazy_stats().functions, 2);
    assert!(module.warm([3]).is_err());
    for (name, value) in [("a", 1), ("b", 2), ("c", 3)] {
        assert_eq!(call::<_, i32>(&mut store, instance, name, ()).unwrap(), value);
    }
    assert_eq!(module.lazy_stats().functions, 3);
    // Where everything is compiled already there is nothing to do.
    crate::module("(module (func))").1.warm([0]).unwrap();
}
