//! A list that grows at its end while others read it without locks. Elements never move.
//!
//! ```text
//!  segment 0: 8 elements   segment 1: 16   segment 2: 32   …
//! ```
//! The writer fills an element, then publishes the new length (release); a reader loads the length (acquire) and touches
//! only elements below it, whose segments were allocated before.
#![allow(unsafe_code)]

// Not `crate::`, so that the models can have another one.
use super::sync::{AtomicPtr, AtomicUsize, Ordering::*};
use core::mem::MaybeUninit;
use core::ptr;

const FIRST: usize = 8;
const SEGMENTS: usize = 26;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct AppendList<T> {
    len: AtomicUsize,
    segments: [AtomicPtr<MaybeUninit<T>>; SEGMENTS],
}

fn position(index: usize) -> (usize, usize) {
    let segment = (index / FIRST + 1).ilog2() as usize;
    (segment, index - FIRST * ((1 << segment) - 1))
}

impl<T> AppendList<T> {
    pub(crate) fn new() -> AppendList<T> {
        AppendList {
            len: AtomicUsize::new(0),
            segments: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    /// The element at an index below a length that was read before.
    pub(crate) fn get(&self, index: usize) -> &T {
        assert!(index < self.len());
        let (segment, offset) = position(index);
        // SAFETY: elements below the length are initialised and their segments allocated; they are never changed again.
        unsafe { (*self.segments[segment].load(Relaxed).add(offset)).assume_init_ref() }
    }

    /// Adds an element. The caller is the only one that adds at this time.
    ///
    /// # Safety
    /// No two calls overlap.
    pub(crate) unsafe fn push(&self, value: T) {
        let index = self.len.load(Relaxed);
        let (segment, offset) = position(index);
        let mut elements = self.segments[segment].load(Relaxed);
        if elements.is_null() {
            elements = Box::into_raw(Box::<[T]>::new_uninit_slice(FIRST << segment)).cast();
            self.segments[segment].store(elements, Relaxed);
        }
        // SAFETY: within the segment, and unreachable for readers until the length says otherwise.
        unsafe { elements.add(offset).write(MaybeUninit::new(value)) };
        self.len.store(index + 1, Release);
    }

    /// Index of the first element for which `before` is false; it must be true for a prefix only.
    pub(crate) fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

impl<T> Drop for AppendList<T> {
    fn drop(&mut self) {
        let len = self.len.load(Relaxed);
        for index in 0..len {
            let (segment, offset) = position(index);
            // SAFETY: initialised, and nobody else refers to it now.
            unsafe { (*self.segments[segment].load(Relaxed).add(offset)).assume_init_drop() };
        }
        for (segment, elements) in self.segments.iter().enumerate() {
            let elements = elements.load(Relaxed);
            if !elements.is_null() {
                let slice = ptr::slice_from_raw_parts_mut(elements, FIRST << segment);
                // SAFETY: allocated in `push` as a box of this length.
                drop(unsafe { Box::from_raw(slice) });
            }
        }
    }
}

// Threads of their own, which a model does not have.
#[cfg(all(test, not(feature = "model")))]
mod tests {
    use super::*;

    #[test]
    fn positions_are_dense() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(position(index), expected);
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn readers_see_a_prefix_while_it_grows() {
        let list = AppendList::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..5000u64 {
                    // SAFETY: the only thread that pushes.
                    unsafe { list.push(Box::new(i)) };
                }
            });
            let mut len = 0;
            while len < 5000 {
                len = list.len();
                for i in (0..len).rev().take(50) {
                    assert_eq!(**list.get(i), i as u64);
                }
                assert!(list.partition_point(|x| **x < 100) <= 100);
            }
        });
        assert_eq!(list.partition_point(|x| **x < 100), 100);
    }
}
