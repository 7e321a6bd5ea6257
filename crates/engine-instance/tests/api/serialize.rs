//! Modules as bytes.
#![allow(unsafe_code)]

use crate::folder::Folder;
use crate::*;

const TEXT: &str = r#"(module $counter
    (import "host" "step" (func $step (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "\05\00\00\00")
    (table funcref (elem $bump))
    (type $t (func (result i32)))
    (func $bump (type $t)
        i32.const 16 (i32.add (i32.load (i32.const 16)) (call $step)) i32.store
        i32.const 16 i32.load)
    (func (export "bump") (type $t) i32.const 0 call_indirect (type $t))
    (func $inner unreachable)
    (func (export "fail") call $inner))"#;

fn bytes_of(engine: &Engine) -> Vec<u8> {
    compile(engine, TEXT).serialize().unwrap()
}

fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Module> {
    // SAFETY: tests take what was serialized, perhaps damaged.
    unsafe { Module::deserialize(engine, bytes) }
}

/// Uses everything in the module.
fn check(module: &Module) {
    let engine = module.engine();
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "step", || 3).unwrap();
    let instance = linker.instantiate(&mut store, module).unwrap();
    assert_eq!(call::<_, i32>(&mut store, instance, "bump", ()).unwrap(), 8);
    assert_eq!(call::<_, i32>(&mut store, instance, "bump", ()).unwrap(), 11);
    let error = call::<_, ()>(&mut store, instance, "fail", ()).unwrap_err();
    let backtrace = error.backtrace().unwrap().to_string();
    assert!(backtrace.contains("counter") && backtrace.contains("inner"), "{backtrace}");
    let expected = {
        let module = compile(engine, TEXT);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        call::<_, ()>(&mut store, instance, "fail", ()).unwrap_err().backtrace().unwrap().to_string()
    };
    assert_eq!(backtrace, expected);
}

fn error_of(result: Result<Module>) -> ArtifactError {
    result.unwrap_err().downcast_ref::<ArtifactError>().expect("an artifact's error").clone()
}

#[test]
fn a_module_comes_back() {
    for mode in [CompilationMode::Eager, CompilationMode::Lazy] {
        let mut config = Config::new();
        config.compilation_mode(mode);
        let engine = Engine::new(&config).unwrap();
        let bytes = bytes_of(&engine);
        assert!(is_serialized(&bytes));
        check(&deserialize(&engine, &bytes).unwrap());
    }
}

#[test]
fn a_module_comes_back_from_a_file() {
    let (engine, folder) = (Engine::default(), Folder::new("serialized-file"));
    let path = folder.path().join("a.cwasm");
    std::fs::write(&path, bytes_of(&engine)).unwrap();
    // SAFETY: nobody changes the file; it may be removed.
    let module = unsafe { Module::deserialize_file(&engine, &path) }.unwrap();
    std::fs::remove_file(&path).unwrap();
    check(&module);
}

#[test]
fn the_bytes_are_the_same_however_the_module_was_made() {
    let engine = Engine::default();
    let bytes = bytes_of(&engine);
    let wasm = wat::parse_str(TEXT).unwrap();
    assert!(engine.precompile_module(&wasm).unwrap() == bytes);
    let mut config = Config::new();
    config.compilation_mode(CompilationMode::Lazy).compile_tasks(0);
    assert!(bytes_of(&Engine::new(&config).unwrap()) == bytes);
    assert!(deserialize(&engine, &bytes).unwrap().serialize().unwrap() == bytes);
}

#[test]
fn memories_without_guards_get_code_of_their_own() {
    let engine = Engine::default();
    let mut checked = Config::new();
    checked.memory_guard(false);
    let checked = Engine::new(&checked).unwrap();
    check(&deserialize(&checked, &bytes_of(&checked)).unwrap());
    assert!(error_of(deserialize(&checked, &bytes_of(&engine))).to_string().contains("guard pages"));
}

#[test]
fn code_for_a_lesser_cpu_runs_on_a_better_one_and_not_the_reverse() {
    let Some(host) = TargetFeatures::detect() else { return };
    let floor = TargetFeatures::floor(host.arch);
    let mut config = Config::new();
    let old = Engine::new(config.target(floor)).unwrap();
    let new = Engine::default();
    check(&deserialize(&new, &bytes_of(&old)).unwrap());
    if host != floor {
        assert!(matches!(error_of(deserialize(&old, &bytes_of(&new))), ArtifactError::CpuFeature(_)));
    }
}

#[test]
fn optimised_code_comes_back_in_any_engine() {
    let mut config = Config::new();
    let engine = Engine::new(config.tiering(Tiering::Off(engine_machine::Tier::Optimized))).unwrap();
    let bytes = bytes_of(&engine);
    check(&deserialize(&engine, &bytes).unwrap());
    check(&deserialize(&Engine::default(), &bytes).unwrap());
}

#[test]
fn settings_must_agree() {
    let engine = Engine::default();
    let bytes = bytes_of(&engine);
    let refused = |change: fn(&mut Config)| {
        let mut config = Config::new();
        change(&mut config);
        error_of(deserialize(&Engine::new(&config).unwrap(), &bytes)).to_string()
    };
    assert!(
        refused(|config| {
            config.spectre(false);
        })
        .contains("misspeculation")
    );
    assert!(
        refused(|config| {
            config.canonicalize_nans(true);
        })
        .contains("NaN")
    );
    let fewer = Features::WASM2.without(Features::BULK_MEMORY);
    let mut config = Config::new();
    let error = error_of(deserialize(&Engine::new(config.wasm_features(fewer)).unwrap(), &bytes));
    assert!(error.to_string().contains("bulk-memory"), "{error}");
}

#[test]
fn code_that_can_be_interrupted_runs_where_nobody_does() {
    let mut config = Config::new();
    let never = Engine::new(config.interruptible(false)).unwrap();
    let polls = Engine::default();
    check(&deserialize(&never, &bytes_of(&polls)).unwrap());
    let error = error_of(deserialize(&polls, &bytes_of(&never)));
    assert!(error.to_string().contains("interruption"), "{error}");
}

#[test]
fn other_bytes_are_refused() {
    let engine = Engine::default();
    let wasm = wat::parse_str(TEXT).unwrap();
    assert!(!is_serialized(&wasm));
    for bytes in [&wasm[..], b"", b"\x7fcwasm", TEXT.as_bytes()] {
        assert_eq!(error_of(deserialize(&engine, bytes)), ArtifactError::NotAnArtifact);
    }
    let bytes = bytes_of(&engine);
    assert!(matches!(error_of(deserialize(&engine, &bytes[..100])), ArtifactError::Damaged(_)));
    // And a module is not taken for what it was compiled to.
    assert!(Module::new(&engine, &bytes).is_err());
}

#[test]
fn damaged_code_is_compiled_instead() {
    let engine = Engine::default();
    let bytes = bytes_of(&engine);
    let (mut loaded, mut refused) = (0, 0);
    for at in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        match deserialize(&engine, &damaged) {
            Ok(module) => {
                loaded += 1;
                check(&module);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(loaded > 50 && refused > 50, "{loaded} {refused}");
}
