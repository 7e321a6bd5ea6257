//! Compilation of modules by several threads: events, failures, and code that does not depend on who made it.

use engine_baseline::ModuleEnv;
use engine_codemanager::{NativeModule, WithoutCode};
use engine_compiler::*;
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{AccessMode, CodeBatch, Entry, TargetFeatures};
use std::sync::{Arc, Mutex};

fn compiler(compile_tasks: usize) -> Arc<Compiler> {
    let target = TargetFeatures::detect().expect("a supported CPU");
    let config = CompilerConfig {
        tiering: Tiering::default(),
        tier_up_budget: 1000,
        passes: engine_compiler::Passes::ALL,
        target,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        compile_tasks,
    };
    Compiler::new(config).expect("code memory")
}

/// A module of many functions, of which those in `invalid` leave nothing where they promise a value.
fn module(functions: usize, invalid: &[usize]) -> DecodedModule {
    let mut text = String::from("(module");
    for i in 0..functions {
        text.push_str(" (func (param i32) (result i32)");
        // Of different lengths, so that pieces are cut at different places.
        for _ in 0..i % 40 {
            text.push_str(" local.get 0 i32.const 3 i32.mul local.set 0");
        }
        if !invalid.contains(&i) {
            text.push_str(&format!(" local.get 0 i32.const {i} i32.add"));
        }
        text.push(')');
    }
    text.push(')');
    let bytes = wat::parse_str(text).expect("well formed");
    DecodedModule::decode(bytes, Features::default()).expect("decodes")
}

fn code(compiler: &Compiler, decoded: &DecodedModule) -> Vec<Vec<u8>> {
    let state = compiler.compile(decoded, AccessMode::Guarded, Start::Eager).expect("compiles");
    let native = state.native();
    let functions = (0..decoded.module.num_defined_functions()).map(DefinedFuncIndex);
    functions.map(|func| native.code_of(func).expect("has code").1).collect()
}

#[test]
fn code_is_the_same_for_any_number_of_threads() {
    let decoded = module(3000, &[]);
    let one = code(&compiler(1), &decoded);
    for tasks in [0, 2, 4, 8] {
        assert!(code(&compiler(tasks), &decoded) == one, "{tasks} tasks");
    }
}

#[test]
fn the_first_failure_is_reported_by_any_number_of_threads() {
    let decoded = module(3000, &[700, 701, 1500, 2999]);
    let expected = compiler(0).compile(&decoded, AccessMode::Guarded, Start::Eager).map(drop).unwrap_err();
    assert!(expected.to_string().contains("700"), "{expected}");
    for tasks in [2, 4, 8] {
        let compiler = compiler(tasks);
        for _ in 0..20 {
            let error = compiler.compile(&decoded, AccessMode::Guarded, Start::Eager).map(drop).unwrap_err();
            assert_eq!(error, expected);
        }
    }
}

/// A log of events, and a callback that writes it.
fn log() -> (Arc<Mutex<Vec<CompilationEvent>>>, impl Fn(CompilationEvent) + Send + Sync + 'static) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&log);
    (log, move |event| writer.lock().unwrap().push(event))
}

#[test]
fn events_come_once_and_in_order_also_to_latecomers() {
    use CompilationEvent::*;
    let decoded = module(500, &[]);
    for tasks in [0, 4] {
        let compiler = compiler(tasks);
        let state =
            compiler.begin(&decoded, AccessMode::Guarded, CompileMode::Tiering, Start::Eager).unwrap();
        let (early, callback) = log();
        state.on_event(callback);
        assert!(early.lock().unwrap().is_empty());
        state.queue_all();
        compiler.offer(&state);
        state.finish_baseline().unwrap();
        while state.work(usize::MAX) || state.outstanding(Level::Top) > 0 {
            std::thread::yield_now();
        }
        let (late, callback) = log();
        state.on_event(callback);
        assert_eq!(*late.lock().unwrap(), [FinishedBaseline, FinishedTopTier]);
        // The thread that finished the last unit may still be telling.
        while early.lock().unwrap().len() < 2 {
            std::thread::yield_now();
        }
        assert_eq!(*early.lock().unwrap(), [FinishedBaseline, FinishedTopTier]);
        assert_eq!(state.native().replaced_functions(), 500);
    }
}

