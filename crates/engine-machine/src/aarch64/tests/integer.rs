//! Moves and integer arithmetic.

use super::super::{v, x};
use super::{assemble, expect, same};
use crate::TrapCode;
use crate::masm::Operand::{Frame, Imm, Reg};
use crate::masm::{Alu, Cond, ControlAsm, Division, IntegerAsm, Shift, Size, Unary};
use Size::{S32, S64};
use engine_decoder::ValKind::{F32, F64, I32, I64, Ref, V128};

#[test]
fn moves() {
    expect(
        |asm| {
            asm.mov(I32, x(0), x(19));
            asm.mov(I64, x(0), x(19));
            asm.mov(Ref, x(8), x(16));
            asm.mov(F32, v(24), v(1));
            asm.mov(F64, v(24), v(1));
            asm.mov(V128, v(24), v(1));
            asm.zero(x(8));
            asm.zero(v(24));
        },
        "
            mov w0, w19
            mov x0, x19
            mov x8, x16
            fmov s24, s1
            fmov d24, d1
            mov v24.16b, v1.16b
            mov w8, #0x0
            movi d24, #0x0",
    );
}

#[test]
fn shifted_operands_and_upper_halves() {
    expect(
        |asm| {
            asm.add_shifted(S32, x(8), x(9), x(10), 2, 0);
            asm.add_shifted(S64, x(8), x(9), x(10), 3, 16);
            asm.multiply_high(true, x(8), x(9), x(10));
            asm.multiply_high(false, x(8), x(9), x(10));
        },
        "
            add w8, w9, w10, lsl #2
            add x16, x9, x10, lsl #3
            add x8, x16, #0x10
            smulh x8, x9, x10
            umulh x8, x9, x10",
    );
}

#[test]
fn arithmetic_on_registers() {
    expect(
        |asm| {
            asm.alu(Alu::Add, S32, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::Add, S64, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::Sub, S32, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::Sub, S64, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::And, S32, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::Or, S64, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::Xor, S32, x(8), x(9), Reg(x(10)));
            asm.alu(Alu::Mul, S64, x(8), x(9), Reg(x(10)));
        },
        "
            add w8, w9, w10
            add x8, x9, x10
            sub w8, w9, w10
            sub x8, x9, x10
            and w8, w9, w10
            orr x8, x9, x10
            eor w8, w9, w10
            mul x8, x9, x10",
    );
}

