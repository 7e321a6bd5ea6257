//! Values over calls.
//!
//! No register survives a call, so a value that is needed behind one must be in the frame. This pass puts it there, once, where it is
//! defined, and loads it once for each *region* in which it is used: a region is what can be reached from its root, which dominates it,
//! without a call. So the register allocator sees hardly any value live over a call, and has neither to find good places for loads
//! nor to try registers that a call will destroy.
//!
//! ```text
//!  a block's first segment   the region of its predecessors' ends, if that is one and the same; for a loop's header, if the loop has no calls;
//!                            otherwise a region of its own
//!  each further segment      (behind a call) a region of its own
//! ```
//! Where a `br_table` leaves a region, each of its targets is a *part* of the region, with loads of its own: each case of a switch needs few of
//! the values that all of them together do.
//!
//! What the vmctx holds is not put into the frame but loaded again. Slots are shared by values that are not live at the same time, found by
//! intervals of the layout.

use crate::ir::*;
use crate::pairs::Pairs;
use crate::schedule::Schedule;
use crate::slots::SlotParams;

/// Where an instruction is to be inserted: block, position in its sequence.
type At = (Block, u32);

/// Behind all others.
const END: u32 = u32::MAX;

struct Reload {
    /// What stands for the value in the region.
    stand_in: Value,
    part: u32,
    at: At,
    uses: u32,
}

/// A part of a region: all of it, unless a `br_table` divides it.
#[derive(Clone, Copy)]
struct Part {
    region: u32,
    /// Dominates the part.
    root: Block,
}

/// Positions between which a value needs its slot.
#[derive(Clone, Copy)]
struct Interval {
    start: u32,
    end: u32,
}

/// The pass; its memory is reused.
#[derive(Default)]
pub(crate) struct Spill {
    /// By value: the part in which it is defined.
    defined_in: Vec<u32>,
    /// By block: the parts of its beginning and end, and its position in the layout.
    start_part: Vec<u32>,
    end_part: Vec<u32>,
    position: Vec<u32>,
    parts: Vec<Part>,
    num_regions: u32,
    /// By loop: whether there are calls in it, and the position behind its last block.
    loop_calls: Vec<bool>,
    loop_end: Vec<u32>,
    reloads: Vec<Reload>,
    /// By value, and part and kind: its reload.
    by_key: Pairs,
    /// Values that have a slot, with the interval in which it is theirs.
    intervals: Vec<Interval>,
    /// By value: its interval, or `NOWHERE`.
    interval_of: Vec<u32>,
    /// Stores and loads, and where.
    inserts: Vec<(At, Value)>,
    seq: Vec<Value>,
    slot_params: SlotParams,
    pub num_slots: u32,
}

const NOWHERE: u32 = u32::MAX;

impl Spill {
    /// Forgets the last function.
    pub fn clear(&mut self) {
        self.num_slots = 0;
    }

    pub fn run(&mut self, graph: &mut Graph, schedule: &mut Schedule) {
        if graph.calls.is_empty() {
            return;
        }
        self.find_regions(graph, schedule);
        self.slot_params.clear();
        self.slot_params.run(graph, schedule, &self.loop_calls);
        for i in 0..self.slot_params.roots.len() {
            // Every use of it is a load.
            let (param, header) = self.slot_params.roots[i];
            self.defined_in[param.index()] = self.new_region(header);
        }
        self.replace_uses(graph, schedule);
        if self.reloads.is_empty() && self.slot_params.roots.is_empty() {
            return;
        }
        self.assign_slots(graph, schedule);
        self.insert(graph, schedule);
    }

