//! The bodies of functions that `call_indirect` has always called stand in its place, behind a check.

mod support;

use engine_decoder::{DefinedFuncIndex, FuncIndex};
use engine_machine::{AccessMode, Arch, CodeFlags, ModuleEnv};
use engine_optimizer::{OptimizingCompiler, Pass};
use support::{decode, flags};

const TEXT: &str = "(module
    (type $t (func (param i32) (result i32)))
    (memory 1)
    (table funcref (elem $light $heavy $other))
    (func $light (type $t) (i32.load (local.get 0)))
    (func $heavy (type $t) (loop $l (br_if $l (i32.popcnt (local.tee 0 (i32.mul (local.get 0) (local.get 0))))))
        (i32.div_s (i32.rem_s (local.get 0) (i32.const 7)) (i32.clz (i32.ctz (local.get 0)))))
    (func $other (param i32))
    (func (param i32 i32) (result i32)
        (call_indirect (type $t) (local.get 0) (local.get 1))))";

/// The graph of the last function after inlining, where its call has called functions with these indices.
fn graph(called: &[u32]) -> String {
    let flags = CodeFlags { tier_up_budget: 1000, ..flags(Arch::X64, AccessMode::Guarded) };
    let decoded = decode(TEXT);
    let env = ModuleEnv::new(decoded.module.clone(), flags);
    let func = FuncIndex(3);
    // Locals, `local.get 0`, `local.get 1`, `call_indirect`.
    let word = env.layout.call_target(func, 5).expect("there are tables and counters");
    let mut words = vec![0; env.layout.num_call_targets() as usize];
    for &index in called {
        words[(word - env.layout.call_targets()) as usize / 4] = 16 * (index + 1);
        env.call_targets.add(&words, |word| Some(FuncIndex(word / 16 - 1)));
    }
    OptimizingCompiler::new(&env).graph_after(&decoded, DefinedFuncIndex(3), Pass::Inline).expect("optimised")
}

#[test]
fn what_has_always_been_called_is_inlined() {
    let graph = graph(&[0, 0]);
    assert!(graph.contains("Load I32"), "{graph}");
    let (check, call) = (graph.find("branch"), graph.find("SignatureCheck"));
    assert!(check.is_some() && check < call, "the signature is for what was not expected: {graph}");
}

#[test]
fn what_is_not_known_is_called() {
    for called in [&[][..], &[0, 1]] {
        assert!(!graph(called).contains("branch"), "{called:?}");
    }
}

#[test]
fn what_is_too_heavy_or_of_another_type_is_called() {
    for called in [&[1][..], &[2]] {
        assert!(!graph(called).contains("branch"), "{called:?}");
    }
}
