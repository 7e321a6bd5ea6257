//! Structured control flow: blocks, branches and merges.
//!
//! At a merge, operands below the block are in their slots or constants (they were flushed when the block was entered and
//! nothing can touch them), a single result is in the first result register of its class, and more than one result are all
//! in their slots. What remains is the state of pinned locals, two words:
//!
//! * An edge may go to a label whose `valid` is a subset of its own and whose `dirty` is a superset; otherwise it first
//!   stores homes that the label expects clean and loads homes that the label expects valid.
//! * The first edge to a forward label gives it its state. Code behind the label is not emitted yet, so later edges may
//!   still weaken it for free: drop clean homes from `valid`, add homes to `dirty`. Only homes that the loop around the label
//!   uses (`required`) are kept valid, so that hot paths of a loop do not pay for calls on its cold paths.
//! * A loop's header is fixed when it is entered, from what the lookahead says of the loop.
//!
//! Fixing code of conditional forward edges goes out of line (`Deferred`), that of back-edges inline.

use crate::generator::{Generator, Pending};
use crate::hot::HotLoop;
use crate::lookahead::LoopFacts;
use crate::value::{Place, Value};
use engine_decoder::{TypeIndex, ValKind};
use engine_machine::Kinds;
use engine_machine::abi::{Location, frame};
use engine_machine::emitter::Label;
use engine_machine::masm::{Cond, Masm, Operand, Size};
use engine_machine::{HeaderValue, Reg, RegSet, TrapCode};

/// Values that an edge copies one by one. More are copied by a loop, or code would grow with edges times values: a `br_table`
/// may lead to thousands of blocks that take a thousand values each.
const INLINE_COPIES: usize = 16;

/// State of the pinned locals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Homes {
    pub valid: RegSet,
    pub dirty: RegSet,
    /// Homes compared with the memory's length on every path here.
    pub checked: RegSet,
}

impl Homes {
    const NONE: Homes = Homes { valid: RegSet::EMPTY, dirty: RegSet::EMPTY, checked: RegSet::EMPTY };
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Function,
    Block,
    Loop,
    /// Before `else`: where the false edge goes, and its state.
    If(Label, Homes),
    Else,
}

/// An open block.
pub(crate) struct Control<'a> {
    pub kind: Kind,
    /// Where branches to the block go.
    pub label: Label,
    /// State at the label: fixed for loops, from the first edge on for others.
    pub at_label: Option<Homes>,
    /// Homes that edges to the label load if they are not valid (see the module's documentation).
    pub required: RegSet,
    /// `required` of labels inside.
    pub inner_required: RegSet,
    /// Operands below the block's parameters.
    pub height: usize,
    pub params: Kinds<'a>,
    pub results: Kinds<'a>,
    /// Whether the block's beginning was reachable.
    pub entered: bool,
    /// Where the block's edge in the `br_table` being compiled would be.
    table_edge: u32,
}

impl<'a> Control<'a> {
    /// What a branch to the block carries.
    pub fn label_types(&self) -> Kinds<'a> {
        if self.kind == Kind::Loop { self.params } else { self.results }
    }
}

/// Code emitted after the body.
pub(crate) enum Deferred {
    /// An edge with fixing code.
    Edge { from: Label, to: Label, store: RegSet, load: RegSet },
    /// `call_indirect` found another signature: in `signature`.
    SignatureMismatch { from: Label, signature: Reg, wasm_offset: u32 },
    /// `call_indirect` calls something other than what its word in the vmctx, in `seen`, says.
    CallTarget { from: Label, to: Label, target: Reg, seen: Reg, word: i32 },
    /// The function is hot, counted at its entry.
    HotFunction { from: Label, to: Label },
    /// A loop is hot: leave baseline code, or go on.
    HotLoop { from: Label, to: Label, hot: HotLoop },
}

/// An edge of a `br_table`.
#[derive(Clone, Copy)]
pub(crate) struct TableEdge {
    /// Index of the target in the control stack.
    target: usize,
    /// Where the table jumps: the target's label if the edge needs no code.
    label: Label,
    fix: Fix,
    /// Values to copy to the target's slots.
    copies: usize,
}