    fn find_regions(&mut self, graph: &Graph, schedule: &Schedule) {
        self.defined_in.clear();
        self.defined_in.resize(graph.insts.len(), NOWHERE);
        self.start_part.clear();
        self.start_part.resize(graph.blocks.len(), NOWHERE);
        self.end_part.clear();
        self.end_part.resize(graph.blocks.len(), NOWHERE);
        self.position.clear();
        self.position.resize(graph.blocks.len(), 0);
        self.parts.clear();
        self.num_regions = 0;
        self.reloads.clear();
        self.by_key.clear();
        self.intervals.clear();
        self.inserts.clear();
        self.loop_calls.clear();
        self.loop_calls.resize(graph.loops.len(), false);
        self.loop_end.clear();
        self.loop_end.resize(graph.loops.len(), 0);
        for (position, &block) in graph.layout.iter().enumerate() {
            self.position[block.index()] = position as u32;
            let (from, to) = schedule.ranges[block.index()];
            let calls =
                schedule.seq[from as usize..to as usize].iter().any(|&v| graph.inst(v).op == Op::Call);
            let mut inner = graph.block(block).in_loop;
            while let Some(data) = graph.loops.get(inner as usize) {
                // An outer loop knows already what its inner loops know, if nothing is new.
                let known = self.loop_calls[inner as usize] || !calls;
                if known && self.loop_end[inner as usize] == position as u32 + 1 {
                    break;
                }
                self.loop_calls[inner as usize] |= calls;
                self.loop_end[inner as usize] = position as u32 + 1;
                inner = data.parent;
            }
        }
        for &block in &graph.layout {
            let data = graph.block(block);
            let header = graph.loops.get(data.in_loop as usize).is_some_and(|data| data.header == block);
            let calls = header && self.loop_calls[data.in_loop as usize];
            let mut part = NOWHERE;
            let mut divided = false;
            for (i, &edge) in data.preds.iter().enumerate() {
                let from = graph.edges[edge.index()].from;
                let end = self.end_part[from.index()];
                if end == NOWHERE && header {
                    continue;
                }
                if i == 0 {
                    part = end;
                } else if self.region(end) != self.region(part) {
                    part = NOWHERE;
                    break;
                }
                divided |= end != part || self.divides(graph, from);
            }
            if calls || part == NOWHERE {
                part = self.new_region(block);
            } else if divided {
                part = self.new_part(self.region(part), block);
            }
            self.start_part[block.index()] = part;
            for &param in &data.params {
                self.defined_in[param.index()] = part;
            }
            let (from, to) = schedule.ranges[block.index()];
            for &value in &schedule.seq[from as usize..to as usize] {
                if graph.inst(value).op == Op::Call {
                    part = self.new_region(block);
                }
                self.defined_in[value.index()] = part;
            }
            self.end_part[block.index()] = part;
        }
    }

    /// Whether the targets of a block's terminator have loads of their own. In a loop without calls, loads belong before the loop.
    fn divides(&self, graph: &Graph, block: Block) -> bool {
        let data = graph.block(block);
        let calls = self.loop_calls.get(data.in_loop as usize).copied().unwrap_or(true);
        calls && matches!(data.term, Term::Table { .. })
    }

    fn region(&self, part: u32) -> u32 {
        self.parts.get(part as usize).map_or(NOWHERE, |part| part.region)
    }

    fn new_region(&mut self, root: Block) -> u32 {
        self.num_regions += 1;
        self.new_part(self.num_regions - 1, root)
    }

    fn new_part(&mut self, region: u32, root: Block) -> u32 {
        self.parts.push(Part { region, root });
        self.parts.len() as u32 - 1
    }

