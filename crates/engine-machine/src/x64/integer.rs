//! Moves and integer arithmetic.

use super::encode::{Mem, Op, W, cc, op1, op2, op2p};
use super::memory::mem;
use super::{R11, RAX, RBP, RCX, RDX, X64};
use crate::Reg;
use crate::TrapCode;
use crate::masm::{Alu, Cond, ControlAsm, Division, IntegerAsm, Operand, Shift, Size, Unary};
use engine_decoder::ValKind;

#[inline(always)]
pub(super) fn w(size: Size) -> W {
    match size {
        Size::S32 => W::W0,
        Size::S64 => W::W1,
    }
}

/// Condition-code number of an integer condition.
pub(super) fn code(cond: Cond) -> u8 {
    match cond {
        Cond::Eq => cc::E,
        Cond::Ne => cc::NE,
        Cond::LtS => cc::L,
        Cond::LtU => cc::B,
        Cond::GtS => cc::G,
        Cond::GtU => cc::A,
        Cond::LeS => cc::LE,
        Cond::LeU => cc::BE,
        Cond::GeS => cc::GE,
        Cond::GeU => cc::AE,
    }
}

const MOVSS_LOAD: Op = op2p(0xf3, 0x10);
const MOVSD_LOAD: Op = op2p(0xf2, 0x10);
const MOVSS_STORE: Op = op2p(0xf3, 0x11);
const MOVSD_STORE: Op = op2p(0xf2, 0x11);
const MOVUPS_LOAD: Op = op2(0x10);
const MOVUPS_STORE: Op = op2(0x11);

impl X64 {
    /// Load of any kind from outside linear memory.
    #[inline(always)]
    pub(super) fn load_mem(&mut self, kind: ValKind, dst: Reg, mem: Mem) {
        let n = dst.number();
        match kind {
            ValKind::I32 => self.rm(op1(0x8b), W::W0, n, mem),
            ValKind::I64 | ValKind::Ref => self.rm(op1(0x8b), W::W1, n, mem),
            ValKind::F32 => self.rm(MOVSS_LOAD, W::W0, n, mem),
            ValKind::F64 => self.rm(MOVSD_LOAD, W::W0, n, mem),
            ValKind::V128 => self.rm(MOVUPS_LOAD, W::W0, n, mem),
        }
    }
    /// Store of any kind to outside linear memory.
    #[inline(always)]
    pub(super) fn store_mem(&mut self, kind: ValKind, mem: Mem, src: Reg) {
        let n = src.number();
        match kind {
            ValKind::I32 => self.rm(op1(0x89), W::W0, n, mem),
            ValKind::I64 | ValKind::Ref => self.rm(op1(0x89), W::W1, n, mem),
            ValKind::F32 => self.rm(MOVSS_STORE, W::W0, n, mem),
            ValKind::F64 => self.rm(MOVSD_STORE, W::W0, n, mem),
            ValKind::V128 => self.rm(MOVUPS_STORE, W::W0, n, mem),
        }
    }

    /// `mov dst, src` between integer registers, at full width.
    pub(super) fn mov64(&mut self, dst: Reg, src: Reg) {
        self.rr(op1(0x8b), W::W1, dst.number(), src.number());
    }

    /// `op dst, rhs` of the eight classic operations, by number (add 0, or 1, and 4, sub 5, xor 6, cmp 7).
    #[inline(always)]
    pub(super) fn classic(&mut self, number: u8, w: W, dst: Reg, rhs: Operand) {
        let n = dst.number();
        match rhs {
            Operand::Reg(src) => self.rr(op1(number << 3 | 3), w, n, src.number()),
            Operand::Frame(offset) => self.rm(op1(number << 3 | 3), w, n, Self::frame(offset)),
            Operand::Memory(address) => {
                self.memory_site();
                self.rm(op1(number << 3 | 3), w, n, mem(address));
            }
            Operand::Constant(_) => unreachable!("an integer constant is immediate"),
            Operand::Imm(value) if value as i8 as i32 == value => {
                self.rr(op1(0x83), w, number, n);
                self.byte(value as u8);
            }
            Operand::Imm(value) => {
                self.rr(op1(0x81), w, number, n);
                self.imm32(value);
            }
        }
    }

