//! Moves and integer arithmetic.

use super::encode::{Access, a64, cc, float, int, rd, rm, rn, sf};
use super::{Aarch64, FP, V31, X16, X17, ZERO};
use crate::masm::{Alu, Cond, Division, IntegerAsm, Operand, Shift, Size, Unary};
use crate::{Reg, TrapCode};
use dynasmrt::DynasmApi;
use engine_decoder::ValKind;

/// Condition code of an integer condition.
pub(super) fn code(cond: Cond) -> u8 {
    match cond {
        Cond::Eq => cc::EQ,
        Cond::Ne => cc::NE,
        Cond::LtS => cc::LT,
        Cond::LtU => cc::LO,
        Cond::GtS => cc::GT,
        Cond::GtU => cc::HI,
        Cond::LeS => cc::LE,
        Cond::LeU => cc::LS,
        Cond::GeS => cc::GE,
        Cond::GeU => cc::HS,
    }
}

/// The kind of an integer of a size.
fn kind(size: Size) -> ValKind {
    match size {
        Size::S32 => ValKind::I32,
        Size::S64 => ValKind::I64,
    }
}

impl Aarch64 {
    /// An operand in a register: x16 if it was not in one.
    fn in_register(&mut self, size: Size, operand: Operand) -> Reg {
        match operand {
            Operand::Reg(reg) => return reg,
            Operand::Frame(offset) => self.load_frame(kind(size), X16, offset),
            Operand::Imm(value) => self.constant(size, X16, i64::from(value)),
            Operand::Memory(_) | Operand::Constant(_) => unreachable!("there are no memory operands"),
        }
        X16
    }

    /// `mov dst, src` between integer registers, at full width.
    pub(super) fn mov64(&mut self, dst: Reg, src: Reg) {
        a64!(self ; mov X(dst), X(src));
    }

    /// Shift by a constant below the width.
    fn shift_constant(&mut self, op: Shift, size: Size, dst: Reg, src: Reg, count: u32) {
        // "Bitfield" and "Extract" of the data-processing (immediate) group; N repeats the width.
        const SBFM: u32 = 0x1300_0000;
        const UBFM: u32 = 0x5300_0000;
        const EXTR: u32 = 0x1380_0000;
        let (mask, wide) = match size {
            Size::S32 => (31, 0),
            Size::S64 => (63, 1 << 22),
        };
        let back = count.wrapping_neg() & mask;
        let fields = |immr: u32, imms: u32| immr << 16 | imms << 10;
        let word = match op {
            Shift::Shl => UBFM | fields(back, mask - count),
            Shift::ShrU => UBFM | fields(count, mask),
            Shift::ShrS => SBFM | fields(count, mask),
            Shift::Rotr => EXTR | rm(src) | fields(0, count),
            Shift::Rotl => EXTR | rm(src) | fields(0, back),
        };
        self.word(sf(size) | wide | word | rn(src) | rd(dst));
    }

    /// `csel`: `dst` is `yes` if the condition holds, else `no`.
    pub(super) fn select(&mut self, size: Size, condition: u8, dst: Reg, yes: Reg, no: Reg) {
        self.word(sf(size) | 0x1a80_0000 | u32::from(condition) << 12 | rm(no) | rn(yes) | rd(dst));
    }

    /// `cset`.
    pub(super) fn set_code(&mut self, condition: u8, dst: Reg) {
        // `csinc dst, wzr, wzr` on the opposite condition.
        self.word(0x1a80_0400 | u32::from(condition ^ 1) << 12 | rm(ZERO) | rn(ZERO) | rd(dst));
    }
}

