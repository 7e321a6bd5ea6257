//! Functions whose bodies stand in others, which nobody may notice.

use crate::*;

/// An optimising engine whose modules have their functions compiled when they are called, unseen before that.
fn lazy() -> Engine {
    let mut config = Config::new();
    config.tiering(Tiering::Off(Tier::Optimized)).compilation_mode(CompilationMode::Lazy);
    config.lazy_validation(LazyValidation::AtFirstCall);
    Engine::new(&config).unwrap()
}

fn engine(tier: Tier) -> Engine {
    Engine::new(Config::new().tiering(Tiering::Off(tier))).unwrap()
}

/// Function and offset of every frame of the error of a call of `f`.
fn frames(engine: &Engine, text: &str, host: Option<fn() -> Result<()>>, argument: i32) -> Vec<(u32, usize)> {
    let module = compile(engine, text);
    let mut store = Store::new(engine, ());
    let imports: Vec<Extern> = host.map(|host| Func::wrap(&mut store, host).into()).into_iter().collect();
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let error = call::<i32, i32>(&mut store, instance, "f", argument).unwrap_err();
    let backtrace = error.backtrace().unwrap();
    backtrace.frames().iter().map(|frame| (frame.func_index().0, frame.func_offset().unwrap())).collect()
}

/// The frames are the same in both tiers. Says how many there are.
fn compare(text: &str, host: Option<fn() -> Result<()>>, argument: i32) -> usize {
    let [baseline, optimized] =
        [Tier::Baseline, Tier::Optimized].map(|tier| frames(&engine(tier), text, host, argument));
    assert_eq!(baseline, optimized);
    assert_eq!(frames(&lazy(), text, host, argument), optimized);
    baseline.len()
}

#[test]
fn traps_are_in_the_functions_that_the_source_has() {
    let text = r#"(module (memory 1)
        (func $divide (param i32 i32) (result i32) nop (i32.div_s (local.get 0) (local.get 1)))
        (func $load (param i32) (result i32) (i32.load (call $divide (i32.const -1) (local.get 0))))
        (func (export "f") (param i32) (result i32) nop
            (i32.add (call $load (local.get 0)) (call $divide (i32.const 1) (i32.const 0)))))"#;
    assert_eq!(compare(text, None, 0), 3, "the division of the first");
    assert_eq!(compare(text, None, 1), 2, "its load");
    assert_eq!(compare(text, None, -1), 2, "the division of the second");
}

#[test]
fn calls_have_the_callers_that_the_source_has() {
    let text = r#"(module (import "" "" (func $host)) (type $t (func)) (table funcref (elem $host $wasm))
        (func $wasm unreachable)
        (func $direct call $host)
        (func $indirect (param i32) (call_indirect (type $t) (local.get 0)))
        (func $either (param i32)
            (if (i32.eq (local.get 0) (i32.const 9)) (then (call $direct)) (else (call $indirect (local.get 0)))))
        (func (export "f") (param i32) (result i32) (call $either (local.get 0)) i32.const 0))"#;
    let fail: fn() -> Result<()> = || Err(Error::msg("no"));
    assert_eq!(compare(text, Some(fail), 9), 3);
    assert_eq!(compare(text, Some(fail), 0), 3);
    assert_eq!(compare(text, Some(fail), 1), 4);
    assert_eq!(compare(text, Some(fail), 2), 3, "undefined element");
}

#[test]
fn backtraces_are_as_long_as_without() {
    // More frames than are kept: which ones is the same.
    let text = r#"(module
        (func $deep (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.sub (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
                (else unreachable)))
        (func (export "f") (param i32) (result i32) (call $deep (local.get 0))))"#;
    for depth in [0, 1, 2, 3, 10, 61, 62, 63, 64, 1000] {
        assert_eq!(compare(text, None, depth), (depth as usize + 2).min(64), "{depth}");
    }
}

#[test]
fn endless_recursion_ends() {
    let text = r#"(module
        (func $even (param i32) (result i32) (call $odd (i32.add (local.get 0) (i32.const 1))))
        (func $odd (param i32) (result i32) (call $even (i32.sub (local.get 0) (i32.const 3))))
        (func (export "f") (param i32) (result i32) (call $even (local.get 0))))"#;
    assert_eq!(frames(&engine(Tier::Optimized), text, None, 0).len(), 64);
}

#[test]
fn an_invalid_callee_is_invalid_when_it_is_called() {
    let text = r#"(module
        (func $invalid (param i32) (result i32) (i64.add (local.get 0) (i64.const 1)))
        (func (export "f") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $invalid (local.get 0))) (else (i32.const 7)))))"#;
    let engine = lazy();
    let module = compile(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    assert_eq!(call::<i32, i32>(&mut store, instance, "f", 0).unwrap(), 7);
    let error = call::<i32, i32>(&mut store, instance, "f", 1).unwrap_err();
    assert!(error.to_string().contains("type mismatch"), "{error}");
}

