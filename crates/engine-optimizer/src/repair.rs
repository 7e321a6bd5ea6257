//! Values that have several definitions, because the blocks that define them were copied.
//!
//! A use outside of the copies takes the definition that reaches it: where several meet, a parameter is made (after Braun et al., "Simple and
//! Efficient Construction of Static Single Assignment Form", 2013). Pure instructions outside that were built on such a value are built
//! anew for each block that uses them. Every step is paid for.

use crate::by_value::ByValue;
use crate::copy::rebuild;
use crate::ir::*;
use crate::pairs::Pairs;

/// Steps for each instruction of a function, and for every function. `esbuild.wasm` takes few.
const STEPS_PER_INST: usize = 16;
const STEPS: usize = 20_000;

/// How deep the definitions of values may lie that are defined as each other.
const MAX_DEPTH: usize = 32;

/// In a definition: it is a value that reaches the block. Others were noted by a pass, and may themselves have several definitions.
const SETTLED: u32 = 1 << 31;

/// The definitions; the memory is reused.
#[derive(Default)]
pub(crate) struct Repair {
    /// By block and value: what the value is at the block's end, and whether that is settled.
    definitions: Pairs,
    /// How many definitions are being settled.
    depth: usize,
    /// By block, and by value: the loop that was copied in which it is, and its copies. `NO_LOOP` and what is not there are in none.
    block_region: Vec<u32>,
    value_region: Vec<u32>,
    /// By value: whether it is or was built on one that has several definitions.
    touched: Vec<Touched>,
    /// What values became in the current block.
    now: ByValue,
    pending: Vec<Pending>,
    arguments: Vec<Value>,
    work: Vec<Value>,
    steps: usize,
    /// Values from here on were made here.
    first_made: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Touched {
    Unknown,
    No,
    Yes,
}

/// A parameter whose arguments are being looked up.
struct Pending {
    block: Block,
    param: Value,
    next: u32,
    first: u32,
}

const TOO_LONG: &str = "copies of its loops take too long";

impl Repair {
    /// Forgets the last function.
    pub fn begin(&mut self, graph: &Graph) {
        self.definitions.clear();
        self.depth = 0;
        self.pending.clear();
        self.arguments.clear();
        self.work.clear();
        self.block_region.clear();
        self.value_region.clear();
        self.touched.clear();
        self.steps = STEPS + STEPS_PER_INST * graph.insts.len();
    }

    /// A block is part of a loop that is copied, or of a copy.
    pub fn note_block(&mut self, block: Block, region: u32) {
        set(&mut self.block_region, block.index(), region);
    }

    /// A value that is first known in a block of a loop that is copied.
    pub fn note_original(&mut self, block: Block, value: Value, region: u32) {
        set(&mut self.value_region, value.index(), region);
        self.define(block, value, value);
    }

    /// At this block's end, the value is another one, which may have several definitions, too.
    pub fn define(&mut self, block: Block, value: Value, is: Value) {
        self.definitions.set(block.0, value.0, is.0);
    }

    /// At this block's end, the value is one that reaches it.
    fn settle(&mut self, block: Block, value: Value, is: Value) {
        self.definitions.set(block.0, value.0, is.0 | SETTLED);
    }

    /// Gives all uses the definitions that reach them.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn run(&mut self, graph: &mut Graph) -> Result<(), &'static str> {
        self.first_made = graph.insts.len();
        let start = graph
            .layout
            .iter()
            .position(|block| self.block_region.get(block.index()).is_some_and(|&r| r != NO_LOOP));
        self.touched.resize(graph.insts.len(), Touched::Unknown);
        self.value_region.resize(graph.insts.len(), NO_LOOP);
        self.block_region.resize(graph.blocks.len(), NO_LOOP);
        self.find_touched(graph);
        // Nothing that stands before the first loop uses what is defined in it.
        for at in start.unwrap_or(0)..graph.layout.len() {
            let block = graph.layout[at];
            self.now.clear();
            self.instructions(graph, block)?;
            self.end(graph, block)?;
        }
        Ok(())
    }

    /// Finds out in one walk what is touched, as far as operands stand before their users.
    fn find_touched(&mut self, graph: &Graph) {
        for (index, inst) in graph.insts.iter().enumerate() {
            let own = self.value_region[index];
            if own != NO_LOOP && inst.op.is_pure() {
                // What was built on another loop's values, too, has none of its own that could be looked up: it is built anew.
                let foreign = |operand: Value| {
                    let region = self.value_region[operand.index()];
                    region != own && (region != NO_LOOP || self.touched[operand.index()] != Touched::No)
                };
                if inst.operands().any(foreign) {
                    self.value_region[index] = NO_LOOP;
                }
            }
            let state = |operand: Value| self.touched[operand.index()];
            self.touched[index] = if self.value_region[index] != NO_LOOP {
                Touched::Yes
            } else if inst.op == Op::Alias {
                Touched::Unknown
            } else if !inst.op.is_pure() || inst.operands().all(|operand| state(operand) == Touched::No) {
                Touched::No
            } else if inst.operands().any(|operand| state(operand) == Touched::Unknown) {
                Touched::Unknown
            } else {
                Touched::Yes
            };
        }
    }

