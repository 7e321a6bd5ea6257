//! The low-level form: machine operations on virtual registers, in blocks in the order in which they will be emitted.
//!
//! Edges between a block with several successors and one with several predecessors have a block of their own, so that register
//! allocation can place moves on every edge.

use engine_decoder::ValKind;
use engine_machine::masm::{
    Alu, Cond, Conversion, Division, FloatBinary, FloatCond, FloatUnary, Load, Shift, Size, Store, Unary,
};
use engine_machine::{RuntimeEntry, TrapCode};
use regalloc2::{Block, Function, Inst, InstRange, Operand, PRegSet, RegClass, VReg};

/// A comparison whose outcome is taken at once. Operands: the left one, and the right one's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Compare {
    pub cond: Cond,
    pub size: Size,
    /// Compare `lhs & rhs` with 0.
    pub test: bool,
    pub rhs: Rhs,
}

/// The right side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rhs {
    /// The second use, in a register or in the frame.
    Value,
    Imm(i32),
    /// In memory: the uses from the second on.
    Memory(Mem),
}

/// What an address begins at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    /// The first operand of the uses.
    Value,
    /// Memory 0's base, which is no operand.
    Memory,
    /// Of a right operand: it is no address, but the slot for values over calls with this number.
    Slot(u32),
}

/// How an address is put together: its registers are the first operands of the uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mem {
    pub base: Base,
    pub indexed: bool,
    pub offset: i32,
}

/// What an operation does. `d` is its result, then come the uses, in the order of the operands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum LOp {
    /// Results: parameters in registers.
    Args,
    /// d
    Const {
        size: Size,
        value: i64,
    },
    /// d
    FloatConst {
        kind: ValKind,
        bits: u64,
    },
    /// d = [fp + offset]
    LoadFrame {
        kind: ValKind,
        offset: i32,
    },
    /// d = stack result at this offset of the last call
    LoadResult {
        kind: ValKind,
        offset: u32,
    },
    /// d = [vmctx + offset]
    VmLoad {
        kind: ValKind,
        offset: i32,
    },
    /// [vmctx + offset] = a
    VmStore {
        kind: ValKind,
        offset: i32,
    },
    /// d = vmctx + offset
    VmAddress {
        offset: i32,
    },
    /// d = [a + offset]
    LoadAt {
        kind: ValKind,
        offset: i32,
    },
    /// [a + offset] = b
    StoreAt {
        kind: ValKind,
        offset: i32,
    },
    /// d, a, b
    Alu {
        op: Alu,
        size: Size,
    },
    /// d, a, address
    AluLoad {
        op: Alu,
        size: Size,
        mem: Mem,
    },
    /// d, a, b: a + (b << shift)
    AddShifted {
        size: Size,
        shift: u8,
    },
    /// d, a
    AluImm {
        op: Alu,
        size: Size,
        imm: i32,
    },
    /// d, a, count
    Shift {
        op: Shift,
        size: Size,
    },
    /// d, a
    ShiftImm {
        op: Shift,
        size: Size,
        count: u8,
    },
    /// d, a, b
    MulHigh {
        signed: bool,
    },
    /// d, a, b
    Divide {
        op: Division,
        size: Size,
    },
    /// d, a
    Unary {
        op: Unary,
        size: Size,
    },
    /// d, and the comparison's
    Set(Compare),
    /// d, a, b
    FloatSet {
        cond: FloatCond,
        kind: ValKind,
        when: bool,
    },
    /// d (in the register of a), a, b, and the comparison's: d = b if it holds, else a
    Select {
        kind: ValKind,
        compare: Compare,
    },
    /// d, a, b
    FloatBinary {
        op: FloatBinary,
        kind: ValKind,
    },
    /// d, a, address
    FloatLoad {
        op: FloatBinary,
        kind: ValKind,
        mem: Mem,
    },
    /// d, a
    FloatConstant {
        op: FloatBinary,
        kind: ValKind,
        bits: u64,
    },
    /// d, a; none: only canonicalise NaNs
    FloatUnary {
        op: Option<FloatUnary>,
        kind: ValKind,
    },
    /// d, a
    Convert(Conversion),
    /// d, address
    Load {
        op: Load,
        mem: Mem,
    },
    /// address, a
    Store {
        op: Store,
        mem: Mem,
    },
    /// address
    StoreImm {
        op: Store,
        mem: Mem,
        value: i32,
    },
    /// d
    MemoryBase {
        memory: u32,
    },
    /// d
    MemoryLength {
        memory: u32,
    },
    /// d
    TableLength {
        table: u32,
    },
    /// d (in the register of a), a
    IndexCheck {
        memory: u32,
    },
    /// d, a
    BoundsCheck {
        memory: u32,
        offset: u32,
        size: u8,
    },
    /// d, a
    TableEntry {
        table: u32,
    },
    /// a: signature found, b: signature expected
    SignatureCheck,
    /// Uses: `[code, vmctx,]` stack arguments, register arguments; results in registers.
    Call {
        ty: u32,
        target: Target,
    },
    /// Uses: arguments; one result or none.
    CallRuntime {
        entry: RuntimeEntry,
    },
    Poll,
    /// a, to a slot of the frame
    Spill {
        float: bool,
        slot: u32,
    },
    /// d
    Reload {
        float: bool,
        slot: u32,
    },
    // ---- terminators; targets are blocks of the low-level form ----
    Jump {
        to: u32,
    },
    /// the comparison's
    Branch {
        compare: Compare,
        yes: u32,
        no: u32,
    },
    /// a, b
    FloatBranch {
        cond: FloatCond,
        kind: ValKind,
        when: bool,
        yes: u32,
        no: u32,
    },
    /// Two temporaries, index; `count` entries from `first` on in `tables`, then the default
    Table {
        first: u32,
        count: u32,
    },
    /// Uses: results in registers.
    Return,
    Trap(TrapCode),
}

