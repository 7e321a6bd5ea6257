//! Conversions between integers and floats.
//!
//! `fcvtzs` and `fcvtzu` saturate, and turn NaN into 0: what the saturating operators are to do. The trapping ones find
//! values out of range by what saturation leaves of them:
//! * to 32 bits, the signed 64-bit conversion is right or saturated, and in both cases out of range if its upper half
//!   does not extend the lower one;
//! * to 64 bits, no float is 2^63 - 1 or 2^64 - 1, so these results mean saturation; at the lower end the operand itself is
//!   compared, which finds NaN as well.

use super::encode::{a64, cc, double, rd, rn, sf};
use super::{Aarch64, V31};
use crate::masm::{IntegerAsm, Size};
use crate::{Reg, TrapCode};
use dynasmrt::DynasmApi;
use engine_decoder::ValKind;

/// Bits of -2^63, the least value that `i64` can hold.
fn minus_two_to_63(kind: ValKind) -> u64 {
    match kind {
        ValKind::F32 => u64::from((i64::MIN as f32).to_bits()),
        _ => (i64::MIN as f64).to_bits(),
    }
}

/// Bits of -1, the greatest integer that is too small for unsigned types.
fn minus_one(kind: ValKind) -> u64 {
    match kind {
        ValKind::F32 => u64::from((-1f32).to_bits()),
        _ => (-1f64).to_bits(),
    }
}

impl Aarch64 {
    /// `fcvtzs` or `fcvtzu`.
    pub(super) fn float_to_int(&mut self, from: ValKind, to: Size, signed: bool, dst: Reg, src: Reg) {
        let op = if signed { 0x1e38_0000 } else { 0x1e39_0000 };
        self.word(sf(to) | op | double(from) | rn(src) | rd(dst));
    }

    /// `scvtf` or `ucvtf`.
    pub(super) fn int_to_float(&mut self, from: Size, signed: bool, to: ValKind, dst: Reg, src: Reg) {
        let op = if signed { 0x1e22_0000 } else { 0x1e23_0000 };
        self.word(sf(from) | op | double(to) | rn(src) | rd(dst));
    }

    /// Branches to a trap on a condition.
    fn trap_on(&mut self, condition: u8, code: TrapCode) {
        let trap = self.emitter.trap_label(code);
        self.branch_on(condition, trap);
    }

    /// Truncation that traps.
    pub(super) fn truncate(&mut self, from: ValKind, to: Size, signed: bool, dst: Reg, src: Reg) {
        match to {
            Size::S32 => {
                self.float_compare(from, src, src);
                self.trap_on(cc::VS, TrapCode::BadConversionToInteger);
                self.float_to_int(from, Size::S64, true, dst, src);
                if signed {
                    a64!(self ; cmp XSP(dst), W(dst), sxtw);
                } else {
                    a64!(self ; cmp XSP(dst), W(dst), uxtw);
                }
                self.trap_on(cc::NE, TrapCode::IntegerOverflow);
                if signed {
                    a64!(self ; mov W(dst), W(dst));
                }
            }
            Size::S64 => {
                self.float_const(from, V31, if signed { minus_two_to_63(from) } else { minus_one(from) });
                self.float_compare(from, src, V31);
                self.trap_on(cc::VS, TrapCode::BadConversionToInteger);
                self.trap_on(if signed { cc::MI } else { cc::LS }, TrapCode::IntegerOverflow);
                self.float_to_int(from, Size::S64, signed, dst, src);
                // Adding 1 overflows from 2^63 - 1, and is 0 from 2^64 - 1.
                self.compare_immediate(Size::S64, dst, -1);
                self.trap_on(if signed { cc::VS } else { cc::EQ }, TrapCode::IntegerOverflow);
            }
        }
    }
}
