//! The macro-assembler interface: what both tiers emit through, the same on every CPU.
//!
//! Three-operand forms everywhere; an implementation finds the best two-operand sequence and handles every aliasing of its
//! operands unless a method says otherwise. Every lowering of more than one instruction lives behind these traits. The
//! scratch registers ([`Masm::SCRATCH`] and [`Masm::FLOAT_SCRATCH`]) belong to the macro-assembler: they are never
//! operands, and any method may clobber them. Methods documented as *keeping flags* may stand between a comparison and
//! the branch, set or move that reads it.

use crate::abi::CallConvention;
use crate::emitter::{Emitter, Label};
use crate::{CodeFlags, Place, Reg, RegSet, RuntimeEntry, TrapCode};
use engine_decoder::{DefinedFuncIndex, FuncIndex, ValKind};

/// Width of an integer operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// 32 bits; results have zero upper bits.
    S32,
    /// 64 bits.
    S64,
}

/// Two-operand integer arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Alu {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Mul,
}

/// Shifts and rotations. The count is taken modulo the width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Shift {
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

/// Integer division.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Division {
    /// Signed.
    pub signed: bool,
    /// Remainder instead of quotient.
    pub remainder: bool,
    /// The divisor may be zero: trap.
    pub may_be_zero: bool,
    /// The divisor may be -1: quotient overflow traps, remainder is 0.
    pub may_be_minus_one: bool,
}

/// One-operand integer operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Unary {
    Clz,
    Ctz,
    Popcnt,
    /// Sign extension from 8 bits.
    Extend8S,
    /// Sign extension from 16 bits.
    Extend16S,
    /// Sign extension from 32 bits, to 64.
    Extend32S,
    /// Zero extension from 32 bits: `i32.wrap_i64`, and `i64.extend_i32_u` where the upper bits are in doubt.
    Extend32U,
}

/// Integer conditions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Cond {
    Eq,
    Ne,
    LtS,
    LtU,
    GtS,
    GtU,
    LeS,
    LeU,
    GeS,
    GeU,
}

impl Cond {
    /// The condition that holds when this one does not.
    #[inline]
    pub const fn negate(self) -> Cond {
        match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::LtS => Cond::GeS,
            Cond::LtU => Cond::GeU,
            Cond::GtS => Cond::LeS,
            Cond::GtU => Cond::LeU,
            Cond::LeS => Cond::GtS,
            Cond::LeU => Cond::GtU,
            Cond::GeS => Cond::LtS,
            Cond::GeU => Cond::LtU,
        }
    }
    /// The condition with its operands exchanged.
    #[inline]
    pub const fn swap(self) -> Cond {
        match self {
            Cond::Eq | Cond::Ne => self,
            Cond::LtS => Cond::GtS,
            Cond::LtU => Cond::GtU,
            Cond::GtS => Cond::LtS,
            Cond::GtU => Cond::LtU,
            Cond::LeS => Cond::GeS,
            Cond::LeU => Cond::GeU,
            Cond::GeS => Cond::LeS,
            Cond::GeU => Cond::LeU,
        }
    }
}

/// Float comparisons; all but `Ne` are false when an operand is NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FloatCond {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

/// Two-operand float operations. Operands are never exchanged: NaN payloads depend on the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FloatBinary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    CopySign,
}

/// One-operand float operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FloatUnary {
    Abs,
    Neg,
    Sqrt,
    Ceil,
    Floor,
    Trunc,
    Nearest,
}

/// Conversions between number types, named as the specification names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Conversion {
    /// Float to integer, trapping or (`saturating`) not.
    Truncate { from: ValKind, to: Size, signed: bool, saturating: bool },
    /// Integer to float.
    Convert { from: Size, signed: bool, to: ValKind },
    /// `f32.demote_f64`.
    Demote,
    /// `f64.promote_f32`.
    Promote,
    /// Same bits, from a float register to an integer register or back.
    Reinterpret { from: ValKind },
}

impl Conversion {
    /// Float to integer.
    pub const fn truncate(from: ValKind, to: Size, signed: bool, saturating: bool) -> Conversion {
        Conversion::Truncate { from, to, signed, saturating }
    }
    /// Integer to float.
    pub const fn convert(from: Size, signed: bool, to: ValKind) -> Conversion {
        Conversion::Convert { from, signed, to }
    }
    /// Same bits.
    pub const fn reinterpret(from: ValKind) -> Conversion {
        Conversion::Reinterpret { from }
    }
}