#[test]
fn arithmetic_on_the_frame() {
    expect(
        |asm| {
            asm.alu(Alu::Add, S32, x(8), x(9), Frame(-24));
            asm.alu(Alu::Sub, S64, x(8), x(8), Frame(-24));
            asm.cmp(S64, x(8), Frame(-4000));
            asm.test(S32, x(8), Frame(-24));
        },
        "
            ldur w16, [x29, #-0x18]
            add w8, w9, w16
            ldur x16, [x29, #-0x18]
            sub x8, x8, x16
            sub x17, x29, #0x1, lsl #12
            ldr x16, [x17, #0x60]
            cmp x8, x16
            ldur w16, [x29, #-0x18]
            tst w8, w16",
    );
}

#[test]
fn arithmetic_with_constants() {
    expect(
        |asm| {
            asm.alu(Alu::Add, S32, x(8), x(9), Imm(4095));
            asm.alu(Alu::Add, S64, x(8), x(9), Imm(-4096));
            asm.alu(Alu::Sub, S64, x(8), x(9), Imm(-1));
            asm.alu(Alu::Add, S32, x(8), x(9), Imm(0x12345));
            asm.alu(Alu::Sub, S32, x(8), x(8), Imm(i32::MIN));
            asm.alu(Alu::And, S32, x(8), x(9), Imm(0xff));
            asm.alu(Alu::And, S64, x(8), x(9), Imm(-16));
            asm.alu(Alu::Or, S32, x(8), x(9), Imm(5));
            asm.alu(Alu::Xor, S64, x(8), x(9), Imm(-1));
            asm.alu(Alu::Mul, S32, x(8), x(9), Imm(8));
            asm.alu(Alu::Mul, S64, x(8), x(9), Imm(-3));
        },
        "
            add w8, w9, #0xfff
            sub x8, x9, #0x1, lsl #12
            add x8, x9, #0x1
            add w8, w9, #0x12, lsl #12
            add w8, w8, #0x345
            mov w17, #0x80000000
            add w8, w8, w17, uxtx
            and w8, w9, #0xff
            and x8, x9, #0xfffffffffffffff0
            mov w16, #0x5
            orr w8, w9, w16
            mov x16, #0xffffffffffffffff
            eor x8, x9, x16
            lsl w8, w9, #0x3
            mov x16, #0xfffffffffffffffd
            mul x8, x9, x16",
    );
}

#[test]
fn shifts() {
    expect(
        |asm| {
            asm.shift(Shift::Shl, S32, x(8), x(9), Reg(x(10)));
            asm.shift(Shift::ShrS, S64, x(8), x(9), Reg(x(10)));
            asm.shift(Shift::ShrU, S32, x(8), x(9), Reg(x(10)));
            asm.shift(Shift::Rotr, S64, x(8), x(9), Reg(x(10)));
            asm.shift(Shift::Rotl, S32, x(8), x(9), Reg(x(10)));
            asm.shift(Shift::Shl, S32, x(8), x(9), Imm(35));
            asm.shift(Shift::Shl, S64, x(8), x(9), Imm(35));
            asm.shift(Shift::ShrS, S64, x(8), x(9), Imm(63));
            asm.shift(Shift::ShrU, S32, x(8), x(9), Imm(31));
            asm.shift(Shift::Rotr, S64, x(8), x(9), Imm(1));
            asm.shift(Shift::Rotl, S32, x(8), x(9), Imm(1));
            asm.shift(Shift::Rotl, S32, x(8), x(9), Imm(32));
            asm.shift(Shift::Shl, S64, x(8), x(8), Imm(64));
        },
        "
            lsl w8, w9, w10
            asr x8, x9, x10
            lsr w8, w9, w10
            ror x8, x9, x10
            neg w16, w10
            ror w8, w9, w16
            lsl w8, w9, #0x3
            lsl x8, x9, #0x23
            asr x8, x9, #0x3f
            lsr w8, w9, #0x1f
            ror x8, x9, #0x1
            ror w8, w9, #0x1f
            mov w8, w9",
    );
}

#[test]
fn one_operand() {
    expect(
        |asm| {
            asm.unary(Unary::Clz, S32, x(8), x(9));
            asm.unary(Unary::Ctz, S64, x(8), x(9));
            asm.unary(Unary::Popcnt, S32, x(8), x(9));
            asm.unary(Unary::Popcnt, S64, x(8), x(9));
            asm.unary(Unary::Extend8S, S32, x(8), x(9));
            asm.unary(Unary::Extend8S, S64, x(8), x(9));
            asm.unary(Unary::Extend16S, S32, x(8), x(9));
            asm.unary(Unary::Extend16S, S64, x(8), x(9));
            asm.unary(Unary::Extend32S, S64, x(8), x(9));
            asm.unary(Unary::Extend32U, S64, x(8), x(8));
        },
        "
            clz w8, w9
            rbit x8, x9
            clz x8, x8
            fmov s31, w9
            cnt v31.8b, v31.8b
            addv b31, v31.8b
            fmov w8, s31
            fmov d31, x9
            cnt v31.8b, v31.8b
            addv b31, v31.8b
            fmov w8, s31
            sxtb w8, w9
            sxtb x8, w9
            sxth w8, w9
            sxth x8, w9
            sxtw x8, w9
            mov w8, w8",
    );
}

#[test]
fn comparisons() {
    expect(
        |asm| {
            asm.cmp(S32, x(8), Reg(x(9)));
            asm.cmp(S64, x(8), Imm(0));
            asm.cmp(S32, x(8), Imm(-5));
            asm.cmp(S64, x(8), Imm(0x7f_f000));
            asm.cmp(S64, x(8), Imm(0x7f_f001));
            asm.test(S64, x(8), Reg(x(9)));
            asm.test(S32, x(8), Imm(1));
            asm.test(S64, x(8), Imm(5));
        },
        "
            cmp w8, w9
            cmp x8, #0x0
            cmn w8, #0x5
            cmp x8, #0x7ff, lsl #12
            mov w16, #0xf001
            movk w16, #0x7f, lsl #16
            cmp x8, x16
            tst x8, x9
            tst w8, #0x1
            mov w16, #0x5
            tst x8, x16",
    );
}

#[test]
fn conditions() {
    let all = [
        Cond::Eq,
        Cond::Ne,
        Cond::LtS,
        Cond::LtU,
        Cond::GtS,
        Cond::GtU,
        Cond::LeS,
        Cond::LeU,
        Cond::GeS,
        Cond::GeU,
    ];
    expect(
        |asm| {
            for cond in all {
                asm.set(cond, x(8));
            }
        },
        "
            cset w8, eq
            cset w8, ne
            cset w8, lt
            cset w8, lo
            cset w8, gt
            cset w8, hi
            cset w8, le
            cset w8, ls
            cset w8, ge
            cset w8, hs",
    );
    expect(
        |asm| {
            asm.cmov(Cond::LtS, I32, x(8), x(9));
            asm.cmov(Cond::LtS, Ref, x(8), x(9));
            asm.cmov(Cond::LtS, F32, v(24), v(25));
            asm.cmov(Cond::LtS, F64, v(24), v(25));
            asm.cmov(Cond::LtS, V128, v(24), v(25));
            asm.cmov(Cond::LtS, I64, x(8), x(8));
        },
        "
            csel w8, w9, w8, lt
            csel x8, x9, x8, lt
            fcsel s24, s25, s24, lt
            fcsel d24, d25, d24, lt
            b.ge $+0x8
            mov v24.16b, v25.16b",
    );
}

#[test]
fn division_checks_only_what_it_must() {
    let division =
        |signed, remainder| Division { signed, remainder, may_be_zero: false, may_be_minus_one: false };
    expect(
        |asm| {
            asm.divide(division(true, false), S32, x(8), x(9), x(10));
            asm.divide(division(false, false), S64, x(8), x(9), x(10));
            asm.divide(division(true, true), S64, x(8), x(9), x(10));
            asm.divide(Division { may_be_minus_one: true, ..division(true, true) }, S32, x(9), x(9), x(9));
        },
        "
            sdiv w8, w9, w10
            udiv x8, x9, x10
            sdiv x16, x9, x10
            msub x8, x16, x10, x9
            sdiv w16, w9, w9
            msub w9, w16, w9, w9",
    );
    let checked = Division { signed: true, remainder: false, may_be_zero: true, may_be_minus_one: true };
    let code = assemble(false, |asm| {
        asm.divide(checked, S32, x(8), x(9), x(10));
        asm.emit_pending_traps();
    })
    .unwrap();
    same(
        &code.text(),
        "
        cbz w10, $+0x14
        cmn w10, #0x1
        ccmp w9, #0x1, #0x0, eq
        b.vs $+0xc
        sdiv w8, w9, w10
        brk #0xc0de
        brk #0xc0de",
    );
    assert_eq!(code.traps(), [(20, TrapCode::IntegerDivisionByZero), (24, TrapCode::IntegerOverflow)]);
}

#[test]
fn the_frame() {
    expect(
        |asm| {
            asm.load_frame(I32, x(8), -8);
            asm.load_frame(I64, x(8), -256);
            asm.load_frame(I64, x(16), -264);
            asm.load_frame(F32, v(24), 16);
            asm.load_frame(F64, v(24), -40);
            asm.load_frame(V128, v(24), -5000);
            asm.store_frame(Ref, -8, x(16));
            asm.store_frame(I64, -20_000_000, x(16));
            asm.store_frame_imm(I32, -24, 0);
            asm.store_frame_imm(I64, -24, -2);
            asm.store_frame_imm(F64, -24, 0);
            asm.lea(x(8), x(29), -24);
        },
        "
            ldur w8, [x29, #-0x8]
            ldur x8, [x29, #-0x100]
            sub x17, x29, #0x1, lsl #12
            ldr x16, [x17, #0xef8]
            ldr s24, [x29, #0x10]
            ldur d24, [x29, #-0x28]
            mov x17, #0xffffffffffffec78
            ldr q24, [x29, x17]
            stur x16, [x29, #-0x8]
            mov x17, #0xffffffffffffd300
            movk x17, #0xfece, lsl #16
            str x16, [x29, x17]
            stur wzr, [x29, #-0x18]
            mov x16, #0xfffffffffffffffe
            stur x16, [x29, #-0x18]
            stur xzr, [x29, #-0x18]
            sub x8, x29, #0x18",
    );
}
