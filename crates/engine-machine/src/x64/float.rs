//! Float arithmetic with WebAssembly's exact semantics (core specification, "Floating-Point Operations").
//!
//! SSE arithmetic already propagates a quiet NaN of one of its operands, which the specification allows; only minimum,
//! maximum and the comparisons need more than one instruction.

use super::encode::{Op, W, cc, op1, op2, op2p, op3a};
use super::memory::mem;
use super::{R11, X14, X15, X64};
use crate::Reg;
use crate::emitter::Label;
use crate::masm::Conversion;
use crate::masm::{FloatAsm, FloatBinary, FloatCond, FloatUnary, IntegerAsm, Operand, Size};
use engine_decoder::ValKind;

const ANDPS: Op = op2(0x54);
const ANDNPS: Op = op2(0x55);
const ORPS: Op = op2(0x56);
const XORPS: Op = op2(0x57);

/// `ss` or `sd` form of a scalar opcode.
#[inline(always)]
pub(super) fn scalar(kind: ValKind, byte: u8) -> Op {
    op2p(if kind == ValKind::F32 { 0xf3 } else { 0xf2 }, byte)
}

/// `ucomiss` or `ucomisd`.
pub(super) fn ucomi(kind: ValKind) -> Op {
    if kind == ValKind::F32 { op2(0x2e) } else { op2p(0x66, 0x2e) }
}

impl X64 {
    #[inline(always)]
    pub(super) fn frr(&mut self, op: Op, reg: Reg, rm: Reg) {
        self.rr(op, W::W0, reg.number(), rm.number());
    }

    /// Loads the bit pattern with only the sign bit set, or (`inverted`) all but it.
    fn sign_mask(&mut self, kind: ValKind, dst: Reg, inverted: bool) {
        let bits = if kind == ValKind::F32 { 1 << 31 } else { 1 << 63 };
        let bits = if !inverted {
            bits
        } else if kind == ValKind::F32 {
            !bits & 0xffff_ffff
        } else {
            !bits
        };
        self.float_const(kind, dst, bits);
    }

    fn min_max(&mut self, op: FloatBinary, kind: ValKind, dst: Reg, lhs: Reg, rhs: Reg) {
        // minsd and maxsd return the second operand when the operands are equal (zeros of different sign among them) or
        // unordered, so those cases go apart: zeros are merged by bits, NaNs are propagated by an addition.
        self.frr(op2(0x28), X14, lhs);
        self.frr(ucomi(kind), lhs, rhs);
        let different = self.short_jcc(cc::NE);
        let nan = self.short_jcc(cc::P);
        self.frr(if op == FloatBinary::Min { ORPS } else { ANDPS }, X14, rhs);
        let done_equal = self.short_jmp();
        self.short_here(nan);
        self.frr(scalar(kind, 0x58), X14, rhs);
        let done_nan = self.short_jmp();
        self.short_here(different);
        self.frr(scalar(kind, if op == FloatBinary::Min { 0x5d } else { 0x5f }), X14, rhs);
        self.short_here(done_equal);
        self.short_here(done_nan);
        self.frr(op2(0x28), dst, X14);
    }
}

