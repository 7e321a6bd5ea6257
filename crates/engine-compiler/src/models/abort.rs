//! `abort` waits for what is going on, and nothing happens after it.

use super::*;

/// Aborts a compilation while others work on it, and looks again when they are through.
fn aborted(functions: usize, mode: CompileMode, workers: usize) {
    let model = Arc::<Model>::default();
    let state = state(&pieces(functions), mode, &model);
    let heard = Heard::default();
    state.on_event(heard.callback());
    state.queue_all();
    let workers: Vec<_> = (0..workers)
        .map(|_| {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(usize::MAX))
        })
        .collect();
    state.abort();
    let (begun, told) = (model.begun().len(), heard.get());
    assert_eq!(begun, model.ended(), "a unit is still being compiled");
    assert_eq!((state.outstanding(Level::Baseline), state.outstanding(Level::Top)), (0, 0));
    assert!(!state.has_work());
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(begun, model.begun().len(), "a unit was begun");
    assert_eq!(told, heard.get(), "an event was told");
}

#[test]
fn nothing_happens_after_an_abort() {
    exhaustive(3, || aborted(1, CompileMode::Regular, 1));
}

#[test]
fn nothing_happens_after_an_abort_among_several_threads() {
    random(1_000, || aborted(3, CompileMode::Tiering, 2));
}

#[test]
fn a_callback_may_abort() {
    // Of two callbacks, told by two threads, neither waits for the other.
    random(1_000, || {
        let state = state(&pieces(2), CompileMode::Tiering, &Arc::default());
        for _ in 0..2 {
            let weak = Arc::downgrade(&state);
            state.on_event(move |_| weak.upgrade().expect("in use").abort());
        }
        state.queue_all();
        let worker = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.work(usize::MAX))
        };
        state.work(usize::MAX);
        worker.join().unwrap();
        assert_eq!(state.outstanding(Level::Top), 0);
    });
}

#[test]
fn a_thread_that_waits_hears_of_an_abort() {
    exhaustive(3, || {
        let state = state(&pieces(1), CompileMode::Regular, &Arc::default());
        state.queue_all();
        let waits = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.finish_baseline())
        };
        state.abort();
        waits.join().unwrap().unwrap();
    });
}
