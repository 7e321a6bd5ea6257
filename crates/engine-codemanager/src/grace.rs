//! Grace periods: freeing what a signal handler may be reading.
//!
//! Readers (any thread, any moment, signal handlers included) count themselves in and out of the current of two epochs; they
//! never wait, lock or allocate. A writer first makes the thing unreachable, then calls [`synchronize`], and may free it
//! after that returns.
//!
//! ```text
//!  reader                         writer
//!  e = EPOCH                      unlink
//!  READERS[e] += 1                twice: e = EPOCH; EPOCH = !e; wait until READERS[e] == 0
//!  read                           free
//!  READERS[e] -= 1
//! ```
//!
//! Twice, because a reader may read `EPOCH`, sleep, and count itself into that epoch after a writer has looked: that writer
//! is safe, since the reader reads the link later still and finds it gone, but the next writer must not miss the reader by looking
//! at the other epoch only. All accesses are sequentially consistent: a reader whose count the writer does not see counts
//! later in the single order than the writer looked, hence reads links after they were unlinked.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

static EPOCH: AtomicUsize = AtomicUsize::new(0);
static READERS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static WRITER: Mutex<()> = Mutex::new(());

/// While it lives, nothing that was reachable when it was made is freed.
#[derive(Debug)]
pub(crate) struct ReadGuard {
    epoch: usize,
}

impl ReadGuard {
    pub(crate) fn new() -> ReadGuard {
        let epoch = EPOCH.load(SeqCst);
        READERS[epoch].fetch_add(1, SeqCst);
        ReadGuard { epoch }
    }
}

impl Drop for ReadGuard {
    fn drop(&mut self) {
        READERS[self.epoch].fetch_sub(1, SeqCst);
    }
}

/// Waits for all readers that may have seen what was unlinked before the call. Not from within a read guard.
pub(crate) fn synchronize() {
    let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..2 {
        let epoch = EPOCH.fetch_xor(1, SeqCst);
        let mut spins = 0u32;
        while READERS[epoch].load(SeqCst) != 0 {
            spins += 1;
            if spins < 100 {
                core::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

/// In a forked child: the readers of other threads are gone.
pub(crate) fn reset_after_fork() {
    for readers in &READERS {
        readers.store(0, SeqCst);
    }
}
