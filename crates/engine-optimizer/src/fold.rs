//! Folding: what a pure instruction is equal to, found when it is added to the graph.
//!
//! Each rule looks at an instruction and its operands' instructions only, so adding an instruction takes constant time. Integers only:
//! float operations are neither evaluated nor commuted, because the bits of a NaN depend on the CPU and on the order of operands.

use crate::ir::*;
use engine_decoder::ValKind;
use engine_machine::masm::{Cond, Conversion, Size};

/// What a rule made of an instruction.
enum Folded {
    /// A value that is there already.
    Value(Value),
    /// A constant.
    Const(u64),
    /// Another instruction, to which rules apply again.
    Inst(Inst),
    /// Nothing.
    Not,
}

/// How often rules may apply in a row: each makes the instruction simpler, so this is never reached, but a mistake
/// in a rule shall not hang the compiler.
const MAX_STEPS: u32 = 16;

impl Graph {
    /// The value of a pure instruction, simplified.
    pub fn add(&mut self, inst: Inst) -> Value {
        let mut inst = inst;
        for _ in 0..MAX_STEPS {
            match self.fold(inst) {
                Folded::Value(value) => return value,
                Folded::Const(bits) => {
                    let bits = if inst.kind == ValKind::I32 { u64::from(bits as u32) } else { bits };
                    return self.constant(inst.kind, bits);
                }
                Folded::Inst(next) => inst = next,
                Folded::Not => break,
            }
        }
        self.intern(inst)
    }

    pub fn add_binary(&mut self, op: Op, kind: ValKind, a: Value, b: Value) -> Value {
        self.add(Inst::binary(op, kind, a, b))
    }
    pub fn add_unary(&mut self, op: Op, kind: ValKind, a: Value) -> Value {
        self.add(Inst::unary(op, kind, a))
    }
    /// `a op constant`.
    pub fn add_imm(&mut self, op: Op, kind: ValKind, a: Value, bits: u64) -> Value {
        let bits = if kind == ValKind::I32 { u64::from(bits as u32) } else { bits };
        let b = self.constant(kind, bits);
        self.add_binary(op, kind, a, b)
    }
    pub fn add_compare(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        self.add(Inst::new(Op::Compare, ValKind::I32, pack_cond(cond), [a.0, b.0, 0]))
    }

    fn fold(&mut self, inst: Inst) -> Folded {
        match inst.op {
            Op::Add | Op::Mul | Op::And | Op::Or | Op::Xor => self.fold_commutative(inst),
            Op::Sub => self.fold_sub(inst),
            Op::Shl | Op::ShrS | Op::ShrU | Op::Rotl | Op::Rotr => self.fold_shift(inst),
            Op::Div => self.fold_division(inst),
            Op::Clz
            | Op::Ctz
            | Op::Popcnt
            | Op::Extend8S
            | Op::Extend16S
            | Op::Extend32S
            | Op::ExtendU
            | Op::Wrap => self.fold_unary(inst),
            Op::Compare => self.fold_compare(inst),
            Op::Select => self.fold_select(inst),
            Op::Convert => self.fold_convert(inst),
            Op::Address => self.fold_address(inst),
            _ => Folded::Not,
        }
    }

    fn fold_commutative(&mut self, inst: Inst) -> Folded {
        let (a, b) = (inst.a(), inst.b());
        let Some(rhs) = self.as_const(b) else {
            // Constants go right; others in order, so that equal sums are found equal.
            if self.as_const(a).is_some() || a > b {
                return Folded::Inst(Inst::binary(inst.op, inst.kind, b, a));
            }
            return match inst.op {
                Op::And | Op::Or if a == b => Folded::Value(a),
                Op::Xor if a == b => Folded::Const(0),
                _ => Folded::Not,
            };
        };
        let size = inst.size();
        if let Some(lhs) = self.as_const(a) {
            return Folded::Const(evaluate(inst.op, size, lhs, rhs));
        }
        let all = if size == Size::S32 { u64::from(u32::MAX) } else { u64::MAX };
        match (inst.op, rhs) {
            (Op::Add | Op::Or | Op::Xor, 0) | (Op::Mul, 1) => return Folded::Value(a),
            (Op::And | Op::Mul, 0) => return Folded::Const(0),
            (Op::And, _) if rhs == all => return Folded::Value(a),
            (Op::Or, _) if rhs == all => return Folded::Const(all),
            (Op::Mul, _) if rhs.is_power_of_two() => {
                let count = self.constant(inst.kind, u64::from(rhs.trailing_zeros()));
                return Folded::Inst(Inst::binary(Op::Shl, inst.kind, a, count));
            }
            _ => {}
        }
        let inner = self.inst(a);
        if inner.op == inst.op
            && let Some(first) = self.as_const(inner.b())
        {
            // (x op c) op d = x op (c op d)
            let bits = evaluate(inst.op, size, first, rhs);
            let both = self.constant(inst.kind, bits);
            return Folded::Inst(Inst::binary(inst.op, inst.kind, inner.a(), both));
        }
        if inst.op == Op::And
            && inner.op == Op::ShrU
            && let Some(count) = self.as_const(inner.b())
            && (all >> count) & !rhs == 0
        {
            return Folded::Value(a);
        }
        Folded::Not
    }

