//! What is freed, and what a fork leaves.

use crate::*;

/// Bytes that this process has mapped (address space) and resident.
fn memory() -> (usize, usize) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let mut pages = statm.split(' ').map(|field| field.parse::<usize>().unwrap() * 4096);
    (pages.next().unwrap(), pages.next().unwrap())
}

#[test]
fn ten_thousand_modules_leave_nothing() {
    let engine = Engine::default();
    let round = |i: u32| {
        // Each has a type of its own, so that types that are not released show.
        let params = (0..16).map(|bit| if i >> bit & 1 == 0 { "i32 " } else { "i64 " }).collect::<String>();
        let text = format!(
            r#"(module (memory 1) (table 10 funcref) (elem (i32.const 0) $f) (data (i32.const 0) "data")
                (func $f (export "f") (param {params}) (result i32) i32.const {i}))"#
        );
        let module = compile(&engine, &text);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_func(&mut store, "f").unwrap();
        let mut results = [Val::I32(0)];
        let params: Vec<_> =
            (0..16).map(|bit| if i >> bit & 1 == 0 { Val::I32(0) } else { Val::I64(0) }).collect();
        f.call(&mut store, &params, &mut results).unwrap();
        assert_eq!(results[0].unwrap_i32(), i as i32);
    };
    (0..1000).for_each(round);
    let before = memory();
    (1000..10_000).for_each(round);
    let after = memory();
    let grown = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    // 9,000 modules of which each kept one page would be 36 MB. Wrappers of 9,000 signatures may stay with the engine.
    assert!(grown.1 < 30 << 20, "resident memory grew by {} bytes", grown.1);
    assert!(grown.0 < 256 << 20, "address space grew by {} bytes", grown.0);
}

#[test]
fn parent_and_child_both_run_other_modules_after_a_fork() {
    let (engine, first) = module(r#"(module (func (export "f") (result i32) i32.const 1))"#);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &first, &[]).unwrap();
    let mut run = |value: i32| -> i32 {
        let text = format!(
            r#"(module (import "m" "f" (func $f (result i32))) (memory 1)
                (func (export "g") (result i32) (i32.add (call $f) (i32.const {value})))
                (func (export "trap") (result i32) (i32.load (i32.const 65536))))"#
        );
        let f = instance.get_func(&mut store, "f").unwrap();
        let second = import(&mut store, &text, &[f.into()]);
        assert!(call::<_, i32>(&mut store, second, "trap", ()).is_err());
        call::<_, i32>(&mut store, second, "g", ()).unwrap()
    };
    // SAFETY: the child calls code of this test only, and leaves by `_exit`.
    #[allow(unsafe_code)]
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            let value = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(40)));
            libc::_exit(if value.is_ok_and(|value| value == 41) { 0 } else { 1 });
        }
        assert_eq!(run(20), 21);
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child failed: {status:#x}");
        assert_eq!(run(30), 31);
    }
}

#[test]
fn a_module_may_be_dropped_before_its_instances() {
    let (mut store, instance) = instance(r#"(module (func (export "f") (result i32) i32.const 1))"#);
    let f = instance.get_typed_func::<(), i32>(&mut store, "f").unwrap();
    for _ in 0..100 {
        drop(compile(&store.engine().clone(), r#"(module (func (export "f") (result i64) i64.const 1))"#));
    }
    assert_eq!(f.call(&mut store, ()).unwrap(), 1);
}