/// What an edge must do before it jumps.
#[derive(Clone, Copy)]
struct Fix {
    store: RegSet,
    load: RegSet,
}

impl Fix {
    fn is_empty(self) -> bool {
        self.store.is_empty() && self.load.is_empty()
    }
}

impl<'a, M: Masm> Generator<'a, M> {
    fn homes_state(&self) -> Homes {
        Homes { valid: self.valid, dirty: self.dirty, checked: self.checked }
    }
    pub fn set_homes(&mut self, homes: Homes) {
        self.checked = homes.checked;
        self.valid = homes.valid;
        self.dirty = homes.dirty;
        debug_assert!(self.dirty.without(self.valid).is_empty());
    }

    /// Kinds of a block type.
    pub fn block_kinds(&self, ty: wasmparser::BlockType) -> (Kinds<'a>, Kinds<'a>) {
        match ty {
            wasmparser::BlockType::Empty => (Kinds::One(None), Kinds::One(None)),
            wasmparser::BlockType::Type(ty) => (Kinds::One(None), Kinds::One(Some(ValKind::from(ty)))),
            wasmparser::BlockType::FuncType(index) => {
                let env = self.env;
                let (params, results) = env.kinds(TypeIndex(index));
                (Kinds::List(params), Kinds::List(results))
            }
        }
    }

    /// The register in which a block's only result travels.
    pub fn result_home(kind: ValKind) -> Reg {
        let convention = M::CONVENTION;
        if kind.is_float() { convention.float_results[0] } else { convention.int_results[0] }
    }

    fn push_control(&mut self, kind: Kind, params: Kinds<'a>, results: Kinds<'a>) {
        let label = self.masm.emitter().new_label();
        let (required, entered) = match self.control.last() {
            Some(outer) => (outer.inner_required, self.reachable),
            None => (RegSet::EMPTY, true),
        };
        // An unreachable block has no operands of its own to take.
        let height = if self.reachable { self.stack.len() - params.len() } else { self.stack.len() };
        self.control.push(Control {
            kind,
            label,
            at_label: None,
            required,
            inner_required: required,
            height,
            params,
            results,
            entered,
            table_edge: 0,
        });
    }

    /// Kind of the innermost open block, in wasmparser's terms.
    #[inline]
    pub fn frame_kind(&self) -> Option<wasmparser::FrameKind> {
        self.control.last().map(|control| match control.kind {
            Kind::Function | Kind::Block => wasmparser::FrameKind::Block,
            Kind::Loop => wasmparser::FrameKind::Loop,
            Kind::If(..) => wasmparser::FrameKind::If,
            Kind::Else => wasmparser::FrameKind::Else,
        })
    }

    /// Opens the function's own block.
    pub fn enter_function(&mut self, results: Kinds<'a>) {
        self.push_control(Kind::Function, Kinds::One(None), results);
    }

    pub fn visit_block(&mut self, ty: wasmparser::BlockType) {
        let (params, results) = self.block_kinds(ty);
        if self.reachable {
            self.flush_operands(self.stack.len());
        }
        self.push_control(Kind::Block, params, results);
    }

    /// Homes of locals whose bits are in a mask of the lookahead.
    fn homes_in(&self, mask: u64) -> RegSet {
        self.homes.filter(|home| mask >> (self.local_of[home.index()] & 63) & 1 != 0).collect()
    }