    /// Shift by a constant: rol 0, ror 1, shl 4, shr 5, sar 7.
    pub(super) fn shift_imm(&mut self, number: u8, w: W, dst: Reg, count: u8) {
        if count == 1 {
            self.rr(op1(0xd1), w, number, dst.number());
        } else {
            self.rr(op1(0xc1), w, number, dst.number());
            self.byte(count);
        }
    }

    fn popcnt_by_parts(&mut self, size: Size, dst: Reg, src: Reg) {
        // Sums of bits in pairs, nibbles, bytes; a multiplication adds the bytes up (Hacker's Delight, chapter 5).
        // `constant` is saved around the sequence, which cannot trap.
        let constant = *[RAX, RCX, RDX].iter().find(|&&r| r != dst && r != src).expect("three candidates");
        let w = w(size);
        let mask = |pattern: u64| match size {
            Size::S32 => i64::from(pattern as u32),
            Size::S64 => pattern as i64,
        };
        self.push(constant);
        self.mov64(R11, src);
        if dst != src {
            self.mov64(dst, src);
        }
        self.shift_imm(5, w, R11, 1);
        self.mov_imm(size, constant, mask(0x5555_5555_5555_5555));
        self.classic(4, w, R11, Operand::Reg(constant));
        self.classic(5, w, dst, Operand::Reg(R11));
        self.mov64(R11, dst);
        self.mov_imm(size, constant, mask(0x3333_3333_3333_3333));
        self.classic(4, w, dst, Operand::Reg(constant));
        self.shift_imm(5, w, R11, 2);
        self.classic(4, w, R11, Operand::Reg(constant));
        self.classic(0, w, dst, Operand::Reg(R11));
        self.mov64(R11, dst);
        self.shift_imm(5, w, R11, 4);
        self.classic(0, w, dst, Operand::Reg(R11));
        self.mov_imm(size, constant, mask(0x0f0f_0f0f_0f0f_0f0f));
        self.classic(4, w, dst, Operand::Reg(constant));
        self.mov_imm(size, constant, mask(0x0101_0101_0101_0101));
        self.rr(op2(0xaf), w, dst.number(), constant.number());
        self.shift_imm(5, w, dst, if size == Size::S32 { 24 } else { 56 });
        self.pop(constant);
    }

    pub(super) fn push(&mut self, reg: Reg) {
        let n = reg.number();
        if n >= 8 {
            self.byte(0x41);
        }
        self.byte(0x50 | n & 7);
    }
    pub(super) fn pop(&mut self, reg: Reg) {
        let n = reg.number();
        if n >= 8 {
            self.byte(0x41);
        }
        self.byte(0x58 | n & 7);
    }
}