/// Where a call goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Function(u32),
    /// The first two uses.
    Address,
}

impl LOp {
    /// Whether the vmctx register is read.
    pub fn uses_vmctx(self) -> bool {
        matches!(
            self,
            LOp::VmLoad { .. }
                | LOp::VmStore { .. }
                | LOp::VmAddress { .. }
                | LOp::MemoryBase { .. }
                | LOp::MemoryLength { .. }
                | LOp::TableLength { .. }
                | LOp::IndexCheck { .. }
                | LOp::BoundsCheck { .. }
                | LOp::TableEntry { .. }
                | LOp::Call { target: Target::Function(_), .. }
                | LOp::CallRuntime { .. }
                | LOp::Poll
        )
    }
    /// Whether the register of memory 0's base is read.
    pub fn uses_base(self) -> bool {
        let rhs = |rhs: Rhs| matches!(rhs, Rhs::Memory(mem) if mem.base == Base::Memory);
        match self {
            LOp::Load { mem, .. }
            | LOp::Store { mem, .. }
            | LOp::StoreImm { mem, .. }
            | LOp::AluLoad { mem, .. }
            | LOp::FloatLoad { mem, .. } => mem.base == Base::Memory,
            LOp::Set(compare) | LOp::Select { compare, .. } | LOp::Branch { compare, .. } => rhs(compare.rhs),
            _ => false,
        }
    }
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LInst {
    pub op: LOp,
    /// Its operands: a range of [`Code::operands`].
    pub first: u32,
    pub count: u32,
    /// The Wasm operator that it belongs to.
    pub offset: u32,
}

/// A block.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct LBlock {
    /// Range of [`Code::insts`].
    pub insts: (u32, u32),
    /// Ranges of [`Code::links`].
    pub succs: (u32, u32),
    pub preds: (u32, u32),
    /// Range of [`Code::vregs`].
    pub params: (u32, u32),
    /// Range of [`Code::vregs`]: arguments for the only successor, if that has parameters.
    pub args: (u32, u32),
    pub cold: bool,
}

