//! Parameters of loops that live in the frame.
//!
//! A loop with calls keeps its parameters in the frame anyway (`spill.rs`). One that comes round unchanged on most paths is better off without
//! a register at the header: its slot is the parameter. An edge stores what is new, and an edge that brings back the same value does nothing.
//! Merges on the way back to the header take part: a parameter of a block that does nothing with it but hand it on shares the slot. So the
//! main loop of an interpreter, with dozens of locals of which each case changes a few, copies only what changes.
//!
//! Sharing is right because the old value is dead in such a block: nothing in the block reads it, and the block's only way leads to where it
//! is defined anew.

use crate::ir::*;
use crate::schedule::Schedule;
use std::collections::HashMap;

/// How many times as many edges must bring a parameter back as it was as change it. A value that often changes is better handed on in a
/// register: what is stored and loaded at once waits for the store.
const MIN_SAME: u32 = 3;

/// The analysis; its memory is reused.
#[derive(Default)]
pub(crate) struct SlotParams {
    /// By parameter: the loop's parameter whose slot is its own.
    root: HashMap<Value, Value>,
    /// The loops' parameters among them, with their headers.
    pub roots: Vec<(Value, Block)>,
    /// By value: the last block in which it was found used.
    used_in: Vec<Block>,
}

/// A block, and parameters of it that could share the slots of these of the header.
type Merge = (Block, Vec<(Value, Value)>);

impl SlotParams {
    /// Forgets the last function.
    pub fn clear(&mut self) {
        self.root.clear();
        self.roots.clear();
    }

    /// Finds the parameters, given which loops have calls, and takes them out of their blocks' lists of parameters.
    pub fn run(&mut self, graph: &mut Graph, schedule: &Schedule, loop_calls: &[bool]) {
        if graph.irregular || !loop_calls.contains(&true) {
            return;
        }
        self.used_in.clear();
        self.used_in.resize(graph.insts.len(), Block::NONE);
        for (number, &calls) in loop_calls.iter().enumerate() {
            let header = graph.loops[number].header;
            if calls && graph.block(header).in_loop == number as u32 {
                self.header(graph, schedule, header);
            }
        }
    }

    /// The parameter whose slot this parameter lives in.
    pub fn root(&self, param: Value) -> Option<Value> {
        self.root.get(&param).copied()
    }

    fn header(&mut self, graph: &mut Graph, schedule: &Schedule, header: Block) {
        let params = graph.block(header).params.iter().map(|&param| (param, param)).collect();
        let mut merges: Vec<Merge> = vec![(header, params)];
        // On how many edges a parameter comes back as it was, and on how many with another value.
        let mut counts: HashMap<Value, (u32, u32)> = HashMap::new();
        let mut at = 0;
        while at < merges.len() {
            let block = merges[at].0;
            let params = core::mem::take(&mut merges[at].1);
            for i in 0..graph.block(block).preds.len() {
                let EdgeData { from, slot, .. } = graph.edges[graph.block(block).preds[i].index()];
                let handed_on = self.handed_on(graph, schedule, from, header, slot, &params);
                let merged: HashMap<Value, Value> = handed_on.iter().copied().collect();
                for &(param, root) in &params {
                    let value = graph.arguments(param)[slot as usize];
                    let (same, other) = counts.entry(root).or_default();
                    *same += u32::from(value == root);
                    *other += u32::from(value != root && !merged.contains_key(&value));
                }
                if !handed_on.is_empty() {
                    merges.push((from, handed_on));
                }
            }
            merges[at].1 = params;
            at += 1;
        }
        for (block, params) in merges {
            let mut slots = core::mem::take(&mut graph.blocks[block.index()].slot_params);
            for (param, root) in params {
                if counts.get(&root).is_some_and(|&(same, other)| same >= MIN_SAME * other) {
                    self.root.insert(param, root);
                    slots.push((param, NO_SLOT));
                    if param == root {
                        self.roots.push((root, header));
                    }
                }
            }
            let data = &mut graph.blocks[block.index()];
            data.params.retain(|param| !self.root.contains_key(param));
            data.slot_params = slots;
        }
    }

    /// Of a block that only jumps to where these parameters are: the parameters that it only hands on to them.
    fn handed_on(
        &mut self,
        graph: &Graph,
        schedule: &Schedule,
        from: Block,
        header: Block,
        slot: u32,
        params: &[(Value, Value)],
    ) -> Vec<(Value, Value)> {
        let data = graph.block(from);
        let inside = data.in_loop == graph.block(header).in_loop && from != header;
        if !inside || data.preds.len() < 2 || !matches!(data.term, Term::Jump(_)) {
            return Vec::new();
        }
        let argument = |param: Value| graph.arguments(param)[slot as usize];
        let mut handed_on: Vec<(Value, Value)> = params
            .iter()
            .map(|&(param, root)| (argument(param), root))
            .filter(|&(value, root)| {
                graph.inst(value).op == Op::Param
                    && graph.inst(value).a() == Value(from.0)
                    && schedule.uses[value.index()] == 1
                    && graph.kind(value) == graph.kind(root)
                    && self.root(value).is_none()
            })
            .collect();
        if handed_on.is_empty() {
            return handed_on;
        }
        self.note_uses(graph, schedule, from, slot, params);
        handed_on.retain(|(_, root)| self.used_in[root.index()] != from);
        handed_on
    }

    /// Notes what a block uses, but for values that come back as the parameter that they are.
    fn note_uses(
        &mut self,
        graph: &Graph,
        schedule: &Schedule,
        block: Block,
        slot: u32,
        params: &[(Value, Value)],
    ) {
        let (from, to) = schedule.ranges[block.index()];
        for &value in &schedule.seq[from as usize..to as usize] {
            let inst = graph.inst(value);
            inst.operands().for_each(|operand| self.note(graph, operand, block));
            if inst.op == Op::Call {
                let CallData { callee, first, count, .. } = graph.calls[inst.args[0] as usize];
                for i in first..first + count {
                    self.note(graph, graph.pool[i as usize], block);
                }
                if let Callee::Address(code, vmctx) = callee {
                    self.note(graph, code, block);
                    self.note(graph, vmctx, block);
                }
            }
        }
        let Term::Jump(edge) = graph.block(block).term else { return };
        let to = graph.target(edge);
        let roots: HashMap<Value, Value> = params.iter().copied().collect();
        let all =
            graph.block(to).params.iter().chain(graph.block(to).slot_params.iter().map(|(param, _)| param));
        for &param in all {
            let value = graph.arguments(param)[slot as usize];
            if roots.get(&param) != Some(&value) {
                self.note(graph, value, block);
            }
        }
    }

    fn note(&mut self, graph: &Graph, value: Value, block: Block) {
        let mut value = value;
        loop {
            let inst = graph.inst(value);
            self.used_in[value.index()] = block;
            match inst.op {
                // Neither has a place of its own: what uses it uses its operands.
                Op::ExtendU => value = inst.a(),
                Op::Address => {
                    if !inst.b().is_none() {
                        self.note(graph, inst.b(), block);
                    }
                    value = inst.a();
                }
                _ => return,
            }
        }
    }
}
