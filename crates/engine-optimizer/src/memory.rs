//! The pass `memory`: loads of what was loaded or stored before, and checks of what was checked before, are replaced by what is known.
//!
//! A linear walk over the layout keeps the facts that hold: "the word at this address, of this width, is that value", the same for
//! globals, and "this index was found in bounds". A store ends the facts about what it may overlap: accesses with the same index value overlap by
//! their offsets; others always may. A call ends all facts but bounds: memories never shrink. At a merge, facts hold that hold at the ends
//! of all predecessors; in a loop, those from before it if it neither stores nor calls.
//!
//! A replaced load cannot have trapped, as an access to the same bytes came before it on every path.

use crate::ir::*;
use engine_decoder::GlobalIndex;
use engine_machine::masm::{Load, Store};
use engine_machine::{ModuleEnv, Place};

/// Facts that are kept at a time: this bounds the work for each store and merge.
const MAX_FACTS: usize = 24;

/// Predecessors of a block whose facts are compared.
const MAX_PREDS: usize = 4;

/// What a fact is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Key {
    /// A load that would read the bytes: base, index and offset.
    Memory {
        op: Load,
        base: Value,
        index: Value,
        offset: u32,
    },
    Global(u32),
    /// An index compared with a memory's length.
    Checked {
        index: Value,
        memory: u32,
    },
    /// An index and a large offset compared with a memory's length, for an access of so many bytes.
    Bounds {
        index: Value,
        memory: u32,
        offset: u32,
        size: u16,
    },
}

/// What a loop does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Effects {
    stores: bool,
    sets: bool,
    calls: bool,
}