impl IntegerAsm for X64 {
    #[inline]
    fn mov(&mut self, kind: ValKind, dst: Reg, src: Reg) {
        let (d, s) = (dst.number(), src.number());
        match kind {
            ValKind::I32 => self.rr(op1(0x8b), W::W0, d, s),
            ValKind::I64 | ValKind::Ref => self.rr(op1(0x8b), W::W1, d, s),
            // The whole register: no dependence on its old contents.
            ValKind::F32 | ValKind::F64 | ValKind::V128 => self.rr(op2(0x28), W::W0, d, s),
        }
    }
    fn mov_imm(&mut self, size: Size, dst: Reg, value: i64) {
        let n = dst.number();
        let value = if size == Size::S32 { i64::from(value as u32) } else { value };
        if let Ok(low) = u32::try_from(value) {
            if n >= 8 {
                self.byte(0x41);
            }
            self.byte(0xb8 | n & 7);
            self.imm32(low as i32);
        } else if value as i32 as i64 == value {
            self.rr(op1(0xc7), W::W1, 0, n);
            self.imm32(value as i32);
        } else {
            self.emitter.put(u64::from(0x48 | n >> 3) | u64::from(0xb8 | n & 7) << 8, 2);
            self.emitter.put(value as u64, 8);
        }
    }
    fn zero(&mut self, dst: Reg) {
        if dst.is_fpr() {
            self.rr(op2(0x57), W::W0, dst.number(), dst.number());
        } else {
            self.rr(op1(0x33), W::W0, dst.number(), dst.number());
        }
    }
    fn float_const(&mut self, kind: ValKind, dst: Reg, bits: u64) {
        if bits == 0 {
            return self.zero(dst);
        }
        let (size, w) = if kind == ValKind::F32 { (Size::S32, W::W0) } else { (Size::S64, W::W1) };
        self.mov_imm(size, R11, bits as i64);
        self.rr(op2p(0x66, 0x6e), w, dst.number(), R11.number());
    }
    #[inline]
    fn load_frame(&mut self, kind: ValKind, dst: Reg, offset: i32) {
        self.load_mem(kind, dst, Self::frame(offset));
    }
    #[inline]
    fn store_frame(&mut self, kind: ValKind, offset: i32, src: Reg) {
        self.store_mem(kind, Self::frame(offset), src);
    }
    fn store_frame_imm(&mut self, kind: ValKind, offset: i32, value: i32) {
        let w = match kind {
            ValKind::I32 | ValKind::F32 => W::W0,
            _ => W::W1,
        };
        self.rm(op1(0xc7), w, 0, Mem::new(RBP, offset));
        self.imm32(value);
    }
    fn load_at(&mut self, kind: ValKind, dst: Reg, base: Reg, offset: i32) {
        self.load_mem(kind, dst, Mem::new(base.number(), offset));
    }
    fn store_at(&mut self, kind: ValKind, base: Reg, offset: i32, src: Reg) {
        self.store_mem(kind, Mem::new(base.number(), offset), src);
    }
    fn load_constant(&mut self, kind: ValKind, dst: Reg, bits: u64) {
        if bits == 0 {
            return self.zero(dst);
        }
        let label = self.emitter.constant(bits);
        let op = if kind == ValKind::F32 { MOVSS_LOAD } else { MOVSD_LOAD };
        self.rip(op, W::W0, dst.number(), label);
    }
    fn add_shifted(&mut self, size: Size, dst: Reg, a: Reg, b: Reg, shift: u8, offset: i32) {
        let mem = Mem { base: a.number(), index: Some((b.number(), shift)), disp: offset };
        self.rm(op1(0x8d), w(size), dst.number(), mem);
    }
    fn cmp_zero(&mut self, size: Size, reg: Reg) {
        let here = Some((reg, size == Size::S64, self.emitter.position()));
        if self.zero_flag != here || self.emitter.is_bound_here() {
            self.cmp(size, reg, Operand::Imm(0));
        }
    }
    fn lea(&mut self, dst: Reg, base: Reg, offset: i32) {
        self.rm(op1(0x8d), W::W1, dst.number(), Mem::new(base.number(), offset));
    }

    #[inline]
    fn alu(&mut self, op: Alu, size: Size, dst: Reg, lhs: Reg, rhs: Operand) {
        let w = w(size);
        if op == Alu::Mul {
            return self.multiply(w, dst, lhs, rhs);
        }
        let number = match op {
            Alu::Add => 0,
            Alu::Or => 1,
            Alu::And => 4,
            Alu::Sub => 5,
            Alu::Xor | Alu::Mul => 6,
        };
        if dst == lhs {
            self.classic(number, w, dst, rhs);
            self.zero_flag = Some((dst, size == Size::S64, self.emitter.position()));
            return;
        }
        if Self::is(rhs, dst) {
            if op == Alu::Sub {
                // dst = lhs - dst
                self.rr(op1(0xf7), w, 3, dst.number());
                return self.classic(0, w, dst, Operand::Reg(lhs));
            }
            return self.classic(number, w, dst, Operand::Reg(lhs));
        }
        match (op, rhs) {
            (Alu::Add, Operand::Reg(src)) => {
                let mem = Mem { base: lhs.number(), index: Some((src.number(), 0)), disp: 0 };
                self.rm(op1(0x8d), w, dst.number(), mem);
            }
            (Alu::Add, Operand::Imm(value)) => {
                self.rm(op1(0x8d), w, dst.number(), Mem::new(lhs.number(), value));
            }
            (Alu::Sub, Operand::Imm(value)) if value != i32::MIN => {
                self.rm(op1(0x8d), w, dst.number(), Mem::new(lhs.number(), -value));
            }
            _ => {
                self.rr(op1(0x8b), w, dst.number(), lhs.number());
                self.classic(number, w, dst, rhs);
            }
        }
    }

