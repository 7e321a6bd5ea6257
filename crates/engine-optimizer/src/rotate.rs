//! The pass `rotate`: the order in which blocks are emitted.
//!
//! A loop that is left from its middle, and whose last block jumps back to its header, is turned until the block that leaves it comes last:
//!
//! ```text
//!     header: test, leave           jump header
//!     body                    body: …
//!     jump header             header: test, back to body
//! ```
//! So a turn takes one branch instead of two. Nothing is copied, and the register allocator sees the order of the source, in which loops
//! begin with their headers. Blocks that are unlikely to run come behind all others.

use crate::lir::{Code, LOp};

/// The pass; its memory is reused.
#[derive(Default)]
pub(crate) struct Rotate {
    /// Blocks in the order of emission.
    pub order: Vec<u32>,
    /// By block: the header of the innermost loop that it is known to be in, itself included.
    header: Vec<u32>,
    loops: Vec<Loop>,
    /// Loops that are not at their end yet.
    open: Vec<usize>,
}

/// A header, and the last block that jumps back to it.
#[derive(Clone, Copy)]
struct Loop {
    header: u32,
    last: u32,
}

const NO_HEADER: u32 = u32::MAX;

impl Rotate {
    /// Puts the blocks in order; loops are turned if the pass is wanted.
    pub fn run(&mut self, code: &Code, turn: bool) {
        self.order.clear();
        self.order.extend(0..code.blocks.len() as u32);
        if turn {
            self.find_loops(code);
            // Inner loops first: those around them are then where their numbers say, and take them along in one piece.
            for number in (0..self.loops.len()).rev() {
                let Loop { header, last } = self.loops[number];
                if let Some(bottom) = self.bottom(code, header, last) {
                    self.order[header as usize..=last as usize].rotate_left((bottom + 1 - header) as usize);
                }
            }
        }
        self.order.sort_by_key(|&block| code.blocks[block as usize].cold);
    }

    fn find_loops(&mut self, code: &Code) {
        self.loops.clear();
        self.open.clear();
        self.header.clear();
        for (number, block) in code.blocks.iter().enumerate() {
            let number = number as u32;
            while self.open.pop_if(|open| self.loops[*open].last < number).is_some() {}
            let preds = &code.links[block.preds.0 as usize..block.preds.1 as usize];
            let back = preds.iter().map(|pred| pred.index()).filter(|&pred| !code.blocks[pred].cold);
            if let Some(last) = back.max().map(|last| last as u32).filter(|&last| last >= number) {
                // Loops that are not one inside the other are left alone.
                let around = self.open.last().map_or(u32::MAX, |&open| self.loops[open].last);
                if last <= around {
                    self.open.push(self.loops.len());
                    self.loops.push(Loop { header: number, last });
                }
            }
            self.header.push(self.open.last().map_or(NO_HEADER, |&open| self.loops[open].header));
        }
    }

    /// The block that shall come last in a loop: one behind which the loop is left or goes on with the next, best if it is left for what
    /// follows.
    fn bottom(&self, code: &Code, header: u32, last: u32) -> Option<u32> {
        let end = code.blocks[last as usize].insts.1;
        if code.insts[end as usize - 1].op != (LOp::Jump { to: header }) {
            return None;
        }
        let mut found = None;
        for block in header..last {
            if self.header[block as usize] != header {
                continue;
            }
            let succs = code.blocks[block as usize].succs;
            let [a, b] = code.links[succs.0 as usize..succs.1 as usize] else { continue };
            let (a, b) = (a.index() as u32, b.index() as u32);
            for (stay, leave) in [(a, b), (b, a)] {
                // The way out may have a block of its own, which comes along.
                let (bottom, leave) =
                    if leave == block + 1 { (leave, only_jumps(code, leave)) } else { (block, leave) };
                if stay == bottom + 1 && stay <= last && !(header..=last).contains(&leave) {
                    if leave == last + 1 {
                        return Some(bottom);
                    }
                    found = found.or(Some(bottom));
                }
            }
        }
        found
    }
}

/// Where a block leads that only jumps; otherwise itself.
fn only_jumps(code: &Code, block: u32) -> u32 {
    let (from, to) = code.blocks[block as usize].insts;
    match code.insts[from as usize].op {
        LOp::Jump { to: target } if to - from == 1 => target,
        _ => block,
    }
}