#[test]
fn locals_of_a_body_are_zero_whenever_it_begins() {
    let text = r#"(module
        (func $increment (param i32) (result i32) (local $n i32)
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (i32.add (local.get 0) (local.get $n)))
        (func (export "f") (param i32) (result i32) (local $sum i32)
            (loop $loop
                (local.set $sum (call $increment (local.get $sum)))
                (br_if $loop (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $sum)))"#;
    let engine = engine(Tier::Optimized);
    let module = compile(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    assert_eq!(call::<i32, i32>(&mut store, instance, "f", 100).unwrap(), 100);
}

#[test]
fn a_loop_is_entered_behind_and_before_inlined_ones() {
    // Each function has a loop of its own, with operands below it; inlined ones are no entries of their caller.
    let text = r#"(module
        (func $sum (param i32) (result i32) (local $sum i32)
            (loop $loop
                (local.set $sum (i32.add (local.get $sum) (local.get 0)))
                (br_if $loop (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $sum))
        (func (export "f") (param i32) (result i32) (local $i i32)
            (call $sum (local.get 0))
            (local.set $i (i32.const 5))
            (loop $loop (result i32)
                (call $sum (local.get $i))
                drop (local.get $i)
                (br_if $loop (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            i32.add))"#;
    let mut config = Config::new();
    config.tiering(Tiering::Dynamic).tier_up_budget(1).compile_tasks(0);
    let engine = Engine::new(&config).unwrap();
    let module = compile(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    for _ in 0..5 {
        assert_eq!(call::<i32, i32>(&mut store, instance, "f", 10).unwrap(), 55 + 1);
    }
}

/// An engine that optimises what has been called a few times, at once.
fn soon() -> Engine {
    let mut config = Config::new();
    config.tiering(Tiering::Dynamic).tier_up_budget(40).compile_tasks(0);
    Engine::new(&config).unwrap()
}

/// `f` calls element 0 of a table, and `set` puts another function there: of `$count`, which counts its calls, `$other`, `$typed`, which is of another type, or
/// none.
const TARGETS: &str = r#"(module
    (type $t (func (param i32) (result i32)))
    (import "" "table" (table 4 funcref))
    (global $calls (mut i32) (i32.const 0))
    (elem declare func $count $other $typed)
    (func $count (type $t)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.div_s (i32.const 100) (local.get 0)))
    (func $other (type $t) (i32.sub (i32.const 0) (local.get 0)))
    (func $typed)
    (func (export "set") (param i32)
        (table.set (i32.const 0) (ref.null func))
        (if (i32.eq (local.get 0) (i32.const 0)) (then (table.set (i32.const 0) (ref.func $count))))
        (if (i32.eq (local.get 0) (i32.const 1)) (then (table.set (i32.const 0) (ref.func $other))))
        (if (i32.eq (local.get 0) (i32.const 2)) (then (table.set (i32.const 0) (ref.func $typed)))))
    (func (export "f") (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 0)))
    (func (export "calls") (param i32) (result i32) (global.get $calls)))"#;

#[test]
fn an_expected_target_is_checked() {
    let engine = soon();
    let module = compile(&engine, TARGETS);
    let mut store = Store::new(&engine, ());
    let ty = TableType { element: RefType::FUNCREF, minimum: 4, maximum: None };
    let table = Table::new(&mut store, ty, Ref::Func(None)).unwrap();
    let [one, two] = [(), ()].map(|()| Instance::new(&mut store, &module, &[table.into()]).unwrap());
    let set = |store: &mut Store<()>, instance: Instance, what: i32| {
        instance.get_typed_func::<i32, ()>(&mut *store, "set").unwrap().call(&mut *store, what).unwrap();
    };
    set(&mut store, one, 0);
    for _ in 0..10 {
        assert_eq!(call::<i32, i32>(&mut store, one, "f", 5).unwrap(), 20);
    }
    assert!(module.tier_stats().optimized_functions > 0);
    assert_eq!(call::<i32, i32>(&mut store, one, "calls", 0).unwrap(), 10);
    // What it does is the function's: also when it traps.
    let error = call::<i32, i32>(&mut store, one, "f", 0).unwrap_err();
    let names: Vec<u32> =
        error.backtrace().unwrap().frames().iter().map(|frame| frame.func_index().0).collect();
    assert_eq!(names, [0, 4]);
    // The same function of another instance is another.
    set(&mut store, two, 0);
    assert_eq!(call::<i32, i32>(&mut store, one, "f", 5).unwrap(), 20);
    assert_eq!(call::<i32, i32>(&mut store, one, "calls", 0).unwrap(), 11);
    assert_eq!(call::<i32, i32>(&mut store, two, "calls", 0).unwrap(), 1);
    // And so are others, and what is none.
    set(&mut store, one, 1);
    assert_eq!(call::<i32, i32>(&mut store, one, "f", 5).unwrap(), -5);
    set(&mut store, one, 2);
    let error = call::<i32, i32>(&mut store, one, "f", 5).unwrap_err();
    assert!(error.to_string().contains("indirect call type mismatch"), "{error:#}");
    set(&mut store, one, 3);
    let error = call::<i32, i32>(&mut store, one, "f", 5).unwrap_err();
    assert!(error.to_string().contains("uninitialized element"), "{error:#}");
}
