//! Emission: operations and the moves between them, through the macro-assembler.

use crate::lir::*;
use crate::lower::reg_of;
use engine_decoder::{FuncIndex, MemoryIndex, TableIndex, ValKind};
use engine_machine::abi::{Location, frame};
use engine_machine::emitter::Label;
use engine_machine::masm::{Address, Cond, FloatBinary, FloatUnary, Masm, Operand, Size};
use engine_machine::{AccessMode, ModuleEnv, Reg, RuntimeEntry, TableEntry, TrapCode, VmContext};
use regalloc2::{Allocation, Edit, Inst, InstPosition, Output, RegClass};

/// log2 of the size of a function table's element.
const TABLE_ENTRY_LOG2: u8 = size_of::<TableEntry>().trailing_zeros() as u8;

/// A leaf function with a frame of at most this many bytes runs in the host's reserve of stack without asking.
const LEAF_FRAME: u32 = 32 << 10;

/// A signature that did not match; told apart out of line.
struct Mismatch {
    label: Label,
    found: Reg,
    offset: u32,
}

/// Whether the registers of the vmctx and of memory 0's base are read before they are lost.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Wanted {
    vmctx: bool,
    base: bool,
}

impl Wanted {
    fn or(self, other: Wanted) -> Wanted {
        Wanted { vmctx: self.vmctx || other.vmctx, base: self.base || other.base }
    }
}

/// Memory of emission, reused.
#[derive(Default)]
pub(crate) struct Scratch {
    labels: Vec<Label>,
    /// By block: where a jump to it really leads.
    forward: Vec<u32>,
    /// By operation: which of the vmctx and memory 0's base must be reloaded behind it.
    reload: Vec<Wanted>,
    mismatches: Vec<Mismatch>,
    targets: Vec<Label>,
}

/// What is emitted, and where to.
pub(crate) struct Emit<'a, M> {
    pub env: &'a ModuleEnv,
    pub masm: &'a mut M,
    pub code: &'a Code,
    /// Blocks in the order of emission, the entry first.
    pub order: &'a [u32],
    pub output: &'a Output,
    pub scratch: &'a mut Scratch,
    pub func: FuncIndex,
    /// Slots of the frame that belong to baseline code, whose frame is taken over.
    pub foreign_slots: u32,
    /// Slots of values that are spilled over calls.
    pub spilled_slots: u32,
    pub enter_loop: bool,
}

/// A kind that takes a whole word of the frame.
fn word_kind(float: bool) -> ValKind {
    if float { ValKind::F64 } else { ValKind::I64 }
}

