//! Comparisons, and the operators that take their outcome: `br_if`, `if`, `select`, `i32.eqz`.
//!
//! A comparison that one of these follows is not computed but left pending; the operator after it emits compare and branch
//! (or conditional move) as one.

use crate::generator::{Generator, Pending};
use crate::value::{Place, Value};
use engine_decoder::ValKind;
use engine_machine::Reg;
use engine_machine::emitter::Label;
use engine_machine::masm::{Cond, FloatCond, Masm, Operand, Size};

/// A condition whose operands are in registers, ready to be compared.
#[derive(Clone, Copy)]
pub(crate) enum Prepared {
    Int { cond: Cond, size: Size, lhs: Reg, rhs: Operand, release: [Option<Reg>; 2] },
    Test { cond: Cond, size: Size, lhs: Reg, rhs: Operand, release: [Option<Reg>; 2] },
    Float { cond: FloatCond, kind: ValKind, lhs: Reg, rhs: Reg, when: bool },
}

const BR_IF: u8 = 0x0d;
const IF: u8 = 0x04;
const SELECT: u8 = 0x1b;
const EQZ: u8 = 0x45;

pub(crate) fn size_of_kind(kind: ValKind) -> Size {
    if kind == ValKind::I32 { Size::S32 } else { Size::S64 }
}