    fn instructions(&mut self, graph: &mut Graph, block: Block) -> Result<(), &'static str> {
        let (from, to) = graph.block(block).insts;
        for i in from..to {
            let value = graph.order[i as usize];
            let inst = graph.inst(value);
            let untouched = |operand: Value| self.touched.get(operand.index()) == Some(&Touched::No);
            if inst.op != Op::Call && inst.operands().all(untouched) {
                continue;
            }
            let mut inst = graph.resolved(value);
            for word in 0..3 {
                if inst.op.value_mask() >> word & 1 != 0 && inst.args[word] != Value::NONE.0 {
                    inst.args[word] = self.used(graph, block, Value(inst.args[word]))?.0;
                }
            }
            graph.insts[value.index()] = inst;
            if inst.op == Op::Call {
                let number = inst.args[0] as usize;
                let CallData { callee, first, count, .. } = graph.calls[number];
                self.pool(graph, block, first, count)?;
                if let Callee::Address(code, vmctx) = callee {
                    let (code, vmctx) = (self.used(graph, block, code)?, self.used(graph, block, vmctx)?);
                    graph.calls[number].callee = Callee::Address(code, vmctx);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, graph: &mut Graph, block: Block) -> Result<(), &'static str> {
        match graph.block(block).term {
            Term::Branch(condition, yes, no) => {
                let condition = self.used(graph, block, condition)?;
                graph.blocks[block.index()].term = Term::Branch(condition, yes, no);
            }
            Term::Table { index, first, count, edges } => {
                let index = self.used(graph, block, index)?;
                graph.blocks[block.index()].term = Term::Table { index, first, count, edges };
            }
            Term::Return { first, count } => self.pool(graph, block, first, count)?,
            Term::None | Term::Jump(_) | Term::Trap(_) => {}
        }
        for edge in graph.succs(block) {
            let EdgeData { to, slot, .. } = graph.edges[edge.index()];
            for i in 0..graph.block(to).params.len() {
                let param = graph.block(to).params[i];
                if param.index() < self.first_made {
                    let inst = graph.inst(param);
                    self.pool(graph, block, inst.args[1] + slot, 1)?;
                }
            }
        }
        Ok(())
    }

    fn pool(&mut self, graph: &mut Graph, block: Block, first: u32, count: u32) -> Result<(), &'static str> {
        for i in first as usize..(first + count) as usize {
            graph.pool[i] = self.used(graph, block, graph.pool[i])?;
        }
        Ok(())
    }

