//! Many threads that do everything with the modules of one engine at once.

use crate::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const THREADS: usize = 8;
const MODULES: usize = 2_000;

/// A module of functions that call each other, of which the last is exported; and what that returns for 1.
fn chain(length: usize) -> (Vec<u8>, i32) {
    let mut text = String::from("(module (func (param i32) (result i32) local.get 0)");
    for i in 1..length {
        let callee = i - 1;
        text.push_str(&format!(
            " (func (param i32) (result i32) (i32.add (i32.const {i}) (call {callee} (local.get 0))))"
        ));
    }
    text.push_str(&format!(r#" (export "run" (func {})))"#, length - 1));
    let sum = 1 + (1..length as i32).sum::<i32>();
    (wat::parse_str(text).expect("text format"), sum)
}

/// A xorshift generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

fn check(module: &Module, expected: i32) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("instantiation");
    assert_eq!(call::<_, i32>(&mut store, instance, "run", 1).unwrap(), expected);
}

/// Gives a module to a streaming compiler, and stops before some chunk.
fn push(engine: &Engine, bytes: &[u8], chunk: usize, stop: usize) -> (StreamingCompiler, bool) {
    let mut streaming = StreamingCompiler::new(engine);
    for (i, chunk) in bytes.chunks(chunk).enumerate() {
        if i == stop {
            return (streaming, false);
        }
        streaming.push(chunk).expect("a valid prefix");
    }
    (streaming, true)
}

#[test]
fn eight_threads_compile_call_abort_and_drop_two_thousand_modules() {
    let mut config = Config::new();
    config.compile_tasks(4);
    let eager = Engine::new(&config).unwrap();
    let lazy = Engine::new(config.compilation_mode(CompilationMode::Lazy)).unwrap();
    let modules: Vec<_> = [1, 2, 17, 120, 900].into_iter().map(chain).collect();
    let shared: Vec<_> =
        modules.iter().map(|(bytes, sum)| (Module::new(&lazy, bytes).unwrap(), *sum)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= MODULES {
                        return;
                    }
                    let mut random = Random((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
                    // Seeds that differ little need a few steps to part.
                    for _ in 0..4 {
                        random.below(2);
                    }
                    let engine = if random.below(2) == 0 { &eager } else { &lazy };
                    let (bytes, sum) = &modules[random.below(modules.len())];
                    match random.below(8) {
                        0 | 1 => check(&Module::new(engine, bytes).unwrap(), *sum),
                        2 => check(&Module::compile_async(engine, bytes.clone()).wait().unwrap(), *sum),
                        3 => {
                            let job = Module::compile_async(engine, bytes.clone());
                            (0..random.below(5_000)).for_each(|_| std::hint::spin_loop());
                            job.abort();
                        }
                        4 => {
                            let chunk = 1 + random.below(bytes.len());
                            let (streaming, _) = push(engine, bytes, chunk, usize::MAX);
                            check(&streaming.finish().unwrap(), *sum);
                        }
                        5 => {
                            let (streaming, whole) = push(engine, bytes, 999, random.below(20));
                            match whole {
                                true => drop(streaming.finish().unwrap()),
                                false => drop(streaming),
                            }
                        }
                        6 => {
                            // Within the last body.
                            let broken = &bytes[..bytes.len() - 1 - random.below(4)];
                            assert!(Module::new(engine, broken).is_err());
                        }
                        _ => {
                            // Its functions are compiled by whichever thread calls them first.
                            let (module, sum) = &shared[random.below(shared.len())];
                            check(module, *sum);
                        }
                    }
                }
            });
        }
    });
    // However many threads called a function first, it was compiled once.
    for ((module, sum), length) in shared.iter().zip([1, 2, 17, 120, 900]) {
        check(module, *sum);
        assert_eq!(module.lazy_stats().functions, length);
    }
}