    pub fn visit_loop(&mut self, ty: wasmparser::BlockType) {
        let (params, results) = self.block_kinds(ty);
        let facts = self.lookahead.loops.get(self.loops_seen).copied();
        self.loops_seen += 1;
        if self.open_loops == 0 {
            self.outermost_loop = self.masm.emitter().wasm_offset();
        }
        self.open_loops += 1;
        let facts = facts.unwrap_or(LoopFacts { used: !0, assigned: !0, calls: true, bytes: u32::MAX });
        if !self.reachable {
            return self.push_control(Kind::Loop, params, results);
        }
        let height = self.stack.len();
        self.flush_operands(height);
        // Parameters are in their slots at the header, constants included.
        for index in height - params.len()..height {
            self.spill_operand(index);
        }
        self.drop_caches();
        self.push_control(Kind::Loop, params, results);
        let used = self.homes_in(facts.used);
        let assigned = self.homes_in(facts.assigned);
        let header = if facts.calls {
            // Calls clean and lose all homes; keep only what the loop works with.
            Homes { valid: used, dirty: assigned, checked: RegSet::EMPTY }
        } else {
            // What the loop does not assign stays as it was checked before.
            let checked = self.checked.intersection(self.valid).without(assigned);
            Homes { valid: used.union(self.valid), dirty: assigned.union(self.dirty), checked }
        };
        self.clean_homes(self.homes.without(header.dirty));
        self.load_homes(header.valid.without(self.valid));
        self.set_homes(header);
        let control = self.control.last_mut().expect("pushed above");
        control.at_label = Some(header);
        control.inner_required = used;
        let label = control.label;
        let stack_height = control.height as u32;
        let (locals, local_of) = (&self.locals, &self.local_of);
        let emitter = self.masm.emitter();
        emitter.bind(label);
        emitter.loop_header(
            stack_height,
            header.valid.map(|reg| {
                let local = local_of[reg.index()];
                let kind = locals[local as usize].kind;
                HeaderValue { local, kind, reg, dirty: header.dirty.contains(reg) }
            }),
        );
        self.charge_loop(header);
        if self.env.flags.interruptible {
            self.masm.stack_check(TrapCode::Interrupt);
        }
    }

    pub fn visit_if(&mut self, ty: wasmparser::BlockType) {
        let (params, results) = self.block_kinds(ty);
        let else_label = self.masm.emitter().new_label();
        let dead = Homes::NONE;
        if !self.reachable {
            return self.push_control(Kind::If(else_label, dead), params, results);
        }
        let condition = self.pop();
        let index = self.stack.len();
        let height = self.stack.len();
        self.flush_operands(height);
        for index in height - params.len()..height {
            self.spill_operand(index);
        }
        self.branch_if(condition, index, false, else_label);
        self.end_operator();
        let state = self.homes_state();
        self.push_control(Kind::If(else_label, state), params, results);
    }

    pub fn visit_else(&mut self) {
        let top = self.control.len() - 1;
        let Kind::If(else_label, state) = self.control[top].kind else { unreachable!("validated") };
        if self.reachable {
            self.jump_to(top);
        }
        self.truncate(self.control[top].height);
        let control = &mut self.control[top];
        control.kind = Kind::Else;
        self.reachable = control.entered;
        if !self.reachable {
            return;
        }
        let params = control.params;
        self.masm.emitter().bind(else_label);
        self.drop_caches();
        self.set_homes(state);
        self.push_slots(params);
    }

    fn push_slots(&mut self, kinds: Kinds<'a>) {
        let from = self.stack.len();
        match kinds {
            Kinds::One(kind) => self.stack.extend(kind.map(Value::slot)),
            Kinds::List(kinds) => self.stack.extend(kinds.iter().map(|&kind| Value::slot(kind))),
        }
        self.reach_height(self.stack.len());
        self.note_slots(from);
    }

    pub fn visit_end(&mut self) {
        let top = self.control.len() - 1;
        let height = self.control[top].height;
        if let Kind::If(else_label, if_state) = self.control[top].kind
            && self.control[top].entered
        {
            // No else: parameters are the results, and the false edge meets the label here.
            self.end_if_without_else(top, else_label, if_state);
        } else if self.control[top].kind != Kind::Loop {
            self.merge_fallthrough(top);
        } else if !self.reachable {
            // Nothing falls out of the loop.
            self.truncate(height);
        }
        let control = self.control.pop().expect("open");
        self.open_loops -= u32::from(control.kind == Kind::Loop);
        if control.kind == Kind::Function {
            if self.reachable {
                self.return_values();
            }
            self.reachable = false;
            return;
        }
        if !self.reachable {
            // What follows is unreachable too, but its operands are counted by the validator only.
            self.truncate(height);
        }
    }

