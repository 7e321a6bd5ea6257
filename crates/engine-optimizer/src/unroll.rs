//! The pass `unroll`: small innermost loops get several turns' blocks.
//!
//! ```text
//!  whole     a loop that turns a few times, as constants say: a copy for each turn, in which the counter is a constant, and no loop
//!  several   a tiny loop: two or four turns behind one another, each with its own test; values go round in registers with fewer moves,
//!            and what one turn loads or checks the next turn knows
//!  first     a loop that asks in its header what no turn changes: its first turn stands before it, so that the others know the answer
//! ```
//! Only the original polls for interrupts: a few turns pass between polls. Copies have the Wasm offsets of what they are copies of.

use crate::by_value::ByValue;
use crate::copy::{Copier, Incoming, Region};
use crate::fold::{evaluate, holds};
use crate::ir::*;
use crate::repair::Repair;
use engine_machine::masm::Cond;

/// Most turns of a loop that is unrolled whole, and most instructions of all of them.
const MAX_TURNS: u32 = 8;
const MAX_WHOLE: usize = 96;
/// Instructions of a loop that is unrolled by four, by two, and of one whose first turn is peeled.
const TINY: usize = 4;
const SMALL: usize = 10;
const PEELED: usize = 24;
const MAX_BLOCKS: usize = 6;
/// Pure instructions that are looked at to find out a loop's size.
const MAX_SEEN: usize = 96;
/// Edges to a block to which more come, times what each brings: they are moved each time.
const MAX_INCOMING: usize = 128;
/// Instructions that a function may grow by: for every so many that it has, and for every function.
const GROWTH: usize = 32;
const MIN_GROWTH: usize = 64;

/// The pass; its memory is reused.
#[derive(Default)]
pub(crate) struct Unroll {
    copier: Copier,
    repair: Repair,
    seen: ByValue,
    work: Vec<Value>,
    budget: usize,
    /// Whether anything was copied in this function.
    pub fired: bool,
}

/// What becomes of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plan {
    /// So many turns before the loop.
    Before(u32),
    /// So many turns in the loop.
    Inside(u32),
}

/// A loop's blocks in the layout.
#[derive(Clone, Copy)]
struct Extent {
    first: usize,
    last: usize,
    count: usize,
    innermost: bool,
}