/// Loads from memory: width, extension and result kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Load {
    I32U8,
    I32S8,
    I32U16,
    I32S16,
    I32,
    I64U8,
    I64S8,
    I64U16,
    I64S16,
    I64U32,
    I64S32,
    I64,
    F32,
    F64,
}

/// Stores to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Store {
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

/// The second operand of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// The canonical slot (or other frame word) at this offset from the frame pointer.
    Frame(i32),
    /// A constant, sign-extended to the operation's width.
    Imm(i32),
    /// A value of the operation's width in linear memory; a fault is an out-of-bounds trap. Only where
    /// [`Masm::MEMORY_OPERANDS`] says so.
    Memory(Address),
    /// A float constant, by its bits. Only where [`Masm::MEMORY_OPERANDS`] says so.
    Constant(u64),
}

/// An address: `base + index + offset`, in 64-bit arithmetic. The upper bits of an index register are zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// Base register.
    pub base: Reg,
    /// Register to add.
    pub index: Option<Reg>,
    /// Constant to add, 0 to 2^31 - 1.
    pub offset: i32,
}

/// Fixed registers of an integer division, where the CPU has such.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DivisionRegs {
    /// The dividend must be here, and is destroyed; the quotient comes out here.
    pub dividend: Reg,
    /// The remainder comes out here; destroyed in any case.
    pub remainder: Reg,
}

/// Frames, moves, integer arithmetic.
pub trait IntegerAsm {
    /// `dst = src`. Keeps flags.
    fn mov(&mut self, kind: ValKind, dst: Reg, src: Reg);
    /// `dst = value` for an integer register. Keeps flags.
    fn mov_imm(&mut self, size: Size, dst: Reg, value: i64);
    /// `dst = 0`. May clobber flags if `dst` is an integer register.
    fn zero(&mut self, dst: Reg);
    /// Loads a float constant. May clobber flags.
    fn float_const(&mut self, kind: ValKind, dst: Reg, bits: u64);
    /// Loads from `[fp + offset]`. Keeps flags.
    fn load_frame(&mut self, kind: ValKind, dst: Reg, offset: i32);
    /// Stores to `[fp + offset]`. Keeps flags.
    fn store_frame(&mut self, kind: ValKind, offset: i32, src: Reg);
    /// Stores a sign-extended constant to `[fp + offset]` (floats: only the value 0). Keeps flags.
    fn store_frame_imm(&mut self, kind: ValKind, offset: i32, value: i32);
    /// Loads from `[base + offset]`, outside linear memory. Keeps flags.
    fn load_at(&mut self, kind: ValKind, dst: Reg, base: Reg, offset: i32);
    /// Stores to `[base + offset]`, outside linear memory. Keeps flags.
    fn store_at(&mut self, kind: ValKind, base: Reg, offset: i32, src: Reg);
    /// Loads a float constant that is kept behind the function's code ([`ControlAsm::emit_constants`]). May clobber flags.
    fn load_constant(&mut self, kind: ValKind, dst: Reg, bits: u64);
    /// `dst = a + (b << shift) + offset`, with `shift` at most 3.
    fn add_shifted(&mut self, size: Size, dst: Reg, a: Reg, b: Reg, shift: u8, offset: i32);
    /// Compares with 0 for `Eq` and `Ne` only: nothing has to be done behind an operation that has set these flags.
    fn cmp_zero(&mut self, size: Size, reg: Reg) {
        self.cmp(size, reg, Operand::Imm(0));
    }
    /// `dst = base + offset` as pointers. Keeps flags.
    fn lea(&mut self, dst: Reg, base: Reg, offset: i32);
    /// `dst = lhs op rhs`.
    fn alu(&mut self, op: Alu, size: Size, dst: Reg, lhs: Reg, rhs: Operand);
    /// `dst = lhs shift rhs`; a `Frame` count is not supported.
    fn shift(&mut self, op: Shift, size: Size, dst: Reg, lhs: Reg, rhs: Operand);
    /// Division, with its traps. On CPUs with [`Masm::DIVISION`] registers, `lhs` is the dividend register, `dst` the
    /// quotient or remainder register, and `rhs` neither. `lhs` and `rhs` may be destroyed where `DIVISION` says so.
    fn divide(&mut self, op: Division, size: Size, dst: Reg, lhs: Reg, rhs: Reg);
    /// `dst` = the upper half of the 128-bit product. On CPUs with [`Masm::DIVISION`] registers, `lhs` is the dividend register, which
    /// is destroyed, and `dst` the remainder register.
    fn multiply_high(&mut self, signed: bool, dst: Reg, lhs: Reg, rhs: Reg);
    /// One-operand operation.
    fn unary(&mut self, op: Unary, size: Size, dst: Reg, src: Reg);
    /// Compares, setting flags.
    fn cmp(&mut self, size: Size, lhs: Reg, rhs: Operand);
    /// Compares `lhs & rhs` with 0, setting flags for `Eq` and `Ne`.
    fn test(&mut self, size: Size, lhs: Reg, rhs: Operand);
    /// `dst = 1` if the flags satisfy `cond`, else 0.
    fn set(&mut self, cond: Cond, dst: Reg);
    /// `dst = src` if the flags satisfy `cond`, for any kind. Keeps flags.
    fn cmov(&mut self, cond: Cond, kind: ValKind, dst: Reg, src: Reg);
}

