//! A forked child has code memory of its own.
#![allow(unsafe_code)]

mod support;

use core::ptr;
use engine_codemanager::*;
use engine_machine::{Tier, TrapCode};
use std::io::{PipeReader, PipeWriter, Read, Write};
use support::*;

fn signal(mut pipe: &PipeWriter) {
    pipe.write_all(b"x").unwrap();
}

fn await_signal(mut pipe: &PipeReader) {
    pipe.read_exact(&mut [0]).unwrap();
}

/// Parent and child replace the same function, publish to the same addresses, and drop and load modules, in turns.
#[test]
fn parent_and_child_publish_apart() {
    for strategy in STRATEGIES {
        let manager = manager(strategy);
        let native = native(&manager, &[constant(1), one_more_than(0), unreachable()]);
        let old = support::native(&manager, &[constant(100)]);
        let mut store = Store::new(&manager, no_host, ptr::null_mut());
        assert!(store.invoke(&native, 2, 0).is_err());

        let (from_parent, to_child) = std::io::pipe().unwrap();
        let (from_child, to_parent) = std::io::pipe().unwrap();
        // SAFETY: the child runs the closure and leaves.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                assert_eq!(call(&native, 1), 2);
                native.publish(&batch(Tier::Optimized, &[(0, constant(20))])).unwrap();
                assert_eq!((call(&native, 1), call(&old, 0)), (21, 100));
                drop(old);
                let new = support::native(&manager, &[constant(200)]);
                signal(&to_parent);
                await_signal(&from_parent);
                // The parent has published meanwhile.
                assert_eq!((call(&native, 1), call(&new, 0)), (21, 200));
                assert_eq!(store.invoke(&native, 2, 0).unwrap_err().code, TrapCode::Unreachable);
                // A grandchild, from a process that has its own copy.
                assert_eq!(
                    in_child(|| {
                        native.publish(&batch(Tier::Optimized, &[(0, constant(40))])).unwrap();
                        assert_eq!(call(&native, 1), 41);
                    }),
                    0
                );
                assert_eq!(call(&native, 1), 21);
            }));
            // SAFETY: leaves without unwinding into the test harness.
            unsafe { libc::_exit(if result.is_ok() { 0 } else { 101 }) };
        }
        await_signal(&from_child);
        assert_eq!((call(&native, 1), call(&old, 0)), (2, 100));
        native.publish(&batch(Tier::Optimized, &[(0, constant(30))])).unwrap();
        let new = support::native(&manager, &[constant(300)]);
        assert_eq!((call(&native, 1), call(&new, 0), call(&old, 0)), (31, 300, 100));
        signal(&to_child);
        assert_eq!(wait(child), 0);
        assert_eq!((call(&native, 1), call(&new, 0), call(&old, 0)), (31, 300, 100));
        assert_eq!(store.invoke(&native, 2, 0).unwrap_err().code, TrapCode::Unreachable);
    }
}

#[test]
fn forking_while_other_threads_publish_leaves_no_lock_behind() {
    let manager = manager(Strategy::DualMapping);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for i in 0..2 {
            let (manager, stop) = (&manager, &stop);
            scope.spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let native = native(manager, &[constant(i), one_more_than(0)]);
                    assert_eq!(call(&native, 1), i + 1);
                }
            });
        }
        for i in 0..30 {
            let status = in_child(|| {
                let native = native(&manager, &[constant(i), one_more_than(0)]);
                assert_eq!(call(&native, 1), i + 1);
                let _stub = manager.publish_stub(&constant(i).code, "stub").unwrap();
            });
            assert_eq!(status, 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