    /// Ends a block: lets the fall-through edge, if there is one, meet the edges that branched here.
    fn merge_fallthrough(&mut self, top: usize) {
        let label = self.control[top].label;
        let height = self.control[top].height;
        if self.control[top].at_label.is_none() {
            // Nobody branched here: the state simply goes on.
            if !self.reachable {
                self.truncate(height);
            }
            return;
        }
        if self.reachable {
            self.place_results(top);
            let fix = self.edge(top);
            self.apply(fix);
        }
        self.continue_at(top, label);
    }

    /// Binds a label and takes over its state.
    fn continue_at(&mut self, top: usize, label: Label) {
        let (height, results) = (self.control[top].height, self.control[top].results);
        let state = self.control[top].at_label.expect("a branch led here");
        // Many results that fell through are where the label expects them.
        let in_place =
            results.len() > 1 && self.stack.len() == height + results.len() && self.in_slots(results.len());
        if !in_place {
            self.truncate(height);
        }
        self.drop_caches();
        self.masm.emitter().bind(label);
        self.set_homes(state);
        self.reachable = true;
        if results.len() == 1 {
            let kind = results.get(0);
            let reg = Self::result_home(kind);
            self.alloc_exact(reg);
            self.push(Value::reg(kind, reg));
        } else if !in_place {
            self.push_slots(results);
        }
    }

    fn end_if_without_else(&mut self, top: usize, else_label: Label, if_state: Homes) {
        let (label, results) = (self.control[top].label, self.control[top].results);
        if self.control[top].at_label.is_none() && results.is_empty() {
            // Make the false edge the first edge: it needs no code, and both labels meet here.
            let mut state = if_state;
            if self.reachable {
                // The arm may weaken the state as any later edge may.
                self.control[top].at_label = Some(state);
                let fix = self.edge(top);
                self.apply(fix);
                state = self.control[top].at_label.expect("set above");
            }
            self.control[top].at_label = Some(state);
            self.masm.emitter().bind(else_label);
            return self.continue_at(top, label);
        }
        if self.reachable {
            self.jump_to(top);
        }
        self.truncate(self.control[top].height);
        self.masm.emitter().bind(else_label);
        self.drop_caches();
        self.set_homes(if_state);
        self.reachable = true;
        self.push_slots(self.control[top].params);
        self.place_results(top);
        let fix = self.edge(top);
        self.apply(fix);
        self.continue_at(top, label);
    }

