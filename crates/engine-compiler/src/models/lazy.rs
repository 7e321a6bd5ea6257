//! Of threads that call a function at once, one compiles it and the others wait; an error is everybody's own.

use super::*;
use crate::tier::Baseline;
use shuttle::sync::mpsc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The single-pass compiler, which counts how often it is used and lets others run meanwhile. Refuses everything as often as it is told to.
struct Counting {
    compiled: Arc<AtomicUsize>,
    refusals: Arc<AtomicUsize>,
}

impl Tier for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }
    fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        thread::yield_now();
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let refusals = &self.refusals;
        if refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let model = Model::refusing(&[0, 1]);
            return Box::new(Compiling { level: Level::Baseline, model, empty: CodeBatch::default() });
        }
        Baseline.functions(env)
    }
}

/// A module of two functions.
fn pair() -> &'static DecodedModule {
    static MODULE: OnceLock<DecodedModule> = OnceLock::new();
    MODULE.get_or_init(|| decode("(module (func) (func (result i32) i32.const 1))"))
}

/// A compilation with nothing compiled, and how often something was.
fn cold(refusals: usize) -> (Arc<CompilationState>, Arc<AtomicUsize>) {
    let compiled = Arc::new(AtomicUsize::new(0));
    let refusals = Arc::new(AtomicUsize::new(refusals));
    let tier: Arc<dyn Tier> = Arc::new(Counting { compiled: Arc::clone(&compiled), refusals });
    (with_tiers(pair(), CompileMode::Regular, [Arc::clone(&tier), tier]), compiled)
}

/// Calls functions at once, one in each thread.
fn call<const N: usize>(state: &Arc<CompilationState>, functions: [u32; N]) -> [Result<(), CompileError>; N] {
    let threads = functions.map(|func| {
        let state = Arc::clone(state);
        thread::spawn(move || {
            let result = state.compile_now(DefinedFuncIndex(func));
            // Whoever comes back without an error may run the code.
            assert_eq!(result.is_ok(), state.native().code_of(DefinedFuncIndex(func)).is_some());
            result
        })
    });
    threads.map(|thread| thread.join().unwrap())
}

#[test]
fn of_two_threads_one_compiles_and_the_other_waits() {
    exhaustive(3, || {
        let (state, compiled) = cold(0);
        assert_eq!(call(&state, [1, 1]), [Ok(()), Ok(())]);
        assert_eq!((compiled.load(Ordering::Relaxed), state.lazy_stats().functions), (1, 1));
    });
}

#[test]
fn of_many_threads_one_compiles_each_function() {
    random(2_000, || {
        let (state, compiled) = cold(0);
        assert!(call(&state, [0, 1, 0, 1, 1]).into_iter().all(|result| result.is_ok()));
        assert_eq!((compiled.load(Ordering::Relaxed), state.lazy_stats().functions), (2, 2));
    });
}

#[test]
fn functions_do_not_wait_for_each_other() {
    // The first one's compiler goes on only when the second one has been compiled.
    type Channels = (mpsc::Sender<()>, mpsc::Receiver<()>);
    struct Waits(Mutex<Option<Channels>>);
    impl Tier for Waits {
        fn name(&self) -> &'static str {
            "waits"
        }
        fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
            let channels = self.0.lock().unwrap().take();
            if let Some((begun, go_on)) = channels {
                begun.send(()).unwrap();
                go_on.recv().unwrap();
            }
            Baseline.functions(env)
        }
    }
    exhaustive(2, || {
        let ((begins, begun), (sender, go_on)) = (mpsc::channel(), mpsc::channel());
        let tier: Arc<dyn Tier> = Arc::new(Waits(Mutex::new(Some((begins, go_on)))));
        let state = with_tiers(pair(), CompileMode::Regular, [Arc::clone(&tier), tier]);
        let first = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.compile_now(DefinedFuncIndex(0)))
        };
        begun.recv().unwrap();
        state.compile_now(DefinedFuncIndex(1)).unwrap();
        sender.send(()).unwrap();
        first.join().unwrap().unwrap();
    });
}

#[test]
fn an_error_is_not_the_next_callers() {
    exhaustive(2, || {
        let (state, compiled) = cold(1);
        let results = call(&state, [1, 1]);
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
        assert_eq!((compiled.load(Ordering::Relaxed), state.lazy_stats().functions), (2, 1));
        state.compile_now(DefinedFuncIndex(1)).unwrap();
    });
}

#[test]
fn many_errors_leave_nobody_waiting() {
    random(1_000, || {
        let (state, compiled) = cold(3);
        let results = call(&state, [0, 0, 0, 0]);
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 3);
        assert_eq!(compiled.load(Ordering::Relaxed), 4);
    });
}
