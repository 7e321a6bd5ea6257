//! Float-to-integer truncation, trapping and saturating.
//!
//! `cvttss2si` and `cvttsd2si` return the least integer for everything they cannot represent. For 32-bit results the
//! 64-bit conversion is exact, and a compare with its extended lower half finds every value out of range. The rare cases are
//! told apart by a comparison with zero, which is unordered for NaN.

use super::encode::{W, cc, op1, op2, op2p};
use super::float::{scalar, ucomi};
use super::{R11, X14, X15, X64};
use crate::masm::{IntegerAsm, Operand, Size};
use crate::{Reg, TrapCode};
use engine_decoder::ValKind;

/// Bits of 2^63.
fn two_to_63(kind: ValKind) -> u64 {
    if kind == ValKind::F32 { 0x5f00_0000 } else { 0x43e0_0000_0000_0000 }
}

impl X64 {
    fn cvtt(&mut self, kind: ValKind, dst: Reg, src: Reg) {
        self.rr(scalar(kind, 0x2c), W::W1, dst.number(), src.number());
    }

    /// Jumps to the trap for a value known to be NaN or out of range.
    fn trap_invalid(&mut self, kind: ValKind, src: Reg) {
        self.frr(ucomi(kind), src, src);
        let nan = self.emitter.trap_label(TrapCode::BadConversionToInteger);
        self.jcc(cc::P, nan);
        let overflow = self.emitter.trap_label(TrapCode::IntegerOverflow);
        self.jmp(overflow);
    }

    pub(super) fn truncate_32(&mut self, from: ValKind, dst: Reg, src: Reg, signed: bool, saturating: bool) {
        self.cvtt(from, dst, src);
        if signed {
            self.rr(op1(0x63), W::W1, R11.number(), dst.number());
        } else {
            self.rr(op1(0x8b), W::W0, R11.number(), dst.number());
        }
        self.classic(7, W::W1, R11, Operand::Reg(dst));
        let fits = self.short_jcc(cc::E);
        if saturating {
            self.frr(op2(0x57), X15, X15);
            self.mov_imm(Size::S32, dst, 0);
            self.frr(ucomi(from), src, X15);
            let nan = self.short_jcc(cc::P);
            if signed {
                self.mov_imm(Size::S32, dst, i64::from(i32::MAX));
                let positive = self.short_jcc(cc::A);
                self.mov_imm(Size::S32, dst, i64::from(i32::MIN));
                self.short_here(positive);
            } else {
                let negative = self.short_jcc(cc::BE);
                self.mov_imm(Size::S32, dst, -1);
                self.short_here(negative);
            }
            self.short_here(nan);
        } else {
            self.trap_invalid(from, src);
        }
        self.short_here(fits);
        // The upper half of the conversion's result may be a sign extension.
        self.rr(op1(0x8b), W::W0, dst.number(), dst.number());
    }

    pub(super) fn truncate_s64(&mut self, from: ValKind, dst: Reg, src: Reg, saturating: bool) {
        self.cvtt(from, dst, src);
        self.classic(7, W::W1, dst, Operand::Imm(1));
        let fits = self.short_jcc(cc::NO);
        if saturating {
            self.frr(op2(0x57), X15, X15);
            self.frr(ucomi(from), src, X15);
            let not_nan = self.short_jcc(cc::NP);
            self.mov_imm(Size::S32, dst, 0);
            let nan = self.short_jmp();
            self.short_here(not_nan);
            // The result already is the least integer; only large values need another.
            let negative = self.short_jcc(cc::BE);
            self.mov_imm(Size::S64, dst, i64::MAX);
            self.short_here(negative);
            self.short_here(nan);
        } else {
            // -2^63 itself is in range.
            let minus = two_to_63(from) | if from == ValKind::F32 { 1 << 31 } else { 1 << 63 };
            self.float_const(from, X15, minus);
            self.frr(ucomi(from), src, X15);
            let different = self.short_jcc(cc::NE);
            let exact = self.short_jcc(cc::NP);
            self.short_here(different);
            self.trap_invalid(from, src);
            self.short_here(exact);
        }
        self.short_here(fits);
    }

    pub(super) fn truncate_u64(&mut self, from: ValKind, dst: Reg, src: Reg, saturating: bool) {
        self.float_const(from, X15, two_to_63(from));
        self.frr(ucomi(from), src, X15);
        // Unordered sets the carry flag, so NaN takes the small path and comes out negative.
        let large = self.short_jcc(cc::AE);
        self.cvtt(from, dst, src);
        self.rr(op1(0x85), W::W1, dst.number(), dst.number());
        let done_small = self.short_jcc(cc::NS);
        let done_saturated = if saturating {
            self.mov_imm(Size::S32, dst, 0);
            Some(self.short_jmp())
        } else {
            self.trap_invalid(from, src);
            None
        };
        self.short_here(large);
        self.frr(op2(0x28), X14, src);
        self.frr(scalar(from, 0x5c), X14, X15);
        self.cvtt(from, dst, X14);
        // Set the sign bit that the subtraction took away: btc dst, 63. A result that is negative already overflowed.
        self.rr(op1(0x85), W::W1, dst.number(), dst.number());
        if saturating {
            let in_range = self.short_jcc(cc::NS);
            self.mov_imm(Size::S64, dst, -1);
            let saturated = self.short_jmp();
            self.short_here(in_range);
            self.flip_sign(dst);
            self.short_here(saturated);
        } else {
            let overflow = self.emitter.trap_label(TrapCode::IntegerOverflow);
            self.jcc(cc::S, overflow);
            self.flip_sign(dst);
        }
        self.short_here(done_small);
        if let Some(done) = done_saturated {
            self.short_here(done);
        }
    }

    fn flip_sign(&mut self, dst: Reg) {
        self.rr(op2p(0, 0xba), W::W1, 7, dst.number());
        self.byte(63);
    }
}