#[test]
fn a_module_without_functions_is_finished_at_once() {
    use CompilationEvent::*;
    let decoded = module(0, &[]);
    let state = compiler(0).begin(&decoded, AccessMode::Guarded, CompileMode::Regular, Start::Eager).unwrap();
    let (events, callback) = log();
    state.on_event(callback);
    state.queue_all();
    assert_eq!(*events.lock().unwrap(), [FinishedBaseline, FinishedTopTier]);
    state.finish_baseline().unwrap();
}

#[test]
fn a_failure_is_told_once() {
    let decoded = module(800, &[100, 400]);
    let state = compiler(0).begin(&decoded, AccessMode::Guarded, CompileMode::Tiering, Start::Eager).unwrap();
    let (events, callback) = log();
    state.on_event(callback);
    state.queue_all();
    assert!(state.finish_baseline().is_err());
    assert!(state.finish_baseline().is_err());
    assert!(!state.work(usize::MAX));
    assert_eq!(*events.lock().unwrap(), [CompilationEvent::Failed]);
}

#[test]
fn units_can_be_queued_in_steps_and_forgotten() {
    let decoded = module(10, &[]);
    let state = compiler(0).begin(&decoded, AccessMode::Guarded, CompileMode::Regular, Start::Eager).unwrap();
    let unit = |func: usize| {
        let body = decoded.module.bodies[func].clone();
        CompilationUnit {
            func: DefinedFuncIndex(func as u32),
            level: Level::Baseline,
            entry: Entry::Function,
            body,
        }
    };
    let mut builder = state.builder();
    builder.add(unit(9));
    builder.clear();
    assert!(!builder.commit());
    for func in 0..10 {
        builder.add(unit(func));
        assert!(builder.commit());
        assert!(state.work(1));
        assert!(!state.work(1));
    }
    assert_eq!(state.outstanding(Level::Baseline), 0);
    state.close();
    state.finish_baseline().unwrap();
}

#[test]
fn abort_stops_and_waits_and_tells_nothing() {
    let decoded = module(3000, &[]);
    let compiler = compiler(4);
    for wait in 0..20 {
        let state =
            compiler.begin(&decoded, AccessMode::Guarded, CompileMode::Tiering, Start::Eager).unwrap();
        let (events, callback) = log();
        state.on_event(callback);
        state.queue_all();
        compiler.offer(&state);
        std::thread::sleep(std::time::Duration::from_micros(wait * 100));
        state.abort();
        let told = events.lock().unwrap().len();
        assert!(!state.work(usize::MAX));
        assert_eq!((state.outstanding(Level::Baseline), state.outstanding(Level::Top)), (0, 0));
        assert_eq!(events.lock().unwrap().len(), told);
    }
}

#[test]
fn a_compiler_that_panics_leaves_nobody_waiting() {
    struct PanicsOnUse;
    impl<'a> FunctionCompiler<'a> for PanicsOnUse {
        fn compile(
            &mut self,
            _: &'a DecodedModule,
            _: DefinedFuncIndex,
            _: Body<'a>,
            _: Entry,
        ) -> Result<(), CompileError> {
            panic!("expected by the test")
        }
        fn batch(&mut self) -> &CodeBatch {
            unreachable!("nothing was compiled")
        }
        fn take_batch(&mut self, _: CodeBatch) -> CodeBatch {
            unreachable!("nothing was compiled")
        }
    }
    struct PanicsLater;
    impl Tier for PanicsLater {
        fn name(&self) -> &'static str {
            "panics"
        }
        fn functions<'a>(&self, _: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
            Box::new(PanicsOnUse)
        }
    }
    let decoded = module(10, &[]);
    let compiler = compiler(0);
    let flags = compiler.config().flags(AccessMode::Guarded);
    let module = || Arc::clone(&decoded.module);
    let native = NativeModule::new(compiler.manager(), module(), flags, 0, WithoutCode::Stop).unwrap();
    let env = ModuleEnv::new(module(), flags);
    let tiers: [Arc<dyn Tier>; 2] = [Arc::new(PanicsLater), Arc::new(Baseline)];
    let state =
        CompilationState::new(decoded.clone(), env, native, tiers, CompileMode::Regular, Start::Eager);
    state.queue_all();
    std::thread::scope(|scope| {
        assert!(scope.spawn(|| state.work(usize::MAX)).join().is_err());
    });
    let error = state.finish_baseline().unwrap_err();
    assert!(error.to_string().contains("the compiler has failed"), "{error}");
}
