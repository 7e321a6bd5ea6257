//! What an engine tells of its work: metrics, and events for `tracing`.

#![allow(unsafe_code)]

use crate::*;
use std::cell::RefCell;
use std::fmt;
use std::sync::Once;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing::{Event, Metadata, Subscriber};

const TWO_FUNCTIONS: &str = r#"(module $it
    (memory 1)
    (func $wide (export "wide") (param i32) (result i64) (i64.extend8_s (i64.extend_i32_u (local.get 0))))
    (func $fill (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))))"#;

fn engine(change: impl FnOnce(&mut Config) -> &mut Config) -> Engine {
    let mut config = Config::new();
    change(&mut config);
    Engine::new(&config).expect("an engine")
}

#[test]
fn modules_are_counted_as_long_as_they_live() {
    let engine = Engine::default();
    let first = compile(&engine, "(module)");
    let second = compile(&engine, TWO_FUNCTIONS);
    let metrics = engine.metrics();
    assert_eq!(metrics.modules, 2);
    assert!(metrics.memory.code > 0 && metrics.memory.used >= metrics.memory.code);
    assert!(metrics.memory.reserved >= metrics.memory.used);
    drop((first, second));
    let after = engine.metrics();
    assert_eq!((after.modules, after.memory.code), (0, 0));
    assert!(after.memory.used < metrics.memory.used);
    assert_eq!(after.tiers, metrics.tiers);
}

#[test]
fn tiers_count_functions_and_bytes() {
    let engine = Engine::default();
    let module = compile(&engine, TWO_FUNCTIONS);
    let bodies: usize = module.decoded().module.bodies.iter().map(|body| body.len()).sum();
    let metrics = engine.metrics();
    let tier = metrics.tier("baseline").expect("it was used");
    assert_eq!((tier.functions, tier.wasm_bytes), (2, bodies as u64));
    assert!(tier.code_bytes > 0 && !tier.time.is_zero());
    assert_eq!((tier.piece_micros.count(), tier.kilobytes_per_second.count()), (1, 1));
    assert!(metrics.tier("validation").is_none());
    assert!(!metrics.decode_time.is_zero());
    assert_eq!((metrics.queued_units, metrics.queued_bytes), (0, 0));
    let calls = compile(&engine, "(module (func $f) (func (call $f)))");
    assert_eq!(engine.metrics().tier("baseline").unwrap().relocation_bytes % 8, 0);
    assert!(engine.metrics().tier("baseline").unwrap().relocation_bytes > 0);
    drop(calls);
}

#[test]
fn first_calls_are_counted() {
    let engine = engine(|config| config.compilation_mode(CompilationMode::Lazy));
    let module = compile(&engine, TWO_FUNCTIONS);
    assert_eq!(engine.metrics().tier("validation").unwrap().functions, 2);
    assert!(engine.metrics().tier("baseline").is_none());
    module.warm([1]).unwrap();
    let metrics = engine.metrics();
    assert_eq!(metrics.lazy, module.lazy_stats());
    assert_eq!((metrics.lazy.functions, metrics.tier("baseline").unwrap().functions), (1, 1));
}

#[test]
fn proposals_are_gathered_from_structures_and_bodies() {
    let used = Features::SIGN_EXTENSION.with(Features::BULK_MEMORY);
    for mode in [CompilationMode::Eager, CompilationMode::Lazy] {
        let engine = engine(|config| config.compilation_mode(mode));
        let module = compile(&engine, TWO_FUNCTIONS);
        assert_eq!((engine.metrics().features, module.features_used()), (used, used));
        let other = compile(&engine, "(module (func (param externref)))");
        assert_eq!(engine.metrics().features, used.with(Features::REFERENCE_TYPES));
        assert_eq!(other.features_used(), Features::REFERENCE_TYPES);
    }
}

#[test]
fn bodies_that_are_not_looked_at_use_nothing_yet() {
    let engine = engine(|config| {
        config.compilation_mode(CompilationMode::Lazy).lazy_validation(LazyValidation::AtFirstCall)
    });
    let module = compile(&engine, TWO_FUNCTIONS);
    assert_eq!(module.features_used(), Features::NONE);
    module.warm([0]).unwrap();
    assert_eq!(module.features_used(), Features::SIGN_EXTENSION);
    assert_eq!(engine.metrics().features, Features::SIGN_EXTENSION);
}

#[test]
fn modules_that_arrive_are_counted_alike() {
    let bytes = wat::parse_str(TWO_FUNCTIONS).unwrap();
    let engine = Engine::default();
    let mut compiler = StreamingCompiler::new(&engine);
    for byte in &bytes {
        compiler.push(&[*byte]).unwrap();
    }
    let module = compiler.finish().unwrap();
    let metrics = engine.metrics();
    assert_eq!((metrics.modules, metrics.tier("baseline").unwrap().functions), (1, 2));
    assert_eq!(metrics.features, Features::SIGN_EXTENSION.with(Features::BULK_MEMORY));
    assert_eq!(module.features_used(), metrics.features);
    assert!(!metrics.decode_time.is_zero());
}

