//! Publishing, calling, replacing and dropping code.
#![allow(unsafe_code)]

mod support;

use engine_codemanager::*;
use engine_decoder::{DefinedFuncIndex, FuncIndex};
use engine_machine::Tier;
use std::sync::Barrier;
use support::*;

#[test]
fn functions_are_called_through_their_slots() {
    for strategy in STRATEGIES {
        let manager = manager(strategy);
        let native = native(&manager, &[constant(41), one_more_than(0), one_more_than(1)]);
        assert_eq!([call(&native, 0), call(&native, 1), call(&native, 2)], [41, 42, 43]);
        assert_eq!(native.tier(DefinedFuncIndex(1)), Some(Tier::Baseline));
    }
}

#[test]
fn replaced_code_is_reached_through_the_same_slot() {
    for strategy in STRATEGIES {
        let native = native(&manager(strategy), &[constant(1), one_more_than(0)]);
        let slot = native.slot(DefinedFuncIndex(0));
        native.publish(&batch(Tier::Optimized, &[(0, constant(10))])).unwrap();
        assert_eq!((call(&native, 0), call(&native, 1)), (10, 11));
        assert_eq!(native.slot(DefinedFuncIndex(0)), slot);
        assert_eq!(native.replaced_functions(), 1);
        // Baseline code that comes late does not replace better code.
        native.publish(&batch(Tier::Baseline, &[(0, constant(1))])).unwrap();
        assert_eq!((call(&native, 0), native.tier(DefinedFuncIndex(0))), (10, Some(Tier::Optimized)));
    }
}

#[test]
fn functions_call_functions_published_later() {
    for strategy in STRATEGIES {
        let native =
            NativeModule::new(&manager(strategy), module(2), flags(), 100, WithoutCode::Stop).unwrap();
        native.publish(&batch(Tier::Baseline, &[(0, one_more_than(1))])).unwrap();
        assert_eq!(native.tier(DefinedFuncIndex(1)), None);
        native.publish(&batch(Tier::Baseline, &[(1, constant(5))])).unwrap();
        assert_eq!(call(&native, 0), 6);
        // A second tier, much later, for a function that is called through the table.
        native.release_unused();
        native.publish(&batch(Tier::Optimized, &[(1, constant(7))])).unwrap();
        assert_eq!(call(&native, 0), 8);
    }
}

#[test]
fn code_that_spans_regions_is_called_from_everywhere() {
    for strategy in STRATEGIES {
        let config = CodeConfig {
            region_size: 256 << 10,
            strategy: Some(strategy),
            profiler: ProfilingStrategy::None,
        };
        let manager = CodeManager::new(config).unwrap();
        let functions = 120;
        let native = NativeModule::new(&manager, module(functions), flags(), 0, WithoutCode::Stop).unwrap();
        for i in 0..functions {
            let mut function = if i == 0 { constant(0) } else { one_more_than(i - 1) };
            function.code.resize(10_000, 0xcc);
            native.publish(&batch(Tier::Baseline, &[(i, function)])).unwrap();
        }
        assert!(manager.regions().len() > 3);
        assert!((0..functions).all(|i| call(&native, i) == i));
        native.publish(&batch(Tier::Optimized, &[(0, constant(1000))])).unwrap();
        assert!((0..functions).all(|i| call(&native, i) == i + 1000));
    }
}

#[test]
fn other_threads_run_through_a_slot_while_it_is_patched() {
    for strategy in STRATEGIES {
        let native = native(&manager(strategy), &[constant(0), one_more_than(0)]);
        let started = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = call(&native, 1);
                started.wait();
                while last < 3000 {
                    let value = call(&native, 1);
                    assert!(value >= last, "{value} after {last}");
                    last = value;
                }
            });
            started.wait();
            for i in 1..3000 {
                native.publish(&batch(Tier::Baseline, &[(0, constant(i))])).unwrap();
            }
        });
        assert_eq!(call(&native, 1), 3000);
    }
}

#[test]
fn addresses_are_looked_up_until_the_module_is_dropped() {
    for strategy in STRATEGIES {
        let native = native(&manager(strategy), &[constant(1), unreachable(), load()]);
        let (start, code) = native.code_of(DefinedFuncIndex(1)).unwrap();
        assert_eq!(code.len(), unreachable().code.len());
        let site = unreachable().sites[0];
        let location = lookup(start + site.offset as usize).unwrap();
        assert_eq!((location.func, location.tier, location.site), (FuncIndex(1), Tier::Baseline, Some(site)));
        assert_eq!(location.module_offset(), Some(2000 + site.wasm_offset() as usize));
        assert_eq!(lookup(start).unwrap().site, None);
        assert!(lookup(native.slot(DefinedFuncIndex(1)) as usize).is_none());
        drop(native);
        assert!(lookup(start).is_none());
    }
}