    fn shift(&mut self, op: Shift, size: Size, dst: Reg, lhs: Reg, rhs: Operand) {
        let width = w(size);
        let number = match op {
            Shift::Rotl => 0,
            Shift::Rotr => 1,
            Shift::Shl => 4,
            Shift::ShrU => 5,
            Shift::ShrS => 7,
        };
        let count = match rhs {
            Operand::Imm(count) => {
                let count = count as u8 & if size == Size::S32 { 31 } else { 63 };
                if dst != lhs {
                    self.rr(op1(0x8b), width, dst.number(), lhs.number());
                }
                if count != 0 {
                    self.shift_imm(number, width, dst, count);
                }
                return;
            }
            Operand::Reg(count) => count,
            Operand::Frame(_) | Operand::Memory(_) | Operand::Constant(_) => {
                unreachable!("shift counts are registers or constants")
            }
        };
        let pp = match op {
            Shift::Shl => Some(1),
            Shift::ShrS => Some(2),
            Shift::ShrU => Some(3),
            Shift::Rotl | Shift::Rotr => None,
        };
        match pp {
            Some(pp) if self.features.bmi2 => {
                self.vex_shift(pp, size == Size::S64, dst.number(), lhs.number(), count.number());
            }
            _ => {
                // Only cl can be a count. The value goes through the scratch register, so that any aliasing works.
                self.mov64(R11, lhs);
                if count != RCX {
                    self.rr(op1(0x87), W::W1, RCX.number(), count.number());
                }
                self.rr(op1(0xd3), width, number, R11.number());
                if count != RCX {
                    self.rr(op1(0x87), W::W1, RCX.number(), count.number());
                }
                self.mov64(dst, R11);
            }
        }
    }

    fn divide(&mut self, op: Division, size: Size, dst: Reg, lhs: Reg, rhs: Reg) {
        debug_assert!(lhs == RAX && rhs != RAX && rhs != RDX && (dst == RAX || dst == RDX));
        let w = w(size);
        if op.may_be_zero {
            self.rr(op1(0x85), w, rhs.number(), rhs.number());
            self.trap_if(Cond::Eq, TrapCode::IntegerDivisionByZero);
        }
        if !op.signed {
            self.rr(op1(0x33), W::W0, RDX.number(), RDX.number());
            self.rr(op1(0xf7), w, 6, rhs.number());
            return;
        }
        let mut done = None;
        if op.may_be_minus_one {
            self.classic(7, w, rhs, Operand::Imm(-1));
            let regular = self.short_jcc(cc::NE);
            if op.remainder {
                self.rr(op1(0x33), W::W0, RDX.number(), RDX.number());
                done = Some(self.short_jmp());
            } else {
                // Only the least integer minus 1 overflows.
                self.classic(7, w, RAX, Operand::Imm(1));
                let overflow = self.emitter.trap_label(TrapCode::IntegerOverflow);
                self.jcc(cc::O, overflow);
            }
            self.short_here(regular);
        }
        if size == Size::S64 {
            self.byte(0x48);
        }
        self.byte(0x99);
        self.rr(op1(0xf7), w, 7, rhs.number());
        if let Some(done) = done {
            self.short_here(done);
        }
    }

    fn multiply_high(&mut self, signed: bool, dst: Reg, lhs: Reg, rhs: Reg) {
        debug_assert!(lhs == RAX && dst == RDX);
        self.rr(op1(0xf7), W::W1, if signed { 5 } else { 4 }, rhs.number());
    }

    fn unary(&mut self, op: Unary, size: Size, dst: Reg, src: Reg) {
        let width = w(size);
        let (d, s) = (dst.number(), src.number());
        let bits = if size == Size::S32 { 32 } else { 64 };
        match op {
            Unary::Clz if self.features.lzcnt => self.rr(op2p(0xf3, 0xbd), width, d, s),
            Unary::Clz => {
                // bsr gives the highest bit's number and leaves ZF for a zero source.
                self.rr(op2(0xbd), width, R11.number(), s);
                self.mov_imm(Size::S64, dst, -1);
                self.rr(op2(0x44), W::W1, R11.number(), d);
                self.mov_imm(Size::S32, dst, bits - 1);
                self.classic(5, W::W0, dst, Operand::Reg(R11));
            }
            Unary::Ctz if self.features.bmi1 => self.rr(op2p(0xf3, 0xbc), width, d, s),
            Unary::Ctz => {
                self.rr(op2(0xbc), width, d, s);
                self.mov_imm(Size::S32, R11, bits);
                self.rr(op2(0x44), W::W1, d, R11.number());
            }
            Unary::Popcnt if self.features.popcnt => self.rr(op2p(0xf3, 0xb8), width, d, s),
            Unary::Popcnt => self.popcnt_by_parts(size, dst, src),
            Unary::Extend8S => self.rr_byte_rm(op2(0xbe), width, d, s),
            Unary::Extend16S => self.rr(op2(0xbf), width, d, s),
            Unary::Extend32S => self.rr(op1(0x63), W::W1, d, s),
            Unary::Extend32U => self.rr(op1(0x8b), W::W0, d, s),
        }
    }

