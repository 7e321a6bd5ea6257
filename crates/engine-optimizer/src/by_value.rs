//! A map from values to words that takes a word for each value of the function, and is emptied in the time that it took to fill.

use crate::ir::Value;

#[derive(Default)]
pub(crate) struct ByValue {
    words: Vec<u32>,
    keys: Vec<Value>,
}

/// No entry.
const EMPTY: u32 = u32::MAX;

impl ByValue {
    /// Empties the map.
    pub fn clear(&mut self) {
        for key in self.keys.drain(..) {
            self.words[key.index()] = EMPTY;
        }
    }
    /// The entry of a value.
    #[inline]
    pub fn get(&self, key: Value) -> Option<u32> {
        self.words.get(key.index()).copied().filter(|&word| word != EMPTY)
    }
    /// Sets the entry of a value.
    pub fn set(&mut self, key: Value, word: u32) {
        debug_assert_ne!(word, EMPTY);
        if self.words.len() <= key.index() {
            self.words.resize(key.index() + 1, EMPTY);
        }
        if core::mem::replace(&mut self.words[key.index()], word) == EMPTY {
            self.keys.push(key);
        }
    }
    /// The values that have an entry, in the order in which they got it.
    pub fn keys(&self) -> &[Value] {
        &self.keys
    }
}
