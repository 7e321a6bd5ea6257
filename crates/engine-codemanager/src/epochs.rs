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

// Not `crate::`, so that the models can have another one.
use super::sync::{AtomicUsize, Mutex, Ordering::SeqCst, spin_loop, yield_now};
use std::sync::PoisonError;

/// What readers and writers share.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// The current one, 0 or 1.
    pub(crate) current: AtomicUsize,
    /// Readers that counted themselves into each.
    pub(crate) readers: [AtomicUsize; 2],
    /// One writer waits at a time.
    pub(crate) writer: Mutex<()>,
}

impl Epochs {
    /// Counts a reader into an epoch, which it must leave.
    pub(crate) fn enter(&self) -> usize {
        let epoch = self.current.load(SeqCst);
        self.readers[epoch].fetch_add(1, SeqCst);
        epoch
    }

    /// Counts a reader out of the epoch that it entered.
    pub(crate) fn leave(&self, epoch: usize) {
        self.readers[epoch].fetch_sub(1, SeqCst);
    }

    /// Waits for all readers that may have seen what was unlinked before the call. Not from between `enter` and `leave`.
    pub(crate) fn synchronize(&self) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..2 {
            let epoch = self.current.fetch_xor(1, SeqCst);
            let mut spins = 0u32;
            while self.readers[epoch].load(SeqCst) != 0 {
                spins += 1;
                if spins < 100 {
                    spin_loop();
                } else {
                    yield_now();
                }
            }
        }
    }

    /// Forgets all readers, who are known to be gone.
    pub(crate) fn reset(&self) {
        for readers in &self.readers {
            readers.store(0, SeqCst);
        }
    }
}