impl FloatAsm for X64 {
    fn float_binary(&mut self, op: FloatBinary, kind: ValKind, dst: Reg, lhs: Reg, rhs: Operand) {
        let byte = match op {
            FloatBinary::Add => 0x58,
            FloatBinary::Mul => 0x59,
            FloatBinary::Sub => 0x5c,
            FloatBinary::Div => 0x5e,
            FloatBinary::Min | FloatBinary::Max | FloatBinary::CopySign => {
                let Operand::Reg(rhs) = rhs else { unreachable!("operand must be a register") };
                if op != FloatBinary::CopySign {
                    return self.min_max(op, kind, dst, lhs, rhs);
                }
                self.sign_mask(kind, X15, false);
                self.frr(op2(0x28), X14, X15);
                self.frr(ANDNPS, X14, lhs);
                self.frr(ANDPS, X15, rhs);
                self.frr(ORPS, X15, X14);
                return self.frr(op2(0x28), dst, X15);
            }
        };
        if self.features.avx {
            let pp = if kind == ValKind::F32 { 2 } else { 3 };
            let (d, l) = (dst.number(), lhs.number());
            return match rhs {
                Operand::Reg(rhs) => self.vex_rr(pp, byte, d, l, rhs.number()),
                Operand::Frame(offset) => self.vex_rm(pp, byte, d, l, Self::frame(offset)),
                Operand::Memory(address) => {
                    self.memory_site();
                    self.vex_rm(pp, byte, d, l, mem(address));
                }
                Operand::Constant(bits) => {
                    let label = self.emitter.constant(bits);
                    self.vex_rip(pp, byte, d, l, label);
                }
                Operand::Imm(_) => unreachable!("no float immediates"),
            };
        }
        let op = scalar(kind, byte);
        if Self::is(rhs, dst) && dst != lhs {
            self.frr(op2(0x28), X15, lhs);
            self.frr(op, X15, dst);
            return self.frr(op2(0x28), dst, X15);
        }
        if dst != lhs {
            self.frr(op2(0x28), dst, lhs);
        }
        match rhs {
            Operand::Reg(rhs) => self.frr(op, dst, rhs),
            Operand::Frame(offset) => self.rm(op, W::W0, dst.number(), Self::frame(offset)),
            Operand::Memory(address) => {
                self.memory_site();
                self.rm(op, W::W0, dst.number(), mem(address));
            }
            Operand::Constant(bits) => {
                let label = self.emitter.constant(bits);
                self.rip(op, W::W0, dst.number(), label);
            }
            Operand::Imm(_) => unreachable!("no float immediates"),
        }
    }

    fn float_two_address(&self) -> bool {
        !self.features.avx
    }

    fn has_rounding(&self) -> bool {
        self.features.sse41
    }

    fn float_unary(&mut self, op: FloatUnary, kind: ValKind, dst: Reg, src: Reg) {
        let mode = match op {
            FloatUnary::Abs | FloatUnary::Neg => {
                self.sign_mask(kind, X15, op == FloatUnary::Abs);
                if dst != src {
                    self.frr(op2(0x28), dst, src);
                }
                return self.frr(if op == FloatUnary::Abs { ANDPS } else { XORPS }, dst, X15);
            }
            FloatUnary::Sqrt => {
                if dst != src {
                    self.frr(op2(0x28), dst, src);
                }
                return self.frr(scalar(kind, 0x51), dst, dst);
            }
            // Bit 3: no precision exception.
            FloatUnary::Nearest => 8,
            FloatUnary::Floor => 9,
            FloatUnary::Ceil => 10,
            FloatUnary::Trunc => 11,
        };
        debug_assert!(self.features.sse41);
        if dst != src {
            self.frr(op2(0x28), dst, src);
        }
        self.rr(op3a(if kind == ValKind::F32 { 0x0a } else { 0x0b }), W::W0, dst.number(), dst.number());
        self.byte(mode);
    }

    fn float_set(&mut self, cond: FloatCond, kind: ValKind, dst: Reg, lhs: Reg, rhs: Reg) {
        // `ucomi` sets ZF, PF and CF when unordered, CF when less, ZF when equal: "above" conditions are false for NaN.
        match cond {
            FloatCond::Gt | FloatCond::Lt | FloatCond::Ge | FloatCond::Le => {
                let (a, b) =
                    if matches!(cond, FloatCond::Lt | FloatCond::Le) { (rhs, lhs) } else { (lhs, rhs) };
                let strict = matches!(cond, FloatCond::Gt | FloatCond::Lt);
                self.frr(ucomi(kind), a, b);
                self.set_code(if strict { cc::A } else { cc::AE }, dst);
            }
            FloatCond::Eq | FloatCond::Ne => {
                self.frr(ucomi(kind), lhs, rhs);
                let equal = cond == FloatCond::Eq;
                self.rr_byte_rm(op2(0x90 | if equal { cc::NP } else { cc::P }), W::W0, 0, R11.number());
                self.rr_byte_rm(op2(0x90 | if equal { cc::E } else { cc::NE }), W::W0, 0, dst.number());
                self.rr_byte_rm(op2(0xb6), W::W0, dst.number(), dst.number());
                self.rr_byte_rm(op2(0xb6), W::W0, R11.number(), R11.number());
                self.classic(if equal { 4 } else { 1 }, W::W0, dst, Operand::Reg(R11));
            }
        }
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
        let (a, b) = match cond {
            FloatCond::Lt | FloatCond::Le => (rhs, lhs),
            _ => (lhs, rhs),
        };
        self.frr(ucomi(kind), a, b);
        match (cond, when) {
            (FloatCond::Gt | FloatCond::Lt, true) => self.jcc(cc::A, target),
            (FloatCond::Gt | FloatCond::Lt, false) => self.jcc(cc::BE, target),
            (FloatCond::Ge | FloatCond::Le, true) => self.jcc(cc::AE, target),
            (FloatCond::Ge | FloatCond::Le, false) => self.jcc(cc::B, target),
            (FloatCond::Eq, true) | (FloatCond::Ne, false) => {
                let unordered = self.short_jcc(cc::P);
                self.jcc(cc::E, target);
                self.short_here(unordered);
            }
            (FloatCond::Eq, false) | (FloatCond::Ne, true) => {
                self.jcc(cc::P, target);
                self.jcc(cc::NE, target);
            }
        }
    }

