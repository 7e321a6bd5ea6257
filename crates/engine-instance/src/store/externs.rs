//! The heap of host references that Wasm code holds.
//!
//! Compiled code sees an `externref` as an index, from 1; 0 is null. A host value gets a slot each time it enters Wasm
//! and is never counted there; slots that Wasm has lost are found by a sweep, when the heap is as full as its limit,
//! which is then set to twice what survived. So a value passed through Wasm costs amortised constant time, and memory
//! is proportional to what is alive.
//!
//! A sweep happens only in [`prepare`](ExternHeap::prepare), before host values are converted: values already
//! converted can therefore not be lost on their way into Wasm.

use crate::ExternRef;

#[derive(Debug)]
enum Slot {
    Free { next: u32 },
    Used(ExternRef),
}

/// Slots of host references.
#[derive(Debug)]
pub(crate) struct ExternHeap {
    slots: Vec<Slot>,
    /// First free slot, as index from 1; 0 if there is none.
    free: u32,
    used: usize,
    /// Number of used slots at which a sweep is due.
    limit: usize,
}

/// Which slots were found.
pub(crate) struct Marks {
    bits: Vec<u64>,
    slots: u64,
}

impl Marks {
    /// Notes that a word was found where a reference may be. Words that are no slot's index are ignored.
    #[inline]
    pub(crate) fn mark(&mut self, word: u64) {
        let index = word.wrapping_sub(1);
        if index < self.slots {
            self.bits[(index / 64) as usize] |= 1 << (index % 64);
        }
    }

    fn contains(&self, index: usize) -> bool {
        self.bits[index / 64] >> (index % 64) & 1 != 0
    }
}

impl ExternHeap {
    /// A sweep is not worth its while below this number of slots.
    const SMALLEST_LIMIT: usize = 4096;

    pub(crate) const fn new() -> ExternHeap {
        ExternHeap { slots: Vec::new(), free: 0, used: 0, limit: Self::SMALLEST_LIMIT }
    }

    /// Makes sure that `count` calls of [`insert`](Self::insert) need no sweep. `mark` marks what is alive; it is called
    /// only if a sweep is due. Returns dead values, to be dropped when the store is consistent.
    #[inline]
    pub(crate) fn prepare(&mut self, count: usize, mark: impl FnOnce(&mut Marks)) -> Vec<ExternRef> {
        if self.used + count <= self.limit {
            return Vec::new();
        }
        self.sweep(count, mark)
    }

    #[cold]
    fn sweep(&mut self, count: usize, mark: impl FnOnce(&mut Marks)) -> Vec<ExternRef> {
        let mut marks =
            Marks { bits: vec![0; self.slots.len().div_ceil(64)], slots: self.slots.len() as u64 };
        mark(&mut marks);
        let mut dead = Vec::new();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if matches!(slot, Slot::Used(_)) && !marks.contains(i) {
                let free = core::mem::replace(slot, Slot::Free { next: self.free });
                self.free = i as u32 + 1;
                if let Slot::Used(value) = free {
                    dead.push(value);
                }
            }
        }
        self.used -= dead.len();
        self.limit = (2 * self.used).max(Self::SMALLEST_LIMIT) + count;
        dead
    }

    /// Gives a value a slot and returns its index. [`prepare`](Self::prepare) has been called.
    pub(crate) fn insert(&mut self, value: ExternRef) -> u32 {
        self.used += 1;
        if self.free != 0 {
            let index = self.free;
            let slot = &mut self.slots[index as usize - 1];
            if let Slot::Free { next } = *slot {
                self.free = next;
            }
            *slot = Slot::Used(value);
            return index;
        }
        self.slots.push(Slot::Used(value));
        u32::try_from(self.slots.len()).expect("fewer than 2^32 live externrefs")
    }

    /// The value in a slot; `None` for null.
    pub(crate) fn get(&self, index: u64) -> Option<&ExternRef> {
        match self.slots.get(usize::try_from(index).ok()?.checked_sub(1)?)? {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reuses_dead_slots_and_keeps_marked_ones() {
        let mut heap = ExternHeap::new();
        let kept = heap.insert(ExternRef::new("kept"));
        let mut dropped = 0;
        for i in 0..1_000_000_u32 {
            dropped += heap.prepare(1, |marks| marks.mark(u64::from(kept))).len();
            heap.insert(ExternRef::new(i));
        }
        assert!(heap.capacity() <= 2 * ExternHeap::SMALLEST_LIMIT, "{}", heap.capacity());
        assert!(dropped > 900_000);
        assert_eq!(heap.get(u64::from(kept)).unwrap().downcast_ref::<&str>(), Some(&"kept"));
        assert!(heap.get(0).is_none());
        assert!(heap.get(u64::MAX).is_none());
    }

    #[test]
    fn limit_follows_what_is_alive() {
        let mut heap = ExternHeap::new();
        let mut sweeps = 0;
        for i in 0..100_000_u64 {
            heap.prepare(1, |marks| {
                sweeps += 1;
                (1..=i).for_each(|index| marks.mark(index));
            });
            heap.insert(ExternRef::new(i));
        }
        assert!(sweeps <= 6, "{sweeps}");
    }
}
