//! Interrupts.

use crate::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ENDLESS: &str = r#"(module (import "m" "running" (func $running))
    (func (export "loop") (call $running) (loop $l (br $l)))
    (func (export "once")))"#;

#[test]
fn an_endless_loop_is_interrupted_from_another_thread() {
    let (engine, module) = module(ENDLESS);
    let running = Arc::new(AtomicBool::new(false));
    let mut linker = Linker::new(&engine);
    let seen = running.clone();
    linker.func_wrap("m", "running", move || seen.store(true, Ordering::Release)).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let handle = store.interrupt_handle();
    for _ in 0..3 {
        running.store(false, Ordering::Relaxed);
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !running.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                handle.interrupt();
            });
            call::<(), ()>(&mut store, instance, "loop", ()).unwrap_err()
        });
        assert_eq!(trap_code(&error), Some(TrapCode::Interrupt));
        assert!(!handle.is_pending());
        call::<(), ()>(&mut store, instance, "once", ()).unwrap();
    }
}

#[test]
fn a_pending_interrupt_stops_the_next_call_or_is_cleared() {
    let (mut store, instance) = instance(r#"(module (func (export "once")))"#);
    let handle = store.interrupt_handle();
    handle.interrupt();
    assert!(handle.is_pending());
    let error = call::<(), ()>(&mut store, instance, "once", ()).unwrap_err();
    assert_eq!(trap_code(&error), Some(TrapCode::Interrupt));
    call::<(), ()>(&mut store, instance, "once", ()).unwrap();
    handle.interrupt();
    store.clear_interrupt();
    call::<(), ()>(&mut store, instance, "once", ()).unwrap();
    drop(store);
    handle.interrupt();
}