    fn fold_sub(&mut self, inst: Inst) -> Folded {
        let (a, b) = (inst.a(), inst.b());
        if a == b {
            return Folded::Const(0);
        }
        let Some(rhs) = self.as_const(b) else { return Folded::Not };
        if let Some(lhs) = self.as_const(a) {
            return Folded::Const(evaluate(Op::Sub, inst.size(), lhs, rhs));
        }
        let bits = evaluate(Op::Sub, inst.size(), 0, rhs);
        let negated = self.constant(inst.kind, bits);
        Folded::Inst(Inst::binary(Op::Add, inst.kind, a, negated))
    }

    fn fold_shift(&mut self, inst: Inst) -> Folded {
        let (a, b) = (inst.a(), inst.b());
        let size = inst.size();
        let width = if size == Size::S32 { 32 } else { 64 };
        let Some(count) = self.as_const(b) else {
            // The count is taken modulo the width anyway.
            let masked = self.inst(b);
            if masked.op == Op::And
                && let Some(mask) = self.as_const(masked.b())
                && mask & (width - 1) == width - 1
            {
                return Folded::Inst(Inst::binary(inst.op, inst.kind, a, masked.a()));
            }
            return Folded::Not;
        };
        if let Some(value) = self.as_const(a) {
            return Folded::Const(evaluate(inst.op, size, value, count));
        }
        let count = if count >= width {
            let count = count & (width - 1);
            let count = self.constant(inst.kind, count);
            return Folded::Inst(Inst::binary(inst.op, inst.kind, a, count));
        } else {
            count
        };
        if count == 0 {
            return Folded::Value(a);
        }
        if inst.op == Op::Rotr {
            let count = self.constant(inst.kind, width - count);
            return Folded::Inst(Inst::binary(Op::Rotl, inst.kind, a, count));
        }
        let inner = self.inst(a);
        if !matches!(inner.op, Op::Shl | Op::ShrU | Op::ShrS) {
            return Folded::Not;
        }
        let Some(first) = self.as_const(inner.b()) else { return Folded::Not };
        let all = if size == Size::S32 { u64::from(u32::MAX) } else { u64::MAX };
        match (inner.op, inst.op) {
            (Op::Shl, Op::Shl) | (Op::ShrU, Op::ShrU) if first + count >= width => Folded::Const(0),
            (Op::Shl, Op::Shl) | (Op::ShrU, Op::ShrU) | (Op::ShrS, Op::ShrS) => {
                let sum = self.constant(inst.kind, (first + count).min(width - 1));
                Folded::Inst(Inst::binary(inst.op, inst.kind, inner.a(), sum))
            }
            (Op::ShrU | Op::ShrS, Op::Shl) if first == count => {
                let mask = self.constant(inst.kind, (all << count) & all);
                Folded::Inst(Inst::binary(Op::And, inst.kind, inner.a(), mask))
            }
            (Op::Shl, Op::ShrU) if first == count => {
                let mask = self.constant(inst.kind, all >> count);
                Folded::Inst(Inst::binary(Op::And, inst.kind, inner.a(), mask))
            }
            (Op::Shl, Op::ShrS) if first == count => {
                let op = match width - count {
                    8 => Op::Extend8S,
                    16 => Op::Extend16S,
                    32 => Op::Extend32S,
                    _ => return Folded::Not,
                };
                Folded::Inst(Inst::unary(op, inst.kind, inner.a()))
            }
            _ => Folded::Not,
        }
    }

    fn fold_division(&mut self, inst: Inst) -> Folded {
        let (a, b) = (inst.a(), inst.b());
        let (signed, remainder) = (inst.aux & 1 != 0, inst.aux & 2 != 0);
        let size = inst.size();
        let Some(divisor) = self.as_const(b) else { return Folded::Not };
        if let Some(dividend) = self.as_const(a) {
            return Folded::Const(divide(size, signed, remainder, dividend, divisor));
        }
        self.strength_reduce_division(inst.kind, signed, remainder, a, divisor)
            .map_or(Folded::Not, Folded::Value)
    }

