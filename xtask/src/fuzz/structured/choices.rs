//! The stream of decisions that a program is made from.
//!
//! A case draws its decisions from a seed and keeps them on a tape; a tape alone makes the same program again. Any tape makes
//! a valid program, what it lacks counts as 0, and 0 always means the simplest thing. So programs shrink by shrinking their tapes.

use crate::rng::Rng;

/// Decisions, drawn or replayed.
pub struct Choices {
    rng: Option<Rng>,
    tape: Vec<u64>,
    at: usize,
}

impl Choices {
    /// Decisions of a seed.
    pub fn random(rng: Rng) -> Choices {
        Choices { rng: Some(rng), tape: Vec::new(), at: 0 }
    }

    /// Decisions made before.
    pub fn replay(tape: Vec<u64>) -> Choices {
        Choices { rng: None, tape, at: 0 }
    }

    /// All decisions made, or to be replayed.
    pub fn into_tape(self) -> Vec<u64> {
        self.tape
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        let value = match &mut self.rng {
            Some(rng) => {
                let value = rng.next();
                self.tape.push(value);
                value
            }
            None => self.tape.get(self.at).copied().unwrap_or(0),
        };
        self.at += 1;
        value
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let value = match &mut self.rng {
            Some(rng) => {
                let value = rng.below(bound) as u64;
                self.tape.push(value);
                value
            }
            None => self.tape.get(self.at).copied().unwrap_or(0) % bound as u64,
        };
        self.at += 1;
        value as usize
    }

    /// Whether something that happens `part` times in `whole` happens. 0 means that it does not.
    pub fn chance(&mut self, part: usize, whole: usize) -> bool {
        self.below(whole) >= whole - part
    }

    /// One of several, the first if simple.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
