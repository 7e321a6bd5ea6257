//! Truth values that one condition leaves for the next: blocks that are threaded, and loops that are copied, one after the other, each with
//! the other's values. Debug builds verify each graph.

mod support;

use std::fmt::Write;
use support::compile;

/// How many locals hold truth values.
const FLAGS: u32 = 4;

struct Rng(u64);

impl Rng {
    /// The next number below `bound` (Marsaglia's xorshift).
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % bound
    }
}

/// Statements that set flags, and ask for them.
fn statements(rng: &mut Rng, text: &mut String, depth: u32) {
    for _ in 0..=rng.below(3) {
        let (a, b) = (rng.below(FLAGS), rng.below(FLAGS));
        let ok = match rng.below(if depth == 0 { 4 } else { 8 }) {
            0 => write!(text, "(local.set {a} (i32.const {}))", rng.below(2)),
            1 => write!(text, "(local.set {a} (local.get {b}))"),
            2 => write!(text, "(local.set {a} (i32.load offset={} (local.get {b})))", 4 * rng.below(4)),
            3 => write!(text, "(i32.store offset={} (i32.const 0) (local.get {a}))", 4 * rng.below(4)),
            4 => {
                // A loop of few turns.
                text.push_str("(local.set 4 (i32.const 0)) (loop $l ");
                statements(rng, text, 0);
                write!(
                    text,
                    "(br_if $l (i32.lt_u (local.tee 4 (i32.add (local.get 4) (i32.const 1))) (i32.const 3))))"
                )
            }
            _ => {
                write!(text, "(if (local.get {a}) (then ").expect("a string");
                statements(rng, text, depth - 1);
                text.push_str(") (else ");
                statements(rng, text, depth - 1);
                write!(text, "))")
            }
        };
        ok.expect("a string");
    }
}

#[test]
fn flags_and_copies_of_loops() {
    for seed in 1..=400_u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut text = String::from("(module (memory 1) (func (param i32 i32 i32 i32) (local i32) ");
        for _ in 0..4 {
            statements(&mut rng, &mut text, 3);
        }
        text.push_str("))");
        assert_eq!(compile(&text), Ok(()), "seed {seed}: {text}");
    }
}
