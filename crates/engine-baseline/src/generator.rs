//! The generator's state and its lowest layer: registers, frame slots, operands and locals.
//!
//! Where values live:
//! * The most used locals are *pinned*: each has a home register for the whole function. `valid` says in which homes
//!   the local's current value is, `dirty` which slots are stale. These two words are the whole state of all locals, so
//!   merging control flow is arithmetic on two words (see `control.rs`).
//! * Other locals live in their slots, written through. A temporary that happens to hold such a local's value is
//!   remembered as its *cache* until something needs the register or control flow merges.
//! * Operands are constants, locals (lazily), temporaries, or in their slots.
//!
//! Invariants:
//! * `dirty ⊆ valid ⊆ homes`.
//! * Every temporary is in exactly one of: `free`, owned by one operand (`owner`), cache of one local (`cached`), or held by
//!   the operator being compiled.
//! * A local with `pending` lazy operands does not change: `before_local_changes` first gives them a place of their own.
//! * No operand below `lazy_floor` is lazy, so that looking for lazy operands is bounded by a constant.

use crate::control::{Control, Deferred, TableEdge};
use crate::hot::Constant;
use crate::lookahead::Lookahead;
use crate::moves::Move;
use crate::value::{Place, Value};
use engine_decoder::{FuncIndex, MemoryIndex, ValKind};
use engine_machine::ModuleEnv;
use engine_machine::abi::frame;
use engine_machine::emitter::Label;
use engine_machine::masm::{Cond, FloatCond, Masm, Operand, Size};
use engine_machine::{AccessMode, MemoryDefinition, Reg, RegSet, VmContext};

/// A local variable.
#[derive(Clone, Copy)]
pub(crate) struct Local {
    pub kind: ValKind,
    /// Register that is the local's for the whole function.
    pub home: Option<Reg>,
    /// Temporary that holds the local's value now. Only for locals without a home.
    pub cache: Option<Reg>,
    /// Lazy operands that refer to the local.
    pub pending: u32,
}

/// Who owns a temporary that is neither free nor a cache.
const NO_OWNER: u32 = u32::MAX;

/// Lazy operands may lie this deep below the top of the stack, and twice as deep before they are looked for.
const LAZY_DEPTH: usize = 32;

/// A comparison whose outcome the next operator uses.
#[derive(Clone, Copy)]
pub(crate) enum Pending {
    None,
    /// Integer comparison.
    Int {
        cond: Cond,
        size: Size,
        lhs: Value,
        rhs: Value,
    },
    /// Integer `lhs & rhs` compared with 0.
    Test {
        cond: Cond,
        size: Size,
        lhs: Value,
        rhs: Value,
    },
    /// Float comparison; the outcome is inverted if `when` is false.
    Float {
        cond: FloatCond,
        kind: ValKind,
        lhs: Value,
        rhs: Value,
        when: bool,
    },
}

/// Compiles one function at a time; allocations are kept from one to the next.
pub(crate) struct Generator<'a, M> {
    pub masm: M,
    pub env: &'a ModuleEnv,
    pub lookahead: Lookahead,
    /// By local index; only parameters and locals that the function uses are set.
    pub locals: Vec<Local>,
    pub num_locals: u32,
    /// Declared locals: index after the run, kind.
    pub runs: Vec<(u32, ValKind)>,
    pub stack: Vec<Value>,
    pub control: Vec<Control<'a>>,
    pub deferred: Vec<Deferred>,
    /// Operands of `Deferred::HotLoop`s, in order.
    pub constants: Vec<Constant>,
    /// Edges of the `br_table` being compiled: target, label, fixing code, values to copy.
    pub table: Vec<TableEdge>,
    /// Labels of its entries.
    pub table_labels: Vec<Label>,
    /// Registers that can be temporaries in this function: the CPU's temporaries and unused homes.
    pub temporaries: RegSet,
    pub free: RegSet,
    pub cached: RegSet,
    /// Caches and others that the current operator reads, and that allocation must leave alone.
    pub held: RegSet,
    owner: [u32; 64],
    pub homes: RegSet,
    pub valid: RegSet,
    pub dirty: RegSet,
    /// Homes whose value has been compared with the length of memory 0 since it was assigned or loaded, on every path here: it
    /// is at most the length, and stays so, as memories only grow.
    pub checked: RegSet,
    /// Local whose home a register is; for caches, the local cached.
    pub local_of: [u32; 64],
    pub pending: Pending,
    lazy_floor: usize,
    /// Operands known to be in their slots without looking: from an index to another. For blocks with many results, which would
    /// otherwise be looked at one by one at each end.
    slots: (usize, usize),
    /// Canonical slots in use at most, locals included.
    pub max_slots: u32,
    pub reachable: bool,
    /// Loops that are open, and the place of the first of them.
    pub open_loops: u32,
    pub outermost_loop: u32,
    /// `loop` operators seen, reachable or not.
    pub loops_seen: usize,
    /// Bytes of the body, and where in it the operators start.
    pub body_len: usize,
    pub operators_start: usize,
    /// The body's operators, for peeking at what follows.
    pub operators: &'a [u8],
    /// Position of the current operator in `operators`.
    pub position: usize,
    pub uses_memory: bool,
    /// Why the function cannot be compiled, if it cannot.
    pub refused: Option<&'static str>,
    pub prologue: u32,
    /// The function being compiled.
    pub func: FuncIndex,
    /// Parallel moves being collected (see `moves.rs`).
    pub moves: Vec<Move>,
    /// Locals in the running for a home.
    pub candidates: Vec<u32>,
}