impl<M: Masm> Generator<'_, M> {
    /// Whether the operator after the current one takes a pending comparison.
    fn next_takes_pending(&self) -> bool {
        matches!(self.next_opcode(), BR_IF | IF | SELECT | EQZ)
    }

    pub fn int_compare(&mut self, cond: Cond, kind: ValKind) {
        let size = size_of_kind(kind);
        let (mut rhs, mut lhs) = (self.pop(), self.pop());
        let mut cond = cond;
        if lhs.as_const().is_some() && rhs.as_const().is_none() && rhs.place() != Place::Slot {
            // The positions of slots tell left from right, so only operands elsewhere are exchanged.
            core::mem::swap(&mut lhs, &mut rhs);
            cond = cond.swap();
        }
        self.finish_compare(Pending::Int { cond, size, lhs, rhs });
    }

    pub fn eqz(&mut self, kind: ValKind) {
        let value = self.pop();
        if value.place() == Place::Pending {
            let inverted = match self.pending {
                Pending::Int { cond, size, lhs, rhs } => Pending::Int { cond: cond.negate(), size, lhs, rhs },
                Pending::Test { cond, size, lhs, rhs } => {
                    Pending::Test { cond: cond.negate(), size, lhs, rhs }
                }
                Pending::Float { cond, kind, lhs, rhs, when } => {
                    Pending::Float { cond, kind, lhs, rhs, when: !when }
                }
                Pending::None => unreachable!("the operand says so"),
            };
            return self.finish_compare(inverted);
        }
        let rhs = Value::constant(kind, 0);
        self.finish_compare(Pending::Int { cond: Cond::Eq, size: size_of_kind(kind), lhs: value, rhs });
    }

    pub fn float_compare(&mut self, cond: FloatCond, kind: ValKind) {
        let (rhs, lhs) = (self.pop(), self.pop());
        self.finish_compare(Pending::Float { cond, kind, lhs, rhs, when: true });
    }

    /// `lhs & rhs` when the next operator asks whether it is zero.
    pub fn try_test(&mut self, kind: ValKind, lhs: Value, rhs: Value) -> bool {
        let next = self.next_opcode();
        let wanted = match kind {
            ValKind::I32 => matches!(next, BR_IF | IF | SELECT | EQZ),
            // i64.eqz
            _ => next == 0x50,
        };
        // `i32.eqz` and `i64.eqz` must be followed by a taker themselves, or the outcome is computed there.
        if wanted {
            self.pending = Pending::Test { cond: Cond::Ne, size: size_of_kind(kind), lhs, rhs };
            self.push(Value::pending());
        }
        wanted
    }

    /// Leaves a comparison pending, or computes it.
    fn finish_compare(&mut self, pending: Pending) {
        self.pending = pending;
        if self.next_takes_pending() {
            return self.push(Value::pending());
        }
        let position = self.stack.len();
        let prepared = self.prepare(Value::pending(), position);
        let (result, operands) = match prepared {
            Prepared::Int { cond, size, lhs, rhs, release } => {
                self.masm.cmp(size, lhs, rhs);
                (self.set_result(cond, release), release)
            }
            Prepared::Test { cond, size, lhs, rhs, release } => {
                self.masm.test(size, lhs, rhs);
                (self.set_result(cond, release), release)
            }
            Prepared::Float { cond, kind, lhs, rhs, when } => {
                let result = self.result_reg(ValKind::I32, None);
                self.masm.float_set(cond, kind, result, lhs, rhs);
                if !when {
                    self.masm.alu(engine_machine::masm::Alu::Xor, Size::S32, result, result, Operand::Imm(1));
                }
                (result, [Some(lhs), Some(rhs)])
            }
        };
        self.push_result(ValKind::I32, result, operands);
    }

    /// Materialises the flags. Allocation stores at most, which keeps them.
    fn set_result(&mut self, cond: Cond, operands: [Option<Reg>; 2]) -> Reg {
        let result = self.result_reg(ValKind::I32, operands[0].or(operands[1]));
        self.masm.set(cond, result);
        result
    }

    /// Brings the operands of a popped condition (whose position was `position`) into registers.
    pub fn prepare(&mut self, condition: Value, position: usize) -> Prepared {
        if condition.place() != Place::Pending {
            if let Pending::Int { .. } = self.pending {
                // A condition that was moved out of the way became a comparison.
            } else {
                let rhs = Value::constant(ValKind::I32, 0);
                self.pending = Pending::Int { cond: Cond::Ne, size: Size::S32, lhs: condition, rhs };
            }
        }
        match core::mem::replace(&mut self.pending, Pending::None) {
            Pending::Int { cond, size, lhs, rhs } => {
                let (lhs, rhs, release) = self.prepare_int(lhs, rhs, position);
                Prepared::Int { cond, size, lhs, rhs, release }
            }
            Pending::Test { cond, size, lhs, rhs } => {
                let (lhs, rhs, release) = self.prepare_int(lhs, rhs, position);
                Prepared::Test { cond, size, lhs, rhs, release }
            }
            Pending::Float { cond, kind, lhs, rhs, when } => {
                let lhs = self.read(lhs, position);
                let rhs = self.read(rhs, position + 1);
                Prepared::Float { cond, kind, lhs, rhs, when }
            }
            Pending::None => unreachable!("set above"),
        }
    }

    fn prepare_int(&mut self, lhs: Value, rhs: Value, position: usize) -> (Reg, Operand, [Option<Reg>; 2]) {
        let lhs = self.read(lhs, position);
        let (rhs, rhs_reg) = self.operand(rhs, position + 1);
        (lhs, rhs, [Some(lhs), rhs_reg])
    }

    /// Compares and branches to `target` if the outcome is `when`; releases the operands.
    pub fn emit_branch(&mut self, prepared: Prepared, when: bool, target: Label) {
        match prepared {
            Prepared::Int { cond, size, lhs, rhs, release } => {
                self.masm.cmp(size, lhs, rhs);
                self.masm.branch(if when { cond } else { cond.negate() }, target);
                self.release_all(release);
            }
            Prepared::Test { cond, size, lhs, rhs, release } => {
                self.masm.test(size, lhs, rhs);
                self.masm.branch(if when { cond } else { cond.negate() }, target);
                self.release_all(release);
            }
            Prepared::Float { cond, kind, lhs, rhs, when: outcome } => {
                self.masm.float_branch(cond, kind, lhs, rhs, outcome == when, target);
                self.release_all([Some(lhs), Some(rhs)]);
            }
        }
    }

    /// Branches to `target` if a popped condition is `when`.
    pub fn branch_if(&mut self, condition: Value, position: usize, when: bool, target: Label) {
        let prepared = self.prepare(condition, position);
        self.emit_branch(prepared, when, target);
    }

    pub fn release_all(&mut self, regs: [Option<Reg>; 2]) {
        for reg in regs.into_iter().flatten() {
            self.release(reg);
        }
    }

    pub fn visit_select(&mut self) {
        let condition = self.pop();
        let position = self.stack.len();
        let (second, first) = (self.pop(), self.pop());
        let kind = first.kind();
        // The condition first: float comparisons become an integer, which frees their registers.
        let mut prepared = self.prepare(condition, position);
        if let Prepared::Float { cond, kind, lhs, rhs, when } = prepared {
            let outcome = self.alloc(ValKind::I32);
            self.masm.float_set(cond, kind, outcome, lhs, rhs);
            self.release_all([Some(lhs), Some(rhs)]);
            let cond = if when { Cond::Ne } else { Cond::Eq };
            let rhs = Operand::Imm(0);
            prepared =
                Prepared::Int { cond, size: Size::S32, lhs: outcome, rhs, release: [Some(outcome), None] };
        }
        let cond = match prepared {
            Prepared::Int { cond, size, lhs, rhs, release } => {
                self.masm.cmp(size, lhs, rhs);
                self.release_all(release);
                cond
            }
            Prepared::Test { cond, size, lhs, rhs, release } => {
                self.masm.test(size, lhs, rhs);
                self.release_all(release);
                cond
            }
            Prepared::Float { .. } => unreachable!("turned into an integer above"),
        };
        // From here to the conditional move nothing may touch the flags: loads, stores and constants do not.
        self.end_operator();
        let first_reg = self.read(first, position - 2);
        let result = self.read_owned(second, position - 1);
        self.masm.cmov(cond, kind, result, first_reg);
        self.release(first_reg);
        self.push_reg(kind, result);
        self.end_operator();
    }
}
