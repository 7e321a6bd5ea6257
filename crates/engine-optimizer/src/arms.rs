//! Values that only some targets of a `br_table` use are computed there.
//!
//! In the graph each pure instruction exists once, so what several cases of a switch compute is one value, and the latest block that dominates all
//! of its users is the one with the switch. There it would be computed for every case, and live in all. So it is divided: each block that
//! the switch's block dominates directly gets one of its own. No path computes more than before, but where cases meet again, for
//! which only cheap instructions are divided.

use crate::dominators::Dominators;
use crate::ir::*;

/// Who uses a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    /// The terminator of the block.
    Terminator,
    /// A word of the pool.
    Pool(u32),
    /// An operand of an instruction.
    Operand(Value, u8),
    /// The address or vmctx of a call.
    Callee(u32, bool),
}

#[derive(Clone, Copy)]
struct Use {
    user: User,
    block: Block,
    next: u32,
}

const NO_USE: u32 = u32::MAX;

/// Steps up the dominator tree that the division of a value may take.
const MAX_STEPS: u32 = 256;

/// Uses of pure values, while they are placed; its memory is reused.
#[derive(Default)]
pub(crate) struct Arms {
    /// Whether there is a switch at all.
    pub wanted: bool,
    uses: Vec<Use>,
    /// By value: its last use.
    last: Vec<u32>,
    groups: Vec<(Block, u32)>,
    /// How many more instructions may be made.
    budget: usize,
}

impl Arms {
    pub fn begin(&mut self, graph: &Graph) {
        self.wanted = graph.layout.iter().any(|&block| matches!(graph.block(block).term, Term::Table { .. }));
        self.budget = graph.insts.len();
        self.uses.clear();
        self.last.clear();
        if self.wanted {
            self.last.resize(graph.insts.len(), NO_USE);
        }
    }

    /// Notes a use.
    #[inline]
    pub fn used(&mut self, value: Value, block: Block, user: User) {
        if self.wanted {
            let next = core::mem::replace(&mut self.last[value.index()], self.uses.len() as u32);
            self.uses.push(Use { user, block, next });
        }
    }

    /// Divides a value that would be placed in `block`. The new values' uses are noted; they are returned with the blocks below `block` in the
    /// dominator tree that they belong to. Empty if the value is not divided.
    pub fn divide(
        &mut self,
        graph: &mut Graph,
        dominators: &Dominators,
        value: Value,
        block: Block,
    ) -> Vec<Value> {
        let mut made = Vec::new();
        if !self.wanted || !matches!(graph.block(block).term, Term::Table { .. }) {
            return made;
        }
        if !self.group(dominators, value, block) {
            return made;
        }
        let inst = graph.inst(value);
        self.groups.sort_unstable();
        let cases = |arm: Block| matches!(graph.block(arm).preds[..], [edge] if graph.edges[edge.index()].from == block);
        if !is_cheap(inst) && !self.groups.iter().all(|&(arm, _)| cases(arm)) {
            return made;
        }
        let Some(budget) = self.budget.checked_sub(self.groups.len()) else { return made };
        self.budget = budget;
        let groups = core::mem::take(&mut self.groups);
        for group in groups.chunk_by(|(a, _), (b, _)| a == b) {
            let copy = graph.push(inst, 0);
            self.last.resize(graph.insts.len(), NO_USE);
            for &(_, number) in group {
                let Use { user, block, .. } = self.uses[number as usize];
                set(graph, user, block, copy);
                let next = core::mem::replace(&mut self.last[copy.index()], number);
                self.uses[number as usize].next = next;
            }
            made.push(copy);
        }
        self.last[value.index()] = NO_USE;
        self.groups = groups;
        made
    }

    /// Finds below which child of `block` in the dominator tree each use is. Whether all are below one.
    fn group(&mut self, dominators: &Dominators, value: Value, block: Block) -> bool {
        self.groups.clear();
        let mut steps = MAX_STEPS;
        let mut number = self.last[value.index()];
        while number != NO_USE {
            let Use { block: mut at, next, .. } = self.uses[number as usize];
            if dominators.depth(at) <= dominators.depth(block) {
                return false;
            }
            while dominators.depth(at) > dominators.depth(block) + 1 {
                at = dominators.idom(at);
                let Some(left) = steps.checked_sub(1) else { return false };
                steps = left;
            }
            self.groups.push((at, number));
            number = next;
        }
        !self.groups.is_empty()
    }

    /// The uses of a value, by block.
    pub fn blocks(&self, value: Value) -> impl Iterator<Item = Block> {
        let mut number = self.last[value.index()];
        core::iter::from_fn(move || {
            let found = self.uses.get(number as usize)?;
            number = found.next;
            Some(found.block)
        })
    }
}

/// Whether computing it twice costs less than keeping it.
fn is_cheap(inst: Inst) -> bool {
    match inst.op {
        Op::Mul | Op::MulHigh | Op::Div | Op::FloatBinary | Op::FloatUnary | Op::Convert => false,
        op => op.is_pure(),
    }
}

/// Makes a user use another value.
fn set(graph: &mut Graph, user: User, block: Block, value: Value) {
    match user {
        User::Pool(index) => graph.pool[index as usize] = value,
        User::Operand(inst, operand) => graph.insts[inst.index()].args[usize::from(operand)] = value.0,
        User::Callee(number, vmctx) => {
            if let Callee::Address(code, data) = &mut graph.calls[number as usize].callee {
                *(if vmctx { data } else { code }) = value;
            }
        }
        User::Terminator => match &mut graph.blocks[block.index()].term {
            Term::Branch(condition, ..) => *condition = value,
            Term::Table { index, .. } => *index = value,
            Term::None | Term::Jump(_) | Term::Return { .. } | Term::Trap(_) => {}
        },
    }
}
