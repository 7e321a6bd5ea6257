//! The graph: a flat CFG whose blocks have parameters, with pure operations floating between them.
//!
//! ```text
//!  Block   range of `order` (its pinned instructions, in program order), parameters, predecessors, terminator
//!  Edge    from one terminator to one block; its position among the target's predecessors selects parameter arguments
//!  Value   an instruction, and its result
//! ```
//! * A *pinned* instruction has an effect, may trap, or depends on state (memory, globals, tables). It stays in its block and in order.
//! * A *pure* instruction is a function of its operands. It belongs to no block until the scheduler places it, is stored once
//!   (hash-consing), and vanishes if nobody needs it. So global value numbering, dead code and most of loop-invariant motion are
//!   properties of the representation rather than passes.
//! * A parameter's arguments are stored with it, one for each predecessor in order.
//! * A value that was replaced is an `Alias`; operands are read through [`Graph::resolve`].

use engine_decoder::ValKind;
use engine_machine::masm::{Cond, Conversion, FloatBinary, FloatCond, FloatUnary, Load, Size, Store};
use engine_machine::{InlinedBody, TrapCode};

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident($prefix:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub(crate) struct $name(pub u32);
        impl $name {
            pub const NONE: $name = $name(u32::MAX);
            #[inline]
            pub fn index(self) -> usize {
                self.0 as usize
            }
            #[inline]
            pub fn is_none(self) -> bool {
                self == Self::NONE
            }
        }
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                if self.is_none() { f.write_str("-") } else { write!(f, concat!($prefix, "{}"), self.0) }
            }
        }
    )*};
}

index! {
    /// An instruction and its result.
    Value("v");
    /// A basic block.
    Block("b");
    /// An edge between blocks.
    Edge("e");
}

/// What an instruction does. `a`, `b`, `c` are its operand words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(crate) enum Op {
    /// Nothing: an instruction that a pass removed.
    Nop,
    /// The value `a`.
    Alias,
    /// Parameter of block `a`; its arguments are `b..b + c` of the pool once the block is sealed.
    Param,
    /// Parameter number `a` of the function.
    Arg,
    /// The word `[fp + a]`: stack parameters, and canonical slots at an entry into a loop.
    Slot,
    /// A constant: bits in `a` (low) and `b`.
    Const,
    // Integer arithmetic of width `kind`.
    Add,
    Sub,
    And,
    Or,
    Xor,
    Mul,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
    /// Upper half of the unsigned (aux 0) or signed (aux 1) product.
    MulHigh,
    /// Division by a divisor that is neither 0 nor, where that overflows, -1. `aux`: bit 0 signed, bit 1 remainder.
    Div,
    /// Division that may trap. `aux` as above.
    TrapDiv,
    Clz,
    Ctz,
    Popcnt,
    Extend8S,
    Extend16S,
    Extend32S,
    /// `i64.extend_i32_u`: the same register.
    ExtendU,
    /// `i32.wrap_i64`.
    Wrap,
    /// Comparison; `aux` is the condition.
    Compare,
    /// Float comparison; `aux` is the condition, plus 8 if its outcome is inverted.
    FloatCompare,
    /// `a` if `c` is not zero, else `b`.
    Select,
    FloatBinary,
    FloatUnary,
    /// A conversion that cannot trap; `aux` is it.
    Convert,
    /// A truncation that traps; `aux` is it.
    TrapConvert,
    /// An address in linear memory, base `a` plus index `b` (or none) plus offset `c`; only ever an operand of accesses.
    Address,
    /// A word of the vmctx at offset `a` that never changes.
    VmLoad,
    /// Base of memory 0. It has a register of its own.
    Base,
    /// The address of the vmctx's byte `a`.
    VmAddress,
    // ---- pinned ----
    /// `aux`: which load; `a`: address.
    Load,
    /// `aux`: which store; `a`: address, `b`: value.
    Store,
    /// Base of memory `a`, which may move.
    MemoryBase,
    /// Length in bytes of memory `a`.
    MemoryLength,
    /// Length of table `a`.
    TableLength,
    /// Index `a` compared with the length of memory `b`; the result is the index, masked.
    IndexCheck,
    /// Index `a` plus offset `c` compared with the length of memory `b`, for an access of `aux` bytes; the result is the sum, masked.
    BoundsCheck,
    GlobalGet,
    /// Global `a` becomes `b`.
    GlobalSet,
    /// A call: `a` is its number in `calls`. The result is its first result.
    Call,
    /// Result number `b` (from 1) of the call `a`. Directly behind the call.
    CallResult,
    /// The entry for index `a` of table `b`, and its signature checked against type `c`.
    TableEntry,
    /// Trap if the signature of the table entry `a` is not that of type `b`.
    SignatureCheck,
    /// The word at offset `b` of what `a` points to, which does not change while it is looked at.
    EntryLoad,
    /// Interrupt poll.
    Poll,
    // ---- placed by the pass for values over calls ----
    /// `a` goes to slot `b`.
    Spill,
    /// The value in slot `a`.
    Reload,
}