    fn replace_uses(&mut self, graph: &mut Graph, schedule: &Schedule) {
        for position in 0..graph.layout.len() {
            let block = graph.layout[position];
            let (from, to) = schedule.ranges[block.index()];
            let mut part = self.start_part[block.index()];
            for i in from..to {
                let value = schedule.seq[i as usize];
                let inst = graph.inst(value);
                let at = (block, i - from);
                if inst.op == Op::Call {
                    self.call_operands(graph, schedule, inst, part, at);
                }
                part = self.defined_in[value.index()];
                if inst.op != Op::Call && inst.op != Op::CallResult {
                    self.operands(graph, schedule, value, part, at);
                }
            }
            let at = (block, END);
            let part = self.end_part[block.index()];
            match graph.block(block).term {
                Term::Branch(condition, yes, no) => {
                    let condition = self.operand(graph, schedule, condition, part, at);
                    graph.blocks[block.index()].term = Term::Branch(condition, yes, no);
                }
                Term::Table { index, first, count, edges } => {
                    let index = self.operand(graph, schedule, index, part, at);
                    graph.blocks[block.index()].term = Term::Table { index, first, count, edges };
                }
                Term::Return { first, count } => {
                    for i in first..first + count {
                        self.pool_operand(graph, schedule, i, part, at);
                    }
                }
                Term::None | Term::Jump(_) | Term::Trap(_) => {}
            }
            for edge in graph.succs(block) {
                let EdgeData { to, slot, .. } = graph.edges[edge.index()];
                for i in 0..graph.block(to).params.len() {
                    let param = graph.block(to).params[i];
                    let argument = graph.inst(param).args[1] + slot;
                    self.pool_operand(graph, schedule, argument, part, at);
                }
                for i in 0..graph.block(to).slot_params.len() {
                    let (param, _) = graph.block(to).slot_params[i];
                    let argument = graph.inst(param).args[1] + slot;
                    let value = graph.pool[argument as usize];
                    let root = self.slot_params.root(param);
                    if Some(value) == root || self.slot_params.root(value) == root {
                        graph.pool[argument as usize] = Value::NONE;
                    } else {
                        self.pool_operand(graph, schedule, argument, part, at);
                    }
                }
            }
        }
    }

    fn call_operands(&mut self, graph: &mut Graph, schedule: &Schedule, inst: Inst, part: u32, at: At) {
        let number = inst.args[0] as usize;
        let CallData { callee, first, count, .. } = graph.calls[number];
        for i in first..first + count {
            self.pool_operand(graph, schedule, i, part, at);
        }
        if let Callee::Address(code, vmctx) = callee {
            let code = self.operand(graph, schedule, code, part, at);
            let vmctx = self.operand(graph, schedule, vmctx, part, at);
            graph.calls[number].callee = Callee::Address(code, vmctx);
        }
    }

    fn pool_operand(&mut self, graph: &mut Graph, schedule: &Schedule, index: u32, part: u32, at: At) {
        let value = graph.pool[index as usize];
        graph.pool[index as usize] = self.operand(graph, schedule, value, part, at);
    }

    fn operands(&mut self, graph: &mut Graph, schedule: &Schedule, value: Value, part: u32, at: At) {
        let mut inst = graph.inst(value);
        let mask = inst.op.value_mask();
        let mut changed = false;
        for i in 0..3 {
            if mask >> i & 1 == 0 || inst.args[i] == Value::NONE.0 {
                continue;
            }
            let operand = Value(inst.args[i]);
            let with = if graph.inst(operand).op == Op::Address {
                self.address(graph, schedule, operand, part, at)
            } else {
                self.operand(graph, schedule, operand, part, at)
            };
            changed |= with != operand;
            inst.args[i] = with.0;
        }
        if changed {
            graph.insts[value.index()] = inst;
        }
    }

    /// An address has no place of its own: each access uses its registers.
    fn address(
        &mut self,
        graph: &mut Graph,
        schedule: &Schedule,
        address: Value,
        part: u32,
        at: At,
    ) -> Value {
        let inst = graph.inst(address);
        let base = self.operand(graph, schedule, inst.a(), part, at);
        let index =
            if inst.b().is_none() { inst.b() } else { self.operand(graph, schedule, inst.b(), part, at) };
        if base == inst.a() && index == inst.b() {
            return address;
        }
        graph.push(Inst { args: [base.0, index.0, inst.args[2]], ..inst }, 0)
    }