    fn fold_unary(&mut self, inst: Inst) -> Folded {
        let a = inst.a();
        let from = self.kind(a);
        if let Some(bits) = self.as_const(a) {
            let size = size_of_kind(from);
            let value = match (inst.op, size) {
                (Op::Clz, Size::S32) => u64::from((bits as u32).leading_zeros()),
                (Op::Clz, Size::S64) => u64::from(bits.leading_zeros()),
                (Op::Ctz, Size::S32) => u64::from((bits as u32).trailing_zeros()),
                (Op::Ctz, Size::S64) => u64::from(bits.trailing_zeros()),
                (Op::Popcnt, _) => u64::from(bits.count_ones()),
                (Op::Extend8S, _) => bits as i8 as u64,
                (Op::Extend16S, _) => bits as i16 as u64,
                (Op::Extend32S, _) => bits as i32 as u64,
                _ => u64::from(bits as u32),
            };
            return Folded::Const(value);
        }
        let inner = self.inst(a);
        match (inst.op, inner.op) {
            (Op::Wrap, Op::ExtendU) => Folded::Value(inner.a()),
            (Op::Wrap, Op::Extend32S) if self.kind(inner.a()) == ValKind::I32 => Folded::Value(inner.a()),
            (Op::Extend8S, Op::Extend8S) | (Op::Extend16S, Op::Extend8S | Op::Extend16S) => Folded::Value(a),
            _ => Folded::Not,
        }
    }

    fn fold_compare(&mut self, inst: Inst) -> Folded {
        let (a, b) = (inst.a(), inst.b());
        let cond = cond(inst.aux);
        let compare = |cond: Cond, a: Value, b: Value| {
            Folded::Inst(Inst::new(Op::Compare, ValKind::I32, pack_cond(cond), [a.0, b.0, 0]))
        };
        if a == b {
            let holds = matches!(cond, Cond::Eq | Cond::LeS | Cond::LeU | Cond::GeS | Cond::GeU);
            return Folded::Const(u64::from(holds));
        }
        let size = size_of_kind(self.kind(a));
        let Some(rhs) = self.as_const(b) else {
            if self.as_const(a).is_some() || (matches!(cond, Cond::Eq | Cond::Ne) && a > b) {
                return compare(cond.swap(), b, a);
            }
            return Folded::Not;
        };
        if let Some(lhs) = self.as_const(a) {
            return Folded::Const(u64::from(holds(cond, size, lhs, rhs)));
        }
        match (cond, rhs) {
            (Cond::LtU, 0) => return Folded::Const(0),
            (Cond::GeU, 0) => return Folded::Const(1),
            (Cond::LeU, 0) => return compare(Cond::Eq, a, b),
            (Cond::GtU, 0) => return compare(Cond::Ne, a, b),
            (Cond::LtU | Cond::GeU, 1) => {
                let kind = self.kind(a);
                let zero = self.constant(kind, 0);
                return compare(if cond == Cond::LtU { Cond::Eq } else { Cond::Ne }, a, zero);
            }
            _ => {}
        }
        if rhs != 0 || !matches!(cond, Cond::Eq | Cond::Ne) {
            return Folded::Not;
        }
        let inner = self.inst(a);
        match (inner.op, cond) {
            (Op::Compare | Op::FloatCompare, Cond::Ne) => Folded::Value(a),
            (Op::Compare, _) => {
                let negated = pack_cond(crate::ir::cond(inner.aux).negate());
                Folded::Inst(Inst { aux: negated, ..inner })
            }
            (Op::FloatCompare, _) => Folded::Inst(Inst { aux: inner.aux ^ INVERTED, ..inner }),
            (Op::Sub | Op::Xor, _) => compare(cond, inner.a(), inner.b()),
            (Op::ExtendU, _) => {
                let zero = self.constant(ValKind::I32, 0);
                compare(cond, inner.a(), zero)
            }
            _ => Folded::Not,
        }
    }

