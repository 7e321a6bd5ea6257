//! Arithmetic, conversions and constants.

use crate::compare::size_of_kind;
use crate::generator::Generator;
use crate::value::{Place, Value};
use engine_decoder::ValKind;
use engine_machine::masm::{
    Alu, Conversion, Division, FloatBinary, FloatUnary, Masm, Operand, Shift, Size, Unary,
};
use engine_machine::{Reg, RuntimeEntry};

/// Whether roundings are single instructions.
pub(crate) fn has_rounding<M: Masm>(masm: &M) -> bool {
    masm.has_rounding()
}

impl<M: Masm> Generator<'_, M> {
    pub fn alu(&mut self, op: Alu, kind: ValKind) {
        let (mut rhs, mut lhs) = (self.pop(), self.pop());
        let position = self.stack.len();
        let (mut lhs_at, mut rhs_at) = (position, position + 1);
        if op != Alu::Sub && self.prefers_right(lhs, rhs) {
            core::mem::swap(&mut lhs, &mut rhs);
            core::mem::swap(&mut lhs_at, &mut rhs_at);
        }
        if op == Alu::And && lhs_at < rhs_at && self.try_test(kind, lhs, rhs) {
            return;
        }
        let lhs = self.read(lhs, lhs_at);
        let (rhs, rhs_reg) = self.operand(rhs, rhs_at);
        let result = self.result_reg_of(kind, lhs, rhs_reg, op != Alu::Sub);
        self.masm.alu(op, size_of_kind(kind), result, lhs, rhs);
        self.push_result(kind, result, [Some(lhs), rhs_reg]);
    }

    /// Whether exchanging commutative operands saves a move: constants and memory operands go right, and a temporary that
    /// can be overwritten goes left.
    fn prefers_right(&self, lhs: Value, rhs: Value) -> bool {
        match (lhs.place(), rhs.place()) {
            (Place::Const(_), Place::Const(_)) => false,
            (Place::Const(_), _) => true,
            (_, Place::Const(_)) => false,
            (Place::Slot | Place::Local(_), Place::Reg(_)) => true,
            (Place::Slot, Place::Local(_)) => true,
            _ => false,
        }
    }

    /// Result register of a binary operator.
    fn result_reg_of(&mut self, kind: ValKind, lhs: Reg, rhs: Option<Reg>, commutes: bool) -> Reg {
        let reuse =
            if self.is_owned(lhs) { Some(lhs) } else { rhs.filter(|&rhs| commutes && self.is_owned(rhs)) };
        self.result_reg(kind, reuse)
    }

    pub fn shift(&mut self, op: Shift, kind: ValKind) {
        let (count, value) = (self.pop(), self.pop());
        let position = self.stack.len();
        let value = self.read(value, position);
        let (count, count_reg) = match count.place() {
            Place::Const(count) => (Operand::Imm(count), None),
            _ => {
                let reg = self.read(count, position + 1);
                (Operand::Reg(reg), Some(reg))
            }
        };
        let reuse = Some(value).filter(|&reg| self.is_owned(reg));
        let result = self.result_reg(kind, reuse);
        self.masm.shift(op, size_of_kind(kind), result, value, count);
        self.push_result(kind, result, [Some(value), count_reg]);
    }

    pub fn divide(&mut self, signed: bool, remainder: bool, kind: ValKind) {
        let size = size_of_kind(kind);
        let (divisor, dividend) = (self.pop(), self.pop());
        let position = self.stack.len();
        let op = Division {
            signed,
            remainder,
            may_be_zero: divisor.as_const().is_none_or(|value| value == 0),
            may_be_minus_one: divisor.as_const().is_none_or(|value| value == -1),
        };
        let Some(fixed) = M::DIVISION else {
            let dividend = self.read(dividend, position);
            let divisor = self.read(divisor, position + 1);
            let reuse = Some(dividend).filter(|&reg| self.is_owned(reg));
            let result = self.result_reg(kind, reuse);
            self.masm.divide(op, size, result, dividend, divisor);
            return self.push_result(kind, result, [Some(dividend), Some(divisor)]);
        };
        // The divisor goes anywhere but to the fixed registers.
        let mut divisor = self.read(divisor, position + 1);
        if divisor == fixed.dividend || divisor == fixed.remainder {
            self.held.insert(fixed.dividend);
            self.held.insert(fixed.remainder);
            let other = self.alloc(kind);
            self.masm.mov(kind, other, divisor);
            self.held.remove(fixed.dividend);
            self.held.remove(fixed.remainder);
            if self.is_owned(divisor) {
                self.release(divisor);
            }
            divisor = other;
        }
        // The dividend goes to its register, and the remainder's is cleared.
        match dividend.place() {
            Place::Reg(reg) if reg == fixed.dividend => {}
            _ => {
                // A dividend in the remainder register is moved before that is taken.
                self.alloc_exact(fixed.dividend);
                self.move_value(dividend, position, kind, fixed.dividend);
            }
        }
        self.alloc_exact(fixed.remainder);
        let (result, other) =
            if remainder { (fixed.remainder, fixed.dividend) } else { (fixed.dividend, fixed.remainder) };
        self.masm.divide(op, size, result, fixed.dividend, divisor);
        self.release(other);
        self.push_result(kind, result, [Some(divisor), None]);
    }

    pub fn unary(&mut self, op: Unary, from: ValKind, to: ValKind) {
        let src = self.pop_read();
        let reuse = Some(src).filter(|&reg| self.is_owned(reg));
        let result = self.result_reg(to, reuse);
        let size =
            if matches!(op, Unary::Extend32U | Unary::Extend32S) { Size::S64 } else { size_of_kind(from) };
        self.masm.unary(op, size, result, src);
        self.push_result(to, result, [Some(src), None]);
    }

    /// `i64.extend_i32_u`: nothing to do, registers and slots aside.
    pub fn extend_u32(&mut self) {
        let value = self.pop();
        if let Place::Reg(reg) = value.place() {
            return self.push(Value::reg(ValKind::I64, reg));
        }
        if let Some(constant @ 0..) = value.as_const() {
            return self.push(Value::constant(ValKind::I64, constant));
        }
        let position = self.stack.len();
        let src = self.read(value, position);
        let reuse = Some(src).filter(|&reg| self.is_owned(reg));
        let result = self.result_reg(ValKind::I64, reuse);
        self.masm.unary(Unary::Extend32U, Size::S64, result, src);
        self.push_result(ValKind::I64, result, [Some(src), None]);
    }

    pub fn float_binary(&mut self, op: FloatBinary, kind: ValKind) {
        let (rhs, lhs) = (self.pop(), self.pop());
        let position = self.stack.len();
        let lhs = self.read(lhs, position);
        let in_memory =
            matches!(op, FloatBinary::Add | FloatBinary::Sub | FloatBinary::Mul | FloatBinary::Div);
        let (rhs, rhs_reg) = if in_memory && rhs.as_const().is_none() {
            self.operand(rhs, position + 1)
        } else {
            let reg = self.read(rhs, position + 1);
            (Operand::Reg(reg), Some(reg))
        };
        let reuse = Some(lhs).filter(|&reg| self.is_owned(reg));
        let result = self.result_reg(kind, reuse);
        self.masm.float_binary(op, kind, result, lhs, rhs);
        if self.env.flags.canonicalize_nans && op != FloatBinary::CopySign {
            self.masm.canonicalize_nan(kind, result);
        }
        self.push_result(kind, result, [Some(lhs), rhs_reg]);
    }

    pub fn float_unary(&mut self, op: FloatUnary, kind: ValKind) {
        let rounding = match op {
            FloatUnary::Ceil => Some([RuntimeEntry::F32Ceil, RuntimeEntry::F64Ceil]),
            FloatUnary::Floor => Some([RuntimeEntry::F32Floor, RuntimeEntry::F64Floor]),
            FloatUnary::Trunc => Some([RuntimeEntry::F32Trunc, RuntimeEntry::F64Trunc]),
            FloatUnary::Nearest => Some([RuntimeEntry::F32Nearest, RuntimeEntry::F64Nearest]),
            _ => None,
        };
        if let Some([single, double]) = rounding
            && !self.masm.has_rounding()
        {
            let (entry, bits) =
                if kind == ValKind::F32 { (single, ValKind::I32) } else { (double, ValKind::I64) };
            self.convert(Conversion::Reinterpret { from: kind }, kind, bits, false);
            self.call_runtime(entry, &[], 1, Some(bits));
            self.convert(Conversion::Reinterpret { from: bits }, bits, kind, true);
            if self.env.flags.canonicalize_nans
                && let Some(Place::Reg(reg)) = self.stack.last().map(|value| value.place())
            {
                self.masm.canonicalize_nan(kind, reg);
            }
            return;
        }
        let src = self.pop_read();
        let reuse = Some(src).filter(|&reg| self.is_owned(reg));
        let result = self.result_reg(kind, reuse);
        self.masm.float_unary(op, kind, result, src);
        if self.env.flags.canonicalize_nans && !matches!(op, FloatUnary::Abs | FloatUnary::Neg) {
            self.masm.canonicalize_nan(kind, result);
        }
        self.push_result(kind, result, [Some(src), None]);
    }

    /// A conversion; `last` says that it ends the operator, so that its result may go to a destination.
    pub fn convert(&mut self, op: Conversion, from: ValKind, to: ValKind, last: bool) {
        debug_assert!(self.stack.last().is_none_or(|value| value.kind() == from));
        let src = self.pop_read();
        let same_class = from.is_float() == to.is_float();
        let reuse = Some(src).filter(|&reg| same_class && self.is_owned(reg));
        let result = if last && !self.prefixed() {
            self.result_reg(to, reuse)
        } else {
            match reuse {
                Some(reg) => reg,
                None => self.alloc(to),
            }
        };
        self.masm.convert(op, result, src);
        if self.env.flags.canonicalize_nans && matches!(op, Conversion::Demote | Conversion::Promote) {
            self.masm.canonicalize_nan(to, result);
        }
        self.push_result(to, result, [Some(src), None]);
    }

    /// Whether the current operator has more than one byte of opcode.
    fn prefixed(&self) -> bool {
        self.operators.get(self.position) == Some(&0xfc)
    }

    pub fn int_const(&mut self, kind: ValKind, value: i64) {
        match i32::try_from(value) {
            Ok(value) => self.push(Value::constant(kind, value)),
            Err(_) => {
                let reg = self.alloc(kind);
                self.masm.mov_imm(Size::S64, reg, value);
                self.push_reg(kind, reg);
            }
        }
    }

    pub fn float_const(&mut self, kind: ValKind, bits: u64) {
        if bits == 0 {
            return self.push(Value::constant(kind, 0));
        }
        let reg = self.alloc(kind);
        self.masm.float_const(kind, reg, bits);
        self.push_reg(kind, reg);
    }
}
