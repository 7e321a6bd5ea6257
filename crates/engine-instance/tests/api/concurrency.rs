//! Modules loaded, called and dropped by many threads of one engine at once.

use crate::*;

/// Functions that call each other, of which the last is exported.
fn chain(length: u32, salt: i32) -> Vec<u8> {
    let mut text = String::from("(module (func $f0 (param i32) (result i32) local.get 0)");
    for i in 1..length {
        text.push_str(&format!(
            " (func $f{i} (param i32) (result i32) local.get 0 i32.const {salt} i32.add call $f{})",
            i - 1
        ));
    }
    text.push_str(&format!(r#" (export "run" (func $f{})))"#, length - 1));
    wat::parse_str(text).expect("text format")
}

#[test]
fn many_threads_load_call_and_drop_modules() {
    const THREADS: u32 = 8;
    const MODULES: u32 = 250;
    let mut config = Config::new();
    config.compile_tasks(4);
    let eager = Engine::new(&config).unwrap();
    config.compilation_mode(CompilationMode::Lazy);
    let lazy = Engine::new(&config).unwrap();
    let shared: Vec<Module> =
        [&eager, &lazy].iter().map(|engine| Module::new(engine, chain(400, 1)).unwrap()).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (eager, lazy, shared) = (&eager, &lazy, &shared);
            scope.spawn(move || {
                for i in 0..MODULES {
                    let engine = if (i + thread) % 2 == 0 { eager } else { lazy };
                    let length = 2 + (i * 37 + thread * 11) % 120;
                    let bytes = chain(length, 3);
                    if i % 10 == 9 {
                        // An invalid one in between: its last byte of code is missing.
                        assert!(Module::new(engine, &bytes[..bytes.len() - 1]).is_err());
                        continue;
                    }
                    let module = Module::new(engine, &bytes).unwrap();
                    if i % 7 == 0 {
                        // Dropped without having been called.
                        continue;
                    }
                    let mut store = Store::new(engine, ());
                    let instance = Instance::new(&mut store, &module, &[]).unwrap();
                    let sum: i32 = call(&mut store, instance, "run", 5).unwrap();
                    assert_eq!(sum, 5 + 3 * (length as i32 - 1));
                    // A module that all threads use, and compile lazily together.
                    for module in shared {
                        let mut store = Store::new(module.engine(), ());
                        let instance = Instance::new(&mut store, module, &[]).unwrap();
                        let sum: i32 = call(&mut store, instance, "run", 0).unwrap();
                        assert_eq!(sum, 399);
                    }
                }
            });
        }
    });
    assert_eq!(shared[1].lazy_stats().functions, 400);
}
