//! Where errors are found, what they say, and which of several is reported.

use engine_decoder::*;

fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn decode(bytes: &[u8]) -> Result<DecodedModule, DecodeError> {
    DecodedModule::decode(bytes.to_vec(), Features::default())
}

#[test]
fn decoding_does_not_look_into_bodies() {
    let decoded = decode(&bytes("(module (func) (func (result i32)))")).unwrap();
    let mut validator = BodyValidator::new();
    validator.validate(&decoded, DefinedFuncIndex(0)).unwrap();
    assert!(validator.validate(&decoded, DefinedFuncIndex(1)).is_err());
}

#[test]
fn errors_in_bodies_have_function_name_and_absolute_offset() {
    let bytes = bytes(r#"(module (import "" "" (func)) (func nop) (func $wrong nop i32.add))"#);
    let decoded = decode(&bytes).unwrap();
    let error = decoded.validate_all().unwrap_err();
    assert_eq!(error.section, Section::Code);
    assert_eq!(error.func, Some(FuncIndex(2)));
    assert_eq!(error.func_name.as_deref(), Some("wrong"));
    let add = decoded.module.bodies[1].start + 2;
    assert_eq!(bytes[add], 0x6a);
    assert_eq!(error.offset, add as u64);
    let text = error.to_string();
    assert!(text.starts_with(r#"Compiling function #2 "wrong" failed: type mismatch"#), "{text}");
    assert!(text.ends_with(&format!("@+{add}")), "{text}");
}

#[test]
fn a_compiler_that_validates_gets_the_same_error() {
    let decoded = decode(&bytes("(module (memory 1) (func (result i32) memory.size 1))")).unwrap();
    let func = DefinedFuncIndex(0);
    let mut validator = decoded.func_to_validate(func).into_validator(Default::default());
    let offset = decoded.module.bodies[0].start as u64;
    let body = wasmparser::FunctionBody::new(wasmparser::BinaryReader::new(decoded.body(func), offset));
    let error = validator.validate(&body).unwrap_err();
    assert_eq!(
        DecodeError::from_body(&decoded, func, decoded.body_at(func), error),
        decoded.validate_all().unwrap_err()
    );
}

#[test]
fn structural_errors_name_their_section() {
    for (section, offset, wasm) in [
        (Section::Header, 0, &b"\0asn\x01\0\0\0"[..]),
        (Section::Header, 4, b"\0asm\x02\0\0\0"),
        (Section::Header, 4, b"\0asm\x01\0"),
        (Section::Type, 11, b"\0asm\x01\0\0\0\x01\x02\x01\x11"),
        (Section::Import, 11, b"\0asm\x01\0\0\0\x02\x05\x01\0\0\0\x07"),
        (Section::Function, 11, b"\0asm\x01\0\0\0\x03\x02\x01\0"),
        (Section::Export, 11, b"\0asm\x01\0\0\0\x07\x04\x01\0\0\0"),
        (Section::Start, 10, b"\0asm\x01\0\0\0\x08\x01\0"),
        (Section::Custom, 10, b"\0asm\x01\0\0\0\0\x02\x05a"),
        (Section::Module, 10, b"\0asm\x01\0\0\0\x77\0"),
    ] {
        let error = decode(wasm).unwrap_err();
        assert_eq!(error.section, section, "{error}");
        assert!(error.offset.abs_diff(offset) <= 2, "{error}");
        assert_eq!(error.func, None);
        assert!(error.to_string().starts_with(&format!("{section}: ")), "{error}");
        assert!(error.to_string().ends_with(&format!(" (at offset {:#x})", error.offset)), "{error}");
    }
}

#[test]
fn function_counts_must_agree() {
    let head = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x03\x02\0\0";
    for code in [&b""[..], b"\x0a\x04\x01\x02\0\x0b", b"\x0a\x0a\x03\x02\0\x0b\x02\0\x0b\x02\0\x0b"] {
        let error = decode(&[head, code].concat()).unwrap_err();
        assert!(
            error.message.contains("function section") || error.message.contains("inconsistent"),
            "{error}"
        );
    }
    decode(&[&head[..], b"\x0a\x07\x02\x02\0\x0b\x02\0\x0b"].concat()).unwrap();
    // One body too few for the section's size.
    let error = decode(&[&head[..], b"\x0a\x08\x02\x02\0\x0b\x02\0\x0b\0"].concat()).unwrap_err();
    assert_eq!(error.section, Section::Code, "{error}");
}

#[test]
fn nothing_in_the_bytes_panics() {
    let good = bytes(
        r#"(module (import "" "" (global i32)) (table 2 funcref) (memory 1)
            (global i32 (global.get 0)) (func $f (param i32) (result i32) local.get 0)
            (export "f" (func $f)) (elem (i32.const 0) $f) (data (i32.const 0) "x"))"#,
    );
    for at in 0..good.len() {
        for value in 0..=255 {
            let mut wasm = good.clone();
            wasm[at] = value;
            for features in [Features::NONE, Features::default(), Features::all()] {
                if let Ok(decoded) = DecodedModule::decode(wasm.to_vec(), features) {
                    let _ = decoded.validate_all();
                    let _ = decoded.detected();
                }
            }
        }
    }
}
