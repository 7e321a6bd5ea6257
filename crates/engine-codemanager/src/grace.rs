//! The grace periods of this process: nothing that a signal handler may be reading is freed. See [`epochs`](crate::epochs).

use crate::epochs::Epochs;
use crate::sync::{AtomicUsize, Mutex};

static EPOCHS: Epochs = Epochs {
    current: AtomicUsize::new(0),
    readers: [AtomicUsize::new(0), AtomicUsize::new(0)],
    writer: Mutex::new(()),
};

/// While it lives, nothing that was reachable when it was made is freed.
#[derive(Debug)]
pub(crate) struct ReadGuard {
    epoch: usize,
}

impl ReadGuard {
    pub(crate) fn new() -> ReadGuard {
        ReadGuard { epoch: EPOCHS.enter() }
    }
}

impl Drop for ReadGuard {
    fn drop(&mut self) {
        EPOCHS.leave(self.epoch);
    }
}

/// Waits for all readers that may have seen what was unlinked before the call. Not from within a read guard.
pub(crate) fn synchronize() {
    EPOCHS.synchronize();
}

/// In a forked child: the readers of other threads are gone.
pub(crate) fn reset_after_fork() {
    EPOCHS.reset();
}
