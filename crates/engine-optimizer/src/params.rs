//! The pass `params`: parameters of blocks that are another value go, and what was built on them is numbered again.
//!
//! Construction makes a parameter at each loop's header before it knows what comes back, and a merge that asks such a header meanwhile
//! keeps what later turns out to be one value. So here:
//! 1. A parameter whose arguments are all itself or one other value is that value. That may show the same of others that it was handed to.
//! 2. Of several parameters of a block with equal arguments one is enough.
//! 3. Pure instructions whose operands changed are looked up again, which may give more of the first two.

use crate::ir::*;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// How often everything is done again if it gave something new: each round is linear.
const MAX_ROUNDS: usize = 3;

/// Most parameters of a block, times predecessors, of which equal ones are looked for.
const MAX_ARGUMENTS: usize = 4096;

/// The pass; its memory is reused.
#[derive(Default)]
pub(crate) struct Params {
    /// By value: where its users begin in `users`.
    first_user: Vec<u32>,
    /// Parameters that take a parameter as an argument.
    users: Vec<Value>,
    work: Vec<Value>,
    waiting: Vec<bool>,
    equal: HashMap<Vec<Value>, Value>,
}

impl Params {
    pub fn run(&mut self, graph: &mut Graph) {
        for _ in 0..MAX_ROUNDS {
            let mut changed = self.single_values(graph);
            changed |= self.equal_parameters(graph);
            if !changed || !renumber(graph) {
                break;
            }
        }
    }

    fn single_values(&mut self, graph: &mut Graph) -> bool {
        self.find_users(graph);
        let mut changed = false;
        while let Some(param) = self.work.pop() {
            self.waiting[param.index()] = false;
            if graph.inst(param).op != Op::Param {
                continue;
            }
            let Some(value) = single(graph, param) else { continue };
            changed = true;
            graph.replace(param, value);
            let (from, to) = (self.first_user[param.index()], self.first_user[param.index() + 1]);
            for &user in &self.users[from as usize..to as usize] {
                if !core::mem::replace(&mut self.waiting[user.index()], true) {
                    self.work.push(user);
                }
            }
        }
        if changed {
            graph.drop_replaced_params();
        }
        changed
    }

    /// Notes which parameters are arguments of which, and that all are to be looked at.
    fn find_users(&mut self, graph: &mut Graph) {
        self.work.clear();
        for &block in &graph.layout {
            self.work.extend(&graph.block(block).params);
        }
        self.waiting.clear();
        self.waiting.resize(graph.insts.len(), false);
        self.first_user.clear();
        self.first_user.resize(graph.insts.len() + 1, 0);
        for &param in &self.work {
            self.waiting[param.index()] = true;
            let inst = graph.inst(param);
            for i in inst.args[1]..inst.args[1] + inst.args[2] {
                let argument = graph.resolve(graph.pool[i as usize]);
                graph.pool[i as usize] = argument;
                if graph.inst(argument).op == Op::Param {
                    self.first_user[argument.index()] += 1;
                }
            }
        }
        let mut total = 0;
        for first in &mut self.first_user {
            total += *first;
            *first = total;
        }
        self.users.clear();
        self.users.resize(total as usize, Value::NONE);
        for &param in &self.work {
            for &argument in graph.arguments(param) {
                if graph.inst(argument).op == Op::Param {
                    let at = &mut self.first_user[argument.index()];
                    *at -= 1;
                    self.users[*at as usize] = param;
                }
            }
        }
    }

    fn equal_parameters(&mut self, graph: &mut Graph) -> bool {
        let mut changed = false;
        for at in 0..graph.layout.len() {
            let block = graph.layout[at];
            let data = graph.block(block);
            if data.params.len() < 2 || data.params.len() * data.preds.len() > MAX_ARGUMENTS {
                continue;
            }
            self.equal.clear();
            for i in 0..graph.block(block).params.len() {
                let param = graph.block(block).params[i];
                let mut arguments = graph.arguments(param).to_vec();
                for argument in &mut arguments {
                    *argument = graph.resolve(*argument);
                }
                match self.equal.entry(arguments) {
                    Entry::Occupied(first) if graph.kind(*first.get()) == graph.kind(param) => {
                        graph.replace(param, *first.get());
                        changed = true;
                    }
                    Entry::Occupied(_) => {}
                    Entry::Vacant(entry) => {
                        entry.insert(param);
                    }
                }
            }
        }
        if changed {
            graph.drop_replaced_params();
        }
        changed
    }
}

/// The one value that a parameter is, if it is one.
fn single(graph: &mut Graph, param: Value) -> Option<Value> {
    let inst = graph.inst(param);
    let mut same = None;
    for i in inst.args[1]..inst.args[1] + inst.args[2] {
        let argument = graph.resolve(graph.pool[i as usize]);
        if argument == param || same == Some(argument) {
            continue;
        }
        if same.is_some() {
            return None;
        }
        same = Some(argument);
    }
    same
}

/// Looks pure instructions up again whose operands became other values. Says whether any became another instruction.
fn renumber(graph: &mut Graph) -> bool {
    let mut changed = false;
    for index in 0..graph.insts.len() {
        let value = Value(index as u32);
        let old = graph.inst(value);
        if !old.op.is_pure() || old.op == Op::Const {
            continue;
        }
        let mut inst = old;
        graph.resolve_args(&mut inst);
        if inst == old {
            continue;
        }
        let found = graph.add(inst);
        let found = graph.resolve(found);
        if found != value {
            graph.unordered |= found > value;
            graph.replace(value, found);
            changed = true;
        }
    }
    changed
}