#[test]
fn lookups_run_while_modules_come_and_go() {
    let manager = manager(Strategy::DualMapping);
    let first = native(&manager, &[constant(1)]);
    let (start, _) = first.code_of(DefinedFuncIndex(0)).unwrap();
    let region = manager.regions()[0].clone();
    let started = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                started.wait();
                for pc in (0..200_000).map(|i| region.start + i * 16 % (1 << 20)) {
                    // Whatever is found is whole, though its module may be gone a moment later.
                    if let Some(found) = lookup(pc) {
                        assert!(found.code_offset <= found.code_len && found.func.0 < 3);
                    }
                    assert_eq!(lookup(start).unwrap().func, FuncIndex(0));
                }
            });
        }
        started.wait();
        for _ in 0..2000 {
            native(&manager, &[constant(1), one_more_than(0), load()]);
        }
    });
}

#[test]
fn a_return_address_behind_a_function_belongs_to_the_caller() {
    let native = native(&manager(Strategy::DualMapping), &[ends_in_call(1), constant(1)]);
    let (start, code) = native.code_of(DefinedFuncIndex(0)).unwrap();
    let (next, _) = native.code_of(DefinedFuncIndex(1)).unwrap();
    assert_eq!(start + code.len(), next, "the functions touch");
    assert_eq!(lookup(next).unwrap().func, FuncIndex(0));
    assert_eq!(lookup(next + 1).unwrap().func, FuncIndex(1));
}

#[test]
fn malformed_batches_are_refused() {
    let native = native(&manager(Strategy::DualMapping), &[constant(1)]);
    let bad = |change: fn(&mut engine_machine::CodeBatch)| {
        let mut batch = batch(Tier::Baseline, &[(0, one_more_than(0))]);
        change(&mut batch);
        assert!(matches!(native.publish(&batch), Err(CodeError::BadBatch(_))));
    };
    bad(|b| b.functions[0].func = FuncIndex(1));
    bad(|b| b.functions[0].code.end = 10_000);
    bad(|b| b.functions[0].code.end = 0);
    bad(|b| b.functions[0].relocations.end = 9);
    bad(|b| b.functions[0].sites.end = 9);
    bad(|b| b.relocations[0].offset = 10_000);
    bad(|b| b.relocations[0].target = engine_machine::RelocTarget::Function(FuncIndex(7)));
    assert_eq!(call(&native, 0), 1);
}

#[test]
fn modules_without_functions_are_fine() {
    let native =
        NativeModule::new(&manager(Strategy::DualMapping), module(0), flags(), 1000, WithoutCode::Stop)
            .unwrap();
    native.publish(&Default::default()).unwrap();
    assert_eq!(native.code_bytes(), 0);
}

#[test]
fn stubs_come_and_go() {
    for strategy in STRATEGIES {
        let manager = manager(strategy);
        let mut stubs = Vec::new();
        for round in 0..5u32 {
            for i in 0..200 {
                stubs.push((i + round, manager.publish_stub(&constant(i + round).code, "stub").unwrap()));
            }
            let mut i = 0;
            stubs.retain(|_| (i += 1, i % 3 == 0).1);
            for (value, stub) in &stubs {
                // SAFETY: the stub is alive.
                let f = unsafe { core::mem::transmute::<*const u8, extern "C" fn() -> u32>(stub.address()) };
                assert_eq!(f(), *value);
            }
        }
    }
}

#[test]
fn many_functions_in_small_batches_take_linear_time() {
    // 34,000 functions one by one; anything quadratic takes minutes here.
    let functions = 34_000;
    let native =
        NativeModule::new(&manager(Strategy::DualMapping), module(functions), flags(), 0, WithoutCode::Stop)
            .unwrap();
    for i in 0..functions {
        native.publish(&batch(Tier::Baseline, &[(i, constant(i))])).unwrap();
    }
    for i in (0..functions).step_by(997) {
        assert_eq!(call(&native, i), i);
        let (start, _) = native.code_of(DefinedFuncIndex(i)).unwrap();
        assert_eq!(lookup(start + 1).unwrap().func, FuncIndex(i));
    }
}

#[test]
fn perf_finds_names() {
    let manager =
        CodeManager::new(CodeConfig { profiler: ProfilingStrategy::PerfMap, ..Default::default() }).unwrap();
    let native = native(&manager, &[constant(1)]);
    let _stub = manager.publish_stub(&constant(2).code, "a stub").unwrap();
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let map = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (start, code) = native.code_of(DefinedFuncIndex(0)).unwrap();
    assert!(map.contains(&format!("{start:x} {:x} wasm[0] [baseline]\n", code.len())), "{map}");
    assert!(map.contains(" a stub\n"));
}
