//! Structured control flow.

use super::Builder;
use crate::Entry;
use crate::ir::*;
use engine_decoder::{TypeIndex, ValKind};
use engine_machine::abi::frame;
use engine_machine::{Kinds, TrapCode};
use wasmparser::BlockType;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Block,
    Loop,
    /// Before `else`; the block of the other arm, or none if it cannot be reached.
    If(Block),
    Else,
}

/// An open block of the source.
pub(super) struct Control<'a> {
    kind: Kind,
    /// Where branches go: a loop's header; otherwise none until somebody branches.
    label: Block,
    /// Parameters of `label` that take operands.
    label_params: Vec<Value>,
    /// The parameters of an `if`, which both arms take.
    taken: Vec<Value>,
    /// Operands below its parameters.
    height: u32,
    params: Kinds<'a>,
    results: Kinds<'a>,
    /// Loop around it.
    in_loop: u32,
    /// The last `br_table` with an edge to it, and the edge.
    table: (u32, Edge),
    /// First of the variables that hold the operands below it, if they are kept in variables.
    operand_variables: Option<u32>,
}

impl<'a> Builder<'a> {
    pub(super) fn enter_function(&mut self, results: Kinds<'a>) {
        self.open(Kind::Function, Kinds::One(None), results);
    }

    /// Opens the block that an inlined body is, and returns where it is.
    pub(super) fn open_inlined(&mut self, results: Kinds<'a>) -> usize {
        self.open(Kind::Block, Kinds::One(None), results);
        self.control.len() - 1
    }

    fn block_kinds(&self, ty: BlockType) -> (Kinds<'a>, Kinds<'a>) {
        match ty {
            BlockType::Empty => (Kinds::One(None), Kinds::One(None)),
            BlockType::Type(ty) => (Kinds::One(None), Kinds::One(Some(ty.into()))),
            BlockType::FuncType(index) => {
                let (params, results) = self.env.kinds(TypeIndex(index));
                (Kinds::List(params), Kinds::List(results))
            }
        }
    }

    fn open(&mut self, kind: Kind, params: Kinds<'a>, results: Kinds<'a>) {
        let entered = self.reachable;
        let height = if entered { self.stack.len() - params.len() } else { self.stack.len() } as u32;
        let operand_variables = match self.entry {
            // Loops of inlined bodies are not entered.
            Entry::Loop { .. } if entered && self.loop_entry.is_none() && !self.inlining.is_inside() => {
                self.keep_operands(height as usize)
            }
            _ => None,
        };
        self.control.push(Control {
            kind,
            label: Block::NONE,
            label_params: Vec::new(),
            taken: Vec::new(),
            height,
            params,
            results,
            in_loop: self.in_loop,
            table: (0, Edge::NONE),
            operand_variables,
        });
    }

    /// Before the loop is met that is to be entered: the operands below a block become variables, so that they may come from the
    /// frame instead.
    fn keep_operands(&mut self, height: usize) -> Option<u32> {
        let first = self.kinds.len() as u32;
        self.burn(height as u32);
        for index in 0..height {
            let value = self.graph.resolve(self.stack[index]);
            self.kinds.push(self.graph.kind(value));
            self.current.push(super::Current { block: Block::NONE, value });
            self.write_variable(first + index as u32, value);
        }
        Some(first)
    }

    /// The operands below a block that ends come from their variables, if they are kept in any.
    fn restore_operands(&mut self, control: &Control<'a>) {
        if let Some(first) = control.operand_variables
            && self.reachable
            && self.loop_entry.is_some()
        {
            self.burn(control.height);
            for index in 0..control.height {
                self.stack[index as usize] = self.read_variable(first + index);
            }
        }
    }

    /// The label of an open block, with parameters for the operands that branches carry.
    fn label(&mut self, index: usize) -> Block {
        let control = &self.control[index];
        if !control.label.is_none() {
            return control.label;
        }
        let results = control.results;
        let block = self.graph.new_block(control.in_loop);
        self.add_label_params(index, block, results);
        block
    }

    fn add_label_params(&mut self, index: usize, block: Block, kinds: Kinds<'a>) {
        self.check_values(kinds.len());
        let count = if self.refused.is_some() { 0 } else { kinds.len() };
        let params: Vec<Value> = (0..count).map(|i| self.new_param(block, kinds.get(i))).collect();
        let control = &mut self.control[index];
        control.label = block;
        control.label_params = params;
    }

    /// An edge from the current block to an open block's label.
    fn edge_to(&mut self, index: usize) -> Edge {
        let label = self.label(index);
        let control = &self.control[index];
        let count = if control.kind == Kind::Loop { control.params.len() } else { control.results.len() };
        self.edge(label, count)
    }

    fn jump_to(&mut self, index: usize) {
        let edge = self.edge_to(index);
        self.end_block(Term::Jump(edge));
    }

    pub(super) fn set_unreachable(&mut self) {
        if let Some(control) = self.control.last() {
            self.stack.truncate(control.height as usize);
        }
        self.reachable = false;
    }