impl Effects {
    fn of(op: Op) -> Effects {
        Effects { stores: op == Op::Store, sets: op == Op::GlobalSet, calls: op == Op::Call }
    }
    fn and(self, other: Effects) -> Effects {
        Effects {
            stores: self.stores || other.stores,
            sets: self.sets || other.sets,
            calls: self.calls || other.calls,
        }
    }
    /// Whether none of it may end a fact.
    fn spare(self, key: Key) -> bool {
        match key {
            Key::Memory { .. } => !self.stores && !self.calls,
            Key::Global(_) => !self.sets && !self.calls,
            Key::Checked { .. } | Key::Bounds { .. } => true,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fact {
    key: Key,
    value: Value,
}

/// The pass; its memory is reused.
#[derive(Default)]
pub(crate) struct Memory {
    facts: Vec<Fact>,
    /// By block: what holds at its end.
    at_end: Vec<Vec<Fact>>,
    visited: Vec<bool>,
    /// By loop.
    effects: Vec<Effects>,
}

impl Memory {
    pub fn run(&mut self, graph: &mut Graph, env: &ModuleEnv) {
        self.find_effects(graph);
        self.at_end.iter_mut().for_each(Vec::clear);
        self.at_end.resize_with(graph.blocks.len(), Vec::new);
        self.visited.clear();
        self.visited.resize(graph.blocks.len(), false);
        for at in 0..graph.layout.len() {
            let block = graph.layout[at];
            self.begin(graph, block);
            let (from, to) = graph.block(block).insts;
            for i in from..to {
                let value = graph.order[i as usize];
                self.inst(graph, env, value);
            }
            self.visited[block.index()] = true;
            self.at_end[block.index()].clone_from(&self.facts);
        }
        graph.drop_replaced();
    }

    fn find_effects(&mut self, graph: &Graph) {
        self.effects.clear();
        self.effects.resize(graph.loops.len(), Effects::default());
        for &block in &graph.layout {
            let data = graph.block(block);
            let insts = &graph.order[data.insts.0 as usize..data.insts.1 as usize];
            let effects = insts
                .iter()
                .fold(Effects::default(), |effects, &value| effects.and(Effects::of(graph.inst(value).op)));
            let mut around = data.in_loop;
            while let Some(data) = graph.loops.get(around as usize) {
                // An outer loop knows already what its inner loops know.
                let known = self.effects[around as usize];
                if known == known.and(effects) {
                    break;
                }
                self.effects[around as usize] = known.and(effects);
                around = data.parent;
            }
        }
    }

    /// The facts that hold at a block's beginning.
    fn begin(&mut self, graph: &Graph, block: Block) {
        let data = graph.block(block);
        self.facts.clear();
        if data.preds.len() > MAX_PREDS {
            return;
        }
        let header = graph.loops.get(data.in_loop as usize).is_some_and(|data| data.header == block);
        let mut back = false;
        let mut first = true;
        for &edge in &data.preds {
            let from = graph.edges[edge.index()].from;
            if !self.visited[from.index()] {
                if header && !graph.irregular {
                    back = true;
                    continue;
                }
                self.facts.clear();
                return;
            }
            let known = &self.at_end[from.index()];
            if first {
                self.facts.extend_from_slice(known);
            } else {
                self.facts.retain(|fact| known.contains(fact));
            }
            first = false;
        }
        if back {
            let effects = self.effects[data.in_loop as usize];
            self.facts.retain(|fact| effects.spare(fact.key));
        }
    }

    fn learn(&mut self, key: Key, value: Value) {
        if self.facts.len() >= MAX_FACTS {
            self.facts.remove(0);
        }
        self.facts.push(Fact { key, value });
    }

    /// What is known to be the same as `value`, the result of an instruction; otherwise that is known from now on.
    fn find_or_learn(&mut self, graph: &mut Graph, key: Key, value: Value) {
        match self.facts.iter().find(|fact| fact.key == key) {
            Some(fact) => {
                let known = graph.resolve(fact.value);
                graph.replace(value, known);
            }
            None => self.learn(key, value),
        }
    }

    fn inst(&mut self, graph: &mut Graph, env: &ModuleEnv, value: Value) {
        let inst = graph.resolved(value);
        match inst.op {
            Op::Load => {
                let op = load_of(inst.aux);
                let key = address(graph, inst.a(), op);
                self.find_or_learn(graph, key, value);
            }
            Op::Store => {
                let op = store_of(inst.aux);
                let read = match op {
                    Store::I8 => Load::I32U8,
                    Store::I16 => Load::I32U16,
                    Store::I32 => Load::I32,
                    Store::I64 => Load::I64,
                    Store::F32 => Load::F32,
                    Store::F64 => Load::F64,
                };
                let key = address(graph, inst.a(), read);
                self.facts.retain(|fact| !may_overlap(fact.key, key));
                // What is read back is what was stored, if nothing was cut off.
                let whole =
                    graph.kind(inst.b()) == result_kind(read) && !matches!(op, Store::I8 | Store::I16);
                if whole {
                    self.learn(key, inst.b());
                }
            }
            Op::GlobalGet => self.find_or_learn(graph, Key::Global(inst.args[0]), value),
            Op::GlobalSet => {
                let own = |index: u32| matches!(env.layout.global(GlobalIndex(index)), Place::Inline(_));
                let index = inst.args[0];
                // Imported globals may be one and the same.
                self.facts.retain(|fact| match fact.key {
                    Key::Global(other) => other != index && (own(index) || own(other)),
                    _ => true,
                });
                self.learn(Key::Global(index), inst.b());
            }
            Op::IndexCheck => {
                let key = Key::Checked { index: inst.a(), memory: inst.args[1] };
                self.find_or_learn(graph, key, value);
            }
            Op::BoundsCheck => {
                let [index, memory, offset] = inst.args;
                let key = Key::Bounds { index: Value(index), memory, offset, size: inst.aux };
                self.find_or_learn(graph, key, value);
            }
            Op::Call => {
                let effects = Effects::of(inst.op);
                self.facts.retain(|fact| effects.spare(fact.key));
            }
            _ => {}
        }
    }
}

fn address(graph: &mut Graph, address: Value, op: Load) -> Key {
    let inst = graph.resolved(address);
    Key::Memory { op, base: inst.a(), index: inst.b(), offset: inst.args[2] }
}

/// Bytes that a load reads.
fn width(op: Load) -> u32 {
    match op {
        Load::I32U8 | Load::I32S8 | Load::I64U8 | Load::I64S8 => 1,
        Load::I32U16 | Load::I32S16 | Load::I64U16 | Load::I64S16 => 2,
        Load::I32 | Load::I64U32 | Load::I64S32 | Load::F32 => 4,
        Load::I64 | Load::F64 => 8,
    }
}

/// Kind of what a load that reads all of a value gives.
fn result_kind(op: Load) -> engine_decoder::ValKind {
    use engine_decoder::ValKind;
    match op {
        Load::F32 => ValKind::F32,
        Load::F64 => ValKind::F64,
        Load::I64 => ValKind::I64,
        _ => ValKind::I32,
    }
}

/// Whether two accesses may touch the same bytes. Different bases may be one memory, imported twice.
fn may_overlap(a: Key, b: Key) -> bool {
    let (
        Key::Memory { op: first, base: base_a, index: index_a, offset: a },
        Key::Memory { op: second, base: base_b, index: index_b, offset: b },
    ) = (a, b)
    else {
        return false;
    };
    if base_a != base_b || index_a != index_b {
        return true;
    }
    let (a, b) = (u64::from(a), u64::from(b));
    a < b + u64::from(width(second)) && b < a + u64::from(width(first))
}