/// Float arithmetic and conversions.
pub trait FloatAsm {
    /// Whether float operations overwrite their first operand.
    fn float_two_address(&self) -> bool;
    /// `dst = lhs op rhs`; `Frame` operands are allowed for add, sub, mul and div.
    fn float_binary(&mut self, op: FloatBinary, kind: ValKind, dst: Reg, lhs: Reg, rhs: Operand);
    /// Whether the CPU rounds in one instruction; if not, roundings go to runtime entries.
    fn has_rounding(&self) -> bool;
    /// `dst = op src`. Roundings only with [`FloatAsm::has_rounding`].
    fn float_unary(&mut self, op: FloatUnary, kind: ValKind, dst: Reg, src: Reg);
    /// `dst = 1` if the comparison holds, else 0.
    fn float_set(&mut self, cond: FloatCond, kind: ValKind, dst: Reg, lhs: Reg, rhs: Reg);
    /// Branches to `target` if the comparison has the outcome `when`.
    fn float_branch(&mut self, cond: FloatCond, kind: ValKind, lhs: Reg, rhs: Reg, when: bool, target: Label);
    /// Conversion, with its traps.
    fn convert(&mut self, op: Conversion, dst: Reg, src: Reg);
    /// Replaces `reg` by the canonical NaN if it is any NaN.
    fn canonicalize_nan(&mut self, kind: ValKind, reg: Reg);
}

/// Linear memory.
pub trait MemoryAsm {
    /// Loads from linear memory; a fault is an out-of-bounds trap.
    fn load(&mut self, op: Load, dst: Reg, address: Address);
    /// Stores to linear memory; a fault is an out-of-bounds trap.
    fn store(&mut self, op: Store, address: Address, src: Reg);
    /// Stores a sign-extended constant (integers only).
    fn store_imm(&mut self, op: Store, address: Address, value: i32);
    /// Traps unless `index + offset + size <= length`, where the length in bytes is the second word of the definition at
    /// `memory`, and puts `index + offset` (or, when `spectre` and misspeculating, 0: the mask covers the offset, which the
    /// guest chooses) into `dst`. `dst` is not `index`; `offset` is below 2^32 and `size` at most 16.
    fn bounds_check(&mut self, dst: Reg, index: Reg, offset: u64, size: u8, memory: Place, spectre: bool);
    /// Traps if `index > length`, the second word of the definition at `memory`. When `spectre` and misspeculating, `index` becomes
    /// 0; otherwise it keeps its value. An access at `index` that ends within the inaccessible bytes behind the memory's end needs
    /// no other check.
    fn index_check(&mut self, index: Reg, memory: Place, spectre: bool);
    /// Loads a memory's base address.
    fn load_memory_base(&mut self, dst: Reg, memory: Place);
    /// Copies `count` words of the frame, word by word downwards in memory from the frame offsets `from` and `to`, where
    /// `to >= from`: slots to slots of lower numbers. A loop, with scratch registers only; destroys flags.
    fn copy_slots(&mut self, from: i32, to: i32, count: u32);
    /// Loads a memory's length in bytes, or a table's in elements.
    fn load_length(&mut self, dst: Reg, definition: Place);
    /// `dst = &entry` for a bounds-checked `index` of `call_indirect` into the table at `table`; traps when out of bounds. Elements take
    /// `1 << log2_size` bytes. `dst` is not `index`.
    fn table_entry(&mut self, dst: Reg, index: Reg, table: Place, log2_size: u8, spectre: bool);
}