/// A function.
#[derive(Default)]
pub(crate) struct Code {
    pub insts: Vec<LInst>,
    pub operands: Vec<Operand>,
    pub blocks: Vec<LBlock>,
    pub links: Vec<Block>,
    pub vregs: Vec<VReg>,
    /// Targets of jump tables.
    pub tables: Vec<u32>,
    pub num_vregs: usize,
    /// What calls and runtime calls clobber, besides their results, and what the fixed registers of division and multiplication are.
    pub clobbers: Clobbers,
    pub has_calls: bool,
    /// Bytes of the largest area for stack results that a call needs.
    pub result_bytes: u32,
}

/// Sets of registers that operations destroy.
#[derive(Default)]
pub(crate) struct Clobbers {
    pub all: PRegSet,
    pub quotient: PRegSet,
    pub remainder: PRegSet,
    /// Whether division has fixed registers.
    pub division: bool,
}

impl Code {
    pub fn clear(&mut self) {
        self.insts.clear();
        self.operands.clear();
        self.blocks.clear();
        self.links.clear();
        self.vregs.clear();
        self.tables.clear();
        self.num_vregs = 0;
        self.has_calls = false;
        self.result_bytes = 0;
    }
    #[inline]
    pub fn operands_of(&self, inst: LInst) -> &[Operand] {
        &self.operands[inst.first as usize..(inst.first + inst.count) as usize]
    }
}

impl Function for Code {
    #[inline]
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    #[inline]
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    #[inline]
    fn entry_block(&self) -> Block {
        Block::new(0)
    }
    #[inline]
    fn block_insns(&self, block: Block) -> InstRange {
        let (start, end) = self.blocks[block.index()].insts;
        InstRange::new(Inst::new(start as usize), Inst::new(end as usize))
    }
    #[inline]
    fn block_succs(&self, block: Block) -> &[Block] {
        let (start, end) = self.blocks[block.index()].succs;
        &self.links[start as usize..end as usize]
    }
    #[inline]
    fn block_preds(&self, block: Block) -> &[Block] {
        let (start, end) = self.blocks[block.index()].preds;
        &self.links[start as usize..end as usize]
    }
    #[inline]
    fn block_params(&self, block: Block) -> &[VReg] {
        let (start, end) = self.blocks[block.index()].params;
        &self.vregs[start as usize..end as usize]
    }
    #[inline]
    fn is_ret(&self, inst: Inst) -> bool {
        matches!(self.insts[inst.index()].op, LOp::Return | LOp::Trap(_))
    }
    #[inline]
    fn is_branch(&self, inst: Inst) -> bool {
        let op = self.insts[inst.index()].op;
        matches!(op, LOp::Jump { .. } | LOp::Branch { .. } | LOp::FloatBranch { .. } | LOp::Table { .. })
    }
    #[inline]
    fn branch_blockparams(&self, block: Block, _: Inst, _: usize) -> &[VReg] {
        let (start, end) = self.blocks[block.index()].args;
        &self.vregs[start as usize..end as usize]
    }
    #[inline]
    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        self.operands_of(self.insts[inst.index()])
    }
    #[inline]
    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        let inst = self.insts[inst.index()];
        match inst.op {
            LOp::Call { .. } | LOp::CallRuntime { .. } => {
                let mut set = self.clobbers.all;
                for operand in self.operands_of(inst) {
                    if let (regalloc2::OperandKind::Def, regalloc2::OperandConstraint::FixedReg(reg)) =
                        (operand.kind(), operand.constraint())
                    {
                        set.remove(reg);
                    }
                }
                set
            }
            LOp::Divide { op, .. } if self.clobbers.division => {
                if op.remainder {
                    self.clobbers.quotient
                } else {
                    self.clobbers.remainder
                }
            }
            LOp::MulHigh { .. } if self.clobbers.division => self.clobbers.quotient,
            _ => PRegSet::empty(),
        }
    }
    #[inline]
    fn num_vregs(&self) -> usize {
        self.num_vregs
    }
    #[inline]
    fn spillslot_size(&self, _: RegClass) -> usize {
        1
    }
}

/// Class of registers that hold a kind.
pub(crate) fn class(kind: ValKind) -> RegClass {
    if kind.is_float() { RegClass::Float } else { RegClass::Int }
}