impl Op {
    /// Whether it floats.
    #[inline]
    pub fn is_pure(self) -> bool {
        (Op::Const as u8..=Op::VmAddress as u8).contains(&(self as u8))
            && !matches!(self, Op::TrapDiv | Op::TrapConvert)
    }
    /// Whether a pinned instruction may be left out if nobody needs its result.
    pub fn is_droppable(self) -> bool {
        matches!(
            self,
            Op::Nop
                | Op::Arg
                | Op::Slot
                | Op::GlobalGet
                | Op::MemoryBase
                | Op::MemoryLength
                | Op::TableLength
                | Op::EntryLoad
                | Op::CallResult
                | Op::Reload
        )
    }
    /// Whether nothing that has an effect or may trap can be moved over it.
    pub fn is_barrier(self) -> bool {
        !self.is_pure() && !self.is_droppable() && self != Op::Spill
    }
    /// Which of the operand words are values, as a bit mask.
    #[inline]
    pub fn value_mask(self) -> u8 {
        match self {
            Op::Nop | Op::Param | Op::Arg | Op::Slot | Op::Const | Op::VmLoad | Op::Base | Op::VmAddress => 0,
            Op::MemoryBase
            | Op::MemoryLength
            | Op::TableLength
            | Op::GlobalGet
            | Op::Call
            | Op::Poll
            | Op::Reload => 0,
            Op::Alias | Op::Clz | Op::Ctz | Op::Popcnt | Op::Extend8S | Op::Extend16S | Op::Extend32S => 1,
            Op::ExtendU | Op::Wrap | Op::FloatUnary | Op::Convert | Op::TrapConvert => 1,
            Op::Load | Op::IndexCheck | Op::BoundsCheck | Op::CallResult | Op::TableEntry => 1,
            Op::SignatureCheck | Op::EntryLoad | Op::Spill => 1,
            Op::GlobalSet => 2,
            Op::Select => 7,
            _ => 3,
        }
    }
    /// Whether there is a result.
    pub fn has_result(self) -> bool {
        !matches!(self, Op::Nop | Op::Store | Op::GlobalSet | Op::SignatureCheck | Op::Poll | Op::Spill)
    }
}

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Inst {
    pub op: Op,
    /// Kind of the result.
    pub kind: ValKind,
    pub aux: u16,
    pub args: [u32; 3],
}

const _: () = assert!(size_of::<Inst>() == 16);