    fn convert(&mut self, op: Conversion, dst: Reg, src: Reg) {
        match op {
            Conversion::Truncate { from, to, signed, saturating } => match (to, signed) {
                (Size::S32, _) => self.truncate_32(from, dst, src, signed, saturating),
                (Size::S64, true) => self.truncate_s64(from, dst, src, saturating),
                (Size::S64, false) => self.truncate_u64(from, dst, src, saturating),
            },
            Conversion::Convert { from, signed, to } => self.convert_int(from, signed, to, dst, src),
            Conversion::Demote => self.convert_float(0xf2, dst, src),
            Conversion::Promote => self.convert_float(0xf3, dst, src),
            Conversion::Reinterpret { from } => {
                let w = if matches!(from, ValKind::I32 | ValKind::F32) { W::W0 } else { W::W1 };
                if from.is_float() {
                    self.rr(op2p(0x66, 0x7e), w, src.number(), dst.number());
                } else {
                    self.rr(op2p(0x66, 0x6e), w, dst.number(), src.number());
                }
            }
        }
    }

    fn canonicalize_nan(&mut self, kind: ValKind, reg: Reg) {
        self.frr(ucomi(kind), reg, reg);
        let ordered = self.short_jcc(cc::NP);
        self.float_const(kind, reg, if kind == ValKind::F32 { 0x7fc0_0000 } else { 0x7ff8 << 48 });
        self.short_here(ordered);
    }
}

impl X64 {
    fn convert_float(&mut self, prefix: u8, dst: Reg, src: Reg) {
        // The instruction keeps the upper part of its destination; break that dependence.
        if dst != src {
            self.frr(XORPS, dst, dst);
        }
        self.frr(op2p(prefix, 0x5a), dst, src);
    }

    fn convert_int(&mut self, from: Size, signed: bool, to: ValKind, dst: Reg, src: Reg) {
        let op = scalar(to, 0x2a);
        self.frr(XORPS, dst, dst);
        match (from, signed) {
            (Size::S32, true) => self.rr(op, W::W0, dst.number(), src.number()),
            // The upper half is zero, so the 64-bit conversion is right.
            (Size::S32, false) | (Size::S64, true) => self.rr(op, W::W1, dst.number(), src.number()),
            (Size::S64, false) => {
                // Above 2^63: halve, keeping the lowest bit sticky for the rounding, and double.
                self.rr(op1(0x85), W::W1, src.number(), src.number());
                let large = self.short_jcc(cc::S);
                self.rr(op, W::W1, dst.number(), src.number());
                let done = self.short_jmp();
                self.short_here(large);
                self.mov64(R11, src);
                self.shift_imm(5, W::W1, R11, 1);
                // The sticky bit: if bit 0 of the source was set, set bit 0 of the half.
                self.rr_byte_rm(op1(0xf6), W::W0, 0, src.number());
                self.byte(1);
                let even = self.short_jcc(cc::E);
                self.classic(1, W::W1, R11, Operand::Imm(1));
                self.short_here(even);
                self.rr(op, W::W1, dst.number(), R11.number());
                self.frr(scalar(to, 0x58), dst, dst);
                self.short_here(done);
            }
        }
    }
}
