//! A module that needs a proposal which is not enabled is told which one.

use engine_decoder::{DecodeError, DecodedModule, Features};

fn decode(bytes: &[u8], features: Features) -> Result<(), DecodeError> {
    DecodedModule::decode(bytes.to_vec(), features)?.validate_all()
}

/// `text` is valid with `features` and `proposal`, but not with `features` alone.
fn needs(proposal: Features, features: Features, text: &str) {
    let name = proposal.names().next().unwrap();
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let error = decode(&bytes, features).expect_err(text);
    assert_eq!(error.missing_feature, Some(name), "{text}: {error}");
    let needs = format!("needs the {name} proposal, which is not enabled");
    assert!(error.message.contains(&needs), "{text}: {error}");
    match decode(&bytes, features.with(proposal)) {
        Ok(()) => {}
        // Validates, but is not to be represented.
        Err(error) => {
            assert!(error.message.contains("which this engine does not support"), "{text}: {error}");
            assert!(!Features::supported().contains(proposal), "{text}: {error}");
        }
    }
}

#[test]
fn proposals_of_wasm2() {
    let all = Features::WASM2;
    let missing = |proposal: Features, text: &str| needs(proposal, all.without(proposal), text);
    missing(Features::MUTABLE_GLOBAL, r#"(module (global (export "g") (mut i32) (i32.const 0)))"#);
    missing(Features::MUTABLE_GLOBAL, r#"(module (global (import "" "") (mut i32)))"#);
    missing(Features::SIGN_EXTENSION, "(module (func (param i32) (drop (i32.extend8_s (local.get 0)))))");
    missing(
        Features::SATURATING_FLOAT_TO_INT,
        "(module (func (param f32) (drop (i32.trunc_sat_f32_s (local.get 0)))))",
    );
    missing(Features::MULTI_VALUE, "(module (type (func (result i32 i32))))");
    missing(
        Features::MULTI_VALUE,
        "(module (type (func (param i32))) (func i32.const 0 (block (param i32) drop)))",
    );
    missing(Features::BULK_MEMORY, r#"(module (memory 1) (data "x"))"#);
    missing(Features::BULK_MEMORY, "(module (table 1 funcref) (elem func))");
    missing(Features::BULK_MEMORY, r#"(module (memory 1) (func (data.drop 0)) (data (i32.const 0) "x"))"#);
    missing(
        Features::BULK_MEMORY,
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    );
    missing(Features::REFERENCE_TYPES, "(module (func (param externref)))");
    missing(Features::REFERENCE_TYPES, "(module (table 1 externref))");
    missing(Features::REFERENCE_TYPES, "(module (table 1 funcref) (table 1 funcref))");
    missing(Features::REFERENCE_TYPES, "(module (func (drop (ref.null func))))");
    missing(Features::REFERENCE_TYPES, "(module (table 1 funcref) (func (drop (table.size 0))))");
}

#[test]
fn proposals_beyond_wasm2() {
    let missing = |proposal: Features, text: &str| needs(proposal, Features::default(), text);
    missing(Features::SIMD, "(module (type (func (param v128))))");
    missing(Features::SIMD, "(module (func (local v128)))");
    missing(Features::SIMD, "(module (func (drop (v128.const i64x2 0 0))))");
    missing(Features::SIMD, "(module (global v128 (v128.const i64x2 0 0)))");
    missing(Features::TAIL_CALL, "(module (func $f (return_call $f)))");
    missing(Features::THREADS, "(module (memory 1 1 shared))");
    missing(Features::THREADS, "(module (func (atomic.fence)))");
    missing(Features::MULTI_MEMORY, "(module (memory 1) (memory 1))");
    missing(Features::MULTI_MEMORY, r#"(module (import "" "" (memory 1)) (memory 1))"#);
    missing(Features::MEMORY64, "(module (memory i64 1))");
    missing(Features::MEMORY64, "(module (table i64 1 funcref))");
    missing(Features::EXCEPTIONS, "(module (tag))");
    missing(Features::EXCEPTIONS, "(module (func (block $l (try_table (catch_all $l)))))");
    missing(Features::EXTENDED_CONST, "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))");
    missing(Features::FUNCTION_REFERENCES, "(module (type $t (func)) (func (param (ref $t))))");
    missing(Features::FUNCTION_REFERENCES, "(module (table 1 funcref (ref.null func)))");
    missing(
        Features::FUNCTION_REFERENCES,
        "(module (func (param funcref) (drop (ref.as_non_null (local.get 0)))))",
    );
    missing(Features::GC, "(module (type (struct (field i32))))");
    missing(Features::GC, "(module (rec (type (func)) (type (func))))");
    missing(Features::GC, "(module (func (param anyref)))");
    missing(Features::GC, "(module (global $g i32 (i32.const 1)) (global i32 (global.get $g)))");
    missing(Features::CUSTOM_PAGE_SIZES, "(module (memory 1 (pagesize 1)))");
    missing(
        Features::WIDE_ARITHMETIC,
        "(module (func (param i64) (i64.add128 (local.get 0) (local.get 0) (local.get 0) (local.get 0)) drop drop))",
    );
    let simd = Features::default().with(Features::SIMD);
    needs(
        Features::RELAXED_SIMD,
        simd,
        "(module (func (param v128 v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))))",
    );
    let typed = Features::all().without(Features::STACK_SWITCHING);
    needs(Features::STACK_SWITCHING, typed, "(module (type $f (func)) (type $c (cont $f)))");
}

#[test]
fn components_are_named() {
    let error = DecodedModule::decode(b"\0asm\x0d\0\x01\0".to_vec(), Features::all()).unwrap_err();
    assert_eq!(error.missing_feature, Some("component-model"));
}

#[test]
fn rubbish_lacks_no_proposal() {
    for text in [
        "(module (func (result i32)))",
        "(module (func (local.get 0) drop))",
        r#"(module (func $f) (export "f" (func $f)) (export "f" (func $f)))"#,
        "(module (func call 7))",
        "(module (global i32 (i64.const 0)))",
        "(module (memory 1) (func (drop (i32.load align=8 (i32.const 0)))))",
    ] {
        let bytes = wat::parse_str(text).unwrap();
        let error = decode(&bytes, Features::default()).expect_err(text);
        assert_eq!(error.missing_feature, None, "{text}: {error}");
    }
}

#[test]
fn what_is_enabled_but_cannot_be_represented_is_named() {
    for (text, name) in [
        ("(module (type (struct)))", "gc"),
        ("(module (tag))", "exceptions"),
        ("(module (memory 1 (pagesize 1)))", "custom-page-sizes"),
        ("(module (table i64 1 funcref))", "memory64"),
        ("(module (global anyref (ref.null any)))", "gc"),
        ("(module (global (ref i31) (ref.i31 (i32.const 1))))", "gc"),
        (r#"(module (import "" "" (tag)))"#, "exceptions"),
    ] {
        let bytes = wat::parse_str(text).unwrap();
        let error = DecodedModule::decode(bytes, Features::all()).expect_err(text);
        assert_eq!(error.missing_feature, Some(name), "{text}: {error}");
    }
}

#[test]
fn what_a_structure_uses_is_detected() {
    for (proposals, text) in [
        (
            Features::NONE,
            r#"(module (table 1 funcref) (memory 1) (func) (elem (i32.const 0) 0) (data (i32.const 0) ""))"#,
        ),
        (Features::MULTI_VALUE, "(module (type (func (result i32 i32))))"),
        (Features::MUTABLE_GLOBAL, r#"(module (global (import "" "") (mut i32)))"#),
        (Features::NONE, "(module (global (mut i32) (i32.const 0)))"),
        (Features::REFERENCE_TYPES, "(module (func (param externref)))"),
        (Features::REFERENCE_TYPES, "(module (table 1 funcref) (table 1 funcref))"),
        (Features::BULK_MEMORY, r#"(module (memory 1) (data "x"))"#),
        (Features::BULK_MEMORY, r#"(module (memory 1) (func (data.drop 0)) (data (i32.const 0) "x"))"#),
        (Features::SIMD, "(module (func (param v128)))"),
        (Features::MULTI_MEMORY, "(module (memory 1) (memory 1))"),
        (Features::THREADS, "(module (memory 1 1 shared))"),
        (Features::MEMORY64, "(module (memory i64 1))"),
        (Features::EXTENDED_CONST, "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"),
    ] {
        let bytes = wat::parse_str(text).unwrap();
        let decoded = DecodedModule::decode(bytes.to_vec(), Features::all()).unwrap();
        assert_eq!(decoded.detected(), proposals, "{text}");
        DecodedModule::decode(bytes, proposals).expect(text);
    }
}
