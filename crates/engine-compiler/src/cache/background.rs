//! The thread that completes entries.
//!
//! It is started when there is an entry to complete and ends when there is none, and gives way to everything else on the machine. It begins a
//! little later than the program, so that what ends soon is not disturbed.

use super::Recording;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long a program has the machine to itself.
const HEAD_START: Duration = Duration::from_millis(200);

/// The lowest priority there is.
const NICE: i32 = 19;

#[derive(Default)]
pub(super) struct Background {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    /// Those whose modules have gone are passed over.
    queue: VecDeque<Weak<Recording>>,
    /// The process in which the thread runs; a child made by `fork` has none.
    running: Option<u32>,
    /// Threads that wait for the end.
    waiting: usize,
}

impl Inner {
    fn runs(&self) -> bool {
        self.running == Some(std::process::id())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        // Where that is not allowed, it runs like others.
        let _ = rustix::process::setpriority_process(None, NICE);
        let patient = |inner: &mut Inner| inner.waiting == 0;
        let wait = self.changed.wait_timeout_while(self.lock(), HEAD_START, patient);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
        let _end = End(self);
        loop {
            let next = {
                let mut inner = self.lock();
                let next = inner.queue.pop_front();
                if next.is_none() {
                    inner.running = None;
                }
                next
            };
            match next {
                None => return,
                Some(recording) => {
                    if let Some(recording) = recording.upgrade() {
                        recording.complete();
                    }
                }
            }
        }
    }
}

/// However the thread ends, those who wait for it hear of it.
struct End<'s>(&'s Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        if std::thread::panicking() {
            inner.queue.clear();
            inner.running = None;
        }
        self.0.changed.notify_all();
    }
}

impl Background {
    /// Completes an entry some time.
    pub fn complete(&self, recording: &Arc<Recording>) {
        let mut inner = self.shared.lock();
        inner.queue.retain(|other| other.strong_count() > 0);
        inner.queue.push_back(Arc::downgrade(recording));
        if !inner.runs() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("wasm-cache".to_owned());
            match thread.spawn(move || shared.run()) {
                Ok(_) => inner.running = Some(std::process::id()),
                // Entries then get what is compiled anyway.
                Err(_) => inner.queue.clear(),
            }
        }
    }

    /// Waits until there is nothing left to do.
    pub fn finish(&self) {
        let mut inner = self.shared.lock();
        inner.waiting += 1;
        self.shared.changed.notify_all();
        while inner.runs() {
            inner = self.shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.waiting -= 1;
    }
}
