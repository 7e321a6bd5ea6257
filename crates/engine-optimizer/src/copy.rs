//! Copies of a loop's blocks: one more turn of it.
//!
//! Blocks are copied in order, as far as they are reached: a condition that is known in the copy leaves one way. Pure instructions are built
//! anew of what their operands are in the copy, and so folded and numbered. Values that are defined in the loop now have several definitions,
//! which [`Repair`] is told of.

use crate::by_value::ByValue;
use crate::ir::*;
use crate::repair::Repair;

/// An edge, and what it brings for each of its target's parameters.
pub(crate) type Incoming = (Edge, Vec<Value>);

impl Graph {
    /// The edges to a block with their arguments.
    pub fn incoming(&mut self, block: Block) -> Vec<Incoming> {
        let data = self.block(block);
        let mut all: Vec<Incoming> = data.preds.iter().map(|&edge| (edge, Vec::new())).collect();
        for &param in &data.params {
            for ((_, arguments), &argument) in all.iter_mut().zip(self.arguments(param)) {
                arguments.push(argument);
            }
        }
        for (_, arguments) in &mut all {
            arguments.iter_mut().for_each(|argument| *argument = self.resolve(*argument));
        }
        all
    }

    /// Makes these the edges to a block.
    pub fn set_incoming(&mut self, block: Block, incoming: &[Incoming]) {
        for (i, &param) in self.blocks[block.index()].params.iter().enumerate() {
            let inst = &mut self.insts[param.index()];
            inst.args[1] = self.pool.len() as u32;
            inst.args[2] = incoming.len() as u32;
            self.pool.extend(incoming.iter().map(|(_, arguments)| arguments[i]));
        }
        for (slot, &(edge, _)) in incoming.iter().enumerate() {
            let data = &mut self.edges[edge.index()];
            data.to = block;
            data.slot = slot as u32;
        }
        self.blocks[block.index()].preds = incoming.iter().map(|&(edge, _)| edge).collect();
    }
}

/// A loop whose blocks are copied.
pub(crate) struct Region {
    pub number: u32,
    /// Its blocks, the header first, in the order of the layout. They are few.
    pub blocks: Vec<Block>,
}

impl Region {
    pub fn new(number: u32, blocks: Vec<Block>) -> Region {
        Region { number, blocks }
    }
    /// The position of a block.
    fn position(&self, block: Block) -> Option<usize> {
        self.blocks.iter().position(|&other| other == block)
    }
    pub fn header(&self) -> Block {
        self.blocks[0]
    }
    pub fn contains(&self, block: Block) -> bool {
        self.blocks.contains(&block)
    }
}

/// The maker of copies; its memory is reused.
#[derive(Default)]
pub(crate) struct Copier {
    /// What values are in the copy.
    map: ByValue,
    /// By value that the loop's blocks define, or that was built on such: the position of the block in which it is first known.
    known: ByValue,
    /// The pure ones among these, of which every copy has a definition: those that the first copy needed, operands first.
    built: Vec<Value>,
    first: bool,
    /// By position in the region: how the copied block is reached.
    reached: Vec<Vec<Incoming>>,
    /// Edges out of the region: where to, and what they bring.
    left: Vec<(Block, Incoming)>,
    work: Vec<Value>,
    /// Copied blocks, and the edges to them, which lead elsewhere until all copies are made.
    made: Vec<(Block, Vec<Incoming>)>,
    /// Blocks of all copies, in order.
    pub blocks: Vec<Block>,
}

impl Copier {
    /// Begins with a loop.
    pub fn begin(&mut self, graph: &Graph, repair: &mut Repair, region: &Region) {
        self.known.clear();
        self.built.clear();
        self.first = true;
        for (at, &block) in region.blocks.iter().enumerate() {
            repair.note_block(block, region.number);
            let data = graph.block(block);
            let insts = &graph.order[data.insts.0 as usize..data.insts.1 as usize];
            let results = insts.iter().filter(|&&value| graph.inst(value).op.has_result());
            for &value in data.params.iter().chain(results) {
                self.known.set(value, at as u32);
                repair.note_original(block, value, region.number);
            }
        }
    }