    /// Drops operands down to a height.
    pub fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            if self.in_slots(1) {
                self.truncate_slots(height);
                continue;
            }
            let value = self.pop();
            if let Place::Reg(reg) = value.place() {
                self.release(reg);
            }
        }
        self.pending = Pending::None;
    }

    /// Marks the rest of the block unreachable.
    pub fn set_unreachable(&mut self) {
        let height = self.control.last().expect("open").height;
        self.truncate(height);
        self.reachable = false;
    }

    // ---- edges ----

    /// Works out what an edge from the current state to a label needs, and adds the edge to the label's state.
    fn edge(&mut self, index: usize) -> Fix {
        let (valid, dirty) = (self.valid, self.dirty);
        let checked = self.checked.intersection(valid);
        let control = &mut self.control[index];
        let none = Fix { store: RegSet::EMPTY, load: RegSet::EMPTY };
        if control.kind == Kind::Function {
            control.at_label = Some(Homes::NONE);
            return none;
        }
        let target = match (control.at_label, control.kind) {
            (Some(fixed), Kind::Loop) => fixed,
            (None, _) => Homes { valid: valid.union(control.required), dirty, checked },
            (Some(old), _) => {
                let kept = old.valid.intersection(valid.union(old.dirty).union(control.required));
                let dirty = old.dirty.union(dirty.intersection(kept));
                Homes { valid: kept, dirty, checked: old.checked.intersection(checked) }
            }
        };
        control.at_label = Some(target);
        Fix { store: dirty.without(target.dirty), load: target.valid.without(valid) }
    }

    /// Emits an edge's fixing code in line, changing the current state.
    fn apply(&mut self, fix: Fix) {
        self.clean_homes(fix.store);
        self.load_homes(fix.load);
    }

    /// Puts the values that a branch to `control[index]` carries where the label expects them. The operands may be
    /// destroyed: for unconditional edges.
    fn place_results(&mut self, index: usize) {
        let kinds = self.control[index].label_types();
        let is_loop = self.control[index].kind == Kind::Loop;
        match kinds.len() {
            0 => {}
            1 if !is_loop => {
                self.top_to_result_home(kinds.get(0));
            }
            count => {
                let height = self.control[index].height;
                self.copy_to_slots(height, count, self.in_slots(count));
            }
        }
    }

    /// Moves the top operand into the result register of its class, where it stays an operand.
    fn top_to_result_home(&mut self, kind: ValKind) {
        let home = Self::result_home(kind);
        let top = self.stack.len() - 1;
        if self.stack[top].place() == Place::Reg(home) {
            return;
        }
        let value = self.pop();
        if !self.free.contains(home) {
            self.alloc_exact(home);
        } else {
            self.free.remove(home);
        }
        self.move_value(value, top, kind, home);
        self.push(Value::reg(kind, home));
        self.end_operator();
    }

    /// Moves a popped value into a register that is its own or free; releases the value's register. Keeps flags.
    pub fn move_value(&mut self, value: Value, position: usize, kind: ValKind, to: Reg) {
        match value.place() {
            Place::Reg(reg) => {
                if reg != to {
                    self.masm.mov(kind, to, reg);
                    self.release(reg);
                }
            }
            Place::Const(constant) => self.load_const(kind, to, constant),
            Place::Slot => {
                let slot = self.operand_slot(position);
                self.masm.load_frame(kind, to, slot);
            }
            Place::Local(local) => {
                let facts = self.locals[local as usize];
                match facts.home.filter(|&home| self.valid.contains(home)).or(facts.cache) {
                    Some(from) => {
                        if from != to {
                            self.masm.mov(kind, to, from);
                        }
                    }
                    None => self.masm.load_frame(kind, to, frame::slot(local)),
                }
            }
            Place::Pending => unreachable!("taken by the next operator"),
        }
    }

    /// Copies the top `count` operands to the slots from `height` on, leaving the operands as they are. `in_slots` says that
    /// all are in their slots. Destroys flags.
    fn copy_to_slots(&mut self, height: usize, count: usize, in_slots: bool) {
        let first = self.stack.len() - count;
        self.reach_height(height + count);
        if in_slots && first == height {
            return;
        }
        if in_slots && count > INLINE_COPIES {
            let (from, to) = (self.operand_slot(first), self.operand_slot(height));
            return self.masm.copy_slots(from, to, count as u32);
        }
        // Targets lie at or below their sources, so going upwards overwrites no source that is still needed.
        for i in 0..count {
            let value = self.stack[first + i];
            let slot = self.operand_slot(height + i);
            if first == height && value.place() == Place::Slot {
                continue;
            }
            match value.place() {
                Place::Reg(reg) => self.masm.store_frame(value.kind(), slot, reg),
                Place::Const(constant) => self.masm.store_frame_imm(value.kind(), slot, constant),
                _ => {
                    let scratch = Self::scratch(value.kind());
                    self.move_value(value, first + i, value.kind(), scratch);
                    self.masm.store_frame(value.kind(), slot, scratch);
                }
            }
        }
    }

    /// Puts the top operands into their slots, so that edges to labels at the same height need no copies of them and code
    /// does not grow with edges times values.
    fn spill_top(&mut self, count: usize) {
        if self.in_slots(count) {
            return;
        }
        for index in self.stack.len() - count..self.stack.len() {
            self.spill_operand(index);
        }
        self.note_slots(self.stack.len() - count);
    }

    /// An unconditional edge: values, fixing code, jump.
    fn jump_to(&mut self, index: usize) {
        self.place_results(index);
        let fix = self.edge(index);
        self.apply(fix);
        let label = self.control[index].label;
        self.masm.jump(label);
    }

    fn control_index(&self, depth: u32) -> usize {
        self.control.len() - 1 - depth as usize
    }

    pub fn visit_br(&mut self, depth: u32) {
        let index = self.control_index(depth);
        if index == 0 && self.returns_inline() {
            return self.visit_return();
        }
        self.jump_to(index);
        self.set_unreachable();
    }

    pub fn visit_br_if(&mut self, depth: u32) {
        let index = self.control_index(depth);
        let condition = self.pop();
        let position = self.stack.len();
        let kinds = self.control[index].label_types();
        let is_loop = self.control[index].kind == Kind::Loop;
        if kinds.len() == 1 && !is_loop {
            // The value stays an operand on the other path, in the same register. The comparison's operands are held by
            // nobody the allocator knows, so they move to operands of their own for the while.
            self.with_condition_kept(condition, |this| this.top_to_result_home(kinds.get(0)));
        }
        let copies = kinds.len() > 1 || (is_loop && !kinds.is_empty());
        if kinds.len() > 1 {
            self.spill_top(kinds.len());
        }
        // Load what the label needs and what the comparison reads in one go: reading may make homes valid.
        let prepared = self.prepare(condition, position);
        let fix = self.edge(index);
        let label = self.control[index].label;
        if copies || (is_loop && !fix.is_empty()) {
            let skip = self.masm.emitter().new_label();
            self.emit_branch(prepared, false, skip);
            if copies {
                let height = self.control[index].height;
                self.copy_to_slots(height, kinds.len(), kinds.len() > 1);
            }
            let state = self.homes_state();
            self.apply(fix);
            self.masm.jump(label);
            self.set_homes(state);
            self.masm.emitter().bind(skip);
        } else if fix.is_empty() {
            self.emit_branch(prepared, true, label);
        } else {
            let from = self.masm.emitter().new_label();
            self.emit_branch(prepared, true, from);
            self.deferred.push(Deferred::Edge { from, to: label, store: fix.store, load: fix.load });
        }
        self.end_operator();
    }

    /// Runs `f` while a popped condition that lives in temporaries is back on the operand stack, so that allocation can see
    /// and keep its registers; pending comparisons are computed if `f` might disturb them.
    fn with_condition_kept(&mut self, condition: Value, f: impl FnOnce(&mut Self)) {
        let kind = self.stack.last().map(|value| value.kind());
        let home = kind.map(Self::result_home);
        // Whoever the comparison reads must not lose the result register to the value.
        let clash = |value: Value| home.is_some_and(|home| value.place() == Place::Reg(home));
        let clashes = match (condition.place(), self.pending) {
            (Place::Pending, Pending::Int { lhs, rhs, .. } | Pending::Test { lhs, rhs, .. }) => {
                [clash(lhs), clash(rhs)]
            }
            (Place::Pending, Pending::Float { lhs, rhs, .. }) => [clash(lhs), clash(rhs)],
            _ => [clash(condition), false],
        };
        if clashes != [false, false] {
            self.relocate_condition(home.expect("a clash has a register"), clashes);
        }
        f(self);
    }

    /// Moves the condition's value out of the result register.
    fn relocate_condition(&mut self, home: Reg, clashes: [bool; 2]) {
        let fresh = |this: &mut Self, value: Value| {
            let reg = this.alloc(value.kind());
            this.masm.mov(value.kind(), reg, home);
            Value::reg(value.kind(), reg)
        };
        let mut moved = None;
        let pending = self.pending;
        let mut place = |this: &mut Self, value: Value, clash: bool| {
            if !clash {
                return value;
            }
            *moved.get_or_insert_with(|| fresh(this, value))
        };
        self.pending = match pending {
            Pending::Int { cond, size, lhs, rhs } => {
                let (lhs, rhs) = (place(self, lhs, clashes[0]), place(self, rhs, clashes[1]));
                Pending::Int { cond, size, lhs, rhs }
            }
            Pending::Test { cond, size, lhs, rhs } => {
                let (lhs, rhs) = (place(self, lhs, clashes[0]), place(self, rhs, clashes[1]));
                Pending::Test { cond, size, lhs, rhs }
            }
            Pending::Float { cond, kind, lhs, rhs, when } => {
                let (lhs, rhs) = (place(self, lhs, clashes[0]), place(self, rhs, clashes[1]));
                Pending::Float { cond, kind, lhs, rhs, when }
            }
            Pending::None => {
                // A plain condition: becomes a pending comparison with zero, so that it has a name here.
                let lhs = place(self, Value::reg(ValKind::I32, home), true);
                let rhs = Value::constant(ValKind::I32, 0);
                Pending::Int { cond: Cond::Ne, size: Size::S32, lhs, rhs }
            }
        };
        self.release(home);
    }

    pub fn visit_br_table(&mut self, targets: wasmparser::BrTable<'_>) {
        let index_value = self.pop();
        let position = self.stack.len();
        let default = self.control_index(targets.default());
        let kinds = self.control[default].label_types();
        // All labels take the same number of values; a loop takes them in slots, others a single one in a register.
        let mut index = self.read_owned(index_value, position);
        if kinds.len() == 1 {
            // No operand owns `index` now, so it must not be where the value is to go.
            if index == Self::result_home(kinds.get(0)) {
                let other = self.alloc(ValKind::I32);
                self.masm.mov(ValKind::I32, other, index);
                self.release(index);
                index = other;
            }
            self.top_to_result_home(kinds.get(0));
        }
        self.finish_br_table(&targets, index, default, kinds.len());
        self.set_unreachable();
        self.end_operator();
    }

    fn finish_br_table(
        &mut self,
        targets: &wasmparser::BrTable<'_>,
        index: Reg,
        default: usize,
        count: usize,
    ) {
        if count > 1 {
            self.spill_top(count);
        }
        let len = targets.len();
        let label = self.table_target(default, count);
        if len == 0 {
            self.masm.jump(label);
            self.release(index);
            return self.emit_table_edges();
        }
        match i32::try_from(len) {
            Ok(len) => self.masm.cmp(Size::S32, index, Operand::Imm(len)),
            Err(_) => self.refused = Some("br_table has too many targets"),
        }
        self.masm.branch(Cond::GeU, label);
        if self.env.flags.spectre {
            // The scratch register is the macro-assembler's, so the mask goes through a temporary.
            let zero = self.alloc(ValKind::I32);
            self.masm.mov_imm(Size::S32, zero, 0);
            self.masm.cmov(Cond::GeU, ValKind::I32, index, zero);
            self.release(zero);
        }
        let mut labels = core::mem::take(&mut self.table_labels);
        labels.clear();
        for depth in targets.targets() {
            let Ok(depth) = depth else {
                self.refused = Some("malformed br_table");
                break;
            };
            let target = self.control_index(depth);
            labels.push(self.table_target(target, count));
        }
        self.masm.jump_table(index, &labels);
        self.table_labels = labels;
        self.release(index);
        self.emit_table_edges();
    }

    /// The label that a `br_table` entry jumps to: the target's own, or that of an edge with code.
    fn table_target(&mut self, target: usize, count: usize) -> Label {
        // Targets repeat; entries of one table all start from the same state, so they share the edge.
        let known = self.table.get(self.control[target].table_edge as usize);
        if let Some(edge) = known.filter(|edge| edge.target == target) {
            return edge.label;
        }
        self.control[target].table_edge = self.table.len() as u32;
        let fix = self.edge(target);
        let is_loop = self.control[target].kind == Kind::Loop;
        let copies = if count > 1 || is_loop { count } else { 0 };
        let label = if fix.is_empty() && copies == 0 {
            self.control[target].label
        } else {
            self.masm.emitter().new_label()
        };
        self.table.push(TableEdge { target, label, fix, copies });
        label
    }

    /// Emits the edges of the `br_table` just ended that need code.
    fn emit_table_edges(&mut self) {
        let edges = core::mem::take(&mut self.table);
        let state = self.homes_state();
        for edge in &edges {
            let target = &self.control[edge.target];
            let (to, height) = (target.label, target.height);
            if edge.label == to {
                continue;
            }
            self.masm.emitter().bind(edge.label);
            if edge.copies > 0 {
                self.copy_to_slots(height, edge.copies, edge.copies > 1);
            }
            self.apply(edge.fix);
            self.masm.jump(to);
            self.set_homes(state);
        }
        self.table = edges;
        self.table.clear();
    }

    pub fn visit_return(&mut self) {
        if self.returns_inline() {
            self.place_results(0);
            self.return_values();
        } else {
            self.jump_to(0);
        }
        self.set_unreachable();
    }

    /// Whether `return` is short enough to be repeated.
    fn returns_inline(&self) -> bool {
        self.control[0].results.len() <= 1
    }

    /// Returns with the results on top of the operand stack (one: in its register).
    fn return_values(&mut self) {
        let env = self.env;
        let layout = &env.calls[env.module.functions[self.func.index()].index()];
        match layout.results.len() {
            0 => {}
            1 => self.top_to_result_home(layout.results[0].0),
            count => {
                let first = self.stack.len() - count;
                for index in first..self.stack.len() {
                    self.spill_operand(index);
                }
                let area = M::CONVENTION.result_area;
                if layout.result_bytes > 0 {
                    self.masm.load_frame(ValKind::I64, area, frame::RESULT_AREA);
                }
                // Stack results first: they need the scratch registers only.
                for (i, &(kind, place)) in layout.results.iter().enumerate() {
                    if let Location::Stack(offset) = place {
                        let slot = self.operand_slot(first + i);
                        let scratch = Self::scratch(kind);
                        self.masm.load_frame(kind, scratch, slot);
                        self.masm.store_at(kind, area, offset as i32, scratch);
                    }
                }
                for (i, &(kind, place)) in layout.results.iter().enumerate() {
                    if let Location::Reg(reg) = place {
                        let slot = self.operand_slot(first + i);
                        self.masm.load_frame(kind, reg, slot);
                    }
                }
            }
        }
        self.masm.epilogue(layout.param_bytes);
    }

    /// Emits what was put off until the body's end.
    pub fn emit_deferred(&mut self) {
        let deferred = core::mem::take(&mut self.deferred);
        let constants = core::mem::take(&mut self.constants);
        let mut next_constant = 0;
        for item in &deferred {
            match *item {
                Deferred::Edge { from, to, store, load } => {
                    self.masm.emitter().bind(from);
                    self.dirty = store;
                    self.valid = store;
                    self.apply(Fix { store, load });
                    self.masm.jump(to);
                }
                Deferred::SignatureMismatch { from, signature, wasm_offset } => {
                    let emitter = self.masm.emitter();
                    emitter.set_wasm_offset(wasm_offset);
                    emitter.bind(from);
                    self.masm.cmp(Size::S32, signature, Operand::Imm(0));
                    self.masm.trap_if(Cond::Eq, TrapCode::IndirectCallToNull);
                    self.masm.trap(TrapCode::BadSignature);
                }
                Deferred::CallTarget { from, to, target, seen, word } => {
                    self.masm.emitter().bind(from);
                    self.note_target(target, seen, word);
                    self.masm.jump(to);
                }
                Deferred::HotFunction { from, to } => self.hot_function(from, to),
                Deferred::HotLoop { from, to, hot } => {
                    let first = next_constant;
                    next_constant += hot.constants as usize;
                    self.hot_loop(from, to, hot, &constants[first..next_constant]);
                }
            }
        }
        self.deferred = deferred;
        self.deferred.clear();
        self.constants = constants;
        self.constants.clear();
        self.masm.emit_pending_traps();
    }

    pub fn visit_unreachable(&mut self) {
        self.masm.trap(TrapCode::Unreachable);
        self.set_unreachable();
    }
}