impl IntegerAsm for Aarch64 {
    #[inline]
    fn mov(&mut self, kind: ValKind, dst: Reg, src: Reg) {
        match kind {
            ValKind::I32 => a64!(self ; mov W(dst), W(src)),
            ValKind::I64 | ValKind::Ref => a64!(self ; mov X(dst), X(src)),
            ValKind::F32 | ValKind::F64 => float!(self, kind ; fmov dst, src),
            ValKind::V128 => a64!(self ; mov V(dst).b16, V(src).b16),
        }
    }
    fn mov_imm(&mut self, size: Size, dst: Reg, value: i64) {
        self.constant(size, dst, value);
    }
    fn zero(&mut self, dst: Reg) {
        if dst.is_fpr() {
            a64!(self ; movi D(dst), 0);
        } else {
            self.constant(Size::S32, dst, 0);
        }
    }
    fn float_const(&mut self, kind: ValKind, dst: Reg, bits: u64) {
        if bits == 0 {
            self.zero(dst);
        } else if !self.float_immediate(kind, dst, bits) {
            match kind {
                ValKind::F32 => {
                    self.constant(Size::S32, X17, bits as i64);
                    a64!(self ; fmov S(dst), w17);
                }
                _ => {
                    self.constant(Size::S64, X17, bits as i64);
                    a64!(self ; fmov D(dst), x17);
                }
            }
        }
    }
    #[inline]
    fn load_frame(&mut self, kind: ValKind, dst: Reg, offset: i32) {
        self.access_at(Access::load(kind), dst, FP, offset);
    }
    #[inline]
    fn store_frame(&mut self, kind: ValKind, offset: i32, src: Reg) {
        self.access_at(Access::store(kind), src, FP, offset);
    }
    fn store_frame_imm(&mut self, kind: ValKind, offset: i32, value: i32) {
        let (size, access) = match kind {
            ValKind::I32 | ValKind::F32 => (Size::S32, Access::STR_W),
            _ => (Size::S64, Access::STR_X),
        };
        let src = self.constant_or_zero(size, value);
        self.access_at(access, src, FP, offset);
    }
    fn load_at(&mut self, kind: ValKind, dst: Reg, base: Reg, offset: i32) {
        self.access_at(Access::load(kind), dst, base, offset);
    }
    fn store_at(&mut self, kind: ValKind, base: Reg, offset: i32, src: Reg) {
        self.access_at(Access::store(kind), src, base, offset);
    }
    fn load_constant(&mut self, kind: ValKind, dst: Reg, bits: u64) {
        self.float_const(kind, dst, bits);
    }
    fn add_shifted(&mut self, size: Size, dst: Reg, a: Reg, b: Reg, shift: u8, offset: i32) {
        let to = if offset == 0 { dst } else { X16 };
        match size {
            Size::S32 => a64!(self ; add W(to), W(a), W(b), lsl u32::from(shift & 3)),
            Size::S64 => a64!(self ; add X(to), X(a), X(b), lsl u32::from(shift & 3)),
        }
        if offset != 0 {
            self.add_constant(size, dst, X16, i64::from(offset));
        }
    }
    fn lea(&mut self, dst: Reg, base: Reg, offset: i32) {
        self.add_constant(Size::S64, dst, base, i64::from(offset));
    }

    #[inline]
    fn alu(&mut self, op: Alu, size: Size, dst: Reg, lhs: Reg, rhs: Operand) {
        if let Operand::Imm(value) = rhs {
            let done = match op {
                Alu::Add => {
                    self.add_constant(size, dst, lhs, i64::from(value));
                    true
                }
                Alu::Sub => {
                    self.add_constant(size, dst, lhs, -i64::from(value));
                    true
                }
                Alu::And => self.logical(0, size, dst, lhs, value),
                Alu::Or => self.logical(1, size, dst, lhs, value),
                Alu::Xor => self.logical(2, size, dst, lhs, value),
                Alu::Mul if value > 0 && value & (value - 1) == 0 => {
                    self.shift_constant(Shift::Shl, size, dst, lhs, value.trailing_zeros());
                    true
                }
                Alu::Mul => false,
            };
            if done {
                return;
            }
        }
        let rhs = self.in_register(size, rhs);
        match op {
            Alu::Add => int!(self, size ; add dst, lhs, rhs),
            Alu::Sub => int!(self, size ; sub dst, lhs, rhs),
            Alu::And => int!(self, size ; and dst, lhs, rhs),
            Alu::Or => int!(self, size ; orr dst, lhs, rhs),
            Alu::Xor => int!(self, size ; eor dst, lhs, rhs),
            Alu::Mul => int!(self, size ; mul dst, lhs, rhs),
        }
    }

    fn shift(&mut self, op: Shift, size: Size, dst: Reg, lhs: Reg, rhs: Operand) {
        let count = match rhs {
            Operand::Imm(count) => {
                let count = count as u32 & if size == Size::S32 { 31 } else { 63 };
                return match count {
                    0 if dst == lhs => {}
                    0 => self.mov(kind(size), dst, lhs),
                    _ => self.shift_constant(op, size, dst, lhs, count),
                };
            }
            Operand::Reg(count) => count,
            Operand::Frame(_) | Operand::Memory(_) | Operand::Constant(_) => {
                unreachable!("shift counts are registers or constants")
            }
        };
        match op {
            Shift::Shl => int!(self, size ; lsl dst, lhs, count),
            Shift::ShrS => int!(self, size ; asr dst, lhs, count),
            Shift::ShrU => int!(self, size ; lsr dst, lhs, count),
            Shift::Rotr => int!(self, size ; ror dst, lhs, count),
            Shift::Rotl => {
                int!(self, size ; neg X16, count);
                int!(self, size ; ror dst, lhs, X16);
            }
        }
    }

