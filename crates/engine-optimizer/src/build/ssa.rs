//! Variables to values, while the CFG is built (Braun et al., "Simple and Efficient Construction of Static Single Assignment Form",
//! 2013). Nothing here recurses, and every step is paid for from the function's fuel.

use super::Builder;
use crate::ir::*;
use crate::pairs::Pairs;
use engine_decoder::ValKind;

/// Values of variables at the ends of blocks.
#[derive(Default)]
pub(crate) struct Definitions(Pairs);

impl Definitions {
    pub fn clear(&mut self) {
        self.0.clear();
    }
    #[inline]
    pub fn get(&self, block: Block, variable: u32) -> Option<Value> {
        self.0.get(block.0, variable).map(Value)
    }
    #[inline]
    pub fn set(&mut self, block: Block, variable: u32, value: Value) {
        self.0.set(block.0, variable, value.0);
    }
}

/// The value of a variable in the current block, if it is known there.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    pub block: Block,
    pub value: Value,
}

/// A parameter whose arguments are being looked up.
pub(crate) struct Pending {
    block: Block,
    variable: u32,
    param: Value,
    /// Predecessors looked at so far.
    next: u32,
    /// Where its arguments begin on the stack of arguments.
    first: u32,
}

impl Builder<'_> {
    /// Kind of a variable.
    fn variable_kind(&self, variable: u32) -> ValKind {
        self.kinds[variable as usize]
    }

    #[inline]
    pub fn read_variable(&mut self, variable: u32) -> Value {
        let current = self.current[variable as usize];
        if current.block == self.block {
            return self.graph.resolve(current.value);
        }
        let value = self.lookup(self.block, variable);
        self.write_variable(variable, value);
        value
    }

    #[inline]
    pub fn write_variable(&mut self, variable: u32, value: Value) {
        let current = &mut self.current[variable as usize];
        if current.block != self.block {
            current.block = self.block;
            self.touched.push(variable);
        }
        current.value = value;
    }

    /// Leaves the current block: what it knows of variables becomes findable from others.
    pub fn save_variables(&mut self) {
        for variable in self.touched.drain(..) {
            let Current { block, value } = self.current[variable as usize];
            self.definitions.set(block, variable, value);
        }
    }

    /// The value of a variable at the end of a block that has been left, or at the start of the current one.
    fn lookup(&mut self, block: Block, variable: u32) -> Value {
        debug_assert!(self.pending.is_empty() && self.arguments.is_empty());
        let mut found = self.find(block, variable);
        while let Some(top) = self.pending.last_mut() {
            if let Some(value) = found.take() {
                self.arguments.push(value);
            }
            let preds = &self.graph.blocks[top.block.index()].preds;
            if let Some(&edge) = preds.get(top.next as usize) {
                top.next += 1;
                let from = self.graph.edges[edge.index()].from;
                found = self.find(from, variable);
                continue;
            }
            let Some(Pending { block, variable, param, first, .. }) = self.pending.pop() else { break };
            let value = self.finish_param(param, first as usize);
            if value != param {
                self.definitions.set(block, variable, value);
            }
            found = Some(value);
        }
        let value = found.unwrap_or(Value(0));
        if self.current[variable as usize].block != block {
            self.definitions.set(block, variable, value);
        }
        self.graph.resolve(value)
    }

    /// A variable's value, if no merge has to be asked; otherwise `None`, and the merge is pending.
    fn find(&mut self, block: Block, variable: u32) -> Option<Value> {
        let mut at = block;
        loop {
            self.burn(1);
            if let Some(value) = self.definitions.get(at, variable) {
                return Some(self.graph.resolve(value));
            }
            let data = &self.graph.blocks[at.index()];
            if !data.sealed {
                let param = self.new_param(at, self.variable_kind(variable));
                self.definitions.set(at, variable, param);
                self.incomplete.push((at, variable, param));
                return Some(param);
            }
            match data.preds[..] {
                [edge] if self.fuel > 0 => at = self.graph.edges[edge.index()].from,
                // The entry defines all variables when they are first asked for: declared locals are zero.
                [] | [_] => {
                    let kind = self.variable_kind(variable);
                    let value = self.graph.constant(kind, 0);
                    self.definitions.set(at, variable, value);
                    return Some(value);
                }
                _ => {
                    let param = self.new_param(at, self.variable_kind(variable));
                    self.definitions.set(at, variable, param);
                    let first = self.arguments.len() as u32;
                    self.pending.push(Pending { block: at, variable, param, next: 0, first });
                    return None;
                }
            }
        }
    }

    pub fn new_param(&mut self, block: Block, kind: ValKind) -> Value {
        let param = self.graph.push(Inst::new(Op::Param, kind, 0, [block.0, 0, 0]), 0);
        self.graph.blocks[block.index()].params.push(param);
        param
    }

    /// Gives a parameter its arguments, which are on the stack of arguments from `first` on. If they are all the same value, the
    /// parameter becomes that value.
    fn finish_param(&mut self, param: Value, first: usize) -> Value {
        let mut same = None;
        let mut trivial = true;
        for &argument in &self.arguments[first..] {
            let argument = self.graph.resolve(argument);
            if argument == param || same == Some(argument) {
                continue;
            }
            trivial &= same.is_none();
            same = Some(argument);
        }
        let value = match same {
            Some(value) if trivial => {
                self.graph.replace(param, value);
                value
            }
            _ => {
                let start = self.graph.pool.len() as u32;
                self.graph.pool.extend_from_slice(&self.arguments[first..]);
                let count = (self.arguments.len() - first) as u32;
                let inst = &mut self.graph.insts[param.index()];
                inst.args[1] = start;
                inst.args[2] = count;
                param
            }
        };
        self.arguments.truncate(first);
        value
    }

    /// No more edges lead to a block: its variables' parameters, and those that edges carry operands to, get their arguments.
    pub fn seal(&mut self, block: Block, label: &[Value]) {
        self.graph.blocks[block.index()].sealed = true;
        let preds = self.graph.blocks[block.index()].preds.len();
        self.burn(label.len() as u32);
        for (i, &param) in label.iter().enumerate() {
            for pred in 0..preds {
                let edge = self.graph.blocks[block.index()].preds[pred];
                let value = self.edge_values[self.edge_first[edge.index()] as usize + i];
                self.arguments.push(value);
            }
            self.burn(preds as u32);
            self.finish_param(param, 0);
        }
        // Parameters of this block are at the end: blocks are sealed innermost first.
        let mut waiting = core::mem::take(&mut self.incomplete);
        let from = waiting.iter().rposition(|&(at, ..)| at != block).map_or(0, |last| last + 1);
        debug_assert!(waiting[..from].iter().all(|&(at, ..)| at != block));
        let mut arguments = core::mem::take(&mut self.sealing);
        for (_, variable, param) in waiting.drain(from..) {
            arguments.clear();
            for pred in 0..preds {
                let edge = self.graph.blocks[block.index()].preds[pred];
                let value = self.lookup(self.graph.edges[edge.index()].from, variable);
                arguments.push(value);
            }
            self.burn(preds as u32);
            self.arguments.extend_from_slice(&arguments);
            self.finish_param(param, 0);
        }
        self.sealing = arguments;
        // Looking arguments up may have asked outer loops' headers.
        waiting.append(&mut self.incomplete);
        self.incomplete = waiting;
    }
}
