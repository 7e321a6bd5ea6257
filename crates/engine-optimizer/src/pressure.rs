//! How long values live: the size of what liveness analysis will find, before anything of that size is made.
//!
//! Sets of live values take memory and time for each value at each block's border that it crosses, which may grow with the square of the
//! operations. A linear walk bounds their sum from above: a value lives from the block of its definition to that of its last use, and
//! from a use in a loop that it was defined before, to the loop's end.

use crate::lir::Code;
use regalloc2::{Function as _, OperandKind, VReg};

/// The walk; its memory is reused.
#[derive(Default)]
pub(crate) struct Pressure {
    /// By virtual register: the blocks of its definition and last use.
    lives: Vec<(u32, u32)>,
    /// By block: the header of the innermost loop around it, or `NO_HEADER`.
    header: Vec<u32>,
    /// Open loops: header and last block.
    open: Vec<(u32, u32)>,
    /// By block that is a header: the loop's last block.
    last: Vec<u32>,
    /// By block that is a header: the header of the loop around it.
    around: Vec<u32>,
}

const NO_HEADER: u32 = u32::MAX;

impl Pressure {
    /// The borders of blocks that all values together cross, at most.
    pub fn of(&mut self, code: &Code) -> u64 {
        self.find_loops(code);
        self.find_lives(code);
        let lives = self.lives.iter().filter(|(from, to)| from < to);
        lives.map(|&(from, to)| u64::from(self.end(from, to) - from)).sum()
    }

    fn find_loops(&mut self, code: &Code) {
        let count = code.blocks.len();
        for list in [&mut self.header, &mut self.last, &mut self.around] {
            list.clear();
            list.resize(count, NO_HEADER);
        }
        self.open.clear();
        for (number, block) in code.blocks.iter().enumerate() {
            let number = number as u32;
            while self.open.pop_if(|&mut (_, last)| last < number).is_some() {}
            let preds = &code.links[block.preds.0 as usize..block.preds.1 as usize];
            let last = preds.iter().map(|pred| pred.index() as u32).max();
            if let Some(last) = last.filter(|&last| last >= number) {
                self.around[number as usize] = self.open.last().map_or(NO_HEADER, |&(header, _)| header);
                self.last[number as usize] = last;
                self.open.push((number, last));
            }
            self.header[number as usize] = self.open.last().map_or(NO_HEADER, |&(header, _)| header);
        }
    }

    fn find_lives(&mut self, code: &Code) {
        self.lives.clear();
        self.lives.resize(code.num_vregs(), (u32::MAX, 0));
        for (number, block) in code.blocks.iter().enumerate() {
            let number = number as u32;
            let registers = |(from, to): (u32, u32)| &code.vregs[from as usize..to as usize];
            registers(block.params).iter().for_each(|&param| self.define(param, number));
            for inst in &code.insts[block.insts.0 as usize..block.insts.1 as usize] {
                for operand in code.operands_of(*inst) {
                    match operand.kind() {
                        OperandKind::Def => self.define(operand.vreg(), number),
                        OperandKind::Use => self.lives[operand.vreg().vreg()].1 = number,
                    }
                }
            }
            registers(block.args).iter().for_each(|arg| self.lives[arg.vreg()].1 = number);
        }
    }

    fn define(&mut self, register: VReg, block: u32) {
        self.lives[register.vreg()].0 = block;
    }

    /// The last block in which a value lives that is defined in one block and last used in another.
    fn end(&self, from: u32, to: u32) -> u32 {
        let mut end = to;
        let mut header = self.header[to as usize];
        while header != NO_HEADER && header > from {
            end = end.max(self.last[header as usize]);
            header = self.around[header as usize];
        }
        end
    }
}
