//! A map from pairs of numbers to numbers: open addressing, emptied in no time by a new generation.

#[derive(Default)]
pub(crate) struct Pairs {
    slots: Vec<Slot>,
    generation: u32,
    len: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    generation: u32,
    key: (u32, u32),
    value: u32,
}

/// Slots at first.
const SMALLEST: usize = 1024;

impl Pairs {
    /// Empties the map. To be called before anything else.
    pub fn clear(&mut self) {
        self.len = 0;
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 || self.slots.is_empty() {
            self.slots = vec![Slot::default(); SMALLEST];
            self.generation = 1;
        }
    }

    /// The slot of a key, or the empty one that it may take.
    #[inline]
    fn find(&self, key: (u32, u32)) -> usize {
        let word = u64::from(key.0) << 32 | u64::from(key.1);
        let hash = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mask = self.slots.len() - 1;
        let mut at = (hash >> 32) as usize & mask;
        loop {
            let slot = &self.slots[at];
            if slot.generation != self.generation || slot.key == key {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    pub fn get(&self, a: u32, b: u32) -> Option<u32> {
        let slot = &self.slots[self.find((a, b))];
        (slot.generation == self.generation).then_some(slot.value)
    }

    #[inline]
    pub fn set(&mut self, a: u32, b: u32, value: u32) {
        if (self.len + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let at = self.find((a, b));
        if self.slots[at].generation != self.generation {
            self.len += 1;
        }
        self.slots[at] = Slot { generation: self.generation, key: (a, b), value };
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = core::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        for slot in old {
            if slot.generation == self.generation {
                let at = self.find(slot.key);
                self.slots[at] = slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_set_while_it_grows() {
        let mut pairs = Pairs::default();
        pairs.clear();
        for i in 0..10_000 {
            pairs.set(i, i * 7, i + 1);
        }
        assert!((0..10_000).all(|i| pairs.get(i, i * 7) == Some(i + 1)));
        assert_eq!(pairs.get(0, 1), None);
    }

    #[test]
    fn is_empty_after_clearing() {
        let mut pairs = Pairs::default();
        pairs.clear();
        pairs.set(1, 2, 3);
        pairs.clear();
        assert_eq!(pairs.get(1, 2), None);
    }
}
