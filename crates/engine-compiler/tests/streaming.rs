//! Modules that are compiled while they arrive are those that are compiled as a whole, however they are cut.

use engine_compiler::*;
use engine_decoder::{DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{AccessMode, TargetFeatures};
use std::sync::Arc;

fn compiler(compile_tasks: usize) -> Arc<Compiler> {
    let target = TargetFeatures::detect().expect("a supported CPU");
    let config = CompilerConfig {
        target,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        tiering: Tiering::default(),
        tier_up_budget: 1000,
        passes: engine_compiler::Passes::ALL,
        compile_tasks,
    };
    Compiler::new(config).expect("code memory")
}

/// What comes of a module: the code of its functions, or the error.
type Outcome = Result<Vec<Vec<u8>>, CompileError>;

fn code(decoded: &DecodedModule, state: &CompilationState) -> Vec<Vec<u8>> {
    let functions = (0..decoded.module.num_defined_functions()).map(DefinedFuncIndex);
    functions.map(|func| state.native().code_of(func).expect("has code").1).collect()
}

fn whole(compiler: &Compiler, bytes: &[u8]) -> Outcome {
    let decoded = DecodedModule::decode(bytes.to_vec(), Features::default()).map_err(CompileError::Decode)?;
    let state = compiler.compile(&decoded, AccessMode::Guarded, Start::Eager)?;
    Ok(code(&decoded, &state))
}

fn streamed<'a>(compiler: &Arc<Compiler>, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let features = Features::default();
    let mut streaming = StreamingCompiler::new(compiler, features, AccessMode::Guarded, Start::Eager);
    for chunk in chunks {
        if let Err(error) = streaming.push(chunk) {
            assert_eq!(streaming.push(b"more"), Err(error.clone()), "errors are final");
            assert_eq!(streaming.finish().map(drop), Err(error.clone()));
            return Err(error);
        }
    }
    let (decoded, state) = streaming.finish()?;
    assert!(state.native().module().bodies.len() == decoded.module.bodies.len(), "the module is whole");
    Ok(code(&decoded, &state))
}

/// Checks a module cut at every point, and in pieces of some sizes.
fn check(bytes: &[u8]) -> Outcome {
    let compilers = [compiler(0), compiler(3)];
    let expected = whole(&compilers[0], bytes);
    for compiler in &compilers {
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert!(streamed(compiler, [head, tail]) == expected, "cut at {at}: {expected:?}");
        }
        for size in [1, 3, 10, 100] {
            assert!(streamed(compiler, bytes.chunks(size)) == expected, "pieces of {size}: {expected:?}");
        }
    }
    expected
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("well formed")
}

const SAMPLE: &str = r#"(module
    (import "env" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $g (mut i32) (i32.const 7))
    (table 4 funcref)
    (elem (i32.const 0) $double $f)
    (func $double (export "double") (param i32) (result i32)
        (i32.add (local.get 0) (local.get 0)))
    (func (param i32) (result i32)
        (loop $again
            (global.set $g (call $f (global.get $g)))
            (br_if $again (i32.lt_u (global.get $g) (local.get 0))))
        (call_indirect (param i32) (result i32) (global.get $g) (local.get 0)))
    (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 5)))
    (func (local i32) (data.drop 1))
    (data "hello")
    (data (i32.const 8) "there"))"#;

#[test]
fn a_module_is_the_same_however_it_arrives() {
    assert_eq!(check(&wasm(SAMPLE)).expect("compiles").len(), 4);
}

#[test]
fn modules_without_code() {
    for text in ["(module)", r#"(module (memory 1) (data (i32.const 0) "x"))"#] {
        assert_eq!(check(&wasm(text)).expect("compiles").len(), 0);
    }
}

/// Where the sections of a module start, and its end.
fn sections(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![8];
    let mut at = 8;
    while at < bytes.len() {
        let mut reader = wasmparser::BinaryReader::new(&bytes[at + 1..], 0);
        let len = reader.read_var_u32().expect("a size") as usize;
        at += 1 + reader.current_position() + len;
        starts.push(at);
    }
    starts
}

#[test]
fn custom_sections_stand_anywhere() {
    let bytes = wasm(SAMPLE);
    let expected = whole(&compiler(0), &bytes).expect("compiles");
    for at in sections(&bytes) {
        let (head, tail) = bytes.split_at(at);
        let bytes = [head, b"\x00\x04\x02hi!", tail].concat();
        assert_eq!(check(&bytes).expect("compiles"), expected);
    }
}

#[test]
fn unknown_sections_and_bytes_after_the_end_are_errors() {
    let bytes = wasm(SAMPLE);
    for at in sections(&bytes) {
        let (head, tail) = bytes.split_at(at);
        check(&[head, b"\x7e\x01x", tail].concat()).expect_err("a section with an unknown id");
    }
    for tail in [&b"\0"[..], b"\x01", b"\x0a\x01\x00", b"\0asm\x01\0\0\0"] {
        check(&[&bytes, tail].concat()).expect_err("bytes after the end");
    }
}