impl Inst {
    #[inline]
    pub fn new(op: Op, kind: ValKind, aux: u16, args: [u32; 3]) -> Inst {
        Inst { op, kind, aux, args }
    }
    pub fn unary(op: Op, kind: ValKind, a: Value) -> Inst {
        Inst::new(op, kind, 0, [a.0, 0, 0])
    }
    pub fn binary(op: Op, kind: ValKind, a: Value, b: Value) -> Inst {
        Inst::new(op, kind, 0, [a.0, b.0, 0])
    }
    #[inline]
    pub fn constant(kind: ValKind, bits: u64) -> Inst {
        Inst::new(Op::Const, kind, 0, [bits as u32, (bits >> 32) as u32, 0])
    }
    #[inline]
    pub fn a(self) -> Value {
        Value(self.args[0])
    }
    #[inline]
    pub fn b(self) -> Value {
        Value(self.args[1])
    }
    #[inline]
    pub fn c(self) -> Value {
        Value(self.args[2])
    }
    /// Bits of a constant.
    #[inline]
    pub fn bits(self) -> u64 {
        u64::from(self.args[0]) | u64::from(self.args[1]) << 32
    }
    /// Width of the integer operation.
    pub fn size(self) -> Size {
        size_of_kind(self.kind)
    }
    /// The operands that are values.
    #[inline]
    pub fn operands(self) -> impl Iterator<Item = Value> {
        let mask = self.op.value_mask();
        (0..3).filter(move |i| mask >> i & 1 != 0).map(move |i| Value(self.args[i])).filter(|v| !v.is_none())
    }
}

/// Width of integers of a kind.
pub(crate) fn size_of_kind(kind: ValKind) -> Size {
    if kind == ValKind::I32 { Size::S32 } else { Size::S64 }
}

macro_rules! packed {
    ($($pack:ident $unpack:ident $ty:ident { $($variant:ident),* })*) => {$(
        pub(crate) fn $pack(value: $ty) -> u16 {
            value as u16
        }
        pub(crate) fn $unpack(aux: u16) -> $ty {
            const ALL: &[$ty] = &[$($ty::$variant),*];
            ALL[usize::from(aux)]
        }
    )*};
}

packed! {
    pack_cond cond Cond { Eq, Ne, LtS, LtU, GtS, GtU, LeS, LeU, GeS, GeU }
    pack_float_cond float_cond_of FloatCond { Eq, Ne, Lt, Gt, Le, Ge }
    pack_float_binary float_binary FloatBinary { Add, Sub, Mul, Div, Min, Max, CopySign }
    pack_float_unary float_unary FloatUnary { Abs, Neg, Sqrt, Ceil, Floor, Trunc, Nearest }
    pack_load load_of Load { I32U8, I32S8, I32U16, I32S16, I32, I64U8, I64S8, I64U16, I64S16, I64U32, I64S32, I64, F32, F64 }
    pack_store store_of Store { I8, I16, I32, I64, F32, F64 }
    pack_kind kind_of ValKind { I32, I64, F32, F64, V128, Ref }
}

/// `aux` of a unary float operation that only canonicalises a NaN, which lowering does to all where it is asked for.
pub(crate) const CANONICALIZE: u16 = 15;

/// Set in the `aux` of a float comparison whose outcome is inverted.
pub(crate) const INVERTED: u16 = 8;

/// The condition of a float comparison, and the outcome at which it gives 1.
pub(crate) fn float_cond(aux: u16) -> (FloatCond, bool) {
    (float_cond_of(aux & 7), aux & INVERTED == 0)
}

fn wide(size: Size) -> u16 {
    u16::from(size == Size::S64)
}
fn size(wide: u16) -> Size {
    if wide & 1 != 0 { Size::S64 } else { Size::S32 }
}

/// A conversion in 16 bits.
pub(crate) fn pack_conversion(op: Conversion) -> u16 {
    match op {
        Conversion::Truncate { from, to, signed, saturating } => {
            pack_kind(from) << 3 | wide(to) << 6 | u16::from(signed) << 7 | u16::from(saturating) << 8
        }
        Conversion::Convert { from, signed, to } => {
            1 | pack_kind(to) << 3 | wide(from) << 6 | u16::from(signed) << 7
        }
        Conversion::Demote => 2,
        Conversion::Promote => 3,
        Conversion::Reinterpret { from } => 4 | pack_kind(from) << 3,
    }
}