    fn control_index(&self, depth: u32) -> usize {
        self.control.len() - 1 - depth as usize
    }

    pub fn visit_block(&mut self, ty: BlockType) {
        let (params, results) = self.block_kinds(ty);
        self.open(Kind::Block, params, results);
    }

    pub fn visit_loop(&mut self, ty: BlockType) {
        let (params, results) = self.block_kinds(ty);
        self.open(Kind::Loop, params, results);
        if !self.reachable {
            return;
        }
        if let Entry::Loop { wasm_offset } = self.entry
            && wasm_offset == self.offset
            && self.loop_entry.is_none()
        {
            self.meet_baseline(params);
        }
        let index = self.graph.loops.len() as u32;
        let header = self.graph.new_block(index);
        self.graph.loops.push(LoopData { header, parent: self.in_loop, depth: 0 });
        self.in_loop = index;
        let top = self.control.len() - 1;
        self.add_label_params(top, header, params);
        self.burn(params.len() as u32);
        let edge = self.edge(header, params.len());
        self.end_block(Term::Jump(edge));
        self.switch_to(header);
        let height = self.control[top].height as usize;
        self.stack.truncate(height);
        self.stack.extend_from_slice(&self.control[top].label_params);
        if self.env.flags.interruptible {
            self.emit(Inst::new(Op::Poll, ValKind::I32, 0, [0; 3]));
        }
    }

    /// Before the loop that is to be entered: a block in which the way from outside the loop meets that from baseline code. The loop's header is not that
    /// block, or it would be the header of the loops around it as well, and the allocator would take the inner loop for the outer.
    fn meet_baseline(&mut self, params: Kinds<'a>) {
        let block = self.graph.new_block(self.in_loop);
        let values: Vec<Value> = (0..params.len()).map(|i| self.new_param(block, params.get(i))).collect();
        self.burn(params.len() as u32);
        let edge = self.edge(block, params.len());
        self.end_block(Term::Jump(edge));
        let height = self.stack.len() - params.len();
        self.enter_from_baseline(block, params);
        self.seal(block, &values);
        self.switch_to(block);
        self.stack.truncate(height);
        self.stack.extend_from_slice(&values);
    }

    /// A second way to a block: from baseline code, with all variables in their slots of its frame.
    fn enter_from_baseline(&mut self, header: Block, params: Kinds<'a>) {
        let entry = self.graph.new_block(NO_LOOP);
        self.graph.blocks[entry.index()].sealed = true;
        self.switch_to(entry);
        self.loop_entry = Some(entry);
        let slot = |index: u32| frame::slot(index) as u32;
        for variable in 0..self.num_locals {
            let kind = self.kinds[variable as usize];
            let value = self.emit(Inst::new(Op::Slot, kind, 0, [slot(variable), 0, 0]));
            self.write_variable(variable, value);
        }
        for index in 0..self.control.len() {
            let Control { operand_variables: Some(first), height, .. } = self.control[index] else {
                continue;
            };
            self.burn(height);
            for operand in 0..height {
                let kind = self.kinds[(first + operand) as usize];
                let value = self.emit(Inst::new(Op::Slot, kind, 0, [slot(self.num_locals + operand), 0, 0]));
                self.write_variable(first + operand, value);
            }
        }
        self.foreign_slots = self.num_locals + self.stack.len() as u32;
        let height = self.stack.len() - params.len();
        let mut values = Vec::with_capacity(params.len());
        for index in 0..params.len() {
            let position = self.num_locals + (height + index) as u32;
            values.push(self.emit(Inst::new(Op::Slot, params.get(index), 0, [slot(position), 0, 0])));
        }
        self.stack.truncate(height);
        self.stack.extend_from_slice(&values);
        let edge = self.edge(header, values.len());
        self.end_block(Term::Jump(edge));
    }

    pub fn visit_if(&mut self, ty: BlockType) {
        let (params, results) = self.block_kinds(ty);
        if !self.reachable {
            return self.open(Kind::If(Block::NONE), params, results);
        }
        let condition = self.pop();
        if let Some(bits) = self.graph.as_const(condition) {
            // One arm: the other is never entered.
            let (block, edge) = self.block_behind();
            let taken = bits as u32 != 0;
            self.open(Kind::If(if taken { Block::NONE } else { block }), params, results);
            self.keep_parameters(params.len());
            self.end_block(Term::Jump(edge));
            if taken {
                self.switch_to(block);
            }
            return;
        }
        let (then, yes) = self.block_behind();
        let (other, no) = self.block_behind();
        self.open(Kind::If(other), params, results);
        self.keep_parameters(params.len());
        self.end_block(Term::Branch(condition, yes, no));
        self.switch_to(then);
    }

    /// Keeps the top operands, an `if`'s parameters, for its other arm.
    fn keep_parameters(&mut self, count: usize) {
        self.burn(count as u32);
        if let Some(control) = self.control.last_mut() {
            control.taken.extend_from_slice(&self.stack[self.stack.len() - count..]);
        }
    }

