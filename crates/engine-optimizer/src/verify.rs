//! What every pass may rely on, checked: in debug builds, and wherever [`verify_always`](crate::verify_always) was called.
//!
//! * Edges, predecessors and terminators agree; every parameter has one argument for each predecessor.
//! * Operands are there before their users: each is defined in a block that dominates the user's, or further up in the same. A pure
//!   instruction counts as defined where the last of its operands is.
//! * Operands have the kinds that their users take.
//! * What no block's instructions and ends lead to is nobody's, and may be anything: the schedule drops it.
//! * A loop's header dominates its blocks, and whatever jumps back jumps to the header of a loop around it.
//! * Behind the schedule no operand is an alias, and the sequences are in order too.
//!
//! One walk over the graph, without recursion.

use crate::dominators::Dominators;
use crate::ir::*;
use crate::schedule::Schedule;
use engine_decoder::{TypeIndex, ValKind};
use engine_machine::ModuleEnv;
use engine_machine::masm::{Conversion, Size, Store};
use std::sync::atomic::{AtomicBool, Ordering};

static ALWAYS: AtomicBool = AtomicBool::new(false);

/// From now on graphs are verified after every pass in release builds too, in the whole process. For the specification's tests, fuzzing, and the corpus.
pub fn verify_always() {
    ALWAYS.store(true, Ordering::Relaxed);
}

/// Whether graphs are verified.
pub fn verifies() -> bool {
    cfg!(debug_assertions) || ALWAYS.load(Ordering::Relaxed)
}

/// Panics if a graph is not as it must be after `stage`.
pub(crate) fn check(graph: &Graph, env: &ModuleEnv, schedule: Option<&Schedule>, stage: &str) {
    if verifies()
        && let Err(error) = verify(graph, env, schedule)
    {
        panic!("after {stage}: {error}\n{}", graph.text(schedule));
    }
}

/// Where something is defined: a block, and a position in it. Parameters come first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Site {
    block: Block,
    position: u32,
}

const NOWHERE: Site = Site { block: Block::NONE, position: 0 };
/// Its operands are being looked at.
const OPEN: Site = Site { block: Block::NONE, position: 1 };

struct Verifier<'a> {
    graph: &'a Graph,
    env: &'a ModuleEnv,
    scheduled: bool,
    /// By value.
    sites: Vec<Site>,
    /// By value: whether somebody needs it.
    needed: Vec<bool>,
    /// By block: numbers in preorder of the dominator tree, of itself and behind its last descendant. Empty if they are not known.
    tree: Vec<(u32, u32)>,
    /// By block: position in the layout.
    layout: Vec<u32>,
}

type Verdict = Result<(), String>;

macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err(format!($($message)*));
        }
    };
}

/// Says what is wrong with a graph.
fn verify(graph: &Graph, env: &ModuleEnv, schedule: Option<&Schedule>) -> Verdict {
    let mut verifier = Verifier {
        graph,
        env,
        scheduled: schedule.is_some(),
        sites: vec![NOWHERE; graph.insts.len()],
        needed: vec![false; graph.insts.len()],
        tree: Vec::new(),
        layout: vec![u32::MAX; graph.blocks.len()],
    };
    for (position, &block) in graph.layout.iter().enumerate() {
        ensure!(verifier.layout[block.index()] == u32::MAX, "{block:?} is twice in the layout");
        verifier.layout[block.index()] = position as u32;
    }
    verifier.edges()?;
    verifier.number_tree();
    verifier.loops()?;
    verifier.place(schedule)?;
    verifier.mark(schedule)?;
    for &block in &graph.layout {
        verifier.block(block, schedule)?;
    }
    Ok(())
}

/// The instructions of a block, in order.
fn instructions<'a>(graph: &'a Graph, schedule: Option<&'a Schedule>, block: Block) -> &'a [Value] {
    match schedule {
        Some(schedule) => {
            let (from, to) = schedule.ranges[block.index()];
            &schedule.seq[from as usize..to as usize]
        }
        None => {
            let (from, to) = graph.block(block).insts;
            &graph.order[from as usize..to as usize]
        }
    }
}