/// The inverse of [`pack_conversion`].
pub(crate) fn conversion(aux: u16) -> Conversion {
    let kind = kind_of(aux >> 3 & 7);
    let signed = aux & 0x80 != 0;
    match aux & 7 {
        0 => Conversion::Truncate { from: kind, to: size(aux >> 6), signed, saturating: aux & 0x100 != 0 },
        1 => Conversion::Convert { from: size(aux >> 6), signed, to: kind },
        2 => Conversion::Demote,
        3 => Conversion::Promote,
        _ => Conversion::Reinterpret { from: kind },
    }
}

/// How a block ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Term {
    /// Not yet.
    None,
    Jump(Edge),
    /// To the first edge if the value is not zero.
    Branch(Value, Edge, Edge),
    /// By index: `count` entries of `table_edges` from `first` on, and then the default. The edges themselves are
    /// `edges.0..edges.1`.
    Table {
        index: Value,
        first: u32,
        count: u32,
        edges: (u32, u32),
    },
    /// `count` values of the pool from `first` on.
    Return {
        first: u32,
        count: u32,
    },
    Trap(TrapCode),
}

#[derive(Clone, Debug)]
pub(crate) struct BlockData {
    /// Its pinned instructions: a range of [`Graph::order`].
    pub insts: (u32, u32),
    pub params: Vec<Value>,
    /// Parameters that live in the frame, and their slots (`slots.rs`). An edge whose argument is `Value::NONE` leaves the slot as it is.
    pub slot_params: Vec<(Value, u32)>,
    /// Edges to it, in order.
    pub preds: Vec<Edge>,
    pub term: Term,
    /// Wasm offset of the terminator.
    pub offset: u32,
    /// Innermost loop around it, or `NO_LOOP`.
    pub in_loop: u32,
    /// No more predecessors will come.
    pub sealed: bool,
    /// Unlikely to run.
    pub cold: bool,
}

pub(crate) const NO_LOOP: u32 = u32::MAX;
/// A parameter whose slot is not known yet.
pub(crate) const NO_SLOT: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeData {
    pub from: Block,
    pub to: Block,
    /// Position among the predecessors of `to`.
    pub slot: u32,
}

/// A loop of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopData {
    pub header: Block,
    /// The loop around it, or `NO_LOOP`.
    pub parent: u32,
    /// 1 for outermost loops. 0 until known, or if nothing jumps back.
    pub depth: u32,
}

/// Whom a call calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callee {
    /// A function that the module defines.
    Function(u32),
    /// An address and its vmctx.
    Address(Value, Value),
    /// The runtime; all arguments are words.
    Runtime(engine_machine::RuntimeEntry),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CallData {
    pub callee: Callee,
    /// Type index, except for the runtime.
    pub ty: u32,
    /// Arguments: a range of the pool.
    pub first: u32,
    pub count: u32,
}

/// A function.
#[derive(Default)]
pub(crate) struct Graph {
    pub insts: Vec<Inst>,
    /// Wasm offsets of instructions; right for pinned ones.
    pub offsets: Vec<u32>,
    pub order: Vec<Value>,
    pub blocks: Vec<BlockData>,
    /// Blocks in order: but for edges back to loop headers, predecessors come first.
    pub layout: Vec<Block>,
    pub edges: Vec<EdgeData>,
    pub table_edges: Vec<Edge>,
    pub pool: Vec<Value>,
    pub calls: Vec<CallData>,
    pub loops: Vec<LoopData>,
    /// The bodies that were inlined, for the meaning of offsets.
    pub inlined: Vec<InlinedBody>,
    /// Whether the layout and the loops are not those of the source.
    pub irregular: bool,
    /// Whether pure instructions may stand before their operands in `insts`.
    pub unordered: bool,
    interned: Interned,
}

impl Graph {
    pub fn clear(&mut self) {
        let Graph {
            insts,
            offsets,
            order,
            blocks,
            layout,
            edges,
            table_edges,
            pool,
            calls,
            loops,
            inlined,
            irregular,
            unordered,
            interned,
        } = self;
        *irregular = false;
        *unordered = false;
        insts.clear();
        offsets.clear();
        order.clear();
        blocks.clear();
        layout.clear();
        edges.clear();
        table_edges.clear();
        pool.clear();
        calls.clear();
        loops.clear();
        inlined.clear();
        interned.clear();
    }

