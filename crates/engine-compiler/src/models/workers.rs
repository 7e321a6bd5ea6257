//! Work that is offered is done, by threads of our own and on an executor, and everybody has turns.

use super::*;
use crate::workers::{Executor, Workers};
use shuttle::sync::mpsc;
use std::collections::VecDeque;

/// Jobs of an embedder's, run by whoever asks.
#[derive(Default)]
struct Jobs(Mutex<VecDeque<Box<dyn FnOnce() + Send>>>);

impl Executor for Jobs {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push_back(job);
    }
}

impl Jobs {
    /// Runs what there is.
    fn run(&self) {
        loop {
            // Not under the lock.
            let job = self.0.lock().unwrap().pop_front();
            match job {
                Some(job) => job(),
                None => return,
            }
            thread::yield_now();
        }
    }
}

/// A compilation that says when it is finished with the top tier.
fn finishing(decoded: &DecodedModule, mode: CompileMode) -> (Arc<CompilationState>, mpsc::Receiver<()>) {
    let (sender, finished) = mpsc::channel();
    let state = state(decoded, mode, &Arc::default());
    state.on_event(move |event| {
        if event == CompilationEvent::FinishedTopTier {
            sender.send(()).unwrap();
        }
    });
    (state, finished)
}

#[test]
fn a_module_offered_at_any_moment_is_compiled_without_help() {
    // The second offer comes while the worker of the first goes to sleep, or sleeps, or works. If it is lost, the model hangs.
    exhaustive(2, || {
        let workers = Workers::new(1, None);
        let decoded = pieces(1);
        let modules = [(); 2].map(|()| {
            let (state, finished) = finishing(&decoded, CompileMode::Regular);
            state.queue_all();
            workers.offer(&state, 1);
            finished
        });
        for finished in modules {
            finished.recv().unwrap();
        }
    });
}

#[test]
fn modules_of_many_threads_are_compiled_by_all_workers() {
    random(1_000, || {
        let workers = Arc::new(Workers::new(2, None));
        let offering = [2, 3, 1].map(|count| {
            let workers = Arc::clone(&workers);
            thread::spawn(move || {
                let (state, finished) = finishing(&pieces(count), CompileMode::Tiering);
                state.queue_all();
                workers.offer(&state, count);
                finished.recv().unwrap();
                assert!(!state.has_work());
            })
        });
        for thread in offering {
            thread.join().unwrap();
        }
    });
}

#[test]
fn units_that_come_later_are_compiled_too() {
    // The worker takes the module out of its line just when there is more.
    exhaustive(2, || {
        let workers = Workers::new(1, None);
        let decoded = pieces(2);
        let (state, finished) = finishing(&decoded, CompileMode::Regular);
        let mut builder = state.builder();
        for (func, body) in decoded.module.bodies.iter().enumerate() {
            let func = DefinedFuncIndex(func as u32);
            builder.add(crate::CompilationUnit {
                func,
                level: Level::Baseline,
                entry: Entry::Function,
                body: body.clone(),
            });
            builder.commit();
            workers.offer(&state, 1);
        }
        state.close();
        finished.recv().unwrap();
    });
}

#[test]
fn tasks_are_done_in_the_background() {
    exhaustive(3, || {
        let workers = Workers::new(1, None);
        let (sender, done) = mpsc::channel();
        for _ in 0..2 {
            let sender = sender.clone();
            assert!(workers.spawn(Box::new(move || sender.send(()).unwrap())).is_ok());
        }
        done.recv().unwrap();
        done.recv().unwrap();
    });
}

#[test]
fn threads_end_with_the_workers() {
    exhaustive(3, || {
        let workers = Workers::new(1, None);
        let (state, finished) = finishing(&pieces(1), CompileMode::Regular);
        state.queue_all();
        workers.offer(&state, 1);
        let (held, ended) = mpsc::channel::<()>();
        assert!(workers.spawn(Box::new(move || drop(held))).is_ok());
        drop((state, workers));
        // Whether they were done or not, nobody holds the task in the end, nor the module, or this would wait for ever.
        while finished.recv().is_ok() {}
        ended.recv().unwrap_err();
    });
}

#[test]
fn an_executors_jobs_do_everything_that_is_offered() {
    random(1_000, || {
        let jobs = Arc::<Jobs>::default();
        let workers = Arc::new(Workers::new(2, Some(Arc::clone(&jobs) as _)));
        let running = {
            let (jobs, workers) = (Arc::clone(&jobs), Arc::clone(&workers));
            thread::spawn(move || {
                let (state, finished) = finishing(&pieces(2), CompileMode::Tiering);
                state.queue_all();
                workers.offer(&state, 2);
                jobs.run();
                finished
            })
        };
        let (state, finished) = finishing(&pieces(3), CompileMode::Tiering);
        state.queue_all();
        workers.offer(&state, 1);
        jobs.run();
        let other = running.join().unwrap();
        // What a thread left because the other was at it.
        jobs.run();
        finished.try_recv().unwrap();
        other.try_recv().unwrap();
    });
}

#[test]
fn the_second_tier_has_every_eighth_turn_and_the_first_all_others() {
    // On an executor a turn is a piece, and here there is one job at a time, so the order is a matter of turns alone.
    exhaustive(0, || {
        let jobs = Arc::<Jobs>::default();
        let workers = Workers::new(1, Some(Arc::clone(&jobs) as _));
        let model = Arc::default();
        let [tiering, regular, other] = [
            (pieces(4), CompileMode::Tiering),
            (pieces(15), CompileMode::Regular),
            (pieces(15), CompileMode::Regular),
        ]
        .map(|(decoded, mode)| state(&decoded, mode, &model));
        tiering.queue_all();
        tiering.work(4);
        assert_eq!(tiering.outstanding(Level::Baseline), 0);
        for state in [&regular, &other] {
            state.queue_all();
        }
        for state in [&tiering, &regular, &other] {
            workers.offer(state, 1);
        }
        jobs.run();
        let levels: Vec<_> = model.begun().into_iter().map(|(level, _)| level).skip(4).collect();
        assert_eq!(levels.len(), 34);
        let turns: Vec<_> =
            (1..).zip(&levels).filter(|(_, level)| **level == Level::Top).map(|(turn, _)| turn).collect();
        assert_eq!(turns, [8, 16, 24, 32]);
    });
}

#[test]
fn modules_take_turns() {
    exhaustive(0, || {
        let jobs = Arc::<Jobs>::default();
        let workers = Workers::new(1, Some(Arc::clone(&jobs) as _));
        let models = [(); 3].map(|()| Arc::<Model>::default());
        for model in &models {
            let state = state(&pieces(4), CompileMode::Regular, model);
            state.queue_all();
            workers.offer(&state, 1);
        }
        for round in 1..=4 {
            for model in &models {
                let job = jobs.0.lock().unwrap().pop_front().expect("more to do");
                job();
                assert_eq!(model.ended(), round);
            }
        }
    });
}
