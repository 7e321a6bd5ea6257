//! What `call_indirect`s have called so far.
//!
//! Baseline code that counts what it executes notes, for each `call_indirect`, the function reference that it calls, in a word of its instance
//! ([`VmLayout::call_target`]): a word that is 0 takes the reference's lower half, another reference makes it [`CallTargets::SEVERAL`]. When
//! code asks to be replaced, the instance's words are added to the module's, which are what the optimising compiler looks at.
//!
//! Which word a call has is a hash of its place. Two calls that share one take each other's targets for theirs; as the compiler checks a target before
//! it relies on it, that costs time and nothing else.

use crate::VmLayout;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use engine_decoder::FuncIndex;

/// The targets that the calls of a module's code have had, in all of its instances.
#[derive(Debug, Default)]
pub struct CallTargets {
    /// By word: 0, [`CallTargets::SEVERAL`], or a function's index plus [`FIRST`].
    words: Box<[AtomicU32]>,
}

/// What stands for function 0.
const FIRST: u32 = 2;

impl CallTargets {
    /// In a word: there was more than one target. No function reference has this lower half, as references are aligned.
    pub const SEVERAL: u32 = 1;

    /// Nothing is known yet of a module whose instances have this layout.
    pub fn new(layout: &VmLayout) -> CallTargets {
        CallTargets { words: (0..layout.num_call_targets()).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Adds the words of an instance. `resolve` says which of the instance's functions the reference with this lower half is.
    pub fn add(&self, words: &[u32], resolve: impl Fn(u32) -> Option<FuncIndex>) {
        for (known, &word) in self.words.iter().zip(words) {
            let target = match word {
                0 => continue,
                CallTargets::SEVERAL => CallTargets::SEVERAL,
                word => resolve(word).map_or(CallTargets::SEVERAL, |func| func.0 + FIRST),
            };
            // Additions that meet may each lose the other's: what is left is a guess like any other.
            match known.load(Relaxed) {
                0 => known.store(target, Relaxed),
                same if same == target => {}
                _ => known.store(CallTargets::SEVERAL, Relaxed),
            }
        }
    }

    /// The function that the `call_indirect` at this offset of a function's body has called, if it was always the same.
    pub fn only(&self, func: FuncIndex, wasm_offset: u32) -> Option<FuncIndex> {
        let word = self.words.get(word_of(func, wasm_offset, self.words.len() as u32)?)?;
        word.load(Relaxed).checked_sub(FIRST).map(FuncIndex)
    }
}

/// The word of a `call_indirect` among `count`, a power of two of at most 2^16, or 0.
pub(crate) fn word_of(func: FuncIndex, wasm_offset: u32, count: u32) -> Option<usize> {
    let mask = count.checked_sub(1)?;
    let hash = func.0.wrapping_mul(0x9e37_79b1).wrapping_add(wasm_offset.wrapping_mul(0x85eb_ca6b));
    Some((hash >> 16 & mask) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: u32) -> CallTargets {
        CallTargets { words: (0..count).map(|_| AtomicU32::new(0)).collect() }
    }

    fn known(targets: &CallTargets) -> Vec<u32> {
        targets.words.iter().map(|word| word.load(Relaxed)).collect()
    }

    #[test]
    fn instances_add_up() {
        let targets = targets(4);
        let resolve = |word: u32| (word < 0x1000).then_some(FuncIndex(word / 16));
        targets.add(&[0, 16, 32, 0x2000], resolve);
        assert_eq!(known(&targets), [0, FIRST + 1, FIRST + 2, CallTargets::SEVERAL]);
        targets.add(&[48, 16, 16, 0], resolve);
        assert_eq!(known(&targets), [FIRST + 3, FIRST + 1, CallTargets::SEVERAL, CallTargets::SEVERAL]);
        targets.add(&[CallTargets::SEVERAL; 4], resolve);
        assert_eq!(known(&targets), [CallTargets::SEVERAL; 4]);
    }

    #[test]
    fn a_call_finds_its_word_again() {
        let targets = targets(64);
        let at = word_of(FuncIndex(7), 123, 64).unwrap();
        let mut words = [0; 64];
        words[at] = 160;
        targets.add(&words, |word| Some(FuncIndex(word / 16)));
        assert_eq!(targets.only(FuncIndex(7), 123), Some(FuncIndex(10)));
        assert_eq!(CallTargets::default().only(FuncIndex(7), 123), None);
    }
}
