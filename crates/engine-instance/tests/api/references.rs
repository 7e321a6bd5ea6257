//! Function and host references.

use crate::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_reexported_import_is_the_same_function() {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, || 3);
    let text = r#"(module (func $f (import "m" "f") (result i32)) (export "f" (func $f)))"#;
    let one = import(&mut store, text, &[func.into()]);
    let exported = one.get_func(&mut store, "f").unwrap();
    assert_eq!(exported, func);
    let two = import(&mut store, text, &[exported.into()]);
    assert_eq!(two.get_func(&mut store, "f"), Some(func));
}

#[test]
fn ref_func_of_an_import_is_the_same_function() {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, || 3);
    let text = r#"(module (func $f (import "m" "f") (result i32)) (elem declare func $f)
        (func (export "ref") (result funcref) (ref.func $f)))"#;
    let instance = import(&mut store, text, &[func.into()]);
    assert_eq!(call::<_, Option<Func>>(&mut store, instance, "ref", ()).unwrap(), Some(func));
}

#[test]
fn functions_pass_as_values() {
    let (mut store, instance) = instance(
        r#"(module (table $t 1 funcref) (type $f (func (result i32)))
            (func $seven (export "seven") (result i32) i32.const 7)
            (func (export "same") (param funcref) (result funcref) local.get 0)
            (func (export "call") (param funcref) (result i32)
                (table.set $t (i32.const 0) (local.get 0)) (call_indirect (type $f) (i32.const 0))))"#,
    );
    let seven = instance.get_func(&mut store, "seven").unwrap();
    let host = Func::wrap(&mut store, || 8);
    for (func, value) in [(seven, 7), (host, 8)] {
        assert_eq!(call::<_, Option<Func>>(&mut store, instance, "same", Some(func)).unwrap(), Some(func));
        assert_eq!(call::<_, i32>(&mut store, instance, "call", Some(func)).unwrap(), value);
    }
    assert_eq!(call::<_, Option<Func>>(&mut store, instance, "same", None::<Func>).unwrap(), None);
    let mut other = Store::new(&store.engine().clone(), ());
    let foreign = Func::wrap(&mut other, || 8);
    assert!(call::<_, i32>(&mut store, instance, "call", Some(foreign)).is_err());
    let dynamic = instance.get_func(&mut store, "call").unwrap();
    assert!(dynamic.call(&mut store, &[foreign.into()], &mut [Val::I32(0)]).is_err());
}

const EXTERNS: &str = r#"(module (func $host (import "m" "f") (param externref) (result externref))
    (table $t (export "table") 3 externref)
    (global $g (export "global") (mut externref) (ref.null extern))
    (func (export "same") (param externref) (result externref) local.get 0)
    (func (export "null") (param externref) (result i32) (ref.is_null (local.get 0)))
    (func (export "keep") (param externref) (table.set $t (i32.const 1) (local.get 0)))
    (func (export "put") (param externref) (global.set $g (local.get 0)))
    (func (export "kept") (result externref) (table.get $t (i32.const 1)))
    (func (export "grow") (param externref) (result i32) (table.grow $t (local.get 0) (i32.const 2)))
    (func (export "call") (param externref) (result externref externref)
        (call $host (local.get 0)) (local.get 0)))"#;

fn externs(
    host: impl IntoFunc<(), (Caller<'static, ()>, Option<ExternRef>), Option<ExternRef>>,
) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, host);
    let instance = Instance::new(&mut store, &compile(&engine, EXTERNS), &[host.into()]).unwrap();
    (store, instance)
}

/// A reference that counts how many of its kind are alive.
fn counted(alive: &Arc<AtomicUsize>) -> ExternRef {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    alive.fetch_add(1, Ordering::Relaxed);
    ExternRef::new(Counted(alive.clone()))
}

fn number(value: &Option<ExternRef>) -> Option<u32> {
    value.as_ref()?.downcast_ref().copied()
}