    /// What a use in a block takes in place of a value.
    fn used(&mut self, graph: &mut Graph, block: Block, value: Value) -> Result<Value, &'static str> {
        let value = graph.resolve(value);
        if !self.is_touched(graph, value)? {
            return Ok(value);
        }
        let region = self.block_region[block.index()];
        let base = self.work.len();
        self.work.push(value);
        while self.work.len() > base {
            let top = self.work[self.work.len() - 1];
            self.steps = self.steps.checked_sub(1).ok_or(TOO_LONG)?;
            if self.now.get(top).is_some() {
                self.work.pop();
                continue;
            }
            let own = self.value_region[top.index()];
            if own != NO_LOOP {
                self.work.pop();
                let found = if region == own { top } else { self.lookup(graph, block, top)? };
                self.now.set(top, found.0);
                continue;
            }
            let inst = graph.resolved(top);
            let before = self.work.len();
            for operand in inst.operands() {
                if self.is_touched(graph, operand)? && self.now.get(operand).is_none() {
                    self.work.push(operand);
                }
            }
            if self.work.len() == before {
                self.work.pop();
                let now = &self.now;
                let with = |operand| now.get(operand).map_or(operand, Value);
                let found = rebuild(graph, top, inst, with);
                self.now.set(top, found.0);
            }
        }
        Ok(self.now.get(value).map_or(value, Value))
    }

    /// Whether a value has several definitions, or was built on one that has. What was made here has and was not.
    fn is_touched(&mut self, graph: &mut Graph, value: Value) -> Result<bool, &'static str> {
        let state =
            |touched: &[Touched], value: Value| touched.get(value.index()).copied().unwrap_or(Touched::No);
        let known = state(&self.touched, value);
        if known != Touched::Unknown {
            return Ok(known == Touched::Yes);
        }
        if !graph.inst(value).op.is_pure() {
            let own = self.value_region[value.index()] != NO_LOOP;
            self.touched[value.index()] = if own { Touched::Yes } else { Touched::No };
            return Ok(own);
        }
        let base = self.work.len();
        self.work.push(value);
        while self.work.len() > base {
            let top = self.work[self.work.len() - 1];
            self.steps = self.steps.checked_sub(1).ok_or(TOO_LONG)?;
            if state(&self.touched, top) != Touched::Unknown {
                self.work.pop();
                continue;
            }
            let own = self.value_region[top.index()] != NO_LOOP;
            if own || !graph.inst(top).op.is_pure() {
                self.touched[top.index()] = if own { Touched::Yes } else { Touched::No };
                continue;
            }
            let inst = graph.resolved(top);
            let before = self.work.len();
            let touched = &self.touched;
            self.work.extend(inst.operands().filter(|&operand| state(touched, operand) == Touched::Unknown));
            if self.work.len() == before {
                let any = inst.operands().any(|operand| state(&self.touched, operand) == Touched::Yes);
                self.touched[top.index()] = if any { Touched::Yes } else { Touched::No };
            }
        }
        Ok(self.touched[value.index()] == Touched::Yes)
    }

    /// The definition of a value that reaches a block.
    fn lookup(&mut self, graph: &mut Graph, block: Block, value: Value) -> Result<Value, &'static str> {
        let base = self.pending.len();
        let mut found = self.find(graph, block, value)?;
        while self.pending.len() > base {
            let top = self.pending.len() - 1;
            let top = &mut self.pending[top];
            if let Some(value) = found.take() {
                self.arguments.push(value);
            }
            if let Some(&edge) = graph.block(top.block).preds.get(top.next as usize) {
                top.next += 1;
                found = self.find(graph, graph.edges[edge.index()].from, value)?;
                continue;
            }
            let Some(Pending { block, param, first, .. }) = self.pending.pop() else { break };
            found = Some(self.finish_param(graph, block, param, first as usize));
        }
        found.ok_or(TOO_LONG)
    }

    /// What a value is at a block's end, if that is known there. What a pass said it is may have become something else on the way to the
    /// block.
    fn definition(
        &mut self,
        graph: &mut Graph,
        block: Block,
        value: Value,
    ) -> Result<Option<Value>, &'static str> {
        let Some(known) = self.definitions.get(block.0, value.0) else { return Ok(None) };
        let is = graph.resolve(Value(known & !SETTLED));
        if known & SETTLED != 0 || is == value {
            return Ok(Some(is));
        }
        if self.depth == MAX_DEPTH {
            return Err(TOO_LONG);
        }
        self.depth += 1;
        let outer = core::mem::take(&mut self.now);
        let is = self.used(graph, block, is);
        self.now = outer;
        self.depth -= 1;
        let is = is?;
        self.settle(block, value, is);
        Ok(Some(is))
    }

    /// Gives a parameter its arguments, which are on the stack of arguments. If they are all the same value, it becomes that value.
    fn finish_param(&mut self, graph: &mut Graph, block: Block, param: Value, first: usize) -> Value {
        let mut same = None;
        let mut trivial = true;
        for argument in &mut self.arguments[first..] {
            *argument = graph.resolve(*argument);
            if *argument != param && same != Some(*argument) {
                trivial &= same.is_none();
                same = Some(*argument);
            }
        }
        let start = graph.pool.len() as u32;
        graph.pool.extend(self.arguments.drain(first..));
        if let Some(value) = same.filter(|_| trivial) {
            graph.pool.truncate(start as usize);
            graph.replace(param, value);
            graph.blocks[block.index()].params.retain(|&other| other != param);
            return value;
        }
        let inst = &mut graph.insts[param.index()];
        inst.args[1] = start;
        inst.args[2] = graph.pool.len() as u32 - start;
        param
    }

    /// The definition that reaches a block's end, if no merge has to be asked; otherwise the merge is pending.
    fn find(&mut self, graph: &mut Graph, block: Block, value: Value) -> Result<Option<Value>, &'static str> {
        let mut at = block;
        loop {
            self.steps = self.steps.checked_sub(1).ok_or(TOO_LONG)?;
            if let Some(known) = self.definition(graph, at, value)? {
                // All between have no other.
                self.settle(block, value, known);
                return Ok(Some(known));
            }
            match graph.block(at).preds[..] {
                [edge] => at = graph.edges[edge.index()].from,
                // Only what nobody needs is used where it is not defined.
                [] => {
                    let kind = graph.kind(value);
                    return Ok(Some(graph.constant(kind, 0)));
                }
                _ => {
                    let param = graph.push(Inst::new(Op::Param, graph.kind(value), 0, [at.0, 0, 0]), 0);
                    graph.blocks[at.index()].params.push(param);
                    self.settle(at, value, param);
                    self.settle(block, value, param);
                    let first = self.arguments.len() as u32;
                    self.pending.push(Pending { block: at, param, next: 0, first });
                    return Ok(None);
                }
            }
        }
    }
}

/// Sets an entry of a table that grows.
fn set(table: &mut Vec<u32>, index: usize, to: u32) {
    if table.len() <= index {
        table.resize(index + 1, NO_LOOP);
    }
    table[index] = to;
}
