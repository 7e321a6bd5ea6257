//! The code cache.
#![allow(unsafe_code)]

use crate::folder::Folder;
use crate::*;
use std::fs;
use std::path::Path;

fn config(dir: &Path, mode: CompilationMode) -> Config {
    let mut config = Config::new();
    config.cache(dir).compilation_mode(mode).compile_tasks(2);
    config
}

fn engine(dir: &Path, mode: CompilationMode) -> Engine {
    Engine::new(&config(dir, mode)).unwrap()
}

/// An engine that makes no thread: entries get what is called.
fn alone(dir: &Path) -> Engine {
    Engine::new(config(dir, CompilationMode::Lazy).compile_tasks(0)).unwrap()
}

const TEXT: &str = r#"(module
    (func $square (param i32) (result i32) local.get 0 local.get 0 i32.mul)
    (func (export "f") (param i32) (result i32) local.get 0 call $square i32.const 1 i32.add)
    (func (export "g") (param i32) (result i32) (local i32)
        loop
            local.get 0 local.get 1 i32.add local.set 1
            local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0
        end
        local.get 1))"#;

/// Loads the module and calls what it exports.
fn use_it(engine: &Engine, exports: &[&str]) {
    let module = compile(engine, TEXT);
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    for &export in exports {
        let expected = if export == "f" { 101 } else { 55 };
        assert_eq!(call::<_, i32>(&mut store, instance, export, 10).unwrap(), expected);
    }
}

fn stats(hits: u64, misses: u64, rejected: u64, stored: u64) -> CacheStats {
    let mut stats = CacheStats::default();
    (stats.hits, stats.misses, stats.rejected, stats.stored) = (hits, misses, rejected, stored);
    stats
}

#[test]
fn what_is_compiled_once_is_there_the_next_time() {
    use CompilationMode::{Eager, Lazy};
    for (first, second) in [(Eager, Eager), (Eager, Lazy), (Lazy, Eager), (Lazy, Lazy)] {
        let folder = Folder::new(&format!("twice-{first:?}-{second:?}"));
        let one = engine(folder.path(), first);
        use_it(&one, &["f", "g"]);
        assert_eq!(one.cache_stats(), stats(0, 1, 0, 1));
        let two = engine(folder.path(), second);
        use_it(&two, &["g", "f"]);
        assert_eq!(two.cache_stats(), stats(1, 0, 0, 0), "{first:?} then {second:?}");
        folder.file();
    }
}

#[test]
fn what_is_not_called_is_compiled_in_the_background() {
    let folder = Folder::new("background");
    let one = engine(folder.path(), CompilationMode::Lazy);
    let module = compile(&one, TEXT);
    one.finish_cache();
    assert_eq!(one.cache_stats(), stats(0, 1, 0, 1));
    drop(module);
    assert_eq!(one.cache_stats().stored, 1);
    // Nothing is missing: nothing is stored.
    let two = alone(folder.path());
    use_it(&two, &["f", "g"]);
    assert_eq!(two.cache_stats(), stats(1, 0, 0, 0));
}

#[test]
fn what_comes_from_the_cache_is_optimised_when_it_is_hot() {
    let folder = Folder::new("tiers");
    let text = r#"(module
        (func $square (param i32) (result i32) local.get 0 local.get 0 i32.mul)
        (func (export "f") (param i32) (result i32) local.get 0 call $square i32.const 1 i32.add))"#;
    let mut config = config(folder.path(), CompilationMode::Eager);
    let engine = Engine::new(config.tiering(Tiering::Dynamic).tier_up_budget(1).compile_tasks(0)).unwrap();
    compile(&engine, text);
    let module = compile(&engine, text);
    assert_eq!(engine.cache_stats(), stats(1, 1, 0, 1));
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    for _ in 0..100 {
        assert_eq!(call::<_, i32>(&mut store, instance, "f", 10).unwrap(), 101);
    }
    assert!(module.tier_stats().optimized_functions > 0);
}

