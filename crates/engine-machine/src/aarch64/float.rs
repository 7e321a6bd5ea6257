//! Float arithmetic with WebAssembly's exact semantics (core specification, "Floating-Point Operations").
//!
//! The instructions propagate a quiet NaN of one of their operands, order zeros by sign in `fmin` and `fmax`, and
//! compare without false positives on NaN, so almost everything is one instruction.

use super::encode::{a64, cc, double, float, rd, rm, rn};
use super::{Aarch64, V31};
use crate::Reg;
use crate::emitter::Label;
use crate::masm::{Conversion, FloatAsm, FloatBinary, FloatCond, FloatUnary, IntegerAsm, Operand};
use dynasmrt::DynasmApi;
use engine_decoder::ValKind;

/// Condition code of a float comparison. `fcmp` sets N when less, Z and C when equal, C when greater, C and V when
/// unordered.
fn code(cond: FloatCond) -> u8 {
    match cond {
        FloatCond::Eq => cc::EQ,
        FloatCond::Ne => cc::NE,
        FloatCond::Lt => cc::MI,
        FloatCond::Gt => cc::GT,
        FloatCond::Le => cc::LS,
        FloatCond::Ge => cc::GE,
    }
}

impl Aarch64 {
    /// `fcmp`.
    pub(super) fn float_compare(&mut self, kind: ValKind, lhs: Reg, rhs: Reg) {
        float!(self, kind ; fcmp lhs, rhs);
    }

    /// `fcsel`: `dst` is `yes` if the condition holds, else `no`.
    pub(super) fn float_select(&mut self, kind: ValKind, condition: u8, dst: Reg, yes: Reg, no: Reg) {
        self.word(0x1e20_0c00 | double(kind) | u32::from(condition) << 12 | rm(no) | rn(yes) | rd(dst));
    }

    fn copy_sign(&mut self, kind: ValKind, dst: Reg, lhs: Reg, rhs: Reg) {
        // The sign bit of `rhs`, shifted down first, so that `dst` may be `rhs`, is then inserted over that of `lhs`.
        match kind {
            ValKind::F32 => a64!(self ; ushr V(V31).s2, V(rhs).s2, 31),
            _ => a64!(self ; ushr D(V31), D(rhs), 63),
        }
        if dst != lhs {
            self.mov(kind, dst, lhs);
        }
        match kind {
            ValKind::F32 => a64!(self ; sli V(dst).s2, V(V31).s2, 31),
            _ => a64!(self ; sli D(dst), D(V31), 63),
        }
    }
}

impl FloatAsm for Aarch64 {
    fn float_binary(&mut self, op: FloatBinary, kind: ValKind, dst: Reg, lhs: Reg, rhs: Operand) {
        let rhs = match rhs {
            Operand::Reg(rhs) => rhs,
            Operand::Frame(offset) => {
                self.load_frame(kind, V31, offset);
                V31
            }
            Operand::Imm(_) | Operand::Memory(_) | Operand::Constant(_) => {
                unreachable!("no such float operand")
            }
        };
        match op {
            FloatBinary::Add => float!(self, kind ; fadd dst, lhs, rhs),
            FloatBinary::Sub => float!(self, kind ; fsub dst, lhs, rhs),
            FloatBinary::Mul => float!(self, kind ; fmul dst, lhs, rhs),
            FloatBinary::Div => float!(self, kind ; fdiv dst, lhs, rhs),
            FloatBinary::Min => float!(self, kind ; fmin dst, lhs, rhs),
            FloatBinary::Max => float!(self, kind ; fmax dst, lhs, rhs),
            FloatBinary::CopySign => self.copy_sign(kind, dst, lhs, rhs),
        }
    }

    fn float_two_address(&self) -> bool {
        false
    }

    fn has_rounding(&self) -> bool {
        true
    }

    fn float_unary(&mut self, op: FloatUnary, kind: ValKind, dst: Reg, src: Reg) {
        match op {
            FloatUnary::Abs => float!(self, kind ; fabs dst, src),
            FloatUnary::Neg => float!(self, kind ; fneg dst, src),
            FloatUnary::Sqrt => float!(self, kind ; fsqrt dst, src),
            FloatUnary::Ceil => float!(self, kind ; frintp dst, src),
            FloatUnary::Floor => float!(self, kind ; frintm dst, src),
            FloatUnary::Trunc => float!(self, kind ; frintz dst, src),
            FloatUnary::Nearest => float!(self, kind ; frintn dst, src),
        }
    }

    fn float_set(&mut self, cond: FloatCond, kind: ValKind, dst: Reg, lhs: Reg, rhs: Reg) {
        self.float_compare(kind, lhs, rhs);
        self.set_code(code(cond), dst);
    }

    fn float_branch(
        &mut self,
        cond: FloatCond,
        kind: ValKind,
        lhs: Reg,
        rhs: Reg,
        when: bool,
        target: Label,
    ) {
        self.float_compare(kind, lhs, rhs);
        self.branch_on(code(cond) ^ u8::from(!when), target);
    }

    fn convert(&mut self, op: Conversion, dst: Reg, src: Reg) {
        match op {
            Conversion::Truncate { from, to, signed, saturating } => {
                if saturating {
                    self.float_to_int(from, to, signed, dst, src);
                } else {
                    self.truncate(from, to, signed, dst, src);
                }
            }
            Conversion::Convert { from, signed, to } => self.int_to_float(from, signed, to, dst, src),
            Conversion::Demote => a64!(self ; fcvt S(dst), D(src)),
            Conversion::Promote => a64!(self ; fcvt D(dst), S(src)),
            Conversion::Reinterpret { from } => match from {
                ValKind::I32 => a64!(self ; fmov S(dst), W(src)),
                ValKind::F32 => a64!(self ; fmov W(dst), S(src)),
                ValKind::F64 => a64!(self ; fmov X(dst), D(src)),
                _ => a64!(self ; fmov D(dst), X(src)),
            },
        }
    }

    fn canonicalize_nan(&mut self, kind: ValKind, reg: Reg) {
        self.float_compare(kind, reg, reg);
        let ordered = self.skip_on(cc::VC);
        self.float_const(kind, reg, if kind == ValKind::F32 { 0x7fc0_0000 } else { 0x7ff8 << 48 });
        self.land(ordered);
    }
}
