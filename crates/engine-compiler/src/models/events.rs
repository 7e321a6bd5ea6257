//! Every callback hears of every event, once and in order.

use super::*;
use CompilationEvent::{Failed, FinishedBaseline, FinishedTopTier};
use engine_decoder::FuncIndex;

#[test]
fn events_come_in_order_when_different_threads_cause_them() {
    exhaustive(3, || {
        let state = state(&pieces(1), CompileMode::Tiering, &Arc::default());
        let heard = Heard::default();
        state.on_event(heard.callback());
        state.queue_all();
        let other = Arc::clone(&state);
        let worker = thread::spawn(move || other.work(1));
        state.work(1);
        worker.join().unwrap();
        state.work(2);
        assert_eq!(heard.get(), [FinishedBaseline, FinishedTopTier]);
    });
}

#[test]
fn a_callback_registered_at_any_moment_hears_everything() {
    random(2_000, || {
        let state = state(&pieces(2), CompileMode::Tiering, &Arc::default());
        state.queue_all();
        let workers = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(usize::MAX))
        });
        let heard = [(); 3].map(|()| Heard::default());
        for heard in &heard {
            state.on_event(heard.callback());
            thread::yield_now();
        }
        state.finish_baseline().unwrap();
        for worker in workers {
            worker.join().unwrap();
        }
        for heard in heard {
            assert_eq!(heard.get(), [FinishedBaseline, FinishedTopTier]);
        }
    });
}

#[test]
fn what_has_happened_is_told_before_the_registration_returns() {
    exhaustive(3, || {
        let state = state(&pieces(1), CompileMode::Regular, &Arc::default());
        state.on_event(|_| thread::yield_now());
        state.queue_all();
        let worker = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(1))
        };
        state.finish_baseline().unwrap();
        let heard = Heard::default();
        state.on_event(heard.callback());
        assert_eq!(heard.get(), [FinishedBaseline, FinishedTopTier]);
        worker.join().unwrap();
    });
}

#[test]
fn a_failure_is_told_once_and_last() {
    random(1_000, || {
        let state = state(&pieces(4), CompileMode::Tiering, &Model::refusing(&[1, 2]));
        let heard = Heard::default();
        state.on_event(heard.callback());
        state.queue_all();
        let workers = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(usize::MAX))
        });
        state.finish_baseline().unwrap_err();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(heard.get(), [Failed]);
    });
}

#[test]
fn units_added_in_batches_while_others_work_are_all_compiled_once() {
    random(1_000, || {
        let (decoded, model) = (pieces(4), Arc::default());
        let state = state(&decoded, CompileMode::Regular, &model);
        let heard = Heard::default();
        state.on_event(heard.callback());
        let workers = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                state.work(usize::MAX);
                thread::yield_now();
                state.work(usize::MAX);
            })
        });
        let mut builder = state.builder();
        for batch in [0..1, 1..3, 3..4] {
            for func in batch {
                let body = decoded.module.bodies[func].clone();
                let func = DefinedFuncIndex(func as u32);
                builder.add(crate::CompilationUnit {
                    func,
                    level: Level::Baseline,
                    entry: Entry::Function,
                    body,
                });
            }
            assert!(builder.commit());
            assert_eq!(heard.get(), []);
        }
        state.close();
        state.finish_baseline().unwrap();
        for worker in workers {
            worker.join().unwrap();
        }
        let mut compiled = model.begun();
        compiled.sort_by_key(|(_, func)| *func);
        assert_eq!(compiled, [0, 1, 2, 3].map(|func| (Level::Baseline, func)));
        assert_eq!(heard.get(), [FinishedBaseline, FinishedTopTier]);
    });
}

#[test]
fn a_hot_function_is_optimised_once_whoever_asks() {
    exhaustive(2, || {
        let model = Arc::default();
        let state = state(&pieces(1), CompileMode::Dynamic, &model);
        state.queue_all();
        state.finish_baseline().unwrap();
        let heard = Heard::default();
        state.on_event(heard.callback());
        let asking = [(); 2].map(|()| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let queued = state.ask_function(DefinedFuncIndex(0), &|_| ());
                state.work(usize::MAX);
                queued
            })
        });
        let queued = asking.map(|thread| usize::from(thread.join().unwrap()));
        assert_eq!(queued.iter().sum::<usize>(), 1);
        let compiled = [(Level::Baseline, 0), (Level::Top, 0)];
        assert_eq!(model.begun(), compiled);
        assert_eq!(heard.get(), [FinishedBaseline, CompilationEvent::TieredUp(FuncIndex(0))]);
    });
}