#[test]
fn jobs_use_the_cache() {
    for mode in [CompilationMode::Eager, CompilationMode::Lazy] {
        let folder = Folder::new(&format!("job-{mode:?}"));
        for expected in [stats(0, 1, 0, 1), stats(1, 0, 0, 0)] {
            let engine = engine(folder.path(), mode);
            let module = Module::compile_async(&engine, wat::parse_str(TEXT).unwrap()).wait().unwrap();
            engine.finish_cache();
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            assert_eq!(call::<_, i32>(&mut store, instance, "f", 10).unwrap(), 101);
            assert_eq!(engine.cache_stats(), expected);
        }
        // One that is cancelled leaves nothing that is wrong.
        let engine = engine(folder.path(), mode);
        let other = wat::parse_str(r#"(module (func (export "f") nop))"#).unwrap();
        Module::compile_async(&engine, other.clone()).abort();
        engine.finish_cache();
        Module::new(&engine, other).unwrap();
        assert_eq!(engine.cache_stats().rejected, 0);
    }
}

#[test]
fn an_entry_grows_with_what_is_called() {
    let folder = Folder::new("grows");
    let engine = alone(folder.path());
    use_it(&engine, &[]);
    assert!(folder.files().is_empty(), "nothing was compiled");
    use_it(&engine, &["f"]);
    let len = fs::metadata(folder.file()).unwrap().len();
    use_it(&engine, &["f"]);
    assert_eq!(engine.cache_stats(), stats(1, 2, 0, 1));
    use_it(&engine, &["f", "g"]);
    assert_eq!(engine.cache_stats(), stats(2, 2, 0, 2));
    assert!(fs::metadata(folder.file()).unwrap().len() > len);
    use_it(&engine, &["f", "g"]);
    assert_eq!(engine.cache_stats(), stats(3, 2, 0, 2));
}

#[test]
fn what_decides_the_code_decides_the_entry() {
    let folder = Folder::new("keys");
    let changes: [fn(&mut Config); 7] = [
        |_| (),
        |config| {
            config.spectre(false);
        },
        |config| {
            config.canonicalize_nans(true);
        },
        |config| {
            config.tiering(Tiering::Off(engine_machine::Tier::Optimized));
        },
        |config| {
            config.tiering(Tiering::Off(engine_machine::Tier::Baseline));
        },
        |config| {
            config.memory_guard(false);
        },
        |config| {
            config.wasm_features(Features::WASM2.without(Features::BULK_MEMORY));
        },
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut config = config(folder.path(), CompilationMode::Eager);
        change(&mut config);
        let engine = Engine::new(&config).unwrap();
        use_it(&engine, &["f"]);
        assert_eq!((engine.cache_stats().hits, folder.files().len()), (0, i + 1));
    }
}

#[test]
fn a_flipped_bit_is_found_and_the_entry_made_anew() {
    let folder = Folder::new("flips");
    use_it(&engine(folder.path(), CompilationMode::Eager), &["f", "g"]);
    let (path, one) = (folder.file(), alone(folder.path()));
    let good = fs::read(&path).unwrap();
    let mut flips = 0;
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        use_it(&one, &["f", "g"]);
        flips += 1;
        assert_eq!(one.cache_stats().rejected, flips, "byte {at}");
        if at % 16 == 0 {
            // The second run may have to add what the first one did not compile.
            use_it(&one, &["f", "g"]);
            let hits = one.cache_stats().hits;
            use_it(&one, &["f", "g"]);
            assert_eq!((one.cache_stats().hits, one.cache_stats().rejected), (hits + 1, flips));
        }
    }
}

#[test]
fn cut_off_empty_and_foreign_entries_are_replaced() {
    let folder = Folder::new("foreign");
    use_it(&engine(folder.path(), CompilationMode::Eager), &["f"]);
    let path = folder.file();
    let good = fs::read(&path).unwrap();
    let other = {
        let folder = Folder::new("foreign-other");
        compile(&engine(folder.path(), CompilationMode::Eager), "(module (func))");
        fs::read(folder.file()).unwrap()
    };
    let serialized = compile(&Engine::default(), TEXT).serialize().unwrap();
    let half = &good[..good.len() / 2];
    for bytes in [
        half,
        &good[..good.len() - 1],
        b"",
        b"\0asm\x01\0\0\0",
        &other,
        &[good.clone(), serialized].concat()[1..],
    ] {
        fs::write(&path, bytes).unwrap();
        let engine = engine(folder.path(), CompilationMode::Eager);
        use_it(&engine, &["f", "g"]);
        assert_eq!(engine.cache_stats(), stats(0, 0, 1, 1));
        assert!(fs::read(&path).unwrap().len() == good.len());
    }
}

