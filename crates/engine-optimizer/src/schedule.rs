//! Where pure instructions go (after Click, "Global Code Motion / Global Value Numbering", 1995).
//!
//! 1. What is needed is marked: pinned instructions, terminators, and what they use.
//! 2. The *earliest* block of a pure instruction is the deepest, in the dominator tree, of its operands' blocks.
//! 3. The *latest* is the nearest common dominator of its users. It goes there, or further up, out of loops, if its
//!    operands are there.
//! 4. In a block, it goes before its first user, or to the end if all users are elsewhere.

use crate::arms::{Arms, User};
use crate::dominators::Dominators;
use crate::ir::*;

/// The order of all instructions.
#[derive(Default)]
pub(crate) struct Schedule {
    pub dominators: Dominators,
    /// By value: the block of pinned instructions and parameters; of pure ones, first the earliest, then where they go.
    place: Vec<Block>,
    late: Vec<Block>,
    /// By value: whether it is needed.
    live: Vec<bool>,
    /// By value: how many operands refer to it.
    pub uses: Vec<u32>,
    pub seq: Vec<Value>,
    /// By block: its range of `seq`.
    pub ranges: Vec<(u32, u32)>,
    work: Vec<Value>,
    /// The needed pure instructions, operands first.
    pure: Vec<Value>,
    /// Pure instructions by the block they go to.
    placed: Vec<(Block, Value)>,
    done: Vec<bool>,
    arms: Arms,
    work_blocks: Vec<Block>,
}

/// Whether instructions are placed: constants are made where they are used, addresses are part of accesses.
fn is_placed(inst: Inst) -> bool {
    match inst.op {
        Op::Const | Op::Base | Op::Address => false,
        op => op.is_pure(),
    }
}