    /// What stands for a value at a use.
    fn operand(&mut self, graph: &mut Graph, schedule: &Schedule, value: Value, part: u32, at: At) -> Value {
        let kind = graph.kind(value);
        let mut origin = value;
        while graph.inst(origin).op == Op::ExtendU {
            origin = graph.inst(origin).a();
        }
        let inst = graph.inst(origin);
        if matches!(inst.op, Op::Const | Op::Base) {
            return value;
        }
        if origin != value && inst.op == Op::VmLoad {
            // It is loaded again in its own width.
            let loaded = self.operand(graph, schedule, origin, part, at);
            return if loaded == origin {
                value
            } else {
                graph.push(Inst::unary(Op::ExtendU, kind, loaded), 0)
            };
        }
        let defined = self.defined_in.get(origin.index()).copied().unwrap_or(NOWHERE);
        if self.region(defined) == self.region(part) || defined == NOWHERE || part == NOWHERE {
            return value;
        }
        let key = (origin.0, part << 3 | kind as u32);
        if let Some(number) = self.by_key.get(key.0, key.1) {
            let reload = &mut self.reloads[number as usize];
            reload.uses += 1;
            let (block, first) = reload.at;
            let common = schedule.dominators.common(block, at.0, self.parts[part as usize].root);
            reload.at = match (common == block, common == at.0) {
                (true, true) => (block, first.min(at.1)),
                (true, false) => (block, first),
                (false, true) => at,
                (false, false) => (common, END),
            };
            return reload.stand_in;
        }
        let stand_in = match inst.op {
            // What the vmctx says can be asked again.
            Op::VmLoad | Op::VmAddress => inst,
            _ => Inst::new(Op::Reload, kind, 0, [origin.0, 0, 0]),
        };
        let stand_in = graph.push(stand_in, 0);
        self.by_key.set(key.0, key.1, self.reloads.len() as u32);
        self.reloads.push(Reload { stand_in, part, at, uses: 1 });
        stand_in
    }

    /// Gives each value that is loaded again a slot, and notes where what is inserted.
    fn assign_slots(&mut self, graph: &mut Graph, schedule: &mut Schedule) {
        schedule.uses.resize(graph.insts.len(), 1);
        self.interval_of.clear();
        self.interval_of.resize(graph.insts.len(), NOWHERE);
        for &(param, header) in &self.slot_params.roots {
            // Stored on all edges to the header, and alive all through the loop.
            let data = graph.block(header);
            let preds = data.preds.iter().map(|edge| self.position[graph.edges[edge.index()].from.index()]);
            let start = preds.min().unwrap_or(0);
            let end = self.loop_end[data.in_loop as usize];
            self.interval_of[param.index()] = self.intervals.len() as u32;
            self.intervals.push(Interval { start, end });
        }
        for reload in &mut self.reloads {
            schedule.uses[reload.stand_in.index()] = reload.uses;
            let root = self.parts[reload.part as usize].root;
            let best = schedule.choose(graph, root, reload.at.0);
            if best != reload.at.0 {
                reload.at = (best, END);
            }
            self.inserts.push((reload.at, reload.stand_in));
            let inst = graph.inst(reload.stand_in);
            if inst.op != Op::Reload {
                continue;
            }
            // The slot is needed up to the end of loops that the value was defined before.
            let defined =
                self.position[self.parts[self.defined_in[inst.args[0] as usize] as usize].root.index()];
            let mut end = self.position[reload.at.0.index()] + 1;
            let mut around = graph.block(reload.at.0).in_loop;
            if graph.irregular {
                // Its loops are not ranges of the layout: no slot is shared.
                end = graph.layout.len() as u32 + 1;
            }
            while let Some(data) = graph.loops.get(around as usize) {
                if self.position[data.header.index()] <= defined {
                    break;
                }
                end = end.max(self.loop_end[around as usize]);
                around = data.parent;
            }
            let number = &mut self.interval_of[inst.a().index()];
            if *number == NOWHERE {
                *number = self.intervals.len() as u32;
                self.intervals.push(Interval { start: 0, end });
            }
            let interval = &mut self.intervals[*number as usize];
            interval.end = interval.end.max(end);
        }
        self.find_definitions(graph, schedule);
        self.color(graph);
    }