/// Control flow, calls, traps, frames.
pub trait ControlAsm {
    /// Unconditional jump. Keeps flags.
    fn jump(&mut self, target: Label);
    /// Branches if the flags satisfy `cond`. Keeps flags.
    fn branch(&mut self, cond: Cond, target: Label);
    /// Jumps to `targets[index]`; `index` is in bounds. Destroys `index`.
    fn jump_table(&mut self, index: Reg, targets: &[Label]);
    /// A trap.
    fn trap(&mut self, code: TrapCode);
    /// A trap if the flags satisfy `cond`; the trapping instruction goes out of line. Keeps flags.
    fn trap_if(&mut self, cond: Cond, code: TrapCode);
    /// Emits the out-of-line traps. Once, after the body.
    fn emit_pending_traps(&mut self);
    /// Emits the constants that [`IntegerAsm::load_constant`] and operands refer to. Once, after everything else.
    fn emit_constants(&mut self);

    /// Sets the frame up: saves frame pointer and return address, stores the vmctx, allocates a frame whose size
    /// [`ControlAsm::set_frame_size`] fills in. Returns where.
    fn prologue(&mut self) -> u32;
    /// Fills in the frame's size in bytes (from the frame pointer down), a multiple of 16.
    fn set_frame_size(&mut self, prologue: u32, bytes: u32);
    /// Traps if the stack pointer is at or below the store's limit.
    fn stack_check(&mut self, code: TrapCode);
    /// Tears the frame down and returns, popping `param_bytes` of stack parameters.
    fn epilogue(&mut self, param_bytes: u32);

    /// `sp = fp + offset`: a frame that is there already gets another size.
    fn set_stack_pointer(&mut self, offset: i32);
    /// Moves the stack pointer down by a multiple of 16, for stack parameters.
    fn push_area(&mut self, bytes: u32);
    /// Stores to `[sp + offset]`.
    fn store_area(&mut self, kind: ValKind, offset: u32, src: Reg);
    /// Calls a function of this module by its jump-table slot, and records the call site.
    fn call_function(&mut self, func: FuncIndex);
    /// Calls the address in a register, and records the call site.
    fn call_register(&mut self, target: Reg);
    /// Jumps to the address in a register.
    fn jump_register(&mut self, target: Reg);
    /// Adds `step` to the counter at this offset of the vmctx, and branches to `expired` when the addition carries. Destroys flags, and may destroy the first
    /// integer result register.
    fn charge(&mut self, counter: u32, step: u32, expired: Label);
    /// Calls the stub of [`RuntimeEntry::TierUp`] with a function's defined index, and records the call site. Keeps all argument registers
    /// (parameters, vmctx and result area).
    fn call_tier_up(&mut self, func: DefinedFuncIndex);
    /// Calls a runtime-entry stub, and records the call site. Arguments are in the host's argument registers 1 to 5.
    fn call_runtime(&mut self, entry: RuntimeEntry);
}

/// A macro-assembler for one CPU.
pub trait Masm: IntegerAsm + FloatAsm + MemoryAsm + ControlAsm + Sized {
    /// The calling convention.
    const CONVENTION: &'static CallConvention;
    /// The frame pointer.
    const FRAME_POINTER: Reg;
    /// Base of memory 0 in baseline code.
    const MEMORY_BASE: Reg;
    /// Integer scratch register of the macro-assembler.
    const SCRATCH: Reg;
    /// Float scratch register of the macro-assembler.
    const FLOAT_SCRATCH: Reg;
    /// Registers of both classes for temporary values of baseline code.
    const TEMPORARIES: RegSet;
    /// Integer registers that may be the home of a local, in order of preference after its parameter register.
    const INT_HOMES: &'static [Reg];
    /// Float registers that may be the home of a local.
    const FLOAT_HOMES: &'static [Reg];
    /// Fixed registers of division, if the CPU has such; both are temporaries.
    const DIVISION: Option<DivisionRegs>;

    /// Whether most operations overwrite their first operand, so that a result is best put in its register.
    const TWO_ADDRESS: bool;
    /// Whether integer operations, comparisons and the float operations add, sub, mul and div take their last operand from memory.
    const MEMORY_OPERANDS: bool;

    /// A macro-assembler that emits for these flags.
    fn new(flags: &CodeFlags) -> Self;
    /// The emitter.
    fn emitter(&mut self) -> &mut Emitter;

    /// Whether branches emitted from here on may have to reach further than the CPU's conditional branches do (1 MiB on
    /// AArch64). Without it, a function in which one does not reach ends as
    /// [`Emitter::end_function`] says; with it, its code is a little longer.
    fn set_far_branches(&mut self, _far: bool) {}
}
