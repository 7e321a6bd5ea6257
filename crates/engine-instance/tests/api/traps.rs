//! Traps and their backtraces.

use crate::*;

#[test]
fn every_trap_has_its_code_and_message() {
    let text = r#"(module (memory 1) (table 2 funcref) (type $t (func (param i64)))
        (elem (i32.const 0) $nop) (func $nop)
        (func (export "unreachable") unreachable)
        (func (export "load") (drop (i32.load (i32.const -1))))
        (func (export "bounds") (call_indirect (i32.const 2)))
        (func (export "null") (call_indirect (i32.const 1)))
        (func (export "type") (call_indirect (type $t) (i64.const 0) (i32.const 0)))
        (func (export "zero") (drop (i32.div_s (i32.const 1) (i32.const 0))))
        (func (export "overflow") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
        (func (export "nan") (drop (i32.trunc_f32_s (f32.const nan))))
        (func (export "large") (drop (i32.trunc_f32_s (f32.const 1e30))))
        (func (export "copy") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))
        (func (export "fill") (memory.fill (i32.const 65536) (i32.const 0) (i32.const 1)))
        (func (export "get") (drop (table.get (i32.const 9))))
        (func $deep (export "deep") call $deep))"#;
    let (mut store, instance) = instance(text);
    for (name, code, message) in [
        ("unreachable", TrapCode::Unreachable, "unreachable"),
        ("load", TrapCode::MemoryOutOfBounds, "out of bounds memory access"),
        ("bounds", TrapCode::UndefinedElement, "undefined element"),
        ("null", TrapCode::IndirectCallToNull, "uninitialized element"),
        ("type", TrapCode::BadSignature, "indirect call type mismatch"),
        ("zero", TrapCode::IntegerDivisionByZero, "integer divide by zero"),
        ("overflow", TrapCode::IntegerOverflow, "integer overflow"),
        ("nan", TrapCode::BadConversionToInteger, "invalid conversion to integer"),
        ("large", TrapCode::IntegerOverflow, "integer overflow"),
        ("copy", TrapCode::MemoryOutOfBounds, "out of bounds memory access"),
        ("fill", TrapCode::MemoryOutOfBounds, "out of bounds memory access"),
        ("get", TrapCode::TableOutOfBounds, "out of bounds table access"),
        ("deep", TrapCode::StackOverflow, "call stack exhausted"),
    ] {
        let error = call::<(), ()>(&mut store, instance, name, ()).unwrap_err();
        let found = trap_code(&error);
        assert_eq!(found, Some(code), "{name}");
        // `call_indirect` beyond a table has a message of its own in the test suite, its code has not.
        assert!(error.to_string() == message || name == "bounds", "{name}: {error}");
        assert!(!error.backtrace().unwrap().frames().is_empty(), "{name}");
    }
}

#[test]
fn a_backtrace_names_functions_and_offsets() {
    let text =
        r#"(module $named (func $outer (export "run") call $inner nop) (func $inner nop unreachable))"#;
    let (engine, module) = module(text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let error = call::<(), ()>(&mut store, instance, "run", ()).unwrap_err();
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames.iter().map(|frame| frame.func_name().unwrap()).collect();
    assert_eq!(names, ["inner", "outer"]);
    assert_eq!(frames[0].module_name(), Some("named"));
    assert_eq!(frames[0].func_index().0, 1);
    // One byte of local declarations, one of `nop`.
    assert_eq!(frames[0].func_offset(), Some(2));
    let bytes = &module.decoded().bytes;
    assert_eq!(bytes[frames[0].module_offset().unwrap()], 0x00, "`unreachable`");
    assert_eq!(bytes[frames[1].module_offset().unwrap()], 0x10, "`call`");
    let text = format!("{error:?}");
    assert!(text.starts_with("unreachable\n\nwasm backtrace:\n    0: "), "{text}");
    assert!(text.contains("named!inner + 0x2"), "{text}");
    let trap = error.downcast_ref::<Trap>().unwrap();
    assert_eq!(format!("{trap}"), "unreachable");
    assert!(format!("{trap:#}").contains("named!outer"));
}

#[test]
fn a_store_is_usable_after_traps() {
    let (mut store, instance) = instance(
        r#"(module (global $n (mut i32) (i32.const 0))
            (func (export "trap") (global.set $n (i32.add (global.get $n) (i32.const 1))) unreachable)
            (func (export "count") (result i32) global.get $n))"#,
    );
    for _ in 0..1000 {
        assert!(call::<(), ()>(&mut store, instance, "trap", ()).is_err());
    }
    assert_eq!(call::<(), i32>(&mut store, instance, "count", ()).unwrap(), 1000);
}
