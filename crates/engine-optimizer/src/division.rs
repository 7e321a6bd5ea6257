//! Division by constants without a division (Hacker's Delight, chapter 10).

use crate::ir::*;
use engine_decoder::ValKind;
use engine_machine::masm::Size;

impl Graph {
    /// `a` divided by a constant that is neither 0 nor, for signed quotients, -1; or the remainder. `None` if a division is best.
    pub(crate) fn strength_reduce_division(
        &mut self,
        kind: ValKind,
        signed: bool,
        remainder: bool,
        a: Value,
        divisor: u64,
    ) -> Option<Value> {
        let bits: u64 = if kind == ValKind::I32 { 32 } else { 64 };
        let all = if bits == 32 { u64::from(u32::MAX) } else { u64::MAX };
        if remainder && (divisor == 1 || signed && divisor == all) {
            return Some(self.constant(kind, 0));
        }
        if !signed && divisor.is_power_of_two() {
            let op = if remainder { Op::And } else { Op::ShrU };
            let operand = if remainder { divisor - 1 } else { u64::from(divisor.trailing_zeros()) };
            return Some(self.add_imm(op, kind, a, operand));
        }
        let quotient = if signed {
            let divisor = if kind == ValKind::I32 { i64::from(divisor as i32) } else { divisor as i64 };
            self.signed_quotient(kind, bits, a, divisor)?
        } else {
            self.unsigned_quotient(kind, bits, a, divisor)
        };
        if !remainder {
            return Some(quotient);
        }
        let product = self.add_imm(Op::Mul, kind, quotient, divisor);
        Some(self.add_binary(Op::Sub, kind, a, product))
    }

    /// Upper half of `a * factor`.
    fn multiply_high(&mut self, kind: ValKind, signed: bool, a: Value, factor: u64) -> Value {
        if size_of_kind(kind) == Size::S64 {
            let factor = self.constant(kind, factor);
            return self.add(Inst::new(Op::MulHigh, kind, u16::from(signed), [a.0, factor.0, 0]));
        }
        // 32 bits: the whole product in a 64-bit register.
        let extend = if signed { Op::Extend32S } else { Op::ExtendU };
        let wide = self.add_unary(extend, ValKind::I64, a);
        let factor = if signed { factor as u32 as i32 as i64 as u64 } else { factor };
        let product = self.add_imm(Op::Mul, ValKind::I64, wide, factor);
        let high = self.add_imm(Op::ShrU, ValKind::I64, product, 32);
        self.add_unary(Op::Wrap, ValKind::I32, high)
    }

    fn unsigned_quotient(&mut self, kind: ValKind, bits: u64, a: Value, divisor: u64) -> Value {
        if divisor == 1 {
            return a;
        }
        // The least shift whose factor, rounded up, is exact enough for all dividends.
        let d = u128::from(divisor);
        let log2 = 64 - u64::from((divisor - 1).leading_zeros());
        for shift in 0..=log2.min(127 - bits) {
            let power = 1u128 << (bits + shift);
            let factor = power.div_ceil(d);
            if factor * d - power <= 1 << shift && factor < 1 << bits {
                let high = self.multiply_high(kind, false, a, factor as u64);
                return self.add_imm(Op::ShrU, kind, high, shift);
            }
        }
        // The factor has one bit more than a register: 2^bits is added by hand.
        let shift = log2;
        let factor = if bits + shift == 128 {
            // 2^128 / d rounded up, less 2^64; 2^128 does not fit in 128 bits.
            (u128::MAX / d + 1) as u64
        } else {
            (1u128 << (bits + shift)).div_ceil(d) as u64
        };
        let factor = if bits == 32 { factor & 0xffff_ffff } else { factor };
        let high = self.multiply_high(kind, false, a, factor);
        let rest = self.add_binary(Op::Sub, kind, a, high);
        let half = self.add_imm(Op::ShrU, kind, rest, 1);
        let sum = self.add_binary(Op::Add, kind, half, high);
        self.add_imm(Op::ShrU, kind, sum, shift - 1)
    }

    fn signed_quotient(&mut self, kind: ValKind, bits: u64, a: Value, divisor: i64) -> Option<Value> {
        let least = if bits == 32 { i64::from(i32::MIN) } else { i64::MIN };
        if divisor == 1 {
            return Some(a);
        }
        if matches!(divisor, -1 | 0) || divisor == least {
            return None;
        }
        let magnitude = divisor.unsigned_abs();
        if magnitude.is_power_of_two() {
            // Round towards zero: add divisor - 1 to negative dividends.
            let count = u64::from(magnitude.trailing_zeros());
            let sign = self.add_imm(Op::ShrS, kind, a, bits - 1);
            let bias = self.add_imm(Op::ShrU, kind, sign, bits - count);
            let sum = self.add_binary(Op::Add, kind, a, bias);
            let quotient = self.add_imm(Op::ShrS, kind, sum, count);
            return Some(if divisor < 0 { self.negate(kind, quotient) } else { quotient });
        }
        // The least shift whose factor is exact enough for dividends below 2^(bits - 1).
        let d = u128::from(magnitude);
        for shift in 1..bits {
            let power = 1u128 << (bits - 1 + shift);
            let factor = power / d + 1;
            if factor * d - power <= 1 << shift {
                if factor >= 1 << bits {
                    return None;
                }
                // Factors of bits - 1 bits and more are negative as signed ones; add the dividend by hand.
                let high = self.multiply_high(kind, true, a, factor as u64);
                let high =
                    if factor >> (bits - 1) != 0 { self.add_binary(Op::Add, kind, high, a) } else { high };
                let rounded = self.add_imm(Op::ShrS, kind, high, shift - 1);
                let sign = self.add_imm(Op::ShrU, kind, a, bits - 1);
                let quotient = self.add_binary(Op::Add, kind, rounded, sign);
                return Some(if divisor < 0 { self.negate(kind, quotient) } else { quotient });
            }
        }
        None
    }

    fn negate(&mut self, kind: ValKind, a: Value) -> Value {
        let zero = self.constant(kind, 0);
        self.add_binary(Op::Sub, kind, zero, a)
    }
}