    pub fn visit_else(&mut self) {
        let top = self.control.len() - 1;
        let Kind::If(other) = self.control[top].kind else { return };
        self.begin_other_arm(top, other);
    }

    /// Leaves the first arm of an `if`, and enters the other.
    fn begin_other_arm(&mut self, top: usize, other: Block) {
        if self.reachable {
            self.jump_to(top);
        }
        self.control[top].kind = Kind::Else;
        self.stack.truncate(self.control[top].height as usize);
        self.reachable = false;
        if !other.is_none() {
            self.stack.extend_from_slice(&self.control[top].taken);
            self.switch_to(other);
        }
    }

    pub fn visit_end(&mut self) {
        let top = self.control.len() - 1;
        if let Kind::If(other) = self.control[top].kind {
            self.begin_other_arm(top, other);
        }
        match self.control[top].kind {
            Kind::Loop => self.end_loop(),
            Kind::Function => self.end_function(),
            _ => self.end_forward(),
        }
    }

    fn end_loop(&mut self) {
        let Some(control) = self.control.pop() else { return };
        if !control.label.is_none() {
            // The current block is left for the while, so that its variables can be found.
            self.save_variables();
            self.seal(control.label, &control.label_params);
            self.in_loop = control.in_loop;
        }
        if !self.reachable {
            self.stack.truncate(control.height as usize);
        } else if !self.block.is_none() {
            // Code behind the loop is no part of it.
            let (block, edge) = self.block_behind();
            self.end_block(Term::Jump(edge));
            self.switch_to(block);
        }
        self.restore_operands(&control);
    }

    fn end_forward(&mut self) {
        let top = self.control.len() - 1;
        if self.control[top].label.is_none() {
            // Nobody branched here.
            let Some(control) = self.control.pop() else { return };
            if !self.reachable {
                self.stack.truncate(control.height as usize);
            }
            return self.restore_operands(&control);
        }
        if self.reachable {
            self.jump_to(top);
        }
        let Some(control) = self.control.pop() else { return };
        self.stack.truncate(control.height as usize);
        self.seal(control.label, &control.label_params);
        self.switch_to(control.label);
        for &param in &control.label_params {
            let value = self.graph.resolve(param);
            self.push(value);
        }
        self.restore_operands(&control);
    }

    fn end_function(&mut self) {
        let results = self.control[0].results.len();
        self.end_forward();
        if self.reachable {
            self.return_values(results);
        }
        self.leave();
    }

    fn return_values(&mut self, count: usize) {
        let first = self.graph.pool.len() as u32;
        for index in self.stack.len() - count..self.stack.len() {
            let value = self.graph.resolve(self.stack[index]);
            self.graph.pool.push(value);
        }
        self.end_block(Term::Return { first, count: count as u32 });
    }

    pub fn visit_return(&mut self) {
        match self.scope.control {
            0 => self.return_values(self.control[0].results.len()),
            inlined => self.jump_to(inlined),
        }
        self.set_unreachable();
    }

    pub fn visit_br(&mut self, depth: u32) {
        let index = self.control_index(depth);
        if index == 0 {
            return self.visit_return();
        }
        self.jump_to(index);
        self.set_unreachable();
    }

    pub fn visit_br_if(&mut self, depth: u32) {
        let index = self.control_index(depth);
        let condition = self.pop();
        match self.graph.as_const(condition) {
            Some(bits) if bits as u32 == 0 => {}
            Some(_) => self.visit_br(depth),
            None => {
                let yes = self.edge_to(index);
                let (next, no) = self.block_behind();
                self.end_block(Term::Branch(condition, yes, no));
                self.switch_to(next);
            }
        }
    }

    pub fn visit_br_table(&mut self, targets: wasmparser::BrTable<'_>) {
        let index = self.pop();
        if targets.is_empty() {
            return self.visit_br(targets.default());
        }
        self.tables += 1;
        let first_edge = self.graph.edges.len() as u32;
        let first = self.graph.table_edges.len() as u32;
        self.burn(targets.len());
        for depth in targets.targets().chain([Ok(targets.default())]) {
            let Ok(depth) = depth else {
                self.refused = Some("malformed br_table");
                break;
            };
            let at = self.control_index(depth);
            if self.control[at].table.0 != self.tables {
                let edge = self.edge_to(at);
                self.control[at].table = (self.tables, edge);
            }
            self.graph.table_edges.push(self.control[at].table.1);
        }
        let edges = (first_edge, self.graph.edges.len() as u32);
        self.end_block(Term::Table { index, first, count: targets.len(), edges });
        self.set_unreachable();
    }

    pub fn visit_unreachable(&mut self) {
        self.graph.blocks[self.block.index()].cold = true;
        self.end_block(Term::Trap(TrapCode::Unreachable));
        self.set_unreachable();
    }
}