impl Unroll {
    /// # Errors
    /// If putting values right takes too long. The graph is then of no use.
    pub fn run(&mut self, graph: &mut Graph) -> Result<(), &'static str> {
        if graph.irregular || graph.loops.is_empty() {
            return Ok(());
        }
        self.budget = graph.insts.len() / GROWTH + MIN_GROWTH;
        let mut dropped = false;
        let mut layout = Vec::with_capacity(graph.layout.len());
        let mut done = 0;
        for (number, extent) in regions(graph) {
            let blocks = graph.layout[extent.first..=extent.last].to_vec();
            let region = Region::new(number, blocks);
            let Some(plan) = self.plan(graph, &region) else { continue };
            if !core::mem::replace(&mut self.fired, true) {
                self.repair.begin(graph);
            }
            layout.extend_from_slice(&graph.layout[done..extent.first]);
            done = extent.last + 1;
            self.copier.begin(graph, &mut self.repair, &region);
            let left = self.carry_out(graph, &region, plan);
            let copies = &mut self.copier.blocks;
            if let Plan::Before(_) = plan {
                layout.append(copies);
            }
            if left {
                layout.extend_from_slice(&region.blocks);
            }
            dropped |= !left;
            layout.append(copies);
        }
        if !self.fired {
            return Ok(());
        }
        layout.extend_from_slice(&graph.layout[done..]);
        graph.layout = layout;
        if dropped {
            graph.drop_unreached();
        }
        self.repair.run(graph)
    }

    /// Makes the copies. Returns whether the loop itself is still there.
    fn carry_out(&mut self, graph: &mut Graph, region: &Region, plan: Plan) -> bool {
        let header = region.header();
        let (back, entering) = split(graph, region);
        let parent = graph.loops[region.number as usize].parent;
        let (mut incoming, turns, in_loop) = match plan {
            Plan::Before(turns) => (entering.clone(), turns, parent),
            Plan::Inside(turns) => (back.clone(), turns - 1, region.number),
        };
        for _ in 0..turns {
            if !incoming.is_empty() {
                incoming = self.copier.copy(graph, &mut self.repair, region, incoming, in_loop);
            }
        }
        self.copier.connect(graph);
        let left = plan != Plan::Before(turns) || !incoming.is_empty();
        incoming.extend(if let Plan::Before(_) = plan { back } else { entering });
        graph.set_incoming(header, &incoming);
        left
    }

    fn plan(&mut self, graph: &mut Graph, region: &Region) -> Option<Plan> {
        if region.blocks.len() > MAX_BLOCKS || graph.block(region.header()).cold {
            return None;
        }
        let size = self.size(graph, region)?;
        let (back, entering) = split(graph, region);
        let plan = match turns(graph, region, &back, &entering) {
            Some(turns) if turns as usize * size <= MAX_WHOLE => Plan::Before(turns),
            _ if size <= TINY && back.len() == 1 => Plan::Inside(4),
            _ if size <= SMALL && back.len() == 1 => Plan::Inside(2),
            _ if size <= PEELED && self.asks(graph, region) => Plan::Before(1),
            _ => return None,
        };
        let growth = match plan {
            Plan::Before(turns) => turns as usize * size,
            Plan::Inside(turns) => (turns as usize - 1) * size,
        };
        self.budget = self.budget.checked_sub(growth)?;
        Some(plan)
    }

    /// How many instructions a loop has, if it may be copied.
    fn size(&mut self, graph: &mut Graph, region: &Region) -> Option<usize> {
        self.seen.clear();
        self.work.clear();
        let mut size = 0;
        let mut first = u32::MAX;
        for &block in &region.blocks {
            let data = graph.block(block);
            let insts = &graph.order[data.insts.0 as usize..data.insts.1 as usize];
            let roots = data.params.iter().chain(insts);
            first = roots.fold(first, |first, value| first.min(value.0));
        }
        for &block in &region.blocks {
            let BlockData { insts, term, .. } = *graph.block(block);
            for i in insts.0..insts.1 {
                let inst = graph.resolved(graph.order[i as usize]);
                if inst.op == Op::Call {
                    return None;
                }
                size += usize::from(inst.op != Op::Poll);
                self.work.extend(inst.operands());
            }
            match term {
                Term::Branch(condition, ..) => self.work.push(condition),
                Term::Return { first, count } => {
                    self.work.extend_from_slice(&graph.pool[first as usize..(first + count) as usize]);
                }
                Term::Jump(_) | Term::Trap(_) => {}
                Term::Table { .. } | Term::None => return None,
            }
            for edge in graph.succs(block) {
                let EdgeData { to, slot, .. } = graph.edges[edge.index()];
                let data = graph.block(to);
                if !region.contains(to) && data.preds.len() * (data.params.len() + 1) > MAX_INCOMING {
                    return None;
                }
                self.work.extend(data.params.iter().map(|&param| graph.arguments(param)[slot as usize]));
            }
        }
        while let Some(value) = self.work.pop() {
            let value = graph.resolve(value);
            let inst = graph.resolved(value);
            let outside = !graph.unordered && value.0 < first;
            if outside || !inst.op.is_pure() || inst.op == Op::Const || self.seen.get(value).is_some() {
                continue;
            }
            self.seen.set(value, 0);
            if self.seen.keys().len() > MAX_SEEN {
                return None;
            }
            size += usize::from(inst.op != Op::Address);
            self.work.extend(inst.operands());
        }
        Some(size)
    }

    /// Whether the header asks for something that no turn changes.
    fn asks(&mut self, graph: &mut Graph, region: &Region) -> bool {
        let mut stores = false;
        let mut sets = false;
        for &block in &region.blocks {
            let (from, to) = graph.block(block).insts;
            for i in from..to {
                let op = graph.inst(graph.order[i as usize]).op;
                stores |= op == Op::Store;
                sets |= op == Op::GlobalSet;
            }
        }
        let (from, to) = graph.block(region.header()).insts;
        (from..to).any(|i| {
            let inst = graph.resolved(graph.order[i as usize]);
            match inst.op {
                Op::IndexCheck | Op::BoundsCheck => self.is_outside(graph, region, inst.a()),
                Op::Load => !stores && self.is_outside(graph, region, inst.a()),
                Op::GlobalGet => !sets,
                _ => false,
            }
        })
    }

    /// Whether a value is built on nothing of a loop.
    fn is_outside(&mut self, graph: &mut Graph, region: &Region, value: Value) -> bool {
        self.seen.clear();
        self.work.clear();
        self.work.push(value);
        while let Some(value) = self.work.pop() {
            let inst = graph.resolved(value);
            if self.seen.get(value).is_some() || inst.op == Op::Const {
                continue;
            }
            self.seen.set(value, 0);
            let inside = match inst.op {
                Op::Param => region.contains(Block(inst.args[0])),
                op if op.is_pure() => self.seen.keys().len() > MAX_SEEN,
                _ => region.blocks.iter().any(|&block| {
                    let (from, to) = graph.block(block).insts;
                    graph.order[from as usize..to as usize].contains(&value)
                }),
            };
            if inside {
                return false;
            }
            if inst.op.is_pure() {
                self.work.extend(inst.operands());
            }
        }
        true
    }
}

