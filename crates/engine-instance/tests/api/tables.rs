//! Tables: sharing, growth, bulk operators, element segments.

use crate::*;

const OWNER: &str = r#"(module (table (export "table") 4 8 funcref) (type $f (func (result i32)))
    (elem (i32.const 1) $one) (func $one (result i32) i32.const 1)
    (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
    (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)))
    (func (export "size") (result i32) table.size))"#;

const USER: &str = r#"(module (table (import "m" "table") 4 8 funcref) (type $f (func (result i32)))
    (elem (i32.const 2) $two) (func $two (export "two") (result i32) i32.const 2)
    (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
    (func (export "null") (param i32) (table.set (local.get 0) (ref.null func)))
    (func (export "put") (param i32) (table.set (local.get 0) (ref.func $two))))"#;

#[test]
fn sharers_see_elements_and_growth_in_call_indirect() {
    let (mut store, owner) = instance(OWNER);
    let table = owner.get_table(&mut store, "table").unwrap();
    let user = import(&mut store, USER, &[table.into()]);
    assert_eq!(call::<_, i32>(&mut store, owner, "call", 2).unwrap(), 2);
    assert_eq!(call::<_, i32>(&mut store, user, "call", 1).unwrap(), 1);
    assert_eq!(call::<_, i32>(&mut store, owner, "grow", 3).unwrap(), 4);
    assert_eq!(table.size(&store), 7);
    call::<_, ()>(&mut store, user, "put", 6).unwrap();
    assert_eq!(call::<_, i32>(&mut store, owner, "call", 6).unwrap(), 2);
    call::<_, ()>(&mut store, user, "null", 2).unwrap();
    let error = call::<_, i32>(&mut store, owner, "call", 2).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::IndirectCallToNull));
    assert_eq!(call::<_, i32>(&mut store, owner, "grow", 2).unwrap(), -1);
    assert_eq!(table.grow(&mut store, 1, Ref::Func(None)).unwrap(), 7);
    assert!(table.grow(&mut store, 1, Ref::Func(None)).is_err());
    assert_eq!(call::<_, i32>(&mut store, owner, "size", ()).unwrap(), 8);
}

#[test]
fn the_host_sets_elements_that_wasm_calls() {
    let (mut store, owner) = instance(OWNER);
    let table = owner.get_table(&mut store, "table").unwrap();
    let func = Func::wrap(&mut store, || 33);
    table.set(&mut store, 0, func.into()).unwrap();
    assert_eq!(call::<_, i32>(&mut store, owner, "call", 0).unwrap(), 33);
    assert_eq!(table.get(&store, 0).unwrap().as_func(), Some(func));
    assert!(table.get(&store, 3).unwrap().is_null());
    assert!(table.get(&store, 4).is_none());
    let wrong = Func::wrap(&mut store, || 33_i64);
    table.fill(&mut store, 2, wrong.into(), 2).unwrap();
    let error = call::<_, i32>(&mut store, owner, "call", 3).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::BadSignature));
    assert!(table.fill(&mut store, 3, func.into(), 2).is_err());
    assert!(table.set(&mut store, 0, ExternRef::new(1).into()).is_err());
}

#[test]
fn a_host_table_keeps_its_elements_when_it_grows() {
    let mut store = Store::new(&Engine::default(), ());
    let ty = TableType { element: RefType::FUNCREF, minimum: 0, maximum: None };
    let func = Func::wrap(&mut store, || ());
    let table = Table::new(&mut store, ty, Ref::Func(None)).unwrap();
    for i in 0..1000 {
        let init = if i % 2 == 0 { Some(func) } else { None };
        assert_eq!(table.grow(&mut store, 1, init.into()).unwrap(), i);
    }
    for i in 0..1000 {
        assert_eq!(table.get(&store, i).unwrap().as_func().is_some(), i % 2 == 0);
    }
    assert!(table.grow(&mut store, u64::MAX, Ref::Func(None)).is_err());
    assert!(table.grow(&mut store, 10_000_000, Ref::Func(None)).is_err());
    assert_eq!(table.ty(&store), ty);
}