#[test]
fn an_aborted_module_leaves_nothing_waiting() {
    let engine = engine(|config| config.compile_tasks(1));
    let bytes = wat::parse_str(TWO_FUNCTIONS).unwrap();
    let mut compiler = StreamingCompiler::new(&engine);
    compiler.push(&bytes).unwrap();
    assert_eq!(engine.metrics().queued_units, 2);
    compiler.abort();
    assert_eq!((engine.metrics().queued_units, engine.metrics().queued_bytes), (0, 0));
}

#[test]
fn the_second_tier_is_counted_apart() {
    let engine = engine(|config| config.tiering(Tiering::Eager).compile_tasks(1));
    let _module = compile(&engine, TWO_FUNCTIONS);
    let metrics = engine.metrics();
    assert_eq!(metrics.tier("baseline").unwrap().functions, 2);
    assert!(metrics.tier("optimized").unwrap().functions > 0);
}

#[test]
fn stored_code_is_counted_apart() {
    let (engine, module) = module(TWO_FUNCTIONS);
    let stored = module.serialize().unwrap();
    // SAFETY: the bytes were made just now.
    let loaded = unsafe { Module::deserialize(&engine, stored) }.unwrap();
    loaded.warm([0, 1]).unwrap();
    let metrics = engine.metrics();
    let functions = |tier| metrics.tier(tier).map(|tier| tier.functions);
    assert_eq!((functions("baseline"), functions("artifact")), (Some(2), Some(2)));
}

#[test]
fn wrappers_are_counted() {
    let (mut store, instance) = instance(TWO_FUNCTIONS);
    let engine = store.engine().clone();
    assert_eq!(engine.metrics().wrappers, 0);
    call::<_, i64>(&mut store, instance, "wide", 1_i32).unwrap();
    assert_eq!(engine.metrics().wrappers, 1);
}

#[test]
fn figures_are_readable() {
    let (engine, _module) = module(TWO_FUNCTIONS);
    let text = engine.metrics().to_string();
    for part in
        ["modules            1\n", "baseline           2 functions, ", "bulk-memory", "executable memory"]
    {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

/// Keeps the names of spans, and the messages of events with their fields.
struct Recorder;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &match field.name() {
            "message" => format!("{value:?}"),
            name => format!(" {name}={value:?}"),
        };
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("engine_")
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        tell(format!("{}:", attributes.metadata().name()));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        tell(text.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

thread_local! {
    /// What this thread was told, while it listens.
    static TOLD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

fn tell(line: String) {
    TOLD.with_borrow_mut(|told| told.iter_mut().for_each(|told| told.push(line.clone())));
}

/// What is told while `work` is done, on this thread. The subscriber is the process's: where threads have subscribers of their own, those that come
/// and go make others miss events.
fn told(work: impl FnOnce()) -> Vec<String> {
    static SUBSCRIBED: Once = Once::new();
    SUBSCRIBED.call_once(|| set_global_default(Recorder).unwrap());
    TOLD.set(Some(Vec::new()));
    work();
    TOLD.take().unwrap()
}

/// Whether these beginnings are among the lines, in this order.
#[track_caller]
fn assert_in_order(lines: &[String], beginnings: &[&str]) {
    let mut rest = lines.iter();
    for beginning in beginnings {
        assert!(rest.any(|line| line.starts_with(beginning)), "{beginning} is not there: {lines:#?}");
    }
}

#[test]
fn a_module_is_followed_from_its_bytes_to_an_instance() {
    let engine = engine(|config| config.compile_tasks(1));
    let lines = told(|| {
        let module = compile(&engine, TWO_FUNCTIONS);
        Instance::new(Store::new(&engine, ()), &module, &[]).unwrap();
    });
    let steps = [
        "decode:",
        "decoded functions=2",
        "piece:",
        "unit:",
        "compiled func=0 name=\"wide\" tier=\"baseline\"",
        "unit:",
        "compiled func=1 name=\"fill\" tier=\"baseline\"",
        "publish:",
        "published",
        "piece compiled functions=2",
        "instantiate:",
        "instantiated memories=1",
    ];
    assert_in_order(&lines, &steps);
}

#[test]
fn a_first_call_is_followed() {
    let engine = engine(|config| config.compile_tasks(1).compilation_mode(CompilationMode::Lazy));
    let module = compile(&engine, TWO_FUNCTIONS);
    let lines = told(|| module.warm([1]).unwrap());
    let steps = ["lazy_compile:", "unit:", "compiled func=1", "publish:", "compiled at its first call"];
    assert_in_order(&lines, &steps);
}

#[test]
fn arrival_is_followed() {
    let engine = engine(|config| config.compile_tasks(1));
    let bytes = wat::parse_str(TWO_FUNCTIONS).unwrap();
    let lines = told(|| {
        let mut compiler = StreamingCompiler::new(&engine);
        bytes.chunks(20).for_each(|chunk| compiler.push(chunk).unwrap());
        compiler.finish().unwrap();
    });
    let steps = [
        "push:",
        "the first body has arrived",
        "bodies queued",
        "finish:",
        "the module has arrived",
        "piece:",
    ];
    assert_in_order(&lines, &steps);
}

#[test]
fn failures_are_told() {
    let engine = engine(|config| config.compile_tasks(1));
    let lines = told(|| {
        Module::new(&engine, b"\0asm").unwrap_err();
        Module::new(&engine, wat::parse_str("(module (func (result i32)))").unwrap()).unwrap_err();
    });
    assert_in_order(&lines, &["not decoded error=", "failed func=0"]);
}