impl<'a, M: Masm> Generator<'a, M> {
    pub fn new(env: &'a ModuleEnv) -> Generator<'a, M> {
        Generator {
            masm: M::new(&env.flags),
            env,
            lookahead: Lookahead::default(),
            locals: Vec::new(),
            num_locals: 0,
            runs: Vec::new(),
            stack: Vec::new(),
            control: Vec::new(),
            deferred: Vec::new(),
            constants: Vec::new(),
            table: Vec::new(),
            table_labels: Vec::new(),
            moves: Vec::new(),
            candidates: Vec::new(),
            func: FuncIndex(0),
            temporaries: RegSet::EMPTY,
            free: RegSet::EMPTY,
            cached: RegSet::EMPTY,
            held: RegSet::EMPTY,
            owner: [NO_OWNER; 64],
            homes: RegSet::EMPTY,
            valid: RegSet::EMPTY,
            dirty: RegSet::EMPTY,
            checked: RegSet::EMPTY,
            local_of: [0; 64],
            pending: Pending::None,
            lazy_floor: 0,
            slots: (0, 0),
            max_slots: 0,
            reachable: true,
            open_loops: 0,
            outermost_loop: 0,
            loops_seen: 0,
            body_len: 0,
            operators_start: 0,
            operators: &[],
            position: 0,
            uses_memory: false,
            refused: None,
            prologue: 0,
        }
    }

    /// Resets all per-function state but locals and homes.
    pub fn reset(&mut self, operators: &'a [u8]) {
        self.stack.clear();
        self.control.clear();
        self.deferred.clear();
        self.constants.clear();
        self.temporaries = M::TEMPORARIES;
        self.cached = RegSet::EMPTY;
        self.held = RegSet::EMPTY;
        self.owner = [NO_OWNER; 64];
        self.homes = RegSet::EMPTY;
        self.valid = RegSet::EMPTY;
        self.dirty = RegSet::EMPTY;
        self.checked = RegSet::EMPTY;
        self.pending = Pending::None;
        self.lazy_floor = 0;
        self.slots = (0, 0);
        self.max_slots = self.num_locals;
        self.reachable = true;
        self.open_loops = 0;
        self.loops_seen = 0;
        self.operators = operators;
        self.position = 0;
    }

    // ---- frame slots ----

    /// Frame offset of the canonical slot of the operand at `index` (from the bottom).
    #[inline]
    pub fn operand_slot(&self, index: usize) -> i32 {
        frame::slot(self.num_locals + index as u32)
    }
    /// Notes that operand slots below `height` are in use.
    #[inline]
    pub fn reach_height(&mut self, height: usize) {
        self.max_slots = self.max_slots.max(self.num_locals + height as u32);
    }

    // ---- temporaries ----

    #[inline]
    fn class(kind: ValKind) -> RegSet {
        if kind.is_float() { RegSet::FPRS } else { RegSet::GPRS }
    }

    /// Takes a temporary for a value of this kind. The caller must give it to an operand or free it.
    #[inline]
    pub fn alloc(&mut self, kind: ValKind) -> Reg {
        let class = Self::class(kind);
        if let Some(reg) = self.free.intersection(class).without(self.held).first() {
            self.free.remove(reg);
            return reg;
        }
        self.alloc_slow(class)
    }

    #[cold]
    fn alloc_slow(&mut self, class: RegSet) -> Reg {
        if let Some(reg) = self.cached.intersection(class).without(self.held).first() {
            self.drop_cache(reg);
            self.free.remove(reg);
            return reg;
        }
        // Spill the deepest operand: it is needed last.
        let victim = self
            .temporaries
            .intersection(class)
            .without(self.free)
            .without(self.cached)
            .without(self.held)
            .filter(|reg| self.owner[reg.index()] != NO_OWNER)
            .min_by_key(|reg| self.owner[reg.index()]);
        let Some(victim) = victim else {
            // No operator needs as many registers at once as there are temporaries; if one did, refusing the function
            // would still be better than a panic.
            debug_assert!(false, "an operator holds all temporaries");
            self.refused = Some("an operator needs more registers than there are");
            return self.temporaries.intersection(class).first().unwrap_or(Self::scratch_of(class));
        };
        let index = self.owner[victim.index()] as usize;
        self.spill_operand(index);
        self.free.remove(victim);
        victim
    }

    /// Takes this very temporary, moving whatever it holds elsewhere. It must not be held by the current operator.
    pub fn alloc_exact(&mut self, reg: Reg) {
        debug_assert!(self.temporaries.contains(reg));
        if self.free.contains(reg) {
            self.free.remove(reg);
        } else if self.cached.contains(reg) {
            self.drop_cache(reg);
            self.free.remove(reg);
        } else {
            let index = self.owner[reg.index()];
            debug_assert_ne!(index, NO_OWNER, "register is held by the operator itself");
            let index = index as usize;
            let kind = self.stack[index].kind();
            let class = Self::class(kind);
            match self.free.intersection(class).without(self.held).first() {
                Some(other) => {
                    self.free.remove(other);
                    self.masm.mov(kind, other, reg);
                    self.set_operand(index, Value::reg(kind, other));
                    self.owner[reg.index()] = NO_OWNER;
                }
                None => {
                    self.spill_operand(index);
                    self.free.remove(reg);
                }
            }
        }
    }

    /// Gives a temporary back. Registers that are no temporaries (homes) are ignored.
    #[inline]
    pub fn release(&mut self, reg: Reg) {
        if self.temporaries.contains(reg) && !self.cached.contains(reg) {
            self.owner[reg.index()] = NO_OWNER;
            self.free.insert(reg);
        }
    }

    /// Forgets that a temporary caches a local; the temporary is free then.
    fn drop_cache(&mut self, reg: Reg) {
        debug_assert!(self.cached.contains(reg));
        self.locals[self.local_of[reg.index()] as usize].cache = None;
        self.cached.remove(reg);
        self.free.insert(reg);
    }

    /// Forgets all caches.
    #[inline]
    pub fn drop_caches(&mut self) {
        for reg in self.cached {
            self.drop_cache(reg);
        }
    }

    /// Makes a temporary, which no operand owns, the cache of an unpinned local.
    fn make_cache(&mut self, local: u32, reg: Reg) {
        debug_assert!(self.temporaries.contains(reg) && !self.free.contains(reg));
        if let Some(old) = self.locals[local as usize].cache {
            self.drop_cache(old);
        }
        self.locals[local as usize].cache = Some(reg);
        self.local_of[reg.index()] = local;
        self.owner[reg.index()] = NO_OWNER;
        self.cached.insert(reg);
    }

    // ---- operands ----

    /// Pushes an operand.
    #[inline]
    pub fn push(&mut self, value: Value) {
        let index = self.stack.len();
        if let Place::Reg(reg) = value.place() {
            self.owner[reg.index()] = index as u32;
        }
        self.stack.push(value);
        self.reach_height(index + 1);
    }

    /// Pushes a value in a temporary.
    #[inline]
    pub fn push_reg(&mut self, kind: ValKind, reg: Reg) {
        self.push(Value::reg(kind, reg));
    }

    /// Pushes a local's value, lazily.
    #[inline]
    pub fn push_local(&mut self, index: u32) {
        let local = &mut self.locals[index as usize];
        local.pending += 1;
        let kind = local.kind;
        self.push(Value::local(kind, index));
        if self.stack.len() - self.lazy_floor > 2 * LAZY_DEPTH {
            let floor = self.stack.len() - LAZY_DEPTH;
            for i in self.lazy_floor..floor {
                if let Place::Local(_) = self.stack[i].place() {
                    self.spill_operand(i);
                }
            }
            self.lazy_floor = floor;
        }
    }

    /// Pops an operand. A temporary it owned is the caller's now; a lazy local no longer counts as pending.
    #[inline]
    pub fn pop(&mut self) -> Value {
        let value = self.stack.pop().expect("validated");
        self.lazy_floor = self.lazy_floor.min(self.stack.len());
        self.slots.1 = self.slots.1.min(self.stack.len());
        match value.place() {
            Place::Reg(reg) => self.owner[reg.index()] = NO_OWNER,
            Place::Local(index) => self.locals[index as usize].pending -= 1,
            Place::Slot => {}
            Place::Const(_) | Place::Pending => {}
        }
        value
    }

    /// Notes that the operands from `from` to the top are in their slots.
    pub fn note_slots(&mut self, from: usize) {
        let (first, end) = self.slots;
        let first = if (first..=end).contains(&from) { first } else { from };
        self.slots = (first, self.stack.len());
    }

    /// Whether the top `count` operands are known to be in their slots.
    #[inline]
    pub fn in_slots(&self, count: usize) -> bool {
        self.stack.len() <= self.slots.1 && self.stack.len() - count >= self.slots.0
    }

    /// Drops operands that are known to be in their slots, down to `height`.
    pub fn truncate_slots(&mut self, height: usize) {
        let height = height.max(self.slots.0);
        self.stack.truncate(height);
        self.slots.1 = height;
        self.lazy_floor = self.lazy_floor.min(height);
    }

    /// Replaces an operand's place.
    #[inline]
    pub fn set_operand(&mut self, index: usize, value: Value) {
        if let Place::Reg(reg) = value.place() {
            self.owner[reg.index()] = index as u32;
        }
        self.stack[index] = value;
    }

    /// Puts an operand into its slot, whatever it is (constants too). Keeps flags.
    pub fn spill_operand(&mut self, index: usize) {
        let value = self.stack[index];
        let kind = value.kind();
        let slot = self.operand_slot(index);
        match value.place() {
            Place::Slot => return,
            Place::Pending => unreachable!("pending comparisons are taken by the next operator"),
            Place::Reg(reg) => {
                self.masm.store_frame(kind, slot, reg);
                self.release(reg);
            }
            Place::Const(value) => self.masm.store_frame_imm(kind, slot, value),
            Place::Local(local) => {
                self.store_local_to(local, slot);
                self.locals[local as usize].pending -= 1;
            }
        }
        self.stack[index] = Value::slot(kind);
    }

    /// Stores a local's value to a frame offset.
    fn store_local_to(&mut self, local: u32, slot: i32) {
        let Local { kind, home, cache, .. } = self.locals[local as usize];
        let in_register = home.filter(|&home| self.valid.contains(home)).or(cache);
        let reg = match in_register {
            Some(reg) => reg,
            None => {
                let scratch = Self::scratch(kind);
                self.masm.load_frame(kind, scratch, frame::slot(local));
                scratch
            }
        };
        self.masm.store_frame(kind, slot, reg);
    }

    fn scratch_of(class: RegSet) -> Reg {
        if class == RegSet::FPRS { M::FLOAT_SCRATCH } else { M::SCRATCH }
    }

    /// The macro-assembler's scratch register for a kind, for moves that need no other.
    #[inline]
    pub fn scratch(kind: ValKind) -> Reg {
        if kind.is_float() { M::FLOAT_SCRATCH } else { M::SCRATCH }
    }

    /// Puts all operands that are in registers, lazy or not, into their slots; constants stay. Keeps flags.
    pub fn flush_operands(&mut self, height: usize) {
        // Below the lazy floor only temporaries need a look, and those are few.
        let floor = self.lazy_floor.min(height);
        self.spill_temporaries(height);
        for index in floor..height {
            if let Place::Local(_) = self.stack[index].place() {
                self.spill_operand(index);
            }
        }
        self.lazy_floor = self.lazy_floor.max(height);
    }

    /// Puts operands below `height` that are in temporaries into their slots; lazy locals and constants stay.
    pub fn spill_temporaries(&mut self, height: usize) {
        for reg in self.temporaries.without(self.free).without(self.cached) {
            let owner = self.owner[reg.index()];
            if owner != NO_OWNER && (owner as usize) < height {
                self.spill_operand(owner as usize);
            }
        }
    }

    /// A register that holds a popped value, to be read only. Keeps flags.
    #[inline]
    pub fn read(&mut self, value: Value, index: usize) -> Reg {
        match value.place() {
            Place::Reg(reg) => reg,
            Place::Local(local) => self.read_local(local),
            Place::Const(constant) => {
                let reg = self.alloc(value.kind());
                self.load_const(value.kind(), reg, constant);
                reg
            }
            Place::Slot => {
                let reg = self.alloc(value.kind());
                let slot = self.operand_slot(index);
                self.masm.load_frame(value.kind(), reg, slot);
                reg
            }
            Place::Pending => unreachable!("pending comparisons are taken by the next operator"),
        }
    }

    /// Loads a constant; keeps flags.
    pub fn load_const(&mut self, kind: ValKind, reg: Reg, constant: i32) {
        match kind {
            ValKind::I32 => self.masm.mov_imm(Size::S32, reg, i64::from(constant)),
            ValKind::I64 | ValKind::Ref => self.masm.mov_imm(Size::S64, reg, i64::from(constant)),
            ValKind::F32 | ValKind::F64 | ValKind::V128 => self.masm.zero(reg),
        }
    }

    /// A register that holds a local's value: its home or cache, loaded if need be.
    pub fn read_local(&mut self, index: u32) -> Reg {
        let local = self.locals[index as usize];
        match (local.home, local.cache) {
            (Some(home), _) => {
                if !self.valid.contains(home) {
                    self.masm.load_frame(local.kind, home, frame::slot(index));
                    self.valid.insert(home);
                    self.checked.remove(home);
                }
                home
            }
            (None, Some(cache)) => {
                self.held.insert(cache);
                cache
            }
            (None, None) => {
                let reg = self.alloc(local.kind);
                self.masm.load_frame(local.kind, reg, frame::slot(index));
                self.make_cache(index, reg);
                self.held.insert(reg);
                reg
            }
        }
    }

    /// Like `read`, but keeps flags, and the register is a temporary that the caller may overwrite and must dispose of.
    pub fn read_owned(&mut self, value: Value, index: usize) -> Reg {
        if let Place::Local(_) = value.place() {
            let reg = self.alloc(value.kind());
            self.move_value(value, index, value.kind(), reg);
            return reg;
        }
        self.read(value, index)
    }

    /// Pops an operand into a register to be read.
    #[inline]
    pub fn pop_read(&mut self) -> Reg {
        let value = self.pop();
        let index = self.stack.len();
        self.read(value, index)
    }

    /// The second operand of an operation: a constant, a frame word or a register; with the register to release.
    #[inline]
    pub fn operand(&mut self, value: Value, index: usize) -> (Operand, Option<Reg>) {
        match value.place() {
            Place::Const(constant) => (Operand::Imm(constant), None),
            Place::Slot => (Operand::Frame(self.operand_slot(index)), None),
            Place::Local(local) => {
                let facts = self.locals[local as usize];
                if facts.home.is_none() && facts.cache.is_none() {
                    return (Operand::Frame(frame::slot(local)), None);
                }
                (Operand::Reg(self.read_local(local)), None)
            }
            _ => {
                let reg = self.read(value, index);
                (Operand::Reg(reg), Some(reg))
            }
        }
    }

    /// Ends an operator: nothing is held any more.
    #[inline]
    pub fn end_operator(&mut self) {
        self.held = RegSet::EMPTY;
    }

    // ---- locals ----

    /// Gives lazy operands that refer to a local a place of their own, because the local is about to change.
    pub fn before_local_changes(&mut self, index: u32) {
        if self.locals[index as usize].pending != 0 {
            self.detach_local(index);
        }
    }

    #[cold]
    fn detach_local(&mut self, index: u32) {
        let kind = self.locals[index as usize].kind;
        let mut at = self.stack.len();
        while self.locals[index as usize].pending != 0 {
            at -= 1;
            debug_assert!(at >= self.lazy_floor, "lazy operand below the floor");
            if self.stack[at].place() != Place::Local(index) {
                continue;
            }
            let class = Self::class(kind);
            match self.free.intersection(class).without(self.held).first() {
                Some(reg) => {
                    let from = self.read_local(index);
                    // Reading may have made `reg` the local's cache.
                    if self.free.contains(reg) {
                        self.free.remove(reg);
                        self.masm.mov(kind, reg, from);
                        self.locals[index as usize].pending -= 1;
                        self.set_operand(at, Value::reg(kind, reg));
                    } else {
                        at += 1;
                    }
                }
                None => self.spill_operand(at),
            }
        }
    }

    /// `local.set`: the popped `value` (from operand position `position`) becomes the local's.
    pub fn set_local(&mut self, index: u32, value: Value, position: usize) {
        if value.place() == Place::Local(index) {
            return;
        }
        self.before_local_changes(index);
        let Local { kind, home, .. } = self.locals[index as usize];
        if let Some(home) = home {
            match value.place() {
                Place::Reg(reg) => {
                    if reg != home {
                        self.masm.mov(kind, home, reg);
                        self.release(reg);
                    }
                }
                Place::Const(0) => self.masm.zero(home),
                Place::Const(constant) => self.load_const(kind, home, constant),
                Place::Slot => {
                    let slot = self.operand_slot(position);
                    self.masm.load_frame(kind, home, slot);
                }
                Place::Local(other) => {
                    let facts = self.locals[other as usize];
                    if facts.home.is_none() && facts.cache.is_none() {
                        self.masm.load_frame(kind, home, frame::slot(other));
                    } else {
                        let from = self.read_local(other);
                        self.masm.mov(kind, home, from);
                    }
                }
                Place::Pending => unreachable!("local.set does not take comparisons"),
            }
            self.valid.insert(home);
            self.dirty.insert(home);
            self.checked.remove(home);
            return;
        }
        let slot = frame::slot(index);
        if let Some(cache) = self.locals[index as usize].cache {
            self.drop_cache(cache);
        }
        match value.place() {
            Place::Const(constant) => self.masm.store_frame_imm(kind, slot, constant),
            Place::Reg(reg) => {
                self.masm.store_frame(kind, slot, reg);
                self.make_cache(index, reg);
            }
            Place::Local(other) => {
                let from = self.read_local(other);
                self.masm.store_frame(kind, slot, from);
            }
            Place::Slot => {
                let reg = self.alloc(kind);
                let from = self.operand_slot(position);
                self.masm.load_frame(kind, reg, from);
                self.masm.store_frame(kind, slot, reg);
                self.make_cache(index, reg);
            }
            Place::Pending => unreachable!("local.set does not take comparisons"),
        }
    }

    /// Stores dirty homes to their slots. Keeps flags.
    pub fn clean_homes(&mut self, homes: RegSet) {
        for home in homes.intersection(self.dirty) {
            let local = self.local_of[home.index()];
            self.masm.store_frame(self.locals[local as usize].kind, frame::slot(local), home);
        }
        self.dirty = self.dirty.without(homes);
    }

    /// Loads homes from their slots. Keeps flags.
    pub fn load_homes(&mut self, homes: RegSet) {
        for home in homes {
            let local = self.local_of[home.index()];
            self.masm.load_frame(self.locals[local as usize].kind, home, frame::slot(local));
        }
        self.valid = self.valid.union(homes);
        self.checked = self.checked.without(homes);
    }

    // ---- looking ahead ----

    /// The opcode after the current operator, which has no immediates.
    #[inline]
    pub fn next_opcode(&self) -> u8 {
        self.operators.get(self.position + 1).copied().unwrap_or(0)
    }

    /// Position after the immediates of a load at the current position, if they are short.
    #[inline]
    pub fn after_memarg(&self) -> usize {
        let mut at = self.position + 1;
        // Bit 6 of the alignment says that a memory's index follows.
        let numbers = 2 + usize::from(self.operators.get(at).is_some_and(|&flags| flags & 0x40 != 0));
        for _ in 0..numbers {
            while self.operators.get(at).is_some_and(|&byte| byte >= 0x80) {
                at += 1;
            }
            at += 1;
        }
        at
    }

    /// If the operator at `at` is a `local.set` or `local.tee` of a pinned local to which no lazy operand refers, its
    /// home: the best place for a result.
    #[inline]
    pub fn destination(&self, at: usize, kind: ValKind) -> Option<Reg> {
        let &[opcode, index, ..] = self.operators.get(at..)? else { return None };
        if opcode != 0x21 && opcode != 0x22 {
            return None;
        }
        let index = match index {
            0..=0x7f => u32::from(index),
            // Two bytes reach local 16,383.
            _ => {
                let high = *self.operators.get(at + 2)?;
                if high >= 0x80 {
                    return None;
                }
                u32::from(index & 0x7f) | u32::from(high) << 7
            }
        };
        if index >= self.num_locals {
            return None;
        }
        let local = &self.locals[index as usize];
        if local.pending != 0 || local.kind != kind { None } else { local.home }
    }

    /// Where the result of a one-byte operator should go: the destination, else an operand's temporary, else a new one.
    #[inline]
    pub fn result_reg(&mut self, kind: ValKind, reuse: Option<Reg>) -> Reg {
        if let Some(home) = self.destination(self.position + 1, kind) {
            return home;
        }
        match reuse {
            Some(reg) if self.is_owned(reg) => reg,
            _ => self.alloc(kind),
        }
    }

    /// Whether a register read by the current operator is a temporary it may overwrite.
    #[inline]
    pub fn is_owned(&self, reg: Reg) -> bool {
        self.temporaries.contains(reg) && !self.cached.contains(reg)
    }

    /// Pushes an operator's result, releasing operand registers that it does not reuse.
    #[inline]
    pub fn push_result(&mut self, kind: ValKind, result: Reg, operands: [Option<Reg>; 2]) {
        for reg in operands.into_iter().flatten() {
            if reg != result {
                self.release(reg);
            }
        }
        self.push(Value::reg(kind, result));
        self.end_operator();
    }

    // ---- vmctx and memory base ----

    /// Reloads the vmctx register and the memory base after a call.
    pub fn reload_context(&mut self) {
        let vmctx = M::CONVENTION.vmctx;
        self.masm.load_frame(ValKind::I64, vmctx, frame::VMCTX);
        self.load_memory_base();
    }

    /// Loads the base of memory 0, if the function uses it.
    pub fn load_memory_base(&mut self) {
        if !self.uses_memory {
            return;
        }
        match self.env.flags.memory_access {
            AccessMode::Guarded => {
                self.masm.load_at(ValKind::I64, M::MEMORY_BASE, M::CONVENTION.vmctx, VmContext::MEMORY0_BASE);
            }
            AccessMode::Checked => {
                const _: () = assert!(MemoryDefinition::BASE == 0);
                let memory = self.env.layout.memory(MemoryIndex(0));
                self.masm.load_memory_base(M::MEMORY_BASE, memory);
            }
        }
    }

    /// The invariants of the module's documentation; called after each operator in debug builds.
    pub fn check(&self) -> bool {
        assert!(self.dirty.without(self.valid).is_empty() && self.valid.without(self.homes).is_empty());
        assert!(self.free.without(self.temporaries).is_empty());
        assert!(self.cached.intersection(self.free).is_empty());
        assert!(self.held.is_empty(), "an operator left registers held");
        let (first, end) = self.slots;
        assert!(end <= self.stack.len());
        let in_slot = |value: &Value| value.place() == Place::Slot;
        assert!(first >= end || self.stack[first..end].iter().all(in_slot));
        for reg in self.temporaries {
            let owner = self.owner[reg.index()];
            if self.free.contains(reg) || self.cached.contains(reg) {
                assert_eq!(owner, NO_OWNER, "{reg:?} is free and owned");
            } else if owner != NO_OWNER {
                assert_eq!(self.stack[owner as usize].place(), Place::Reg(reg), "{reg:?} has another owner");
            } else {
                // Only the operands of a pending comparison belong to nobody.
                assert!(!matches!(self.pending, Pending::None), "{reg:?} has leaked");
            }
        }
        true
    }
}