    fn fold_select(&mut self, inst: Inst) -> Folded {
        let (a, b, c) = (inst.a(), inst.b(), inst.c());
        if a == b {
            return Folded::Value(a);
        }
        if let Some(condition) = self.as_const(c) {
            return Folded::Value(if condition as u32 != 0 { a } else { b });
        }
        let condition = self.inst(c);
        if condition.op == Op::Compare
            && condition.aux == pack_cond(Cond::Eq)
            && self.as_const(condition.b()) == Some(0)
        {
            // Equal selects look equal.
            let tested = condition.a();
            if self.kind(tested) == ValKind::I32 {
                return Folded::Inst(Inst { args: [b.0, a.0, tested.0], ..inst });
            }
        }
        if inst.kind == ValKind::I32
            && self.as_const(a) == Some(1)
            && self.as_const(b) == Some(0)
            && matches!(condition.op, Op::Compare | Op::FloatCompare)
        {
            return Folded::Value(c);
        }
        Folded::Not
    }

    fn fold_convert(&mut self, inst: Inst) -> Folded {
        if let Conversion::Reinterpret { .. } = conversion(inst.aux) {
            if let Some(bits) = self.as_const(inst.a()) {
                return Folded::Const(bits);
            }
            let inner = self.inst(inst.a());
            if inner.op == Op::Convert
                && matches!(conversion(inner.aux), Conversion::Reinterpret { .. })
                && self.kind(inner.a()) == inst.kind
            {
                return Folded::Value(inner.a());
            }
        }
        Folded::Not
    }

    fn fold_address(&mut self, inst: Inst) -> Folded {
        if inst.b().is_none() {
            return Folded::Not;
        }
        if let Some(index) = self.as_const(inst.b())
            && let Ok(offset) = i32::try_from(u64::from(index as u32) + u64::from(inst.args[2]))
        {
            return Folded::Inst(Inst { args: [inst.args[0], Value::NONE.0, offset as u32], ..inst });
        }
        Folded::Not
    }
}

/// An integer operation on constants; the upper bits of 32-bit results are to be dropped.
pub(crate) fn evaluate(op: Op, size: Size, a: u64, b: u64) -> u64 {
    let count = b as u32;
    let result = match (op, size) {
        (Op::Add, _) => a.wrapping_add(b),
        (Op::Sub, _) => a.wrapping_sub(b),
        (Op::Mul, _) => a.wrapping_mul(b),
        (Op::And, _) => a & b,
        (Op::Or, _) => a | b,
        (Op::Xor, _) => a ^ b,
        (Op::Shl, Size::S32) => u64::from((a as u32).wrapping_shl(count)),
        (Op::Shl, Size::S64) => a.wrapping_shl(count),
        (Op::ShrU, Size::S32) => u64::from((a as u32).wrapping_shr(count)),
        (Op::ShrU, Size::S64) => a.wrapping_shr(count),
        (Op::ShrS, Size::S32) => (a as i32).wrapping_shr(count) as u32 as u64,
        (Op::ShrS, Size::S64) => (a as i64).wrapping_shr(count) as u64,
        (Op::Rotl, Size::S32) => u64::from((a as u32).rotate_left(count & 31)),
        (Op::Rotl, Size::S64) => a.rotate_left(count & 63),
        (Op::Rotr, Size::S32) => u64::from((a as u32).rotate_right(count & 31)),
        (Op::Rotr, Size::S64) => a.rotate_right(count & 63),
        _ => unreachable!("no binary operation"),
    };
    if size == Size::S32 { u64::from(result as u32) } else { result }
}

/// Division of constants; the divisor is neither 0 nor makes the quotient overflow.
fn divide(size: Size, signed: bool, remainder: bool, a: u64, b: u64) -> u64 {
    match (size, signed) {
        (Size::S32, false) => {
            let (a, b) = (a as u32, b as u32);
            u64::from(if remainder { a % b } else { a / b })
        }
        (Size::S64, false) => {
            if remainder {
                a % b
            } else {
                a / b
            }
        }
        (Size::S32, true) => {
            let (a, b) = (a as i32, b as i32);
            (if remainder { a.wrapping_rem(b) } else { a.wrapping_div(b) }) as u32 as u64
        }
        (Size::S64, true) => {
            let (a, b) = (a as i64, b as i64);
            (if remainder { a.wrapping_rem(b) } else { a.wrapping_div(b) }) as u64
        }
    }
}

/// Whether a comparison of constants holds.
pub(crate) fn holds(cond: Cond, size: Size, a: u64, b: u64) -> bool {
    let signed = |bits: u64| if size == Size::S32 { i64::from(bits as i32) } else { bits as i64 };
    let (x, y) = (signed(a), signed(b));
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::LtS => x < y,
        Cond::LtU => a < b,
        Cond::GtS => x > y,
        Cond::GtU => a > b,
        Cond::LeS => x <= y,
        Cond::LeU => a <= b,
        Cond::GeS => x >= y,
        Cond::GeU => a >= b,
    }
}
