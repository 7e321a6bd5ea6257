//! Instruction selection: from the scheduled graph to the low-level form.
//!
//! Each block is lowered from its end to its beginning, so that an instruction knows, when its turn comes, whether somebody still needs its result
//! in a register: comparisons vanish into branches, constants into immediates, additions into addresses.

mod calls;

use crate::ir::*;
use crate::lir::*;
use crate::schedule::Schedule;
use engine_decoder::{FuncIndex, GlobalIndex, ValKind};
use engine_machine::masm::{Alu, Cond, Division, Load, Masm, Shift, Size, Unary};
use engine_machine::{ModuleEnv, Place, Reg, RegSet};
use regalloc2::{Operand, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet, RegClass, VReg};

/// The registers that values may be in. Those of the vmctx and of memory 0's base are their own.
pub(crate) fn allocatable<M: Masm>() -> RegSet {
    M::TEMPORARIES.union(RegSet::of(M::INT_HOMES)).union(RegSet::of(M::FLOAT_HOMES))
}

/// A register, as the register allocator names it.
pub(crate) fn preg(reg: Reg) -> PReg {
    let class = if reg.is_fpr() { RegClass::Float } else { RegClass::Int };
    PReg::new(usize::from(reg.number()), class)
}

/// A register that the register allocator named.
pub(crate) fn reg_of(preg: PReg) -> Reg {
    let number = preg.hw_enc() as u8;
    if preg.class() == RegClass::Float { Reg::fpr(number) } else { Reg::gpr(number) }
}

/// Lowers functions; its memory is reused.
pub(crate) struct Lower<'a> {
    env: &'a ModuleEnv,
    pub code: Code,
    /// By value.
    vregs: Vec<VReg>,
    needed: Vec<bool>,
    /// By edge: its own block, if it has one.
    split: Vec<u32>,
    /// By block.
    numbers: Vec<u32>,
    /// What one instruction became, in order.
    out: Vec<LInst>,
    offset: u32,
    /// By value: how many instructions with an effect or a trap come before it or are it. Equal numbers have none between them.
    effects: Vec<u32>,
    /// How many come before the block that is being lowered.
    effects_before: u32,
    /// Loads that became operands.
    fused: Vec<bool>,
    /// Whether float operations overwrite their first operand.
    float_two_address: bool,
}

/// A comparison, its operands, and how many they are.
type Compared = (Compare, [Operand; 3], usize);

/// In place of operands that there are not.
fn nobody() -> Operand {
    Operand::any_use(VReg::invalid())
}

const NONE: u32 = u32::MAX;
const NO_VREG: VReg = VReg::invalid();

struct Context<'g, M> {
    graph: &'g Graph,
    schedule: &'g Schedule,
    masm: core::marker::PhantomData<M>,
}