/// The innermost loops whose blocks lie in one piece, in the order of the layout.
fn regions(graph: &Graph) -> Vec<(u32, Extent)> {
    let nothing = Extent { first: usize::MAX, last: 0, count: 0, innermost: true };
    let mut extents = vec![nothing; graph.loops.len()];
    for (position, &block) in graph.layout.iter().enumerate() {
        let number = graph.block(block).in_loop;
        let Some(extent) = extents.get_mut(number as usize) else { continue };
        extent.first = extent.first.min(position);
        extent.last = position;
        extent.count += 1;
        if let Some(parent) = extents.get_mut(graph.loops[number as usize].parent as usize) {
            parent.innermost = false;
        }
    }
    let mut regions: Vec<(u32, Extent)> = (0..).zip(extents).collect();
    regions.retain(|&(number, Extent { first, last, count, innermost })| {
        let header = graph.loops[number as usize].header;
        innermost && count > 0 && last + 1 - first == count && graph.layout[first] == header
    });
    regions.sort_by_key(|(_, extent)| extent.first);
    regions
}

/// The edges back to a loop's header, and those into the loop.
fn split(graph: &mut Graph, region: &Region) -> (Vec<Incoming>, Vec<Incoming>) {
    graph
        .incoming(region.header())
        .into_iter()
        .partition(|(edge, _)| region.contains(graph.edges[edge.index()].from))
}

/// The blocks of a loop from which it can go on: others, such as what comes behind its last branch, only lead out of it.
fn going_on(graph: &Graph, region: &Region) -> Vec<Block> {
    let mut found = vec![region.header()];
    for &block in region.blocks.iter().skip(1).rev() {
        if graph.succs(block).any(|edge| found.contains(&graph.target(edge))) {
            found.push(block);
        }
    }
    found
}

/// How many turns a loop takes, if it counts from a constant to a constant in few.
fn turns(graph: &mut Graph, region: &Region, back: &[Incoming], entering: &[Incoming]) -> Option<u32> {
    let ([(_, next)], [(_, start)]) = (back, entering) else { return None };
    let params = graph.block(region.header()).params.clone();
    let counter = |graph: &mut Graph, value: Value| {
        let position = params.iter().position(|&param| param == value)?;
        let start = graph.resolve(start[position]);
        let next = graph.resolve(next[position]);
        let next = graph.resolved(next);
        let counts = next.op == Op::Add && next.a() == value;
        let step = if counts { graph.as_const(next.b())? } else { return None };
        Some((graph.as_const(start)?, step))
    };
    let going_on = going_on(graph, region);
    let mut turns: Option<u32> = None;
    for &block in &region.blocks {
        let Term::Branch(condition, yes, no) = graph.block(block).term else { continue };
        let (yes, no) = (going_on.contains(&graph.target(yes)), going_on.contains(&graph.target(no)));
        if yes == no {
            continue;
        }
        let condition = graph.resolve(condition);
        let compare = graph.resolved(condition);
        let (tested, cond, limit) = match compare.op {
            Op::Compare => match graph.as_const(compare.b()) {
                Some(limit) => (compare.a(), cond(compare.aux), limit),
                None => continue,
            },
            _ => (condition, Cond::Ne, 0),
        };
        let inst = graph.resolved(tested);
        let plus = if inst.op == Op::Add { graph.as_const(inst.b()) } else { None };
        let (param, plus) = plus.map_or((tested, 0), |plus| (inst.a(), plus));
        let Some((start, step)) = counter(graph, param) else { continue };
        let size = size_of_kind(graph.kind(param));
        let mut at = start;
        for turn in 1..=MAX_TURNS {
            if holds(cond, size, evaluate(Op::Add, size, at, plus), limit) != yes {
                turns = Some(turns.map_or(turn, |turns| turns.min(turn)));
                break;
            }
            at = evaluate(Op::Add, size, at, step);
        }
    }
    turns
}