impl<M: Masm> Emit<'_, M> {
    /// Emits the function, and returns its frame's size in bytes.
    pub fn run(&mut self) -> u32 {
        let frame_size = self.frame_size();
        self.find_forwards();
        let wanted = self.find_reloads();
        self.scratch.labels.clear();
        for _ in 0..self.code.blocks.len() {
            let label = self.masm.emitter().new_label();
            self.scratch.labels.push(label);
        }
        self.enter(frame_size);
        // The vmctx is in its register at a call, but not at an entry from baseline code, whose loads may move.
        self.reload(Wanted { vmctx: false, base: wanted.base });
        let mut order = self.order.iter().copied();
        let mut block = self.next_block(&mut order);
        while let Some(number) = block {
            block = self.next_block(&mut order);
            self.block(number as usize, block);
        }
        for mismatch in core::mem::take(&mut self.scratch.mismatches) {
            let emitter = self.masm.emitter();
            emitter.set_wasm_offset(mismatch.offset);
            emitter.bind(mismatch.label);
            self.masm.cmp(Size::S32, mismatch.found, Operand::Imm(0));
            self.masm.trap_if(Cond::Eq, TrapCode::IndirectCallToNull);
            self.masm.trap(TrapCode::BadSignature);
        }
        self.masm.emit_pending_traps();
        self.masm.emit_constants();
        frame_size
    }

    fn slots(&self) -> u32 {
        self.output.num_spillslots as u32 + self.foreign_slots + self.spilled_slots
    }
    fn frame_size(&self) -> u32 {
        let head = frame::RESULT_AREA.unsigned_abs();
        (head + 8 * self.slots() + self.code.result_bytes).next_multiple_of(16)
    }
    /// Frame offset of the area for the stack results of calls.
    fn result_area(&self) -> i32 {
        -(self.frame_size() as i32)
    }
    fn spill_slot(&self, allocation: Allocation) -> i32 {
        let slot = allocation.as_stack().map_or(0, |slot| slot.index());
        frame::slot(self.foreign_slots + self.spilled_slots + slot as u32)
    }

    fn enter(&mut self, frame_size: u32) {
        let env = self.env;
        let layout = &env.calls[env.module.functions[self.func.index()].index()];
        self.masm.emitter().set_wasm_offset(0);
        if self.enter_loop {
            // The frame is there already; it only becomes longer.
            let below = frame_size as i32;
            self.masm.set_stack_pointer(-below);
            self.masm.load_frame(ValKind::I64, M::CONVENTION.vmctx, frame::VMCTX);
            return self.masm.stack_check(TrapCode::StackOverflow);
        }
        let prologue = self.masm.prologue();
        self.masm.set_frame_size(prologue, frame_size);
        let leaf = !self.code.has_calls && !env.flags.interruptible && frame_size <= LEAF_FRAME;
        if !leaf {
            self.masm.stack_check(TrapCode::StackOverflow);
        }
        if layout.result_bytes > 0 {
            self.masm.store_frame(ValKind::I64, frame::RESULT_AREA, M::CONVENTION.result_area);
        }
    }

    /// Blocks that are nothing but a jump are jumped over.
    fn find_forwards(&mut self) {
        let forward = &mut self.scratch.forward;
        forward.clear();
        let code = self.code;
        let mut edits = self.output.edits.iter().peekable();
        for (number, block) in code.blocks.iter().enumerate() {
            let last = block.insts.1 - 1;
            let mut moved = false;
            while let Some((point, Edit::Move { from, to })) = edits.peek() {
                if point.inst().index() > last as usize {
                    break;
                }
                moved |= from != to;
                edits.next();
            }
            forward.push(match code.insts[last as usize].op {
                LOp::Jump { to } if block.insts.0 == last && !moved && number != 0 => to,
                _ => number as u32,
            });
        }
        for number in (0..code.blocks.len()).rev() {
            // Chains are short: no block that was built in the graph is empty twice in a row for long.
            let mut to = forward[number];
            for _ in 0..8 {
                to = forward[to as usize];
            }
            forward[number] = to;
        }
    }

    /// The next block that is emitted.
    fn next_block(&self, order: &mut impl Iterator<Item = u32>) -> Option<u32> {
        order.find(|&block| self.scratch.forward[block as usize] == block)
    }

    /// Where the vmctx or memory 0's base is read after a call, its register is loaded again behind the call. Returns what is read before
    /// the first call.
    fn find_reloads(&mut self) -> Wanted {
        const MAX_PASSES: u32 = 16;
        let code = self.code;
        let moves = self.env.flags.memory_access == AccessMode::Checked;
        let reload = &mut self.scratch.reload;
        reload.clear();
        reload.resize(code.insts.len(), Wanted::default());
        // By block.
        let mut wanted = vec![Wanted::default(); code.blocks.len()];
        let mut changed = true;
        let mut passes = 0;
        while core::mem::take(&mut changed) {
            passes += 1;
            for (number, block) in code.blocks.iter().enumerate().rev() {
                let all = passes > MAX_PASSES;
                let mut want = Wanted { vmctx: all, base: all };
                for to in &code.links[block.succs.0 as usize..block.succs.1 as usize] {
                    want = want.or(wanted[to.index()]);
                }
                for inst in (block.insts.0..block.insts.1).rev() {
                    let op = code.insts[inst as usize].op;
                    match op {
                        LOp::Call { .. } => {
                            // The base is loaded through the vmctx.
                            reload[inst as usize] =
                                Wanted { vmctx: want.vmctx || want.base, base: want.base };
                            want = Wanted::default();
                        }
                        // The host preserves both registers; only growing can move a memory.
                        LOp::CallRuntime { entry: RuntimeEntry::MemoryGrow } if moves => {
                            reload[inst as usize] = Wanted { vmctx: false, base: want.base };
                            want.base = false;
                        }
                        _ => {}
                    }
                    want = want.or(Wanted { vmctx: op.uses_vmctx(), base: op.uses_base() });
                }
                changed |= want != wanted[number];
                wanted[number] = want.or(wanted[number]);
            }
            if passes > MAX_PASSES {
                break;
            }
        }
        wanted[0]
    }

    fn reload(&mut self, wanted: Wanted) {
        let vmctx = M::CONVENTION.vmctx;
        if wanted.vmctx {
            self.masm.load_frame(ValKind::I64, vmctx, frame::VMCTX);
        }
        if !wanted.base {
            return;
        }
        match self.env.flags.memory_access {
            AccessMode::Guarded => {
                self.masm.load_at(ValKind::I64, M::MEMORY_BASE, vmctx, VmContext::MEMORY0_BASE)
            }
            AccessMode::Checked => {
                self.masm.load_memory_base(M::MEMORY_BASE, self.env.layout.memory(MemoryIndex(0)))
            }
        }
    }

    fn block(&mut self, number: usize, next: Option<u32>) {
        let block = self.code.blocks[number];
        let label = self.scratch.labels[number];
        self.masm.emitter().bind(label);
        let output = self.output;
        let mut edits = {
            let first =
                output.edits.partition_point(|(point, _)| point.inst().index() < block.insts.0 as usize);
            output.edits[first..].iter().peekable()
        };
        for inst in block.insts.0..block.insts.1 {
            for position in [InstPosition::Before, InstPosition::After] {
                while let Some((point, Edit::Move { from, to })) = edits.peek() {
                    if point.inst().index() != inst as usize || point.pos() != position {
                        break;
                    }
                    self.copy(*from, *to);
                    edits.next();
                }
                if position == InstPosition::Before {
                    self.inst(inst as usize, next);
                }
            }
        }
    }

    fn copy(&mut self, from: Allocation, to: Allocation) {
        if from == to {
            return;
        }
        let float = [from, to].iter().any(|a| a.as_reg().is_some_and(|reg| reg.class() == RegClass::Float));
        let kind = word_kind(float);
        match (from.as_reg(), to.as_reg()) {
            (Some(from), Some(to)) => self.masm.mov(kind, reg_of(to), reg_of(from)),
            (Some(from), None) => {
                let slot = self.spill_slot(to);
                self.masm.store_frame(kind, slot, reg_of(from));
            }
            (None, Some(to)) => {
                let slot = self.spill_slot(from);
                self.masm.load_frame(kind, reg_of(to), slot);
            }
            (None, None) => debug_assert!(false, "a move from memory to memory"),
        }
    }

    fn label(&self, block: u32) -> Label {
        self.scratch.labels[self.scratch.forward[block as usize] as usize]
    }
    /// Whether a jump to a block falls through.
    fn falls(&self, block: u32, next: Option<u32>) -> bool {
        next == Some(self.scratch.forward[block as usize])
    }

    /// A right operand: in a register or in the frame.
    fn right(&self, allocation: Allocation) -> Operand {
        match allocation.as_reg() {
            Some(reg) => Operand::Reg(reg_of(reg)),
            None => Operand::Frame(self.spill_slot(allocation)),
        }
    }

    fn compare(&mut self, compare: Compare, regs: &[Reg], allocations: &[Allocation]) {
        let Compare { cond, size, test, rhs } = compare;
        let rhs = match rhs {
            Rhs::Imm(imm) => Operand::Imm(imm),
            Rhs::Value => self.right(allocations[1]),
            Rhs::Memory(mem) => self.in_memory(mem, &regs[1..]),
        };
        if test {
            self.masm.test(size, regs[0], rhs);
        } else if rhs == Operand::Imm(0) && matches!(cond, Cond::Eq | Cond::Ne) {
            self.masm.cmp_zero(size, regs[0]);
        } else {
            self.masm.cmp(size, regs[0], rhs);
        }
    }

    /// A right operand in memory.
    fn in_memory(&self, mem: Mem, regs: &[Reg]) -> Operand {
        match mem.base {
            Base::Slot(slot) => Operand::Frame(frame::slot(self.foreign_slots + slot)),
            Base::Value | Base::Memory => Operand::Memory(Self::address(mem, regs)),
        }
    }

    fn address(mem: Mem, regs: &[Reg]) -> Address {
        let (base, rest) =
            if mem.base == Base::Value { (regs[0], &regs[1..]) } else { (M::MEMORY_BASE, regs) };
        Address { base, index: mem.indexed.then(|| rest[0]), offset: mem.offset }
    }

    fn inst(&mut self, index: usize, next: Option<u32>) {
        let inst = self.code.insts[index];
        self.masm.emitter().set_wasm_offset(inst.offset);
        let allocations = self.output.inst_allocs(Inst::new(index));
        // Calls look at their operands themselves; no other operation has more than six.
        let mut regs = [M::SCRATCH; 8];
        for (reg, allocation) in regs.iter_mut().zip(allocations) {
            if let Some(found) = allocation.as_reg() {
                *reg = reg_of(found);
            }
        }
        let [d, a, b, ..] = regs;
        let env = self.env;
        let canonicalize = env.flags.canonicalize_nans;
        let spectre = env.flags.spectre;
        let masm = &mut *self.masm;
        match inst.op {
            LOp::Args => {}
            LOp::Const { size, value } => masm.mov_imm(size, d, value),
            LOp::FloatConst { kind, bits } => masm.load_constant(kind, d, bits),
            LOp::LoadFrame { kind, offset } => masm.load_frame(kind, d, offset),
            LOp::LoadResult { kind, offset } => {
                let area = self.result_area();
                self.masm.load_frame(kind, d, area + offset as i32);
            }
            LOp::VmLoad { kind, offset } => masm.load_at(kind, d, M::CONVENTION.vmctx, offset),
            LOp::VmStore { kind, offset } => masm.store_at(kind, M::CONVENTION.vmctx, offset, d),
            LOp::VmAddress { offset } => masm.lea(d, M::CONVENTION.vmctx, offset),
            LOp::LoadAt { kind, offset } => masm.load_at(kind, d, a, offset),
            LOp::StoreAt { kind, offset } => masm.store_at(kind, d, offset, a),
            LOp::Alu { op, size } => {
                let right = self.right(allocations[2]);
                self.masm.alu(op, size, d, a, right);
            }
            LOp::AluLoad { op, size, mem } => {
                let right = self.in_memory(mem, &regs[2..]);
                self.masm.alu(op, size, d, a, right);
            }
            LOp::AddShifted { size, shift } => masm.add_shifted(size, d, a, b, shift, 0),
            LOp::AluImm { op, size, imm } => masm.alu(op, size, d, a, Operand::Imm(imm)),
            LOp::Shift { op, size } => masm.shift(op, size, d, a, Operand::Reg(b)),
            LOp::ShiftImm { op, size, count } => masm.shift(op, size, d, a, Operand::Imm(i32::from(count))),
            LOp::MulHigh { signed } => masm.multiply_high(signed, d, a, b),
            LOp::Divide { op, size } => masm.divide(op, size, d, a, b),
            LOp::Unary { op, size } => masm.unary(op, size, d, a),
            LOp::Set(compare) => {
                self.compare(compare, &regs[1..], &allocations[1..]);
                self.masm.set(compare.cond, d);
            }
            LOp::FloatSet { cond, kind, when } => {
                masm.float_set(cond, kind, d, a, b);
                if !when {
                    masm.alu(engine_machine::masm::Alu::Xor, Size::S32, d, d, Operand::Imm(1));
                }
            }
            LOp::Select { kind, compare } => {
                self.compare(compare, &regs[3..], &allocations[3..]);
                self.masm.cmov(compare.cond, kind, d, b);
            }
            LOp::FloatBinary { op, kind }
            | LOp::FloatLoad { op, kind, .. }
            | LOp::FloatConstant { op, kind, .. } => {
                let rhs = match inst.op {
                    LOp::FloatLoad { mem, .. } => self.in_memory(mem, &regs[2..]),
                    LOp::FloatConstant { bits, .. } => Operand::Constant(bits),
                    _ => self.right(allocations[2]),
                };
                let masm = &mut *self.masm;
                masm.float_binary(op, kind, d, a, rhs);
                if canonicalize && op != FloatBinary::CopySign {
                    masm.canonicalize_nan(kind, d);
                }
            }
            LOp::FloatUnary { op, kind } => {
                match op {
                    Some(op) => masm.float_unary(op, kind, d, a),
                    None => masm.mov(kind, d, a),
                }
                if canonicalize && !matches!(op, Some(FloatUnary::Abs | FloatUnary::Neg)) {
                    masm.canonicalize_nan(kind, d);
                }
            }
            LOp::Convert(op) => {
                use engine_machine::masm::Conversion;
                masm.convert(op, d, a);
                match op {
                    Conversion::Demote if canonicalize => masm.canonicalize_nan(ValKind::F32, d),
                    Conversion::Promote if canonicalize => masm.canonicalize_nan(ValKind::F64, d),
                    _ => {}
                }
            }
            LOp::Load { op, mem } => masm.load(op, d, Self::address(mem, &regs[1..])),
            LOp::Store { op, mem } => {
                let source = regs[usize::from(mem.base == Base::Value) + usize::from(mem.indexed)];
                masm.store(op, Self::address(mem, &regs), source);
            }
            LOp::StoreImm { op, mem, value } => masm.store_imm(op, Self::address(mem, &regs), value),
            LOp::MemoryBase { memory } => masm.load_memory_base(d, env.layout.memory(MemoryIndex(memory))),
            LOp::MemoryLength { memory } => masm.load_length(d, env.layout.memory(MemoryIndex(memory))),
            LOp::TableLength { table } => masm.load_length(d, env.layout.table(TableIndex(table))),
            LOp::IndexCheck { memory } => {
                masm.index_check(d, env.layout.memory(MemoryIndex(memory)), spectre)
            }
            LOp::BoundsCheck { memory, offset, size } => {
                let place = env.layout.memory(MemoryIndex(memory));
                masm.bounds_check(d, a, u64::from(offset), size, place, spectre);
            }
            LOp::TableEntry { table } => {
                let place = env.layout.table(TableIndex(table));
                masm.table_entry(d, a, place, TABLE_ENTRY_LOG2, spectre);
            }
            LOp::SignatureCheck => {
                masm.cmp(Size::S32, d, Operand::Reg(a));
                let label = masm.emitter().new_label();
                masm.branch(Cond::Ne, label);
                self.scratch.mismatches.push(Mismatch { label, found: d, offset: inst.offset });
            }
            LOp::Call { ty, target } => self.call(index, ty, target),
            LOp::CallRuntime { entry } => masm.call_runtime(entry),
            LOp::Poll => masm.stack_check(TrapCode::Interrupt),
            LOp::Spill { float, slot } => {
                let offset = frame::slot(self.foreign_slots + slot);
                masm.store_frame(word_kind(float), offset, d);
            }
            LOp::Reload { float, slot } => {
                let offset = frame::slot(self.foreign_slots + slot);
                masm.load_frame(word_kind(float), d, offset);
            }
            LOp::Jump { to } => {
                if !self.falls(to, next) {
                    let label = self.label(to);
                    self.masm.jump(label);
                }
            }
            LOp::Branch { compare, yes, no } => {
                self.compare(compare, &regs, allocations);
                let (first, second) = (self.label(yes), self.label(no));
                if self.falls(yes, next) {
                    self.masm.branch(compare.cond.negate(), second);
                } else {
                    self.masm.branch(compare.cond, first);
                    if !self.falls(no, next) {
                        self.masm.jump(second);
                    }
                }
            }
            LOp::FloatBranch { cond, kind, when, yes, no } => {
                let (first, second) = (self.label(yes), self.label(no));
                if self.falls(yes, next) {
                    self.masm.float_branch(cond, kind, d, a, !when, second);
                } else {
                    self.masm.float_branch(cond, kind, d, a, when, first);
                    if !self.falls(no, next) {
                        self.masm.jump(second);
                    }
                }
            }
            LOp::Table { first, count } => self.table(first, count, d, a, b),
            LOp::Return => {
                let layout = &env.calls[env.module.functions[self.func.index()].index()];
                masm.epilogue(layout.param_bytes);
            }
            LOp::Trap(code) => masm.trap(code),
        }
        let wanted = self.scratch.reload[index];
        self.reload(wanted);
    }

    fn table(&mut self, first: u32, count: u32, temporary: Reg, zero: Reg, index: Reg) {
        let code = self.code;
        let entries = &code.tables[first as usize..=(first + count) as usize];
        let Some((&default, entries)) = entries.split_last() else { return };
        let default = self.label(default);
        let mut targets = core::mem::take(&mut self.scratch.targets);
        targets.clear();
        targets.extend(entries.iter().map(|&entry| self.label(entry)));
        self.masm.cmp(Size::S32, index, Operand::Imm(count as i32));
        self.masm.branch(Cond::GeU, default);
        // Only the low half of the index is known to be its own.
        self.masm.mov(ValKind::I32, temporary, index);
        if self.env.flags.spectre {
            self.masm.mov_imm(Size::S32, zero, 0);
            self.masm.cmov(Cond::GeU, ValKind::I32, temporary, zero);
        }
        self.masm.jump_table(temporary, &targets);
        self.scratch.targets = targets;
    }

    fn call(&mut self, index: usize, ty: u32, target: Target) {
        let env = self.env;
        let layout = &env.calls[ty as usize];
        let output = self.output;
        let mut operands = output.inst_allocs(Inst::new(index)).iter();
        let mut next = || operands.next().copied().unwrap_or(Allocation::none());
        let address = match target {
            Target::Address => Some((next(), next())),
            Target::Function(_) => None,
        };
        self.masm.push_area(layout.param_bytes);
        for &(kind, place) in &layout.params {
            let Location::Stack(offset) = place else { continue };
            let from = next();
            let source = match from.as_reg() {
                Some(reg) => reg_of(reg),
                None => {
                    let scratch = if kind.is_float() { M::FLOAT_SCRATCH } else { M::SCRATCH };
                    let slot = self.spill_slot(from);
                    self.masm.load_frame(kind, scratch, slot);
                    scratch
                }
            };
            self.masm.store_area(kind, offset, source);
        }
        if let Some((_, vmctx)) = address
            && let Some(reg) = vmctx.as_reg()
        {
            self.masm.mov(ValKind::I64, M::CONVENTION.vmctx, reg_of(reg));
        }
        if layout.result_bytes > 0 {
            let area = self.result_area();
            self.masm.lea(M::CONVENTION.result_area, M::FRAME_POINTER, area);
        }
        match (target, address) {
            (Target::Function(func), _) => self.masm.call_function(FuncIndex(func)),
            (Target::Address, Some((code, _))) => {
                let code = code.as_reg().map_or(M::CONVENTION.int_results[0], reg_of);
                self.masm.call_register(code);
            }
            (Target::Address, None) => debug_assert!(false, "an address has a register"),
        }
    }
}