#[test]
fn bulk_operators_check_before_they_write() {
    let text = r#"(module (table $a (export "a") 10 funcref) (table $b (export "b") 10 funcref)
        (elem $e func $f $f $g)
        (elem $x funcref (ref.null func) (ref.func $g))
        (func $f (export "f")) (func $g (export "g"))
        (func (export "init") (param i32 i32 i32)
            (table.init $a $e (local.get 0) (local.get 1) (local.get 2)))
        (func (export "init_x") (param i32 i32 i32)
            (table.init $b $x (local.get 0) (local.get 1) (local.get 2)))
        (func (export "drop") (elem.drop $e))
        (func (export "copy") (param i32 i32 i32)
            (table.copy $b $a (local.get 0) (local.get 1) (local.get 2)))
        (func (export "slide") (param i32 i32 i32)
            (table.copy $a $a (local.get 0) (local.get 1) (local.get 2)))
        (func (export "fill") (param i32 i32)
            (table.fill $a (local.get 0) (ref.func $g) (local.get 1))))"#;
    let (mut store, instance) = instance(text);
    let names = |store: &mut Store<()>, table: &str| -> String {
        let f = instance.get_func(&mut *store, "f");
        let g = instance.get_func(&mut *store, "g");
        let table = instance.get_table(&mut *store, table).unwrap();
        let name = |func: Option<Func>| match func {
            None => '.',
            func if func == f => 'f',
            func if func == g => 'g',
            _ => '?',
        };
        (0..10).map(|i| name(table.get(&mut *store, i).unwrap().as_func())).collect()
    };
    call::<_, ()>(&mut store, instance, "init", (0, 0, 3)).unwrap();
    call::<_, ()>(&mut store, instance, "init", (8, 1, 2)).unwrap();
    assert_eq!(names(&mut store, "a"), "ffg.....fg");
    call::<_, ()>(&mut store, instance, "slide", (1, 0, 3)).unwrap();
    assert_eq!(names(&mut store, "a"), "fffg....fg");
    call::<_, ()>(&mut store, instance, "copy", (5, 0, 5)).unwrap();
    call::<_, ()>(&mut store, instance, "init_x", (0, 0, 2)).unwrap();
    assert_eq!(names(&mut store, "b"), ".g...fffg.");
    call::<_, ()>(&mut store, instance, "fill", (4, 2)).unwrap();
    assert_eq!(names(&mut store, "a"), "fffggg..fg");
    for (name, params) in [
        ("init", (8, 0, 3)),
        ("init", (0, 2, 2)),
        ("copy", (9, 0, 2)),
        ("copy", (0, 9, 2)),
        ("slide", (11, 0, 0)),
        ("slide", (0, -1, 1)),
    ] {
        let error = call::<_, ()>(&mut store, instance, name, params).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::TableOutOfBounds), "{name} {params:?}");
    }
    assert!(call::<_, ()>(&mut store, instance, "fill", (9, 2)).is_err());
    assert_eq!(names(&mut store, "a"), "fffggg..fg");
    call::<_, ()>(&mut store, instance, "drop", ()).unwrap();
    call::<_, ()>(&mut store, instance, "init", (10, 0, 0)).unwrap();
    assert!(call::<_, ()>(&mut store, instance, "init", (11, 0, 0)).is_err());
    assert!(call::<_, ()>(&mut store, instance, "init", (0, 0, 1)).is_err());
}

#[test]
fn functions_of_a_failed_instance_stay_callable() {
    let (mut store, owner) = instance(OWNER);
    let table = owner.get_table(&mut store, "table").unwrap();
    let text = r#"(module (table (import "m" "table") 4 8 funcref) (memory 1)
        (elem (i32.const 0) $f) (elem (i32.const 3) $f $f)
        (func $f (result i32) (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 5)))
            (i32.load (i32.const 0))))"#;
    let module = compile(&store.engine().clone(), text);
    let error = Instance::new(&mut store, &module, &[table.into()]).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::TableOutOfBounds));
    drop(module);
    assert_eq!(call::<_, i32>(&mut store, owner, "call", 0).unwrap(), 5);
    assert_eq!(call::<_, i32>(&mut store, owner, "call", 0).unwrap(), 10);
    let error = call::<_, i32>(&mut store, owner, "call", 3).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::IndirectCallToNull));
}

#[test]
fn elements_may_come_from_imported_globals() {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, || 12);
    let global =
        Global::new(&mut store, GlobalType { content: ValType::FUNCREF, mutable: false }, func.into())
            .unwrap();
    let text = r#"(module (import "m" "g" (global $g funcref)) (table 2 funcref) (type $f (func (result i32)))
        (elem (i32.const 1) funcref (global.get $g))
        (func (export "call") (result i32) (call_indirect (type $f) (i32.const 1))))"#;
    let instance = import(&mut store, text, &[global.into()]);
    assert_eq!(call::<_, i32>(&mut store, instance, "call", ()).unwrap(), 12);
}
