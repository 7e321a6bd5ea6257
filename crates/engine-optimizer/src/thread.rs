//! The pass `thread`: a block that does nothing but branch on what its predecessor says is not gone through.
//!
//! ```text
//!     a: jump c(1)          a: jump yes
//!     b: jump c(x)          b: jump c(x)
//!     c(p): branch p yes no
//! ```
//! Such blocks come from conditions of several parts, and from inlined functions that return a truth value. The block's parameters then have
//! several definitions, where its successors use them (`repair.rs`). Headers of loops are left alone.

use crate::copy::Incoming;
use crate::ir::*;
use crate::repair::Repair;

/// Edges to a block to which more come, times what each brings: they are moved each time.
const MAX_INCOMING: usize = 128;

/// The pass; its memory is reused.
#[derive(Default)]
pub(crate) struct Thread {
    repair: Repair,
    /// Blocks made for edges, and the blocks before which they go.
    made: Vec<(Block, Block)>,
    fired: bool,
}

impl Thread {
    /// Whether anything changed.
    ///
    /// # Errors
    /// If putting values right takes too long. The graph is then of no use.
    pub fn run(&mut self, graph: &mut Graph) -> Result<bool, &'static str> {
        self.fired = false;
        self.made.clear();
        if graph.irregular {
            return Ok(false);
        }
        for at in 0..graph.layout.len() {
            let block = graph.layout[at];
            if is_candidate(graph, block) {
                self.block(graph, block);
            }
        }
        if !self.fired {
            return Ok(false);
        }
        let mut made = self.made.iter().peekable();
        let mut layout = Vec::with_capacity(graph.layout.len() + self.made.len());
        for &block in &graph.layout {
            while let Some(&(new, _)) = made.next_if(|(_, before)| *before == block) {
                layout.push(new);
            }
            layout.push(block);
        }
        graph.layout = layout;
        // First, as a parameter that is left with one argument is that only where its block is gone through.
        self.repair.run(graph)?;
        graph.drop_unreached();
        Ok(true)
    }

    fn block(&mut self, graph: &mut Graph, block: Block) {
        let Term::Branch(condition, yes, no) = graph.block(block).term else { return };
        let incoming = graph.incoming(block);
        let mut kept = Vec::with_capacity(incoming.len());
        for (edge, arguments) in incoming {
            let taken = match outcome(graph, block, condition, &arguments) {
                Some(true) => yes,
                Some(false) => no,
                None => {
                    kept.push((edge, arguments));
                    continue;
                }
            };
            match past(graph, block, taken, &arguments) {
                Some((target, passed)) => self.redirect(graph, block, (edge, arguments), target, passed),
                None => kept.push((edge, arguments)),
            }
        }
        if kept.len() < graph.block(block).preds.len() {
            graph.set_incoming(block, &kept);
        }
    }

    /// Leads an edge to a block past it to a target.
    fn redirect(
        &mut self,
        graph: &mut Graph,
        block: Block,
        (edge, arguments): Incoming,
        target: Block,
        passed: Vec<Value>,
    ) {
        if !core::mem::replace(&mut self.fired, true) {
            self.repair.begin(graph);
        }
        let region = block.0;
        self.repair.note_block(block, region);
        let mut from = graph.edges[edge.index()].from;
        let mut edge = edge;
        if !matches!(graph.block(from).term, Term::Jump(_)) {
            // A block of its own says what the parameters are on this way.
            let between = graph.new_block(graph.block(block).in_loop);
            let BlockData { offset, .. } = *graph.block(block);
            graph.set_incoming(between, &[(edge, Vec::new())]);
            edge = Edge(graph.edges.len() as u32);
            graph.edges.push(EdgeData { from: between, to: target, slot: 0 });
            let data = &mut graph.blocks[between.index()];
            (data.sealed, data.offset, data.term) = (true, offset, Term::Jump(edge));
            self.made.push((between, block));
            from = between;
        }
        for (&param, &argument) in graph.block(block).params.iter().zip(&arguments) {
            self.repair.note_original(block, param, region);
            self.repair.define(from, param, argument);
        }
        let mut all = graph.incoming(target);
        all.push((edge, passed));
        graph.set_incoming(target, &all);
    }
}

/// Whether a block does nothing but branch, on something that may be known before.
fn is_candidate(graph: &Graph, block: Block) -> bool {
    let data = graph.block(block);
    let Term::Branch(..) = data.term else { return false };
    let header = graph.loops.get(data.in_loop as usize).is_some_and(|data| data.header == block);
    let small = data.preds.len() * (data.params.len() + 1) <= MAX_INCOMING;
    data.insts.0 == data.insts.1 && !data.params.is_empty() && data.preds.len() > 1 && !header && small
}

/// What a value is, given what a block's parameters are.
fn with_arguments(graph: &Graph, block: Block, value: Value, arguments: &[Value]) -> Value {
    let position = graph.block(block).params.iter().position(|&param| param == value);
    position.map_or(value, |position| arguments[position])
}

/// Which way a condition takes, given what a block's parameters are: if it is one, or compares one with a constant.
fn outcome(graph: &mut Graph, block: Block, condition: Value, arguments: &[Value]) -> Option<bool> {
    let condition = graph.resolve(condition);
    let mut inst = graph.resolved(condition);
    let value = match inst.op {
        Op::Param => with_arguments(graph, block, condition, arguments),
        Op::Compare => {
            for word in &mut inst.args[..2] {
                let operand = with_arguments(graph, block, Value(*word), arguments);
                graph.as_const(operand)?;
                *word = operand.0;
            }
            graph.add(inst)
        }
        _ => return None,
    };
    graph.as_const(value).map(|bits| bits as u32 != 0)
}

/// Where an edge leads that is taken, and what it brings, given what its block's parameters are; `None` if that was computed from them, or
/// the edge is not worth moving.
fn past(graph: &mut Graph, block: Block, edge: Edge, arguments: &[Value]) -> Option<(Block, Vec<Value>)> {
    let EdgeData { to, slot, .. } = graph.edges[edge.index()];
    let data = graph.block(to);
    if to == block || data.preds.len() * (data.params.len() + 1) > MAX_INCOMING {
        return None;
    }
    let mut passed = Vec::with_capacity(data.params.len());
    for i in 0..graph.block(to).params.len() {
        let param = graph.block(to).params[i];
        let value = graph.resolve(graph.arguments(param)[slot as usize]);
        let inst = graph.inst(value);
        if inst.op.is_pure() && inst.op != Op::Const {
            return None;
        }
        passed.push(with_arguments(graph, block, value, arguments));
    }
    Some((to, passed))
}