impl Schedule {
    pub fn run(&mut self, graph: &mut Graph) -> Result<(), &'static str> {
        self.dominators.compute(graph)?;
        let count = graph.insts.len();
        self.live.clear();
        self.live.resize(count, false);
        self.uses.clear();
        self.uses.resize(count, 0);
        self.place.clear();
        self.place.resize(count, Block::NONE);
        self.late.clear();
        self.late.resize(count, Block::NONE);
        self.mark(graph);
        self.order_pure(graph);
        self.earliest(graph)?;
        self.latest(graph);
        self.sequence(graph);
        Ok(())
    }

    fn need(&mut self, value: Value) {
        if !core::mem::replace(&mut self.live[value.index()], true) {
            self.work.push(value);
        }
    }

    /// Marks what is needed, and resolves the operands of all that is.
    fn mark(&mut self, graph: &mut Graph) {
        for i in 0..graph.pool.len() {
            graph.pool[i] = graph.resolve(graph.pool[i]);
        }
        for at in 0..graph.layout.len() {
            let block = graph.layout[at];
            let data = graph.block(block);
            let (start, end) = data.insts;
            match data.term {
                Term::Branch(condition, yes, no) => {
                    let condition = graph.resolve(condition);
                    graph.blocks[block.index()].term = Term::Branch(condition, yes, no);
                    self.need(condition);
                }
                Term::Table { index, first, count, edges } => {
                    let index = graph.resolve(index);
                    graph.blocks[block.index()].term = Term::Table { index, first, count, edges };
                    self.need(index);
                }
                Term::Return { first, count } => {
                    (first..first + count).for_each(|i| self.need(graph.pool[i as usize]));
                }
                Term::None | Term::Jump(_) | Term::Trap(_) => {}
            }
            for i in start..end {
                let value = graph.order[i as usize];
                self.place[value.index()] = block;
                self.need(value);
            }
            for i in 0..graph.block(block).params.len() {
                let param = graph.block(block).params[i];
                self.place[param.index()] = block;
            }
        }
        while let Some(value) = self.work.pop() {
            let inst = graph.resolved(value);
            inst.operands().for_each(|operand| self.need(operand));
            match inst.op {
                Op::Param => {
                    let (first, count) = (inst.args[1], inst.args[2]);
                    (first..first + count).for_each(|i| self.need(graph.pool[i as usize]));
                }
                Op::Call => {
                    let number = inst.args[0] as usize;
                    let CallData { callee, first, count, .. } = graph.calls[number];
                    (first..first + count).for_each(|i| self.need(graph.pool[i as usize]));
                    if let Callee::Address(code, vmctx) = callee {
                        let (code, vmctx) = (graph.resolve(code), graph.resolve(vmctx));
                        graph.calls[number].callee = Callee::Address(code, vmctx);
                        self.need(code);
                        self.need(vmctx);
                    }
                }
                _ => {}
            }
        }
        // Parameters that nobody needs are none.
        for at in 0..graph.layout.len() {
            let block = graph.layout[at];
            let live = &self.live;
            graph.blocks[block.index()].params.retain(|param| live[param.index()]);
        }
    }

    /// Puts operands before their users.
    fn order_pure(&mut self, graph: &Graph) {
        self.pure.clear();
        let needed =
            (0..graph.insts.len()).filter(|&index| self.live[index] && graph.insts[index].op.is_pure());
        if !graph.unordered {
            self.pure.extend(needed.map(|index| Value(index as u32)));
            return;
        }
        self.done.clear();
        self.done.resize(graph.insts.len(), false);
        for index in needed {
            self.work.push(Value(index as u32));
            while let Some(&value) = self.work.last() {
                let before = self.work.len();
                if !self.done[value.index()] {
                    let done = &self.done;
                    let pure = |operand: &Value| graph.inst(*operand).op.is_pure() && !done[operand.index()];
                    self.work.extend(graph.inst(value).operands().filter(pure));
                }
                if self.work.len() == before {
                    self.work.pop();
                    if !core::mem::replace(&mut self.done[value.index()], true) {
                        self.pure.push(value);
                    }
                }
            }
        }
    }

    fn earliest(&mut self, graph: &Graph) -> Result<(), &'static str> {
        let Some(&entry) = graph.layout.first() else { return Ok(()) };
        for i in 0..self.pure.len() {
            let index = self.pure[i].index();
            let inst = graph.insts[index];
            let mut earliest = entry;
            for operand in inst.operands() {
                let at = self.place[operand.index()];
                if at.is_none() {
                    if graph.inst(operand).op == Op::Const {
                        continue;
                    }
                    return Err("its values are in no order");
                }
                if self.dominators.depth(at) > self.dominators.depth(earliest) {
                    earliest = at;
                }
            }
            self.place[index] = earliest;
        }
        Ok(())
    }

    /// Notes a use of a value in a block.
    fn used(&mut self, graph: &Graph, value: Value, block: Block, user: User) {
        self.uses[value.index()] += 1;
        if graph.inst(value).op.is_pure() {
            self.meet(graph, value, block);
            self.arms.used(value, block, user);
        }
    }

    /// The latest block for a value that is used in this block too.
    fn meet(&mut self, graph: &Graph, value: Value, block: Block) {
        let late = self.late[value.index()];
        self.late[value.index()] =
            if late.is_none() { block } else { self.dominators.common(late, block, graph.layout[0]) };
    }

    fn latest(&mut self, graph: &mut Graph) {
        self.arms.begin(graph);
        for &block in &graph.layout {
            let data = graph.block(block);
            match data.term {
                Term::Branch(value, ..) | Term::Table { index: value, .. } => {
                    self.used(graph, value, block, User::Terminator);
                }
                Term::Return { first, count } => {
                    for i in first..first + count {
                        self.used(graph, graph.pool[i as usize], block, User::Pool(i));
                    }
                }
                Term::None | Term::Jump(_) | Term::Trap(_) => {}
            }
            for &param in &data.params {
                let first = graph.inst(param).args[1];
                for (i, &edge) in (first..).zip(&data.preds) {
                    let from = graph.edges[edge.index()].from;
                    self.used(graph, graph.pool[i as usize], from, User::Pool(i));
                }
            }
            for &value in &graph.order[data.insts.0 as usize..data.insts.1 as usize] {
                let inst = graph.inst(value);
                self.operands_used(graph, value, block);
                if inst.op == Op::Call {
                    let number = inst.args[0];
                    let CallData { callee, first, count, .. } = graph.calls[number as usize];
                    for i in first..first + count {
                        self.used(graph, graph.pool[i as usize], block, User::Pool(i));
                    }
                    if let Callee::Address(code, vmctx) = callee {
                        self.used(graph, code, block, User::Callee(number, false));
                        self.used(graph, vmctx, block, User::Callee(number, true));
                    }
                }
            }
        }
        self.placed.clear();
        let mut waiting = Vec::new();
        for i in (0..self.pure.len()).rev() {
            waiting.push(self.pure[i]);
            while let Some(value) = waiting.pop() {
                self.place_pure(graph, value, &mut waiting);
            }
        }
    }

    fn operands_used(&mut self, graph: &Graph, value: Value, block: Block) {
        let inst = graph.inst(value);
        let mask = inst.op.value_mask();
        for i in 0..3 {
            let operand = Value(inst.args[usize::from(i)]);
            if mask >> i & 1 != 0 && !operand.is_none() {
                self.used(graph, operand, block, User::Operand(value, i));
            }
        }
    }

    /// Places a pure instruction whose users are all placed, or divides it into several, which wait to be placed.
    fn place_pure(&mut self, graph: &mut Graph, value: Value, waiting: &mut Vec<Value>) {
        let index = value.index();
        let inst = graph.insts[index];
        let (earliest, latest) = (self.place[index], self.late[index]);
        if latest.is_none() {
            return;
        }
        let place = self.choose(graph, earliest, latest);
        if place == latest && !matches!(inst.op, Op::Const | Op::Base) {
            let copies = self.arms.divide(graph, &self.dominators, value, place);
            for &copy in &copies {
                let count = graph.insts.len();
                self.live.resize(count, true);
                self.uses.resize(count, 0);
                self.place.resize(count, Block::NONE);
                self.late.resize(count, Block::NONE);
                self.place[copy.index()] = earliest;
                let mut blocks = core::mem::take(&mut self.work_blocks);
                blocks.extend(self.arms.blocks(copy));
                self.uses[copy.index()] = blocks.len() as u32;
                blocks.drain(..).for_each(|block| self.meet(graph, copy, block));
                self.work_blocks = blocks;
            }
            if !copies.is_empty() {
                self.late[index] = Block::NONE;
                self.uses[index] = 0;
                self.live[index] = false;
                waiting.extend(copies);
                return;
            }
        }
        self.place[index] = place;
        if is_placed(inst) {
            self.placed.push((place, value));
        }
        self.operands_used(graph, value, place);
    }

    /// The block between the earliest and the latest in the fewest loops, as late as possible. The earliest, where the latest was too far to
    /// look for and is the entry.
    pub fn choose(&self, graph: &Graph, earliest: Block, latest: Block) -> Block {
        if self.dominators.depth(latest) < self.dominators.depth(earliest) {
            return earliest;
        }
        let mut best = latest;
        let floor = graph.depth(earliest);
        while graph.depth(best) > floor {
            let in_loop = graph.block(best).in_loop;
            let outside = self.dominators.idom(graph.loops[in_loop as usize].header);
            if self.dominators.depth(outside) < self.dominators.depth(earliest) {
                break;
            }
            best = outside;
        }
        best
    }

    fn sequence(&mut self, graph: &Graph) {
        self.seq.clear();
        self.ranges.clear();
        self.ranges.resize(graph.blocks.len(), (0, 0));
        self.done.clear();
        self.done.resize(graph.insts.len(), false);
        // Found from the last instruction to the first, so that the sort, which is stable, leaves each block's in reverse.
        let mut placed = core::mem::take(&mut self.placed);
        placed.sort_by_key(|&(block, _)| block);
        for &block in &graph.layout {
            let start = self.seq.len() as u32;
            let data = graph.block(block);
            for &value in &graph.order[data.insts.0 as usize..data.insts.1 as usize] {
                let inst = graph.inst(value);
                self.operands_first(graph, inst, block);
                if inst.op == Op::Call {
                    let CallData { callee, first, count, .. } = graph.calls[inst.args[0] as usize];
                    for i in first..first + count {
                        self.demand(graph, graph.pool[i as usize], block);
                    }
                    if let Callee::Address(code, vmctx) = callee {
                        self.demand(graph, code, block);
                        self.demand(graph, vmctx, block);
                    }
                }
                if inst.op != Op::Nop {
                    self.seq.push(value);
                }
            }
            let from = placed.partition_point(|&(at, _)| at < block);
            let to = from + placed[from..].partition_point(|&(at, _)| at == block);
            for &(_, value) in placed[from..to].iter().rev() {
                self.demand(graph, value, block);
            }
            self.ranges[block.index()] = (start, self.seq.len() as u32);
        }
        self.placed = placed;
    }

    fn operands_first(&mut self, graph: &Graph, inst: Inst, block: Block) {
        inst.operands().for_each(|operand| self.demand(graph, operand, block));
    }

    /// Puts a value and what it needs into the sequence, if it belongs to this block and is not there yet.
    fn demand(&mut self, graph: &Graph, value: Value, block: Block) {
        debug_assert!(self.work.is_empty());
        self.work.push(value);
        while let Some(&value) = self.work.last() {
            let inst = graph.inst(value);
            if self.done[value.index()] || !inst.op.is_pure() || self.place[value.index()] != block {
                self.work.pop();
                continue;
            }
            let before = self.work.len();
            for operand in inst.operands() {
                let pure = graph.inst(operand).op.is_pure();
                if pure && !self.done[operand.index()] && self.place[operand.index()] == block {
                    self.work.push(operand);
                }
            }
            if self.work.len() == before {
                self.work.pop();
                self.done[value.index()] = true;
                if is_placed(inst) {
                    self.seq.push(value);
                }
            }
        }
    }
}