#[test]
fn a_full_cache_forgets() {
    let folder = Folder::new("limit");
    let text = |i: usize| format!(r#"(module (func (export "f") {}))"#, "nop ".repeat(i));
    compile(&engine(folder.path(), CompilationMode::Eager), &text(0));
    let size = fs::metadata(folder.file()).unwrap().len();
    let mut config = config(folder.path(), CompilationMode::Eager);
    let engine = Engine::new(config.cache_limit(3 * size)).unwrap();
    for i in 1..10 {
        compile(&engine, &text(i));
    }
    assert_eq!(folder.files().len(), 3);
    assert_eq!(engine.cache_stats().stored, 9);
    // What is too large to be kept is not written.
    let engine = Engine::new(config.cache_limit(size - 1)).unwrap();
    let files = folder.files();
    compile(&engine, &text(100));
    assert!(engine.cache_stats().stored == 0 || folder.files().len() < files.len());
}

#[test]
fn invalid_modules_are_refused_as_ever() {
    let folder = Folder::new("invalid");
    let text = r#"(module (func (export "good")) (func (export "bad") i32.add))"#;
    let mut unvalidated = config(folder.path(), CompilationMode::Lazy);
    let unvalidated = Engine::new(unvalidated.lazy_validation(LazyValidation::AtFirstCall)).unwrap();
    let bytes = wat::parse_str(text).unwrap();
    for _ in 0..2 {
        let eager = engine(folder.path(), CompilationMode::Eager);
        let expected = Module::new(&eager, &bytes).unwrap_err().to_string();
        let lazy = engine(folder.path(), CompilationMode::Lazy);
        assert_eq!(Module::new(&lazy, &bytes).unwrap_err().to_string(), expected);
        assert_eq!((eager.cache_stats().stored, lazy.cache_stats().stored), (0, 0));
        // Leaves an entry with the valid function, which says nothing about the other.
        let module = Module::new(&unvalidated, &bytes).unwrap();
        let mut store = Store::new(&unvalidated, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        call::<_, ()>(&mut store, instance, "good", ()).unwrap();
        assert!(call::<_, ()>(&mut store, instance, "bad", ()).is_err());
    }
    assert_eq!(folder.files().len(), 1);
}

#[test]
fn engines_share_a_folder() {
    let folder = Folder::new("shared");
    std::thread::scope(|scope| {
        for i in 0..8 {
            let folder = &folder;
            scope.spawn(move || {
                for j in 0..20 {
                    let mode = if (i + j) % 2 == 0 { CompilationMode::Eager } else { CompilationMode::Lazy };
                    use_it(&engine(folder.path(), mode), if j % 3 == 0 { &["f"] } else { &["f", "g"] });
                }
            });
        }
    });
    let last = engine(folder.path(), CompilationMode::Eager);
    use_it(&last, &["f", "g"]);
    assert_eq!(last.cache_stats().rejected, 0);
    folder.file();
}

#[test]
fn a_cache_entry_is_no_serialized_module() {
    let folder = Folder::new("entry");
    use_it(&engine(folder.path(), CompilationMode::Eager), &["f"]);
    // SAFETY: nobody changes the file.
    let error = unsafe { Module::deserialize_file(&Engine::default(), folder.file()) }.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&ArtifactError::NoModule));
}

#[test]
fn a_folder_that_everyone_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("open");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Engine::new(&config(folder.path(), CompilationMode::Eager)).unwrap_err();
    assert!(format!("{error:#}").contains("every user may write"), "{error:#}");
    // What is made for the cache is its owner's alone.
    let dir = folder.path().join("made/for/it");
    use_it(&engine(&dir, CompilationMode::Eager), &["f"]);
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
}