    /// Makes a copy that is entered by these edges, with arguments for the header's parameters. Returns the edges that jump back,
    /// which lead nowhere yet.
    pub fn copy(
        &mut self,
        graph: &mut Graph,
        repair: &mut Repair,
        region: &Region,
        entering: Vec<Incoming>,
        in_loop: u32,
    ) -> Vec<Incoming> {
        self.map.clear();
        let mut copies = vec![Block::NONE; region.blocks.len()];
        self.reached.clear();
        self.reached.resize_with(region.blocks.len(), Vec::new);
        self.reached[0] = entering;
        let mut back = Vec::new();
        for (at, &from) in region.blocks.iter().enumerate() {
            let incoming = core::mem::take(&mut self.reached[at]);
            if incoming.is_empty() {
                continue;
            }
            let block = graph.new_block(in_loop);
            self.blocks.push(block);
            copies[at] = block;
            repair.note_block(block, region.number);
            let BlockData { offset, cold, insts, term, .. } = *graph.block(from);
            let data = &mut graph.blocks[block.index()];
            (data.offset, data.cold, data.sealed) = (offset, cold, true);
            self.params(graph, from, block, &incoming);
            self.instructions(graph, insts, block);
            let term = self.end(graph, region, block, term, &mut back);
            graph.blocks[block.index()].term = term;
            self.made.push((block, incoming));
        }
        for i in 0..self.built.len() {
            let value = self.built[i];
            if self.first {
                let at = self.known.get(value).map_or(0, |at| at as usize);
                repair.note_original(region.blocks[at], value, region.number);
            } else {
                self.map(graph, value);
            }
        }
        self.first = false;
        for &value in self.known.keys() {
            if let (Some(copied), Some(at)) = (self.map.get(value), self.known.get(value))
                && !copies[at as usize].is_none()
            {
                repair.define(copies[at as usize], value, Value(copied));
            }
        }
        for (block, incoming) in core::mem::take(&mut self.left) {
            let mut all = graph.incoming(block);
            all.push(incoming);
            graph.set_incoming(block, &all);
        }
        back
    }

    /// All copies of a loop are made: their blocks get the edges to them.
    pub fn connect(&mut self, graph: &mut Graph) {
        for (block, incoming) in self.made.drain(..) {
            graph.set_incoming(block, &incoming);
        }
    }

    fn params(&mut self, graph: &mut Graph, from: Block, block: Block, incoming: &[Incoming]) {
        for i in 0..graph.block(from).params.len() {
            let param = graph.block(from).params[i];
            let copied = match incoming {
                [(_, arguments)] => arguments[i],
                _ => {
                    let copied = graph.push(Inst::new(Op::Param, graph.kind(param), 0, [block.0, 0, 0]), 0);
                    graph.blocks[block.index()].params.push(copied);
                    copied
                }
            };
            self.map.set(param, copied.0);
        }
    }

    fn instructions(&mut self, graph: &mut Graph, insts: (u32, u32), block: Block) {
        let start = graph.order.len() as u32;
        for i in insts.0..insts.1 {
            let value = graph.order[i as usize];
            let mut inst = graph.resolved(value);
            if inst.op == Op::Poll {
                // The loop that is copied polls, and there are few copies.
                continue;
            }
            for word in 0..3 {
                if inst.op.value_mask() >> word & 1 != 0 && inst.args[word] != Value::NONE.0 {
                    inst.args[word] = self.map(graph, Value(inst.args[word])).0;
                }
            }
            let copied = graph.push(inst, graph.offsets[value.index()]);
            graph.order.push(copied);
            if inst.op.has_result() {
                self.map.set(value, copied.0);
            }
        }
        graph.blocks[block.index()].insts = (start, graph.order.len() as u32);
    }