    #[inline]
    pub fn inst(&self, value: Value) -> Inst {
        self.insts[value.index()]
    }
    #[inline]
    pub fn kind(&self, value: Value) -> ValKind {
        self.insts[value.index()].kind
    }
    /// Bits of a constant.
    #[inline]
    pub fn as_const(&self, value: Value) -> Option<u64> {
        let inst = self.inst(value);
        (inst.op == Op::Const).then(|| inst.bits())
    }

    /// What a value is now.
    #[inline]
    pub fn resolve(&mut self, value: Value) -> Value {
        if self.insts[value.index()].op != Op::Alias { value } else { self.resolve_slowly(value) }
    }
    fn resolve_slowly(&mut self, value: Value) -> Value {
        let mut end = value;
        while self.insts[end.index()].op == Op::Alias {
            end = self.insts[end.index()].a();
        }
        let mut at = value;
        while at != end {
            let next = self.insts[at.index()].a();
            self.insts[at.index()].args[0] = end.0;
            at = next;
        }
        end
    }
    /// The instruction with its operands resolved.
    #[inline]
    pub fn resolved(&mut self, value: Value) -> Inst {
        let mut inst = self.inst(value);
        self.resolve_args(&mut inst);
        self.insts[value.index()] = inst;
        inst
    }
    #[inline]
    pub fn resolve_args(&mut self, inst: &mut Inst) {
        let mask = inst.op.value_mask();
        for i in 0..3 {
            if mask >> i & 1 != 0 && inst.args[i] != Value::NONE.0 {
                inst.args[i] = self.resolve(Value(inst.args[i])).0;
            }
        }
    }
    /// Makes a value another one.
    pub fn replace(&mut self, value: Value, with: Value) {
        debug_assert_ne!(value, with);
        let kind = self.kind(value);
        self.insts[value.index()] = Inst::unary(Op::Alias, kind, with);
    }

    /// Removes pinned instructions that became other values from their blocks.
    pub fn drop_replaced(&mut self) {
        for &block in &self.layout {
            let insts = &mut self.blocks[block.index()].insts;
            let mut end = insts.0;
            for i in insts.0..insts.1 {
                let value = self.order[i as usize];
                if self.insts[value.index()].op != Op::Alias {
                    self.order[end as usize] = value;
                    end += 1;
                }
            }
            insts.1 = end;
        }
    }

    /// Takes parameters that became other values out of their blocks.
    pub fn drop_replaced_params(&mut self) {
        for block in &self.layout {
            let insts = &self.insts;
            self.blocks[block.index()].params.retain(|param| insts[param.index()].op == Op::Param);
        }
    }

    /// Appends an instruction to no block.
    #[inline]
    pub fn push(&mut self, inst: Inst, offset: u32) -> Value {
        self.insts.push(inst);
        self.offsets.push(offset);
        Value(self.insts.len() as u32 - 1)
    }
    /// The pure instruction that is this one.
    #[inline]
    pub fn intern(&mut self, inst: Inst) -> Value {
        debug_assert!(inst.op.is_pure());
        let next = self.insts.len() as u32;
        let found = self.interned.find_or_insert(inst, next, &self.insts);
        if found == next {
            self.insts.push(inst);
            self.offsets.push(0);
        }
        Value(found)
    }
    pub fn constant(&mut self, kind: ValKind, bits: u64) -> Value {
        self.intern(Inst::constant(kind, bits))
    }