#[test]
fn host_references_pass_and_stay() {
    let (mut store, instance) = externs(|_: Caller<'_, ()>, value: Option<ExternRef>| value);
    let value = ExternRef::new(5_u32);
    let same = call::<_, Option<ExternRef>>(&mut store, instance, "same", Some(value.clone())).unwrap();
    assert!(same.unwrap().ptr_eq(&value));
    assert!(call::<_, Option<ExternRef>>(&mut store, instance, "same", None::<ExternRef>).unwrap().is_none());
    assert_eq!(call::<_, i32>(&mut store, instance, "null", None::<ExternRef>).unwrap(), 1);
    assert_eq!(call::<_, i32>(&mut store, instance, "null", Some(value.clone())).unwrap(), 0);
    call::<_, ()>(&mut store, instance, "keep", Some(value.clone())).unwrap();
    call::<_, ()>(&mut store, instance, "put", Some(value.clone())).unwrap();
    let table = instance.get_table(&mut store, "table").unwrap();
    assert!(table.get(&store, 1).unwrap().as_extern().unwrap().ptr_eq(&value));
    assert_eq!(call::<_, i32>(&mut store, instance, "grow", Some(value.clone())).unwrap(), 3);
    assert!(table.get(&store, 4).unwrap().as_extern().unwrap().ptr_eq(&value));
    let global = instance.get_global(&mut store, "global").unwrap();
    assert!(global.get(&store).unwrap_extern_ref().unwrap().ptr_eq(&value));
    let pair =
        call::<_, (Option<ExternRef>, Option<ExternRef>)>(&mut store, instance, "call", Some(value.clone()));
    let (one, two) = pair.unwrap();
    assert!(one.unwrap().ptr_eq(&value) && two.unwrap().ptr_eq(&value));
}

#[test]
fn passing_many_references_keeps_memory_flat() {
    let count = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
    let (mut store, instance) = externs(|_: Caller<'_, ()>, value: Option<ExternRef>| value);
    let alive = Arc::new(AtomicUsize::new(0));
    let same = instance.get_typed_func::<Option<ExternRef>, Option<ExternRef>>(&mut store, "same").unwrap();
    let mut most = 0;
    for _ in 0..count {
        same.call(&mut store, Some(counted(&alive))).unwrap();
        most = most.max(alive.load(Ordering::Relaxed));
    }
    assert!(most < 20_000, "{most} references alive at once");
    drop(store);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn references_in_tables_globals_and_frames_survive_sweeps() {
    // The host function sweeps many times while its caller holds the reference in a frame only.
    let churn = |mut caller: Caller<'_, ()>, value: Option<ExternRef>| {
        let same = caller.get_export("same").unwrap().into_func().unwrap();
        let same = same.typed::<Option<ExternRef>, Option<ExternRef>>(&caller).unwrap();
        for i in 0..50_000_u32 {
            let passed = same.call(&mut caller, Some(ExternRef::new(i))).unwrap();
            assert_eq!(number(&passed), Some(i));
        }
        drop(value);
        Some(ExternRef::new(99_u32))
    };
    let (mut store, instance) = externs(churn);
    call::<_, ()>(&mut store, instance, "keep", Some(ExternRef::new(1_u32))).unwrap();
    call::<_, ()>(&mut store, instance, "put", Some(ExternRef::new(2_u32))).unwrap();
    let pair = call::<_, (Option<ExternRef>, Option<ExternRef>)>(
        &mut store,
        instance,
        "call",
        Some(ExternRef::new(3_u32)),
    );
    let (host, own) = pair.unwrap();
    assert_eq!((number(&host), number(&own)), (Some(99), Some(3)));
    assert_eq!(number(&call(&mut store, instance, "kept", ()).unwrap()), Some(1));
    let global = instance.get_global(&mut store, "global").unwrap();
    assert_eq!(number(&global.get(&store).unwrap_extern_ref()), Some(2));
}
