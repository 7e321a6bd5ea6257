//! Worker threads, shared by all modules of an engine.
//!
//! Threads are started when there is work for them, up to a limit, and sleep when there is none. Modules take turns: a worker compiles a few
//! pieces of one, then looks for the next. A thread that waits for a module compiles its units itself meanwhile
//! ([`CompilationState::finish_baseline`]), so that a limit of 0 is no special case.

use crate::state::CompilationState;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Pieces of one module that a worker compiles before it looks at the others: about 10 ms.
const TURN: usize = 16;

/// The worker threads of an engine. They end when it is dropped.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    limit: usize,
}

struct Shared {
    inner: Mutex<Inner>,
    work: Condvar,
}

#[derive(Default)]
struct Inner {
    /// Modules that may have units, in the order of their turns.
    modules: VecDeque<Arc<CompilationState>>,
    threads: usize,
    asleep: usize,
    stop: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a module out of the turns.
    fn withdraw(&self, state: &Arc<CompilationState>) {
        self.lock().modules.retain(|other| !Arc::ptr_eq(other, state));
    }

    /// What a worker does.
    fn run(&self) {
        let mut inner = self.lock();
        loop {
            if inner.stop {
                inner.threads -= 1;
                return;
            }
            let Some(state) = inner.modules.pop_front() else {
                inner.asleep += 1;
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.asleep -= 1;
                continue;
            };
            // Others may work on it, too.
            inner.modules.push_back(Arc::clone(&state));
            drop(inner);
            state.work(TURN);
            if !state.has_work() {
                self.withdraw(&state);
            }
            // The last reference may be ours; what it frees is not freed under the lock.
            drop(state);
            inner = self.lock();
        }
    }
}

impl Workers {
    /// At most `limit` threads; none is started yet.
    pub fn new(limit: usize) -> Workers {
        let shared = Shared { inner: Mutex::default(), work: Condvar::new() };
        Workers { shared: Arc::new(shared), limit }
    }

    /// Offers the units queued in a module to at most `helpers` workers.
    pub fn offer(&self, state: &Arc<CompilationState>, helpers: usize) {
        let helpers = helpers.min(self.limit);
        if helpers == 0 {
            return;
        }
        let mut inner = self.shared.lock();
        if !inner.modules.iter().any(|other| Arc::ptr_eq(other, state)) {
            inner.modules.push_back(Arc::clone(state));
        }
        let wanted = helpers.saturating_sub(inner.asleep);
        for _ in 0..wanted.min(self.limit - inner.threads) {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("wasm-compile".to_owned());
            // Without a thread the others do the work, in the end the one that waits.
            if thread.spawn(move || shared.run()).is_ok() {
                inner.threads += 1;
            }
        }
        drop(inner);
        for _ in 0..helpers {
            self.shared.work.notify_one();
        }
    }

    /// Takes a module out of the turns.
    pub fn withdraw(&self, state: &Arc<CompilationState>) {
        self.shared.withdraw(state);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_all();
    }
}