    fn end(
        &mut self,
        graph: &mut Graph,
        region: &Region,
        block: Block,
        term: Term,
        back: &mut Vec<Incoming>,
    ) -> Term {
        match term {
            Term::Jump(edge) => Term::Jump(self.edge(graph, region, block, edge, back)),
            Term::Branch(condition, yes, no) => {
                let condition = graph.resolve(condition);
                let condition = self.map(graph, condition);
                match graph.as_const(condition) {
                    Some(bits) => {
                        let taken = if bits as u32 != 0 { yes } else { no };
                        Term::Jump(self.edge(graph, region, block, taken, back))
                    }
                    None => Term::Branch(
                        condition,
                        self.edge(graph, region, block, yes, back),
                        self.edge(graph, region, block, no, back),
                    ),
                }
            }
            Term::Return { first, count } => {
                let start = graph.pool.len() as u32;
                for i in first..first + count {
                    let value = graph.resolve(graph.pool[i as usize]);
                    let value = self.map(graph, value);
                    graph.pool.push(value);
                }
                Term::Return { first: start, count }
            }
            Term::Table { .. } | Term::None => unreachable!("regions have none"),
            Term::Trap(code) => Term::Trap(code),
        }
    }

    /// The copy of an edge.
    fn edge(
        &mut self,
        graph: &mut Graph,
        region: &Region,
        from: Block,
        edge: Edge,
        back: &mut Vec<Incoming>,
    ) -> Edge {
        let EdgeData { to, slot, .. } = graph.edges[edge.index()];
        let mut arguments = Vec::with_capacity(graph.block(to).params.len());
        for i in 0..graph.block(to).params.len() {
            let param = graph.block(to).params[i];
            let value = graph.resolve(graph.arguments(param)[slot as usize]);
            arguments.push(self.map(graph, value));
        }
        let copied = Edge(graph.edges.len() as u32);
        graph.edges.push(EdgeData { from, to, slot: 0 });
        let incoming = (copied, arguments);
        match region.position(to) {
            Some(0) => back.push(incoming),
            Some(at) => self.reached[at].push(incoming),
            None => self.left.push((to, incoming)),
        }
        copied
    }

    /// What a value is in the copy.
    fn map(&mut self, graph: &mut Graph, value: Value) -> Value {
        self.work.push(value);
        while let Some(&value) = self.work.last() {
            if self.map.get(value).is_some() || !graph.inst(value).op.is_pure() {
                self.work.pop();
                continue;
            }
            let inst = graph.resolved(value);
            let before = self.work.len();
            let map = &self.map;
            let open = |operand: &Value| map.get(*operand).is_none() && graph.inst(*operand).op.is_pure();
            self.work.extend(inst.operands().filter(open));
            if self.work.len() > before {
                continue;
            }
            self.work.pop();
            let copied = rebuild(graph, value, inst, |operand| map.get(operand).map_or(operand, Value));
            self.map.set(value, copied.0);
            let known = inst.operands().filter_map(|operand| self.known.get(operand)).max();
            if let Some(at) = known.filter(|_| self.first && inst.op != Op::Address) {
                self.known.set(value, at);
                self.built.push(value);
            }
        }
        self.map.get(value).map_or(value, Value)
    }
}

/// A pure instruction with other operands: itself if they are the same.
pub(crate) fn rebuild(graph: &mut Graph, value: Value, inst: Inst, with: impl Fn(Value) -> Value) -> Value {
    let mut new = inst;
    for word in 0..3 {
        if inst.op.value_mask() >> word & 1 != 0 && inst.args[word] != Value::NONE.0 {
            new.args[word] = with(Value(inst.args[word])).0;
        }
    }
    if new == inst {
        return value;
    }
    let found = graph.add(new);
    graph.resolve(found)
}
