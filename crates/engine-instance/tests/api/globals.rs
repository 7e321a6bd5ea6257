//! Globals: sharing and initialisers.

use crate::*;

#[test]
fn imported_mutable_globals_are_shared() {
    let (mut store, owner) = instance(
        r#"(module (global $g (export "g") (mut i64) (i64.const 5))
            (func (export "get") (result i64) global.get $g)
            (func (export "set") (param i64) (global.set $g (local.get 0))))"#,
    );
    let global = owner.get_global(&mut store, "g").unwrap();
    let user = import(
        &mut store,
        r#"(module (global $g (import "m" "g") (mut i64)) (export "g" (global $g))
            (func (export "get") (result i64) global.get $g)
            (func (export "set") (param i64) (global.set $g (local.get 0))))"#,
        &[global.into()],
    );
    assert_eq!(user.get_global(&mut store, "g"), Some(global));
    call::<_, ()>(&mut store, user, "set", 6_i64).unwrap();
    assert_eq!(call::<_, i64>(&mut store, owner, "get", ()).unwrap(), 6);
    assert_eq!(global.get(&store).unwrap_i64(), 6);
    global.set(&mut store, Val::I64(7)).unwrap();
    assert_eq!(call::<_, i64>(&mut store, user, "get", ()).unwrap(), 7);
    assert!(global.set(&mut store, Val::I32(7)).is_err());
}

#[test]
fn immutable_globals_cannot_be_set() {
    let (mut store, instance) = instance(r#"(module (global (export "g") f32 (f32.const 1.5)))"#);
    let global = instance.get_global(&mut store, "g").unwrap();
    assert_eq!(global.get(&store).unwrap_f32(), 1.5);
    assert!(global.set(&mut store, Val::from(2.0_f32)).is_err());
    assert_eq!(global.ty(&store), GlobalType { content: ValType::F32, mutable: false });
}

#[test]
fn initialisers_of_every_kind() {
    let mut store = Store::new(&Engine::default(), ());
    let ty = GlobalType { content: ValType::I32, mutable: false };
    let host = Global::new(&mut store, ty, Val::I32(41)).unwrap();
    let instance = import(
        &mut store,
        r#"(module (global $host (import "m" "g") i32)
            (global (export "a") i32 (global.get $host))
            (global (export "b") i64 (i64.const -1))
            (global (export "c") f64 (f64.const nan:0x4000000000001))
            (global (export "d") funcref (ref.func $f))
            (global (export "e") (mut externref) (ref.null extern))
            (func $f (export "f")))"#,
        &[host.into()],
    );
    let mut get = |name: &str| instance.get_global(&mut store, name).unwrap().get(&store);
    assert_eq!(get("a").unwrap_i32(), 41);
    assert_eq!(get("b").unwrap_i64(), -1);
    assert!(matches!(get("c"), Val::F64(0x7ff4_0000_0000_0001)));
    assert!(get("e").unwrap_extern_ref().is_none());
    let func = get("d").unwrap_func_ref();
    assert_eq!(func, instance.get_func(&mut store, "f"));
}