impl Verifier<'_> {
    // ---- control flow ----

    fn edges(&self) -> Verdict {
        let graph = self.graph;
        let mut left = vec![false; graph.edges.len()];
        for &block in &graph.layout {
            ensure!(graph.block(block).term != Term::None, "{block:?} has no end");
            if let Term::Table { first, count, edges, .. } = graph.block(block).term {
                let entries = &graph.table_edges[first as usize..=(first + count) as usize];
                let inside = entries.iter().all(|edge| (edges.0..edges.1).contains(&edge.0));
                ensure!(inside, "the table of {block:?} has foreign edges");
            }
            for edge in graph.succs(block) {
                let EdgeData { from, to, slot } = graph.edges[edge.index()];
                ensure!(from == block, "{edge:?} leaves {block:?} and says {from:?}");
                ensure!(self.layout[to.index()] != u32::MAX, "{edge:?} leads to {to:?}, out of the layout");
                let known = graph.block(to).preds.get(slot as usize);
                ensure!(
                    known == Some(&edge),
                    "{edge:?} is not at its place among the predecessors of {to:?}"
                );
                ensure!(!left[edge.index()], "{edge:?} is twice in the end of {block:?}");
                left[edge.index()] = true;
            }
        }
        for (position, &block) in graph.layout.iter().enumerate() {
            let preds = &graph.block(block).preds;
            ensure!((position == 0) == preds.is_empty(), "{block:?} has {} predecessors", preds.len());
            for edge in preds {
                ensure!(left[edge.index()], "{edge:?} leads to {block:?} from nowhere");
            }
        }
        Ok(())
    }

    /// Numbers the dominator tree: parents come before their children in the layout.
    fn number_tree(&mut self) {
        let graph = self.graph;
        let mut dominators = Dominators::default();
        if dominators.compute(graph).is_err() {
            return;
        }
        self.tree = vec![(0, 1); graph.blocks.len()];
        for &block in graph.layout.iter().skip(1).rev() {
            let size = self.tree[block.index()].1;
            self.tree[dominators.idom(block).index()].1 += size;
        }
        let mut next: Vec<u32> = vec![0; graph.blocks.len()];
        for (position, &block) in graph.layout.iter().enumerate() {
            let size = self.tree[block.index()].1;
            let start = if position == 0 { 0 } else { next[dominators.idom(block).index()] };
            if position != 0 {
                next[dominators.idom(block).index()] += size;
            }
            next[block.index()] = start + 1;
            self.tree[block.index()] = (start, start + size);
        }
    }

    /// Whether a block dominates another, as far as is known.
    fn dominates(&self, above: Block, below: Block) -> bool {
        if self.tree.is_empty() {
            return true;
        }
        let ((from, to), (at, _)) = (self.tree[above.index()], self.tree[below.index()]);
        (from..to).contains(&at)
    }

    fn loops(&self) -> Verdict {
        let graph = self.graph;
        let around = |mut at: u32, wanted: u32| {
            while at != NO_LOOP && at != wanted {
                at = graph.loops[at as usize].parent;
            }
            at == wanted
        };
        for &block in &graph.layout {
            let index = graph.block(block).in_loop;
            if let Some(data) = graph.loops.get(index as usize) {
                let depth = graph.loops.get(data.parent as usize).map_or(0, |parent| parent.depth);
                ensure!(data.depth == depth + 1, "the loop of {block:?} has a wrong depth");
                let held = graph.irregular || self.dominates(data.header, block);
                ensure!(held, "{block:?} is in the loop of {:?}, which does not dominate it", data.header);
            }
            for edge in graph.succs(block) {
                let to = graph.target(edge);
                let back = self.layout[to.index()] <= self.layout[block.index()];
                if back && !graph.irregular {
                    let number = graph.block(to).in_loop;
                    let header = graph.loops.get(number as usize).is_some_and(|data| data.header == to);
                    ensure!(header, "{block:?} jumps back to {to:?}, which is no header");
                    ensure!(around(index, number), "{block:?} jumps back to {to:?}, whose loop it is not in");
                }
            }
        }
        Ok(())
    }

    // ---- values ----

    /// Notes where values are defined. Pure values are, before they have a place, where the last of their operands is.
    fn place(&mut self, schedule: Option<&Schedule>) -> Verdict {
        let graph = self.graph;
        for &block in &graph.layout {
            let data = graph.block(block);
            let params = data.params.iter().chain(data.slot_params.iter().map(|(param, _)| param));
            for &param in params {
                let inst = graph.inst(param);
                if !self.scheduled && inst.op == Op::Alias {
                    continue;
                }
                ensure!(inst.op == Op::Param, "{param:?} of {block:?} is no parameter");
                ensure!(inst.args[0] == block.0, "{param:?} of {block:?} says b{}", inst.args[0]);
                let (count, preds) = (inst.args[2] as usize, data.preds.len());
                ensure!(count == preds, "{param:?} of {block:?} has {count} arguments for {preds} edges");
                self.define(param, Site { block, position: 0 })?;
            }
            for (position, &value) in (1..).zip(instructions(graph, schedule, block)) {
                let op = graph.inst(value).op;
                ensure!(op != Op::Alias, "{value:?} in {block:?} was replaced");
                ensure!(self.scheduled || !op.is_pure(), "{value:?} in {block:?} is not pinned");
                self.define(value, Site { block, position })?;
            }
        }
        Ok(())
    }

    fn define(&mut self, value: Value, site: Site) -> Verdict {
        let before = core::mem::replace(&mut self.sites[value.index()], site);
        ensure!(before == NOWHERE, "{value:?} is defined in {:?} and in {:?}", before.block, site.block);
        Ok(())
    }

    /// What a value is now.
    fn resolve(&self, value: Value) -> Result<Value, String> {
        let mut end = value;
        let mut steps = 0;
        while let Some(inst) = self.graph.insts.get(end.index()).filter(|inst| inst.op == Op::Alias) {
            ensure!(!self.scheduled, "{value:?} was replaced");
            ensure!(steps < self.graph.insts.len(), "{value:?} stands for itself");
            end = inst.a();
            steps += 1;
        }
        ensure!(end.index() < self.graph.insts.len(), "{value:?} is no value");
        Ok(end)
    }

    /// Marks what instructions and ends of blocks need.
    fn mark(&mut self, schedule: Option<&Schedule>) -> Verdict {
        let graph = self.graph;
        let pool = |first: u32, count: u32| &graph.pool[first as usize..(first + count) as usize];
        let mut work = Vec::new();
        for &block in &graph.layout {
            work.extend_from_slice(instructions(graph, schedule, block));
            match graph.block(block).term {
                Term::Branch(value, ..) | Term::Table { index: value, .. } => work.push(value),
                Term::Return { first, count } => work.extend_from_slice(pool(first, count)),
                Term::None | Term::Jump(_) | Term::Trap(_) => {}
            }
            work.extend(graph.block(block).slot_params.iter().map(|(param, _)| param));
        }
        while let Some(value) = work.pop() {
            let value = if value.is_none() { continue } else { self.resolve(value)? };
            if core::mem::replace(&mut self.needed[value.index()], true) {
                continue;
            }
            let inst = graph.inst(value);
            work.extend(inst.operands());
            match inst.op {
                Op::Param => work.extend_from_slice(graph.arguments(value)),
                Op::Call => {
                    let CallData { callee, first, count, .. } = graph.calls[inst.args[0] as usize];
                    work.extend_from_slice(pool(first, count));
                    if let Callee::Address(code, vmctx) = callee {
                        work.extend([code, vmctx]);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where a value is defined.
    fn site(&mut self, value: Value) -> Result<Site, String> {
        let mut work = vec![value];
        while let Some(&top) = work.last() {
            let inst = self.graph.inst(top);
            let known = self.sites[top.index()];
            if known != NOWHERE && known != OPEN {
                work.pop();
                continue;
            }
            ensure!(inst.op.is_pure(), "{value:?} needs {top:?}, which is in no block");
            let placed = !matches!(inst.op, Op::Const | Op::Base | Op::Address | Op::ExtendU);
            ensure!(!self.scheduled || !placed, "{value:?} needs {top:?}, which has no place");
            if known == NOWHERE {
                self.sites[top.index()] = OPEN;
                for operand in inst.operands() {
                    let operand = self.resolve(operand)?;
                    let known = self.sites[operand.index()];
                    ensure!(known != OPEN, "{operand:?} needs itself");
                    if known == NOWHERE {
                        work.push(operand);
                    }
                }
                continue;
            }
            self.sites[top.index()] = self.last_operand(top, inst)?;
            work.pop();
        }
        Ok(self.sites[value.index()])
    }

    /// Where the last of a pure instruction's operands is defined.
    fn last_operand(&self, value: Value, inst: Inst) -> Result<Site, String> {
        let mut last = Site { block: self.graph.layout[0], position: 0 };
        for operand in inst.operands() {
            let site = self.sites[self.resolve(operand)?.index()];
            if site.block == last.block {
                last.position = last.position.max(site.position);
            } else if self.dominates(last.block, site.block) {
                last = site;
            } else {
                let held = self.dominates(site.block, last.block);
                ensure!(held, "{value:?} needs what is in {:?} and in {:?}", site.block, last.block);
            }
        }
        Ok(last)
    }

    /// A use of a value of a kind that `takes` accepts.
    fn used(
        &mut self,
        value: Value,
        at: Site,
        user: &dyn core::fmt::Debug,
        takes: fn(ValKind) -> bool,
    ) -> Verdict {
        let value = self.resolve(value)?;
        ensure!(self.graph.inst(value).op.has_result(), "{user:?} uses {value:?}, which has no result");
        let kind = self.graph.kind(value);
        ensure!(takes(kind), "{user:?} does not take {value:?}, which is {kind:?}");
        let site = self.site(value)?;
        let before = match site.block == at.block {
            true => site.position < at.position,
            false => self.dominates(site.block, at.block),
        };
        ensure!(before, "{user:?} in {:?} uses {value:?} of {:?} too early", at.block, site.block);
        Ok(())
    }

    fn block(&mut self, block: Block, schedule: Option<&Schedule>) -> Verdict {
        let graph = self.graph;
        for (position, &value) in (1..).zip(instructions(graph, schedule, block)) {
            self.inst(value, Site { block, position })?;
        }
        let end = Site { block, position: u32::MAX };
        match graph.block(block).term {
            Term::Branch(value, ..) | Term::Table { index: value, .. } => {
                self.used(value, end, &block, |kind| kind == ValKind::I32)?;
            }
            Term::Return { first, count } => {
                for &value in &graph.pool[first as usize..(first + count) as usize] {
                    self.used(value, end, &block, |_| true)?;
                }
            }
            Term::None | Term::Jump(_) | Term::Trap(_) => {}
        }
        for edge in graph.succs(block) {
            let EdgeData { to, slot, .. } = graph.edges[edge.index()];
            let data = graph.block(to);
            let all = data.params.iter().chain(data.slot_params.iter().map(|(param, _)| param));
            for &param in all {
                if !self.needed[param.index()] {
                    continue;
                }
                let argument = graph.arguments(param)[slot as usize];
                if argument.is_none() && self.scheduled {
                    continue;
                }
                self.used(argument, end, &param, |_| true)?;
                let (given, kind) = (graph.kind(self.resolve(argument)?), graph.kind(param));
                ensure!(given == kind, "{param:?} is {kind:?} and gets {argument:?}, which is {given:?}");
            }
        }
        Ok(())
    }

    fn inst(&mut self, value: Value, at: Site) -> Verdict {
        let inst = self.graph.inst(value);
        self.kinds(value)?;
        for operand in inst.operands() {
            self.used(operand, at, &value, |_| true)?;
        }
        match inst.op {
            Op::Call => self.call(value, inst, at),
            Op::CallResult => {
                let call = self.graph.inst(self.resolve(inst.a())?).op;
                ensure!(call == Op::Call, "{value:?} is the result of no call");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn call(&mut self, value: Value, inst: Inst, at: Site) -> Verdict {
        let graph = self.graph;
        let CallData { callee, ty, first, count } = graph.calls[inst.args[0] as usize];
        let arguments = &graph.pool[first as usize..(first + count) as usize];
        for &argument in arguments {
            self.used(argument, at, &value, |_| true)?;
        }
        match callee {
            Callee::Address(code, vmctx) => {
                self.used(code, at, &value, |kind| kind == ValKind::I64)?;
                self.used(vmctx, at, &value, |kind| kind == ValKind::I64)?;
            }
            Callee::Runtime(_) => return Ok(()),
            Callee::Function(_) => {}
        }
        let (params, results) = self.env.kinds(TypeIndex(ty));
        ensure!(params.len() == arguments.len(), "{value:?} has {count} arguments for {params:?}");
        for (&argument, &kind) in arguments.iter().zip(params) {
            let given = graph.kind(self.resolve(argument)?);
            ensure!(given == kind, "{value:?} gives {argument:?}, which is {given:?}, for {kind:?}");
        }
        let result = results.first().copied().unwrap_or(inst.kind);
        ensure!(result == inst.kind, "{value:?} has another result than its callee");
        Ok(())
    }

    /// Whether operands, and those of pure operands that have no place of their own, have the kinds that they must have.
    fn kinds(&self, value: Value) -> Verdict {
        use ValKind::{F32, F64, I32, I64};
        let mut at = value;
        loop {
            let inst = self.graph.inst(at);
            let mut operands = [None; 3];
            for (word, kind) in
                inst.args.iter().zip(&mut operands).enumerate().filter_map(|(i, (word, kind))| {
                    (inst.op.value_mask() >> i & 1 != 0 && *word != Value::NONE.0).then_some((*word, kind))
                })
            {
                *kind = Some(self.graph.kind(self.resolve(Value(word))?));
            }
            let [a, b, c] = operands;
            let kind = Some(inst.kind);
            let integer = matches!(inst.kind, I32 | I64);
            let held = match inst.op {
                Op::Add
                | Op::Sub
                | Op::And
                | Op::Or
                | Op::Xor
                | Op::Mul
                | Op::MulHigh
                | Op::Div
                | Op::TrapDiv => integer && a == kind && b == kind,
                Op::Shl | Op::ShrS | Op::ShrU | Op::Rotl | Op::Rotr => integer && a == kind && b == kind,
                Op::Clz | Op::Ctz | Op::Popcnt | Op::Extend8S | Op::Extend16S => integer && a == kind,
                Op::Extend32S => inst.kind == I64 && matches!(a, Some(I32 | I64)),
                Op::ExtendU => inst.kind == I64 && a == Some(I32),
                Op::Wrap => inst.kind == I32 && a == Some(I64),
                Op::Compare => inst.kind == I32 && a == b && !a.is_some_and(ValKind::is_float),
                Op::FloatCompare => inst.kind == I32 && a == b && a.is_some_and(ValKind::is_float),
                Op::Select => a == kind && b == kind && c == Some(I32),
                Op::FloatBinary => inst.kind.is_float() && a == kind && b == kind,
                Op::FloatUnary => inst.kind.is_float() && a == kind,
                Op::Convert | Op::TrapConvert => (a, inst.kind) == converted(inst.aux, inst.kind),
                Op::Address => inst.kind == I64 && a == Some(I64) && matches!(b, None | Some(I32 | I64)),
                Op::Load | Op::EntryLoad => a == Some(I64),
                Op::Store => {
                    let stored = match store_of(inst.aux) {
                        Store::I8 | Store::I16 | Store::I32 => matches!(b, Some(I32 | I64)),
                        Store::I64 => b == Some(I64),
                        Store::F32 => b == Some(F32),
                        Store::F64 => b == Some(F64),
                    };
                    a == Some(I64) && stored
                }
                Op::IndexCheck => inst.kind == I32 && a == Some(I32),
                Op::BoundsCheck | Op::TableEntry => inst.kind == I64 && a == Some(I32),
                Op::SignatureCheck => a == Some(I64),
                Op::GlobalSet => b == kind,
                Op::Spill => a == kind,
                _ => true,
            };
            ensure!(held, "{at:?} is {:?} {kind:?} of {operands:?}", inst.op);
            if matches!(inst.op, Op::Load | Op::Store) {
                at = self.resolve(inst.a())?;
                ensure!(
                    self.graph.inst(at).op == Op::Address,
                    "{value:?} accesses {at:?}, which is no address"
                );
                continue;
            }
            return Ok(());
        }
    }
}

/// Kinds of the operand and the result of a conversion; `to` where several are possible.
fn converted(aux: u16, to: ValKind) -> (Option<ValKind>, ValKind) {
    let of = |size| if size == Size::S32 { ValKind::I32 } else { ValKind::I64 };
    match conversion(aux) {
        Conversion::Truncate { from, to, .. } => (Some(from), of(to)),
        Conversion::Convert { from, to, .. } => (Some(of(from)), to),
        Conversion::Demote => (Some(ValKind::F64), ValKind::F32),
        Conversion::Promote => (Some(ValKind::F32), ValKind::F64),
        Conversion::Reinterpret { from } => (Some(from), to),
    }
}

#[cfg(test)]
mod tests;
