//! Functions and loops that are optimised while they run.

use crate::compile;
use engine_instance::*;

/// An engine in which everything is hot at once, and optimised on the thread that finds out.
fn engine(mode: CompilationMode) -> Engine {
    let mut config = Config::new();
    config.tiering(Tiering::Dynamic).tier_up_budget(1).compile_tasks(0).compilation_mode(mode);
    Engine::new(&config).unwrap()
}

fn call(engine: &Engine, text: &str, argument: i32, times: usize) -> (Module, Vec<i32>) {
    let module = compile(engine, text);
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<i32, i32>(&mut store, "f").unwrap();
    let results = (0..times).map(|_| f.call(&mut store, argument).unwrap()).collect();
    (module, results)
}

#[test]
fn hot_functions_are_optimised() {
    const TEXT: &str = r#"(module
        (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
        (func (export "f") (param i32) (result i32) (call $square (i32.add (local.get 0) (i32.const 1)))))"#;
    for mode in [CompilationMode::Eager, CompilationMode::Lazy] {
        let (module, results) = call(&engine(mode), TEXT, 5, 10);
        assert_eq!(results, [36; 10]);
        let stats = module.tier_stats();
        assert_eq!((stats.optimized_functions, stats.queued, stats.declined), (2, 0, 0));
    }
}

#[test]
fn cold_functions_are_not() {
    let mut config = Config::new();
    let engine = Engine::new(config.tiering(Tiering::Dynamic).compile_tasks(0)).unwrap();
    let text = r#"(module (func (export "f") (param i32) (result i32) local.get 0))"#;
    let (module, _) = call(&engine, text, 5, 1000);
    assert_eq!(module.tier_stats(), TierStats::default());
}

#[test]
fn every_function_is_optimised_when_asked_for() {
    let mut config = Config::new();
    let engine = Engine::new(config.tiering(Tiering::Eager).compile_tasks(0)).unwrap();
    let text = r#"(module (func (export "f") (param i32) (result i32) local.get 0) (func))"#;
    let job = Module::compile_async(&engine, wat::parse_str(text).unwrap());
    let (sender, events) = std::sync::mpsc::channel();
    job.on_event(move |event| sender.send(event).unwrap_or_default());
    let module = job.wait().unwrap();
    use CompilationEvent::*;
    assert_eq!(events.iter().take(2).collect::<Vec<_>>(), [FinishedBaseline, FinishedTopTier]);
    drop(module);
}

#[test]
fn every_function_is_optimised_also_where_nothing_is_compiled_at_the_start() {
    let text = r#"(module (func (export "f") (param i32) (result i32) local.get 0) (func))"#;
    for validation in [LazyValidation::AtLoad, LazyValidation::AtFirstCall] {
        let mut config = Config::new();
        config.compilation_mode(CompilationMode::Lazy).lazy_validation(validation);
        let engine = Engine::new(config.tiering(Tiering::Eager).compile_tasks(0)).unwrap();
        let (module, results) = call(&engine, text, 7, 1);
        assert_eq!((results, module.lazy_stats().functions), (vec![7], 0));
    }
}

/// A value that is built on the values of two loops, both of which are copied.
#[test]
fn a_loop_that_ends_where_another_has_ended() {
    const TEXT: &str = r#"(module
        (memory 1)
        (data (i32.const 37) "\01\02\03\04\05")
        (func (export "f") (param $p i32) (result i32) (local $i i32) (local $j i32) (local $s i32)
            (block $found
                (loop $seek
                    (br_if $found (i32.load8_u (local.get $i)))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $seek (i32.lt_u (local.get $i) (i32.const 100)))
                    (return (i32.const -1))))
            (block $left
                (loop $sum
                    (br_if $left (i32.gt_u (i32.load8_u (local.get $j)) (i32.const 100)))
                    (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $j))))
                    (local.set $j (i32.add (local.get $j) (i32.const 1)))
                    (br_if $sum (i32.ne (local.get $j) (i32.add (local.get $i) (local.get $p))))))
            (local.get $s)))"#;
    for tier in [engine_machine::Tier::Baseline, engine_machine::Tier::Optimized] {
        let engine = Engine::new(Config::new().tiering(Tiering::Off(tier))).unwrap();
        for (argument, sum) in [(1, 1), (2, 3), (3, 6), (4, 10), (5, 15), (6, 15)] {
            assert_eq!(call(&engine, TEXT, argument, 1).1, [sum], "{tier:?}, {argument}");
        }
    }
}