    #[inline]
    fn cmp(&mut self, size: Size, lhs: Reg, rhs: Operand) {
        if rhs == Operand::Imm(0) {
            self.rr(op1(0x85), w(size), lhs.number(), lhs.number());
        } else {
            self.classic(7, w(size), lhs, rhs);
        }
    }
    fn test(&mut self, size: Size, lhs: Reg, rhs: Operand) {
        let width = w(size);
        match rhs {
            Operand::Reg(rhs) => self.rr(op1(0x85), width, rhs.number(), lhs.number()),
            Operand::Frame(offset) => self.rm(op1(0x85), width, lhs.number(), Self::frame(offset)),
            Operand::Memory(address) => {
                self.memory_site();
                self.rm(op1(0x85), width, lhs.number(), mem(address));
            }
            Operand::Constant(_) => unreachable!("an integer constant is immediate"),
            Operand::Imm(mask @ 0..=127) => {
                // The low byte decides.
                self.rr_byte_rm(op1(0xf6), W::W0, 0, lhs.number());
                self.byte(mask as u8);
            }
            Operand::Imm(mask) => {
                self.rr(op1(0xf7), width, 0, lhs.number());
                self.imm32(mask);
            }
        }
    }
    fn set(&mut self, cond: Cond, dst: Reg) {
        self.set_code(code(cond), dst);
    }
    fn cmov(&mut self, cond: Cond, kind: ValKind, dst: Reg, src: Reg) {
        if dst == src {
            return;
        }
        if kind.is_float() {
            let over = self.short_jcc(code(cond.negate()));
            self.mov(kind, dst, src);
            self.short_here(over);
        } else {
            let width = if kind == ValKind::I32 { W::W0 } else { W::W1 };
            self.rr(op2(0x40 | code(cond)), width, dst.number(), src.number());
        }
    }
}

impl X64 {
    fn multiply(&mut self, w: W, dst: Reg, lhs: Reg, rhs: Operand) {
        match rhs {
            Operand::Imm(value) => {
                if value as i8 as i32 == value {
                    self.rr(op1(0x6b), w, dst.number(), lhs.number());
                    self.byte(value as u8);
                } else {
                    self.rr(op1(0x69), w, dst.number(), lhs.number());
                    self.imm32(value);
                }
            }
            _ if dst == lhs => match rhs {
                Operand::Reg(src) => self.rr(op2(0xaf), w, dst.number(), src.number()),
                Operand::Frame(offset) => self.rm(op2(0xaf), w, dst.number(), Self::frame(offset)),
                Operand::Memory(address) => {
                    self.memory_site();
                    self.rm(op2(0xaf), w, dst.number(), mem(address));
                }
                Operand::Imm(_) | Operand::Constant(_) => {}
            },
            _ if Self::is(rhs, dst) => self.rr(op2(0xaf), w, dst.number(), lhs.number()),
            Operand::Reg(src) => {
                self.rr(op1(0x8b), w, dst.number(), lhs.number());
                self.rr(op2(0xaf), w, dst.number(), src.number());
            }
            Operand::Frame(offset) => {
                self.load_mem(if w == W::W1 { ValKind::I64 } else { ValKind::I32 }, dst, Self::frame(offset));
                self.rr(op2(0xaf), w, dst.number(), lhs.number());
            }
            Operand::Memory(_) | Operand::Constant(_) => {
                self.rr(op1(0x8b), w, dst.number(), lhs.number());
                self.multiply(w, dst, dst, rhs);
            }
        }
    }

    /// `setcc` and zero extension.
    pub(super) fn set_code(&mut self, code: u8, dst: Reg) {
        self.rr_byte_rm(op2(0x90 | code), W::W0, 0, dst.number());
        self.rr_byte_rm(op2(0xb6), W::W0, dst.number(), dst.number());
    }
}