    /// Where the values with slots are defined: there they are stored.
    fn find_definitions(&mut self, graph: &mut Graph, schedule: &Schedule) {
        for position in 0..graph.layout.len() {
            let block = graph.layout[position];
            for i in 0..graph.block(block).params.len() {
                let param = graph.block(block).params[i];
                self.define(graph, param, position as u32, (block, 0));
            }
            let (from, to) = schedule.ranges[block.index()];
            for i in from..to {
                let value = schedule.seq[i as usize];
                // All results of a call are taken before anything else happens.
                let mut after = i + 1;
                if matches!(graph.inst(value).op, Op::Call | Op::CallResult) {
                    while after < to && graph.inst(schedule.seq[after as usize]).op == Op::CallResult {
                        after += 1;
                    }
                }
                self.define(graph, value, position as u32, (block, after - from));
            }
        }
    }

    fn define(&mut self, graph: &mut Graph, value: Value, position: u32, at: At) {
        if let Some(&number) = self.interval_of.get(value.index())
            && number != NOWHERE
        {
            self.intervals[number as usize].start = position;
            let kind = graph.kind(value);
            let store = graph.push(Inst::new(Op::Spill, kind, 0, [value.0, number, 0]), 0);
            self.inserts.push((at, store));
        }
    }

    /// Slots for intervals, by a scan over their starts.
    fn color(&mut self, graph: &mut Graph) {
        let mut order: Vec<u32> = (0..self.intervals.len() as u32).collect();
        order.sort_unstable_by_key(|&number| self.intervals[number as usize].start);
        let mut active = std::collections::BinaryHeap::new();
        let mut free = Vec::new();
        let mut slots = vec![0; self.intervals.len()];
        for number in order {
            let Interval { start, end } = self.intervals[number as usize];
            while let Some(&(core::cmp::Reverse(until), slot)) = active.peek() {
                if until > start {
                    break;
                }
                free.push(slot);
                active.pop();
            }
            let slot = free.pop().unwrap_or_else(|| {
                self.num_slots += 1;
                self.num_slots - 1
            });
            slots[number as usize] = slot;
            active.push((core::cmp::Reverse(end), slot));
        }
        for &block in &graph.layout {
            for (param, slot) in &mut graph.blocks[block.index()].slot_params {
                let root = self.slot_params.root(*param);
                *slot = root.map_or(NO_SLOT, |root| slots[self.interval_of[root.index()] as usize]);
            }
        }
        for &(_, value) in &self.inserts {
            let inst = &mut graph.insts[value.index()];
            match inst.op {
                Op::Spill => inst.args[1] = slots[inst.args[1] as usize],
                Op::Reload => inst.args[0] = slots[self.interval_of[inst.a().index()] as usize],
                _ => {}
            }
        }
    }

    /// Rebuilds the sequence with what was inserted: stores before loads, as a load may be of what was defined right there.
    fn insert(&mut self, graph: &Graph, schedule: &mut Schedule) {
        let position = &self.position;
        self.inserts.sort_by_key(|&((block, index), value)| {
            (position[block.index()], index, graph.inst(value).op != Op::Spill)
        });
        let mut inserts = self.inserts.iter().peekable();
        self.seq.clear();
        for &block in &graph.layout {
            let start = self.seq.len() as u32;
            let (from, to) = schedule.ranges[block.index()];
            for (index, &value) in schedule.seq[from as usize..to as usize].iter().enumerate() {
                while let Some(&(_, new)) =
                    inserts.next_if(|((at, before), _)| *at == block && *before <= index as u32)
                {
                    self.seq.push(new);
                }
                self.seq.push(value);
            }
            while let Some(&(_, new)) = inserts.next_if(|((at, _), _)| *at == block) {
                self.seq.push(new);
            }
            schedule.ranges[block.index()] = (start, self.seq.len() as u32);
        }
        core::mem::swap(&mut self.seq, &mut schedule.seq);
    }
}