    pub fn new_block(&mut self, in_loop: u32) -> Block {
        self.blocks.push(BlockData {
            insts: (0, 0),
            params: Vec::new(),
            slot_params: Vec::new(),
            preds: Vec::new(),
            term: Term::None,
            offset: 0,
            in_loop,
            sealed: false,
            cold: false,
        });
        Block(self.blocks.len() as u32 - 1)
    }
    #[inline]
    pub fn block(&self, block: Block) -> &BlockData {
        &self.blocks[block.index()]
    }
    pub fn new_edge(&mut self, from: Block, to: Block) -> Edge {
        let edge = Edge(self.edges.len() as u32);
        let preds = &mut self.blocks[to.index()].preds;
        self.edges.push(EdgeData { from, to, slot: preds.len() as u32 });
        preds.push(edge);
        edge
    }
    pub fn target(&self, edge: Edge) -> Block {
        self.edges[edge.index()].to
    }
    /// The edges that leave a block, each once.
    pub fn succs(&self, block: Block) -> Succs {
        match self.blocks[block.index()].term {
            Term::Jump(edge) => Succs([edge.0, Edge::NONE.0]),
            Term::Branch(_, yes, no) => Succs([yes.0, no.0]),
            Term::Table { edges, .. } => Succs([edges.0 | RANGE, edges.1]),
            Term::None | Term::Return { .. } | Term::Trap(_) => Succs([Edge::NONE.0; 2]),
        }
    }
    /// Arguments of a parameter.
    pub fn arguments(&self, param: Value) -> &[Value] {
        let inst = self.inst(param);
        debug_assert_eq!(inst.op, Op::Param);
        &self.pool[inst.args[1] as usize..(inst.args[1] + inst.args[2]) as usize]
    }
    /// Depth of the loops around a block.
    pub fn depth(&self, block: Block) -> u32 {
        match self.blocks[block.index()].in_loop {
            NO_LOOP => 0,
            index => self.loops[index as usize].depth,
        }
    }
}

const RANGE: u32 = 1 << 31;

/// Edges that leave a block: two, or a range.
#[derive(Clone, Copy)]
pub(crate) struct Succs([u32; 2]);

impl Iterator for Succs {
    type Item = Edge;
    fn next(&mut self) -> Option<Edge> {
        let [first, second] = self.0;
        if first == Edge::NONE.0 {
            return None;
        }
        if first & RANGE != 0 {
            let edge = first & !RANGE;
            if edge == second {
                return None;
            }
            self.0[0] += 1;
            return Some(Edge(edge));
        }
        self.0 = [second, Edge::NONE.0];
        Some(Edge(first))
    }
}

/// The table of pure instructions: open addressing, emptied by a new generation.
#[derive(Default)]
struct Interned {
    /// Generation and value.
    slots: Vec<(u32, u32)>,
    generation: u32,
    len: usize,
}

impl Interned {
    fn clear(&mut self) {
        self.len = 0;
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.slots.fill((0, 0));
            self.generation = 1;
        }
    }

    fn hash(inst: &Inst) -> u64 {
        const K: u64 = 0x9e37_79b9_7f4a_7c15;
        let head = inst.op as u64
            | (inst.kind as u64) << 8
            | u64::from(inst.aux) << 16
            | u64::from(inst.args[0]) << 32;
        let tail = u64::from(inst.args[1]) | u64::from(inst.args[2]) << 32;
        let mixed = (head.wrapping_mul(K).rotate_left(29) ^ tail).wrapping_mul(K);
        mixed ^ mixed >> 32
    }

    #[inline]
    fn find_or_insert(&mut self, inst: Inst, next: u32, insts: &[Inst]) -> u32 {
        if (self.len + 1) * 2 > self.slots.len() {
            self.grow(insts);
        }
        let mask = self.slots.len() - 1;
        let mut at = Self::hash(&inst) as usize & mask;
        loop {
            let (generation, value) = self.slots[at];
            if generation != self.generation {
                self.slots[at] = (self.generation, next);
                self.len += 1;
                return next;
            }
            if insts[value as usize] == inst {
                return value;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self, insts: &[Inst]) {
        let size = (self.slots.len() * 2).max(512);
        let old = core::mem::replace(&mut self.slots, vec![(0, 0); size]);
        let generation = self.generation.max(1);
        for (stamp, value) in old {
            if stamp == self.generation {
                let mut at = Self::hash(&insts[value as usize]) as usize & (size - 1);
                while self.slots[at].0 == generation {
                    at = (at + 1) & (size - 1);
                }
                self.slots[at] = (generation, value);
            }
        }
        self.generation = generation;
    }
}