impl<'a> Lower<'a> {
    pub fn new<M: Masm>(env: &'a ModuleEnv) -> Lower<'a> {
        let mut code = Code::default();
        for reg in allocatable::<M>() {
            code.clobbers.all.add(preg(reg));
        }
        if let Some(fixed) = M::DIVISION {
            code.clobbers.division = true;
            code.clobbers.quotient = PRegSet::empty().with(preg(fixed.dividend));
            code.clobbers.remainder = PRegSet::empty().with(preg(fixed.remainder));
        }
        Lower {
            env,
            code,
            vregs: Vec::new(),
            needed: Vec::new(),
            split: Vec::new(),
            numbers: Vec::new(),
            out: Vec::new(),
            offset: 0,
            effects: Vec::new(),
            effects_before: 0,
            fused: Vec::new(),
            float_two_address: M::new(&env.flags).float_two_address(),
        }
    }

    /// Lowers a function.
    pub fn run<M: Masm>(&mut self, graph: &Graph, schedule: &Schedule, func: FuncIndex) {
        self.code.clear();
        self.vregs.clear();
        self.vregs.resize(graph.insts.len(), NO_VREG);
        self.needed.clear();
        self.needed.resize(graph.insts.len(), false);
        self.fused.clear();
        self.fused.resize(graph.insts.len(), false);
        let mut effects_after = self.count_effects(graph, schedule);
        self.number(graph);
        let context = Context::<M> { graph, schedule, masm: core::marker::PhantomData };
        let mut ranges = vec![(0, 0); self.code.blocks.len()];
        let mut edges = Vec::new();
        for &block in graph.layout.iter().rev() {
            // The blocks of its edges stand directly behind it, in order.
            edges.clear();
            edges.extend(graph.succs(block));
            for &edge in edges.iter().rev() {
                let number = self.split[edge.index()];
                if number != NONE {
                    let start = self.code.insts.len() as u32;
                    self.offset = graph.block(block).offset;
                    self.jump(&context, edge, number);
                    self.flush();
                    ranges[number as usize] = (start, self.code.insts.len() as u32);
                }
            }
            let number = self.numbers[block.index()];
            let start = self.code.insts.len() as u32;
            self.offset = graph.block(block).offset;
            let after = effects_after.pop().unwrap_or(0);
            self.effects_before = effects_after.last().copied().unwrap_or(0);
            self.terminator(&context, block, func, after);
            self.flush();
            let (from, to) = schedule.ranges[block.index()];
            for &value in schedule.seq[from as usize..to as usize].iter().rev() {
                self.offset = graph.offsets[value.index()];
                self.inst(&context, value);
                self.flush();
            }
            if number == 0 {
                self.arguments(graph, func);
                self.flush();
            }
            ranges[number as usize] = (start, self.code.insts.len() as u32);
            self.params(graph, block, number);
        }
        let total = self.code.insts.len() as u32;
        self.code.insts.reverse();
        for (block, (start, end)) in self.code.blocks.iter_mut().zip(ranges) {
            block.insts = (total - end, total - start);
        }
    }

    /// Counts effects; returns how many there are up to the end of each block of the layout.
    fn count_effects(&mut self, graph: &Graph, schedule: &Schedule) -> Vec<u32> {
        self.effects.clear();
        self.effects.resize(graph.insts.len(), 0);
        let mut count = 0;
        let mut after = Vec::with_capacity(graph.layout.len());
        for &block in &graph.layout {
            count += 1;
            let (from, to) = schedule.ranges[block.index()];
            for &value in &schedule.seq[from as usize..to as usize] {
                let op = graph.inst(value).op;
                count += u32::from(op.is_barrier());
                self.effects[value.index()] = count;
            }
            after.push(count);
        }
        after
    }

    /// Whether a value can be an operand of its only user, which stands behind `effects` effects: a load of this kind, or of a slot in the same block,
    /// as slots are shared by values of different blocks.
    fn can_fuse<M: Masm>(&self, context: &Context<'_, M>, value: Value, op: Load, effects: u32) -> bool {
        let inst = context.graph.inst(value);
        let before = self.effects[value.index()];
        M::MEMORY_OPERANDS
            && match inst.op {
                Op::Load => load_of(inst.aux) == op && before == effects,
                Op::Reload => before > self.effects_before,
                _ => false,
            }
            && context.schedule.uses[value.index()] == 1
            && !self.needed[value.index()]
    }

    /// Makes a load an operand: its address's registers. The user takes over its trap.
    fn fuse(&mut self, graph: &Graph, value: Value) -> (Mem, [Operand; 2], usize) {
        self.fused[value.index()] = true;
        let inst = graph.inst(value);
        if inst.op == Op::Reload {
            return (Mem { base: Base::Slot(inst.args[0]), indexed: false, offset: 0 }, [nobody(); 2], 0);
        }
        self.offset = graph.offsets[value.index()];
        self.mem(graph, inst.a())
    }

    /// Numbers blocks in the order of emission, finds critical edges, and links blocks.
    fn number(&mut self, graph: &Graph) {
        self.numbers.clear();
        self.numbers.resize(graph.blocks.len(), NONE);
        self.split.clear();
        self.split.resize(graph.edges.len(), NONE);
        let mut next = 0;
        for &block in &graph.layout {
            self.numbers[block.index()] = next;
            next += 1;
            if matches!(graph.block(block).term, Term::Jump(_)) {
                continue;
            }
            for edge in graph.succs(block) {
                if graph.block(graph.target(edge)).preds.len() > 1 {
                    self.split[edge.index()] = next;
                    next += 1;
                }
            }
        }
        self.code.blocks.resize(next as usize, LBlock::default());
        for &block in &graph.layout {
            let number = self.numbers[block.index()] as usize;
            let data = graph.block(block);
            let start = self.code.links.len() as u32;
            for edge in graph.succs(block) {
                let to = self.edge_target(graph, edge);
                self.code.links.push(regalloc2::Block::new(to as usize));
            }
            let middle = self.code.links.len() as u32;
            // As in the dominator tree, the last first.
            for &edge in data.preds.iter().rev() {
                let from = match self.split[edge.index()] {
                    NONE => self.numbers[graph.edges[edge.index()].from.index()],
                    number => number,
                };
                self.code.links.push(regalloc2::Block::new(from as usize));
            }
            let end = self.code.links.len() as u32;
            let lowered = &mut self.code.blocks[number];
            lowered.succs = (start, middle);
            lowered.preds = (middle, end);
            lowered.cold = data.cold;
            for edge in graph.succs(block) {
                let split = self.split[edge.index()];
                if split != NONE {
                    let start = self.code.links.len() as u32;
                    let to = graph.target(edge);
                    self.code.links.push(regalloc2::Block::new(self.numbers[to.index()] as usize));
                    self.code.links.push(regalloc2::Block::new(number));
                    let lowered = &mut self.code.blocks[split as usize];
                    lowered.succs = (start, start + 1);
                    lowered.preds = (start + 1, start + 2);
                    lowered.cold = graph.block(to).cold;
                }
            }
        }
    }

    /// Blocks of the graph in an order of blocks of the low-level form, as text.
    pub fn order_text(&self, graph: &Graph, order: &[u32]) -> String {
        let mut blocks = vec![Block::NONE; order.len()];
        for &block in &graph.layout {
            blocks[self.numbers[block.index()] as usize] = block;
        }
        let blocks = order.iter().map(|&number| blocks[number as usize]).filter(|block| !block.is_none());
        format!("{:?}\n", blocks.collect::<Vec<_>>())
    }

    /// The block that an edge leads to: its own, or its target.
    fn edge_target(&self, graph: &Graph, edge: Edge) -> u32 {
        match self.split[edge.index()] {
            NONE => self.numbers[graph.target(edge).index()],
            number => number,
        }
    }

    /// Appends what is in `out`, last first.
    fn flush(&mut self) {
        while let Some(inst) = self.out.pop() {
            self.code.insts.push(inst);
        }
    }

    // ---- registers ----

    fn new_vreg(&mut self, class: RegClass) -> VReg {
        let vreg = VReg::new(self.code.num_vregs, class);
        self.code.num_vregs += 1;
        vreg
    }

    fn vreg(&mut self, graph: &Graph, value: Value) -> VReg {
        if self.vregs[value.index()] == NO_VREG {
            self.vregs[value.index()] = self.new_vreg(class(graph.kind(value)));
        }
        self.vregs[value.index()]
    }

    /// The register of a value that is used. Constants are made here, before the user, which must not be in `out` yet.
    fn reg(&mut self, graph: &Graph, value: Value) -> VReg {
        let inst = graph.inst(value);
        match inst.op {
            Op::Const if !inst.kind.is_float() => {
                let vreg = self.new_vreg(RegClass::Int);
                let size = inst.size();
                self.push(LOp::Const { size, value: inst.bits() as i64 }, &[def(vreg)]);
                vreg
            }
            Op::Const => {
                let vreg = self.new_vreg(RegClass::Float);
                self.push(LOp::FloatConst { kind: inst.kind, bits: inst.bits() }, &[def(vreg)]);
                vreg
            }
            Op::ExtendU => self.reg(graph, inst.a()),
            _ => {
                self.needed[value.index()] = true;
                self.vreg(graph, value)
            }
        }
    }

    /// The register of a value of which only the lower 32 bits matter.
    fn low(&mut self, graph: &Graph, value: Value) -> VReg {
        let inst = graph.inst(value);
        if inst.op == Op::Wrap { self.reg(graph, inst.a()) } else { self.reg(graph, value) }
    }

    /// The register of an operand of an operation of this width.
    fn operand(&mut self, graph: &Graph, size: Size, value: Value) -> VReg {
        if size == Size::S32 { self.low(graph, value) } else { self.reg(graph, value) }
    }

    fn push(&mut self, op: LOp, operands: &[Operand]) {
        let first = self.code.operands.len() as u32;
        self.code.operands.extend_from_slice(operands);
        self.out.push(LInst { op, first, count: operands.len() as u32, offset: self.offset });
    }

    /// `d, a, b`, where `d` takes over the register of `a` on CPUs with two-operand instructions.
    fn push_binary<M: Masm>(&mut self, op: LOp, d: VReg, a: VReg, b: VReg) {
        let d = if M::TWO_ADDRESS { Operand::reg_reuse_def(d, 1) } else { def(d) };
        self.push(op, &[d, usage(a), right::<M>(b)]);
    }
    fn push_unary<M: Masm>(&mut self, op: LOp, d: VReg, a: VReg) {
        let d = if M::TWO_ADDRESS { Operand::reg_reuse_def(d, 1) } else { def(d) };
        self.push(op, &[d, usage(a)]);
    }

    // ---- blocks ----

    fn params(&mut self, graph: &Graph, block: Block, number: u32) {
        let start = self.code.vregs.len() as u32;
        for &param in &graph.block(block).params {
            let vreg = self.vreg(graph, param);
            self.code.vregs.push(vreg);
        }
        self.code.blocks[number as usize].params = (start, self.code.vregs.len() as u32);
    }

    /// A jump along an edge, with its arguments, at the end of the block `number`.
    fn jump<M: Masm>(&mut self, context: &Context<'_, M>, edge: Edge, number: u32) {
        let graph = context.graph;
        let EdgeData { to, slot, .. } = graph.edges[edge.index()];
        let mut args = Vec::new();
        for &param in &graph.block(to).params {
            let value = graph.arguments(param)[slot as usize];
            args.push(self.reg(graph, value));
        }
        for &(param, place) in &graph.block(to).slot_params {
            let value = graph.arguments(param)[slot as usize];
            if !value.is_none() {
                let source = self.reg(graph, value);
                let float = graph.kind(value).is_float();
                self.push(LOp::Spill { float, slot: place }, &[usage(source)]);
            }
        }
        let start = self.code.vregs.len() as u32;
        self.code.vregs.extend_from_slice(&args);
        self.code.blocks[number as usize].args = (start, self.code.vregs.len() as u32);
        let to = self.numbers[to.index()];
        self.push(LOp::Jump { to }, &[]);
    }

    fn terminator<M: Masm>(&mut self, context: &Context<'_, M>, block: Block, func: FuncIndex, effects: u32) {
        let graph = context.graph;
        match graph.block(block).term {
            Term::Jump(edge) => self.jump(context, edge, self.numbers[block.index()]),
            Term::Branch(condition, yes, no) => {
                let (yes, no) = (self.edge_target(graph, yes), self.edge_target(graph, no));
                let inst = graph.inst(condition);
                if inst.op == Op::FloatCompare {
                    let (cond, when) = float_cond(inst.aux);
                    let kind = graph.kind(inst.a());
                    let (a, b) = (self.reg(graph, inst.a()), self.reg(graph, inst.b()));
                    let op = LOp::FloatBranch { cond, kind, when, yes, no };
                    return self.push(op, &[usage(a), usage(b)]);
                }
                let (compare, operands, count) = self.compare(context, condition, effects);
                self.push(LOp::Branch { compare, yes, no }, &operands[..count]);
            }
            Term::Table { index, first, count, .. } => {
                let start = self.code.tables.len() as u32;
                for &edge in &graph.table_edges[first as usize..(first + count + 1) as usize] {
                    let to = self.edge_target(graph, edge);
                    self.code.tables.push(to);
                }
                // The macro-assembler destroys the index, and the mask needs a register.
                let index = self.reg(graph, index);
                let [temporary, zero] = [(); 2].map(|()| Operand::reg_temp(self.new_vreg(RegClass::Int)));
                self.push(LOp::Table { first: start, count }, &[temporary, zero, usage(index)]);
            }
            Term::Return { first, count } => self.return_values(graph, func, first, count),
            Term::Trap(code) => self.push(LOp::Trap(code), &[]),
            Term::None => unreachable!("every block that is reached has an end"),
        }
    }

    // ---- instructions ----

    /// The comparison that decides whether a condition is not zero, and its operands.
    fn compare<M: Masm>(&mut self, context: &Context<'_, M>, condition: Value, effects: u32) -> Compared {
        let graph = context.graph;
        let inst = graph.inst(condition);
        if inst.op == Op::Compare {
            return self.compare_inst(context, inst, effects);
        }
        let (size, value) = (Size::S32, condition);
        self.compare_with_zero(context, Cond::Ne, size, value)
    }

    fn compare_inst<M: Masm>(&mut self, context: &Context<'_, M>, inst: Inst, effects: u32) -> Compared {
        let graph = context.graph;
        let cond = cond(inst.aux);
        let size = size_of_kind(graph.kind(inst.a()));
        if let Some(imm) = immediate(graph, inst.b()) {
            if imm == 0 && matches!(cond, Cond::Eq | Cond::Ne) {
                return self.compare_with_zero(context, cond, size, inst.a());
            }
            let a = self.operand(graph, size, inst.a());
            let compare = Compare { cond, size, test: false, rhs: Rhs::Imm(imm) };
            return (compare, [usage(a); 3], 1);
        }
        let load = if size == Size::S32 { Load::I32 } else { Load::I64 };
        for (cond, left, right) in [(cond, inst.a(), inst.b()), (cond.swap(), inst.b(), inst.a())] {
            if left != right && self.can_fuse(context, right, load, effects) {
                let a = self.operand(graph, size, left);
                let (mem, operands, count) = self.fuse(graph, right);
                let compare = Compare { cond, size, test: false, rhs: Rhs::Memory(mem) };
                return (compare, [usage(a), operands[0], operands[1]], 1 + count);
            }
        }
        let (a, b) = (self.operand(graph, size, inst.a()), self.operand(graph, size, inst.b()));
        let b = right::<M>(b);
        (Compare { cond, size, test: false, rhs: Rhs::Value }, [usage(a), b, b], 2)
    }

    /// `value cond 0`, for equality.
    fn compare_with_zero<M: Masm>(
        &mut self,
        context: &Context<'_, M>,
        cond: Cond,
        size: Size,
        value: Value,
    ) -> Compared {
        let graph = context.graph;
        let inst = graph.inst(value);
        if inst.op == Op::And && context.schedule.uses[value.index()] == 1 {
            let a = self.operand(graph, size, inst.a());
            if let Some(imm) = immediate(graph, inst.b()) {
                return (Compare { cond, size, test: true, rhs: Rhs::Imm(imm) }, [usage(a); 3], 1);
            }
            let b = self.operand(graph, size, inst.b());
            let b = right::<M>(b);
            return (Compare { cond, size, test: true, rhs: Rhs::Value }, [usage(a), b, b], 2);
        }
        let a = self.operand(graph, size, value);
        (Compare { cond, size, test: false, rhs: Rhs::Imm(0) }, [usage(a); 3], 1)
    }

    /// The registers of an address.
    fn mem(&mut self, graph: &Graph, address: Value) -> (Mem, [Operand; 2], usize) {
        let inst = graph.inst(address);
        debug_assert_eq!(inst.op, Op::Address);
        let base = if graph.inst(inst.a()).op == Op::Base { Base::Memory } else { Base::Value };
        let indexed = !inst.b().is_none();
        let mut operands = [nobody(); 2];
        let mut count = 0;
        if base == Base::Value {
            operands[count] = usage(self.reg(graph, inst.a()));
            count += 1;
        }
        if indexed {
            operands[count] = usage(self.reg(graph, inst.b()));
            count += 1;
        }
        (Mem { base, indexed, offset: inst.args[2] as i32 }, operands, count)
    }

    fn inst<M: Masm>(&mut self, context: &Context<'_, M>, value: Value) {
        let graph = context.graph;
        let inst = graph.inst(value);
        let needed = self.needed[value.index()];
        if self.fused[value.index()] || ((inst.op.is_pure() || inst.op.is_droppable()) && !needed) {
            return;
        }
        let d = if inst.op.has_result() && inst.op != Op::Call { self.vreg(graph, value) } else { NO_VREG };
        let size = inst.size();
        match inst.op {
            Op::Nop | Op::Alias | Op::Param | Op::Arg | Op::Const | Op::Base | Op::Address => {}
            Op::ExtendU | Op::CallResult => {}
            Op::Slot => self.push(LOp::LoadFrame { kind: inst.kind, offset: inst.args[0] as i32 }, &[def(d)]),
            Op::Add => self.add(context, value, inst, d),
            Op::Sub => self.alu(context, Alu::Sub, value, inst, d),
            Op::And => self.alu(context, Alu::And, value, inst, d),
            Op::Or => self.alu(context, Alu::Or, value, inst, d),
            Op::Xor => self.alu(context, Alu::Xor, value, inst, d),
            Op::Mul => self.alu(context, Alu::Mul, value, inst, d),
            Op::Shl => self.shift(context, Shift::Shl, inst, d),
            Op::ShrS => self.shift(context, Shift::ShrS, inst, d),
            Op::ShrU => self.shift(context, Shift::ShrU, inst, d),
            Op::Rotl => self.shift(context, Shift::Rotl, inst, d),
            Op::Rotr => self.shift(context, Shift::Rotr, inst, d),
            Op::MulHigh => {
                let (a, b) = (self.reg(graph, inst.a()), self.reg(graph, inst.b()));
                let operands = match M::DIVISION {
                    Some(fixed) => [
                        Operand::reg_fixed_def(d, preg(fixed.remainder)),
                        Operand::reg_fixed_use(a, preg(fixed.dividend)),
                        usage(b),
                    ],
                    None => [def(d), usage(a), usage(b)],
                };
                self.push(LOp::MulHigh { signed: inst.aux & 1 != 0 }, &operands);
            }
            Op::Div | Op::TrapDiv => self.divide(context, inst, d),
            Op::Clz => self.unary(graph, Unary::Clz, size, inst, d),
            Op::Ctz => self.unary(graph, Unary::Ctz, size, inst, d),
            Op::Popcnt => self.unary(graph, Unary::Popcnt, size, inst, d),
            Op::Extend8S => self.unary(graph, Unary::Extend8S, size, inst, d),
            Op::Extend16S => self.unary(graph, Unary::Extend16S, size, inst, d),
            Op::Extend32S => {
                let a = self.low(graph, inst.a());
                self.push(LOp::Unary { op: Unary::Extend32S, size: Size::S64 }, &[def(d), usage(a)]);
            }
            Op::Wrap => {
                let a = self.reg(graph, inst.a());
                self.push(LOp::Unary { op: Unary::Extend32U, size: Size::S64 }, &[def(d), usage(a)]);
            }
            Op::Compare => {
                let effects = self.effects[value.index()];
                let (compare, operands, count) = self.compare_inst(context, inst, effects);
                let all = [def(d), operands[0], operands[1], operands[2]];
                self.push(LOp::Set(compare), &all[..=count]);
            }
            Op::FloatCompare => {
                let (cond, when) = float_cond(inst.aux);
                let kind = graph.kind(inst.a());
                let (a, b) = (self.reg(graph, inst.a()), self.reg(graph, inst.b()));
                self.push(LOp::FloatSet { cond, kind, when }, &[def(d), usage(a), usage(b)]);
            }
            Op::Select => {
                let effects = self.effects[value.index()];
                let (compare, operands, count) = self.compare(context, inst.c(), effects);
                let (a, b) = (self.reg(graph, inst.a()), self.reg(graph, inst.b()));
                let all =
                    [Operand::reg_reuse_def(d, 1), usage(b), usage(a), operands[0], operands[1], operands[2]];
                self.push(LOp::Select { kind: inst.kind, compare }, &all[..3 + count]);
            }
            Op::FloatBinary => self.float_binary(context, value, inst, d),
            Op::FloatUnary => {
                let a = self.reg(graph, inst.a());
                let op = (inst.aux != CANONICALIZE).then(|| float_unary(inst.aux));
                self.push(LOp::FloatUnary { op, kind: inst.kind }, &[def(d), usage(a)]);
            }
            Op::Convert | Op::TrapConvert => {
                let a = self.reg(graph, inst.a());
                self.push(LOp::Convert(conversion(inst.aux)), &[def(d), usage(a)]);
            }
            Op::VmLoad => self.push(LOp::VmLoad { kind: inst.kind, offset: inst.args[0] as i32 }, &[def(d)]),
            Op::VmAddress => self.push(LOp::VmAddress { offset: inst.args[0] as i32 }, &[def(d)]),
            Op::Load => {
                let (mem, operands, count) = self.mem(graph, inst.a());
                let all = [def(d), operands[0], operands[1]];
                self.push(LOp::Load { op: load_of(inst.aux), mem }, &all[..=count]);
            }
            Op::Store => self.store(graph, inst),
            Op::MemoryBase => self.push(LOp::MemoryBase { memory: inst.args[0] }, &[def(d)]),
            Op::MemoryLength => self.push(LOp::MemoryLength { memory: inst.args[0] }, &[def(d)]),
            Op::TableLength => self.push(LOp::TableLength { table: inst.args[0] }, &[def(d)]),
            Op::IndexCheck => {
                let a = self.reg(graph, inst.a());
                self.push(
                    LOp::IndexCheck { memory: inst.args[1] },
                    &[Operand::reg_reuse_def(d, 1), usage(a)],
                );
            }
            Op::BoundsCheck => {
                let a = self.reg(graph, inst.a());
                let op =
                    LOp::BoundsCheck { memory: inst.args[1], offset: inst.args[2], size: inst.aux as u8 };
                self.push(op, &[def(d), Operand::reg_use_at_end(a)]);
            }
            Op::GlobalGet | Op::GlobalSet => self.global(graph, inst, d),
            Op::Call => self.call::<M>(graph, value, inst),
            Op::TableEntry => {
                let a = self.reg(graph, inst.a());
                self.push(LOp::TableEntry { table: inst.args[1] }, &[def(d), Operand::reg_use_at_end(a)]);
            }
            Op::SignatureCheck => {
                let entry = self.reg(graph, inst.a());
                let (found, expected) = (self.new_vreg(RegClass::Int), self.new_vreg(RegClass::Int));
                let kind = ValKind::I32;
                let at = engine_machine::TableEntry::SIGNATURE;
                self.push(LOp::LoadAt { kind, offset: at }, &[def(found), usage(entry)]);
                let offset = self.env.layout.signature(engine_decoder::TypeIndex(inst.args[1])) as i32;
                self.push(LOp::VmLoad { kind, offset }, &[def(expected)]);
                self.push(LOp::SignatureCheck, &[usage(found), usage(expected)]);
            }
            Op::EntryLoad => {
                let a = self.reg(graph, inst.a());
                self.push(
                    LOp::LoadAt { kind: ValKind::I64, offset: inst.args[1] as i32 },
                    &[def(d), usage(a)],
                );
            }
            Op::Poll => self.push(LOp::Poll, &[]),
            Op::Spill => {
                let a = self.reg(graph, inst.a());
                let float = inst.kind.is_float();
                self.push(LOp::Spill { float, slot: inst.args[1] }, &[usage(a)]);
            }
            Op::Reload => {
                self.push(LOp::Reload { float: inst.kind.is_float(), slot: inst.args[0] }, &[def(d)])
            }
        }
    }

    /// Addition, of a shifted operand if there is one.
    fn add<M: Masm>(&mut self, context: &Context<'_, M>, value: Value, inst: Inst, d: VReg) {
        let graph = context.graph;
        let size = inst.size();
        for (a, b) in [(inst.a(), inst.b()), (inst.b(), inst.a())] {
            let shifted = graph.inst(b);
            if shifted.op == Op::Shl
                && context.schedule.uses[b.index()] == 1
                && graph.inst(a).op != Op::Const
                && let Some(shift @ 1..=3) = graph.as_const(shifted.b())
            {
                let (a, b) = (self.operand(graph, size, a), self.operand(graph, size, shifted.a()));
                return self
                    .push(LOp::AddShifted { size, shift: shift as u8 }, &[def(d), usage(a), usage(b)]);
            }
        }
        self.alu(context, Alu::Add, value, inst, d);
    }

    fn float_binary<M: Masm>(&mut self, context: &Context<'_, M>, value: Value, inst: Inst, d: VReg) {
        use engine_machine::masm::FloatBinary;
        let graph = context.graph;
        let (op, kind) = (float_binary(inst.aux), inst.kind);
        let d = if self.float_two_address { Operand::reg_reuse_def(d, 1) } else { def(d) };
        let memory = M::MEMORY_OPERANDS
            && matches!(op, FloatBinary::Add | FloatBinary::Sub | FloatBinary::Mul | FloatBinary::Div);
        if memory && let Some(bits @ 1..) = graph.as_const(inst.b()) {
            let a = self.reg(graph, inst.a());
            return self.push(LOp::FloatConstant { op, kind, bits }, &[d, usage(a)]);
        }
        let load = if kind == ValKind::F32 { Load::F32 } else { Load::F64 };
        if memory
            && inst.a() != inst.b()
            && self.can_fuse(context, inst.b(), load, self.effects[value.index()])
        {
            let a = self.reg(graph, inst.a());
            let (mem, operands, count) = self.fuse(graph, inst.b());
            let all = [d, usage(a), operands[0], operands[1]];
            return self.push(LOp::FloatLoad { op, kind, mem }, &all[..2 + count]);
        }
        let (a, b) = (self.reg(graph, inst.a()), self.reg(graph, inst.b()));
        let b = if memory { right::<M>(b) } else { usage(b) };
        self.push(LOp::FloatBinary { op, kind }, &[d, usage(a), b]);
    }

    fn alu<M: Masm>(&mut self, context: &Context<'_, M>, op: Alu, value: Value, inst: Inst, d: VReg) {
        let graph = context.graph;
        let size = inst.size();
        if let Some(imm) = immediate(graph, inst.b()) {
            let a = self.operand(graph, size, inst.a());
            let op = LOp::AluImm { op, size, imm };
            return match op {
                LOp::AluImm { op: Alu::Add | Alu::Mul, .. } => self.push(op, &[def(d), usage(a)]),
                _ => self.push_unary::<M>(op, d, a),
            };
        }
        let load = if size == Size::S32 { Load::I32 } else { Load::I64 };
        for (a, b) in [(inst.a(), inst.b()), (inst.b(), inst.a())] {
            if a != b && self.can_fuse(context, b, load, self.effects[value.index()]) {
                let a = self.operand(graph, size, a);
                let (mem, operands, count) = self.fuse(graph, b);
                let all = [Operand::reg_reuse_def(d, 1), usage(a), operands[0], operands[1]];
                return self.push(LOp::AluLoad { op, size, mem }, &all[..2 + count]);
            }
            if op == Alu::Sub {
                break;
            }
        }
        let (mut a, mut b) = (inst.a(), inst.b());
        let uses = &context.schedule.uses;
        if op != Alu::Sub && uses[a.index()] > 1 && uses[b.index()] == 1 {
            // The result takes the register of an operand that is not needed any more.
            core::mem::swap(&mut a, &mut b);
        }
        let (a, b) = (self.operand(graph, size, a), self.operand(graph, size, b));
        let lop = LOp::Alu { op, size };
        if op == Alu::Add {
            self.push(lop, &[def(d), usage(a), right::<M>(b)])
        } else {
            self.push_binary::<M>(lop, d, a, b)
        }
    }

    fn shift<M: Masm>(&mut self, context: &Context<'_, M>, op: Shift, inst: Inst, d: VReg) {
        let graph = context.graph;
        let size = inst.size();
        let a = self.operand(graph, size, inst.a());
        if let Some(count) = graph.as_const(inst.b()) {
            return self.push_unary::<M>(LOp::ShiftImm { op, size, count: count as u8 & 63 }, d, a);
        }
        let count = self.low(graph, inst.b());
        self.push(LOp::Shift { op, size }, &[def(d), usage(a), usage(count)]);
    }

    fn divide<M: Masm>(&mut self, context: &Context<'_, M>, inst: Inst, d: VReg) {
        let graph = context.graph;
        let size = inst.size();
        let (signed, remainder) = (inst.aux & 1 != 0, inst.aux & 2 != 0);
        let all = if size == Size::S32 { u64::from(u32::MAX) } else { u64::MAX };
        let divisor = graph.as_const(inst.b());
        let op = Division {
            signed,
            remainder,
            may_be_zero: divisor.is_none_or(|value| value == 0),
            may_be_minus_one: divisor.is_none_or(|value| value == all),
        };
        let (a, b) = (self.operand(graph, size, inst.a()), self.operand(graph, size, inst.b()));
        let operands = match M::DIVISION {
            Some(fixed) => [
                Operand::reg_fixed_def(d, preg(if remainder { fixed.remainder } else { fixed.dividend })),
                Operand::reg_fixed_use(a, preg(fixed.dividend)),
                Operand::reg_use_at_end(b),
            ],
            None => [def(d), usage(a), usage(b)],
        };
        self.push(LOp::Divide { op, size }, &operands);
    }

    fn unary(&mut self, graph: &Graph, op: Unary, size: Size, inst: Inst, d: VReg) {
        let a = self.operand(graph, size, inst.a());
        self.push(LOp::Unary { op, size }, &[def(d), usage(a)]);
    }

    fn store(&mut self, graph: &Graph, inst: Inst) {
        use engine_machine::masm::Store;
        let op = store_of(inst.aux);
        let float = matches!(op, Store::F32 | Store::F64);
        let value = graph.inst(inst.b());
        let (mem, operands, count) = self.mem(graph, inst.a());
        let constant = if float {
            graph.as_const(inst.b()).filter(|&bits| bits == 0).map(|_| 0)
        } else {
            graph.as_const(inst.b()).and_then(|bits| match value.kind {
                ValKind::I32 => Some(bits as i32),
                _ if op != Store::I64 => Some(bits as i32),
                _ => i32::try_from(bits as i64).ok(),
            })
        };
        if let Some(value) = constant {
            return self.push(LOp::StoreImm { op, mem, value }, &operands[..count]);
        }
        let source = if op == Store::I64 || float {
            self.reg(graph, inst.b())
        } else {
            self.narrowed(graph, op, inst.b())
        };
        let mut all = [operands[0], operands[1], nobody()];
        all[count] = usage(source);
        self.push(LOp::Store { op, mem }, &all[..=count]);
    }

    /// The register of a value that is stored: extensions and masks of what is not stored do not matter.
    fn narrowed(&mut self, graph: &Graph, op: engine_machine::masm::Store, value: Value) -> VReg {
        use engine_machine::masm::Store;
        let mut value = value;
        loop {
            let inst = graph.inst(value);
            let mask = if inst.op == Op::And { graph.as_const(inst.b()) } else { None };
            value = match (inst.op, op) {
                (Op::Wrap | Op::ExtendU, _) => inst.a(),
                (Op::Extend8S, Store::I8) | (Op::Extend16S, Store::I8 | Store::I16) => inst.a(),
                (Op::And, Store::I8) if mask.is_some_and(|mask| mask & 0xff == 0xff) => inst.a(),
                (Op::And, Store::I16) if mask.is_some_and(|mask| mask & 0xffff == 0xffff) => inst.a(),
                _ => return self.reg(graph, value),
            };
        }
    }

    fn global(&mut self, graph: &Graph, inst: Inst, d: VReg) {
        let kind = inst.kind;
        let set = inst.op == Op::GlobalSet;
        match self.env.layout.global(GlobalIndex(inst.args[0])) {
            Place::Inline(offset) => {
                let offset = offset as i32;
                if set {
                    let value = self.reg(graph, inst.b());
                    self.push(LOp::VmStore { kind, offset }, &[usage(value)]);
                } else {
                    self.push(LOp::VmLoad { kind, offset }, &[def(d)]);
                }
            }
            Place::Indirect(offset) => {
                let cell = self.new_vreg(RegClass::Int);
                let value = if set { self.reg(graph, inst.b()) } else { d };
                self.push(LOp::VmLoad { kind: ValKind::I64, offset: offset as i32 }, &[def(cell)]);
                if set {
                    self.push(LOp::StoreAt { kind, offset: 0 }, &[usage(cell), usage(value)]);
                } else {
                    self.push(LOp::LoadAt { kind, offset: 0 }, &[def(value), usage(cell)]);
                }
            }
        }
    }
}

fn def(vreg: VReg) -> Operand {
    Operand::new(vreg, OperandConstraint::Reg, OperandKind::Def, OperandPos::Late)
}

fn usage(vreg: VReg) -> Operand {
    Operand::new(vreg, OperandConstraint::Reg, OperandKind::Use, OperandPos::Early)
}

/// The use of a right operand, which may be in the frame if operations take operands from memory.
fn right<M: Masm>(vreg: VReg) -> Operand {
    if M::MEMORY_OPERANDS { Operand::any_use(vreg) } else { usage(vreg) }
}

/// A constant that fits the immediate field of an operation of its own width.
fn immediate(graph: &Graph, value: Value) -> Option<i32> {
    let inst = graph.inst(value);
    if inst.op != Op::Const || inst.kind.is_float() {
        return None;
    }
    match inst.kind {
        ValKind::I32 => Some(inst.bits() as i32),
        _ => i32::try_from(inst.bits() as i64).ok(),
    }
}
