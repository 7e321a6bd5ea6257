//! A model checker's atomics in place of [`crate::sync`].
//!
//! The checker treats sequentially consistent accesses as acquire and release only, but knows sequentially consistent fences. So each such access has
//! one on both sides, which makes it no stronger than it is as long as all accesses of epochs and links are sequentially consistent. That they are is not
//! checked here: the fences would hide one that is not.

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::Mutex;
pub(crate) use loom::sync::atomic::{AtomicPtr, Ordering};
pub(crate) use loom::thread::yield_now;

use loom::sync::atomic::fence;

fn between_fences<T>(order: Ordering, access: impl FnOnce() -> T) -> T {
    let fence = || {
        if order == Ordering::SeqCst {
            fence(Ordering::SeqCst);
        }
    };
    fence();
    let result = access();
    fence();
    result
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct AtomicUsize(loom::sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub fn new(value: usize) -> AtomicUsize {
        AtomicUsize(loom::sync::atomic::AtomicUsize::new(value))
    }
    pub fn load(&self, order: Ordering) -> usize {
        between_fences(order, || self.0.load(order))
    }
    pub fn store(&self, value: usize, order: Ordering) {
        between_fences(order, || self.0.store(value, order));
    }
    pub fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        between_fences(order, || self.0.fetch_add(value, order))
    }
    pub fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        between_fences(order, || self.0.fetch_sub(value, order))
    }
    pub fn fetch_xor(&self, value: usize, order: Ordering) -> usize {
        between_fences(order, || self.0.fetch_xor(value, order))
    }
}