#[test]
fn truncated_modules_are_errors() {
    let bytes = wasm(SAMPLE);
    let (few, more) = (compiler(0), compiler(3));
    for end in 0..bytes.len() {
        let expected = whole(&few, &bytes[..end]);
        for compiler in [&few, &more] {
            assert!(streamed(compiler, bytes[..end].chunks(7)) == expected, "the first {end} bytes");
        }
    }
}

#[test]
fn a_wrong_number_of_functions_is_an_error() {
    let mut bytes = wasm("(module (func) (func) (func (result i32) i32.const 1))");
    let code = sections(&bytes)[2];
    assert_eq!((bytes[code], bytes[code + 2]), (10, 3));
    for count in [0, 1, 2, 4] {
        bytes[code + 2] = count;
        check(&bytes).expect_err("the function section says 3");
    }
}

#[test]
fn the_first_of_several_errors_is_reported() {
    // In a body, in two, in one and behind the code section, in a body and one that is cut short.
    check(&wasm("(module (func) (func i32.add) (func))")).expect_err("an invalid body");
    let two = wasm("(module (func) (func i32.add) (func) (func i64.add) (func))");
    let error = check(&two).expect_err("two invalid bodies");
    assert!(error.to_string().starts_with("Compiling function #1 failed: "), "{error}");
    let behind = [&two[..], b"\x7e\x01x"].concat();
    assert_eq!(check(&behind), Err(error.clone()));
    assert_eq!(check(&two[..two.len() - 2]), Err(error));
}

#[test]
fn names_that_come_last_are_in_the_message() {
    let bytes = wasm("(module (func) (func $broken i32.add))");
    let error = streamed(&compiler(0), bytes.chunks(bytes.len())).expect_err("an invalid body");
    assert!(error.to_string().starts_with(r#"Compiling function #1 "broken" failed: "#), "{error}");
}

#[test]
fn an_error_is_reported_when_it_is_certain() {
    let compiler = compiler(3);
    // Enough for the workers to be asked.
    let filler = "(func (local i32) local.get 0 drop)".repeat(20_000);
    let large = wasm(&format!("(module (func i32.add) {filler})"));
    let mut streaming =
        StreamingCompiler::new(&compiler, Features::default(), AccessMode::Guarded, Start::Eager);
    let (head, _) = large.split_at(large.len() - 10);
    let mut result = streaming.push(head);
    while result.is_ok() {
        result = streaming.push(&[]);
        std::thread::yield_now();
    }
    assert!(result.unwrap_err().to_string().starts_with("Compiling function #0"));
}

#[test]
fn lazy_modules_stream_too() {
    let bytes = wasm(SAMPLE);
    for validation in [LazyValidation::AtLoad, LazyValidation::AtFirstCall] {
        let start = Start::Lazy(validation);
        for size in [1, 13, 1000] {
            let features = Features::default();
            let mut streaming = StreamingCompiler::new(&compiler(2), features, AccessMode::Guarded, start);
            bytes.chunks(size).for_each(|chunk| streaming.push(chunk).unwrap());
            let (decoded, state) = streaming.finish().expect("valid");
            assert_eq!(state.native().code_bytes(), 0);
            for func in 0..decoded.module.num_defined_functions() {
                state.compile_now(DefinedFuncIndex(func)).expect("valid");
            }
            assert_eq!(code(&decoded, &state), whole(&compiler(0), &bytes).unwrap());
        }
    }
}

#[test]
fn a_large_module_is_the_same_where_only_its_deliverer_compiles() {
    let filler = "(func (local i32) local.get 0 i32.const 3 i32.mul drop)".repeat(50_000);
    let large = wasm(&format!("(module {filler})"));
    let compiler = compiler(0);
    let mut streaming =
        StreamingCompiler::new(&compiler, Features::default(), AccessMode::Guarded, Start::Eager);
    large.chunks(10_000).for_each(|chunk| streaming.push(chunk).unwrap());
    let (decoded, state) = streaming.finish().expect("valid");
    assert_eq!(state.outstanding(Level::Baseline), 0);
    assert!(code(&decoded, &state) == whole(&compiler, &large).unwrap());
}

#[test]
fn dropping_in_the_middle_stops() {
    let filler = "(func (local i32) local.get 0 drop)".repeat(5_000);
    let large = wasm(&format!("(module {filler})"));
    let compiler = compiler(4);
    for part in 1..20 {
        let mut streaming =
            StreamingCompiler::new(&compiler, Features::default(), AccessMode::Guarded, Start::Eager);
        for chunk in large[..large.len() / 20 * part].chunks(5000) {
            streaming.push(chunk).unwrap();
        }
        if part % 2 == 0 { streaming.abort() } else { drop(streaming) }
    }
}