    fn divide(&mut self, op: Division, size: Size, dst: Reg, lhs: Reg, rhs: Reg) {
        if op.may_be_zero {
            let trap = self.emitter.trap_label(TrapCode::IntegerDivisionByZero);
            self.branch_if_zero(size, rhs, trap);
        }
        if op.signed && !op.remainder && op.may_be_minus_one {
            // Only the least integer minus 1 overflows; compare it if the divisor is -1, else clear the overflow flag.
            self.compare_immediate(size, rhs, -1);
            match size {
                Size::S32 => a64!(self ; ccmp W(lhs), 1, 0, eq),
                Size::S64 => a64!(self ; ccmp X(lhs), 1, 0, eq),
            }
            let trap = self.emitter.trap_label(TrapCode::IntegerOverflow);
            self.branch_on(cc::VS, trap);
        }
        // The least integer divided by -1 gives itself, hence the remainder 0.
        let quotient = if op.remainder { X16 } else { dst };
        if op.signed {
            int!(self, size ; sdiv quotient, lhs, rhs);
        } else {
            int!(self, size ; udiv quotient, lhs, rhs);
        }
        if op.remainder {
            int!(self, size ; msub dst, quotient, rhs, lhs);
        }
    }

    fn multiply_high(&mut self, signed: bool, dst: Reg, lhs: Reg, rhs: Reg) {
        if signed {
            a64!(self ; smulh X(dst), X(lhs), X(rhs));
        } else {
            a64!(self ; umulh X(dst), X(lhs), X(rhs));
        }
    }

    fn unary(&mut self, op: Unary, size: Size, dst: Reg, src: Reg) {
        match op {
            Unary::Clz => int!(self, size ; clz dst, src),
            Unary::Ctz => {
                int!(self, size ; rbit dst, src);
                int!(self, size ; clz dst, dst);
            }
            Unary::Popcnt => {
                match size {
                    Size::S32 => a64!(self ; fmov S(V31), W(src)),
                    Size::S64 => a64!(self ; fmov D(V31), X(src)),
                }
                a64!(self
                    ; cnt V(V31).b8, V(V31).b8
                    ; addv B(V31), V(V31).b8
                    ; fmov W(dst), S(V31)
                );
            }
            Unary::Extend8S => match size {
                Size::S32 => a64!(self ; sxtb W(dst), W(src)),
                Size::S64 => a64!(self ; sxtb X(dst), W(src)),
            },
            Unary::Extend16S => match size {
                Size::S32 => a64!(self ; sxth W(dst), W(src)),
                Size::S64 => a64!(self ; sxth X(dst), W(src)),
            },
            Unary::Extend32S => a64!(self ; sxtw X(dst), W(src)),
            Unary::Extend32U => a64!(self ; mov W(dst), W(src)),
        }
    }

    #[inline]
    fn cmp(&mut self, size: Size, lhs: Reg, rhs: Operand) {
        if let Operand::Imm(value) = rhs
            && self.compare_immediate(size, lhs, value)
        {
            return;
        }
        let rhs = self.in_register(size, rhs);
        int!(self, size ; cmp lhs, rhs);
    }
    fn test(&mut self, size: Size, lhs: Reg, rhs: Operand) {
        if let Operand::Imm(value) = rhs
            && self.logical(3, size, ZERO, lhs, value)
        {
            return;
        }
        let rhs = self.in_register(size, rhs);
        int!(self, size ; tst lhs, rhs);
    }
    fn set(&mut self, cond: Cond, dst: Reg) {
        self.set_code(code(cond), dst);
    }
    fn cmov(&mut self, cond: Cond, kind: ValKind, dst: Reg, src: Reg) {
        if dst == src {
            return;
        }
        let condition = code(cond);
        match kind {
            ValKind::I32 => self.select(Size::S32, condition, dst, src, dst),
            ValKind::I64 | ValKind::Ref => self.select(Size::S64, condition, dst, src, dst),
            ValKind::F32 | ValKind::F64 => self.float_select(kind, condition, dst, src, dst),
            ValKind::V128 => {
                let over = self.skip_on(condition ^ 1);
                self.mov(kind, dst, src);
                self.land(over);
            }
        }
    }
}

impl Aarch64 {
    /// A register that holds a sign-extended constant: the zero register, or x16.
    pub(super) fn constant_or_zero(&mut self, size: Size, value: i32) -> Reg {
        if value == 0 {
            return ZERO;
        }
        self.constant(size, X16, i64::from(value));
        X16
    }
}
