//! Float arithmetic and conversions.

use super::super::{v, x};
use super::{assemble, expect, same};
use crate::TrapCode;
use crate::masm::Operand::{Frame, Reg};
use crate::masm::{
    ControlAsm, Conversion, FloatAsm, FloatBinary, FloatCond, FloatUnary, IntegerAsm, Masm, Size,
};
use Size::{S32, S64};
use engine_decoder::ValKind::{F32, F64, I32, I64};

#[test]
fn constants() {
    expect(
        |asm| {
            asm.float_const(F32, v(24), 0);
            asm.float_const(F32, v(24), u64::from(1.5f32.to_bits()));
            asm.float_const(F64, v(24), (-31f64).to_bits());
            asm.float_const(F32, v(24), u64::from(0.1f32.to_bits()));
            asm.float_const(F64, v(24), 32f64.to_bits());
            asm.float_const(F64, v(24), 1 << 63);
        },
        "
            movi d24, #0x0
            fmov s24, #1.5
            fmov d24, #-31.0
            mov w17, #0xcccd
            movk w17, #0x3dcc, lsl #16
            fmov s24, w17
            mov x17, #0x4040000000000000
            fmov d24, x17
            mov x17, #0x8000000000000000
            fmov d24, x17",
    );
}

#[test]
fn two_operands() {
    expect(
        |asm| {
            asm.float_binary(FloatBinary::Add, F32, v(24), v(25), Reg(v(26)));
            asm.float_binary(FloatBinary::Add, F64, v(24), v(25), Reg(v(26)));
            asm.float_binary(FloatBinary::Sub, F32, v(24), v(25), Reg(v(26)));
            asm.float_binary(FloatBinary::Mul, F64, v(24), v(25), Frame(-24));
            asm.float_binary(FloatBinary::Div, F32, v(24), v(25), Reg(v(24)));
            asm.float_binary(FloatBinary::Min, F64, v(24), v(25), Reg(v(26)));
            asm.float_binary(FloatBinary::Max, F32, v(24), v(25), Reg(v(26)));
        },
        "
            fadd s24, s25, s26
            fadd d24, d25, d26
            fsub s24, s25, s26
            ldur d31, [x29, #-0x18]
            fmul d24, d25, d31
            fdiv s24, s25, s24
            fmin d24, d25, d26
            fmax s24, s25, s26",
    );
}

#[test]
fn copysign_inserts_the_sign_bit() {
    expect(
        |asm| {
            asm.float_binary(FloatBinary::CopySign, F32, v(24), v(25), Reg(v(24)));
            asm.float_binary(FloatBinary::CopySign, F64, v(24), v(24), Reg(v(25)));
        },
        "
            ushr v31.2s, v24.2s, #0x1f
            fmov s24, s25
            sli v24.2s, v31.2s, #0x1f
            ushr d31, d25, #0x3f
            sli d24, d31, #0x3f",
    );
}

#[test]
fn one_operand() {
    expect(
        |asm| {
            for op in [
                FloatUnary::Abs,
                FloatUnary::Neg,
                FloatUnary::Sqrt,
                FloatUnary::Ceil,
                FloatUnary::Floor,
                FloatUnary::Trunc,
                FloatUnary::Nearest,
            ] {
                asm.float_unary(op, F32, v(24), v(25));
                asm.float_unary(op, F64, v(24), v(25));
            }
        },
        "
            fabs s24, s25
            fabs d24, d25
            fneg s24, s25
            fneg d24, d25
            fsqrt s24, s25
            fsqrt d24, d25
            frintp s24, s25
            frintp d24, d25
            frintm s24, s25
            frintm d24, d25
            frintz s24, s25
            frintz d24, d25
            frintn s24, s25
            frintn d24, d25",
    );
}

#[test]
fn comparisons_are_false_for_nan() {
    expect(
        |asm| {
            for cond in
                [FloatCond::Eq, FloatCond::Ne, FloatCond::Lt, FloatCond::Gt, FloatCond::Le, FloatCond::Ge]
            {
                asm.float_set(cond, F64, x(8), v(24), v(25));
            }
        },
        "
            fcmp d24, d25
            cset w8, eq
            fcmp d24, d25
            cset w8, ne
            fcmp d24, d25
            cset w8, mi
            fcmp d24, d25
            cset w8, gt
            fcmp d24, d25
            cset w8, ls
            fcmp d24, d25
            cset w8, ge",
    );
    expect(
        |asm| {
            let target = asm.emitter().new_label();
            asm.emitter().bind(target);
            asm.float_branch(FloatCond::Lt, F32, v(24), v(25), true, target);
            asm.float_branch(FloatCond::Lt, F32, v(24), v(25), false, target);
        },
        "
            fcmp s24, s25
            b.mi $-0x4
            fcmp s24, s25
            b.pl $-0xc",
    );
}

#[test]
fn conversions() {
    let convert = |from, signed, to| Conversion::Convert { from, signed, to };
    expect(
        |asm| {
            asm.convert(convert(S32, true, F32), v(24), x(8));
            asm.convert(convert(S32, false, F64), v(24), x(8));
            asm.convert(convert(S64, true, F64), v(24), x(8));
            asm.convert(convert(S64, false, F32), v(24), x(8));
            asm.convert(Conversion::Demote, v(24), v(25));
            asm.convert(Conversion::Promote, v(24), v(25));
            asm.convert(Conversion::Reinterpret { from: I32 }, v(24), x(8));
            asm.convert(Conversion::Reinterpret { from: I64 }, v(24), x(8));
            asm.convert(Conversion::Reinterpret { from: F32 }, x(8), v(24));
            asm.convert(Conversion::Reinterpret { from: F64 }, x(8), v(24));
        },
        "
            scvtf s24, w8
            ucvtf d24, w8
            scvtf d24, x8
            ucvtf s24, x8
            fcvt s24, d25
            fcvt d24, s25
            fmov s24, w8
            fmov d24, x8
            fmov w8, s24
            fmov x8, d24",
    );
}

#[test]
fn truncations() {
    let truncate = |from, to, signed, saturating| Conversion::Truncate { from, to, signed, saturating };
    expect(
        |asm| {
            asm.convert(truncate(F32, S32, true, true), x(8), v(24));
            asm.convert(truncate(F64, S64, false, true), x(8), v(24));
        },
        "
            fcvtzs w8, s24
            fcvtzu x8, d24",
    );
    let trapping = |conversion| {
        let code = assemble(false, |asm| {
            asm.convert(conversion, x(8), v(24));
            asm.trap(TrapCode::Unreachable);
            asm.emit_pending_traps();
        });
        let code = code.unwrap();
        assert!(code.traps().iter().any(|trap| trap.1 == TrapCode::BadConversionToInteger));
        assert!(code.traps().iter().any(|trap| trap.1 == TrapCode::IntegerOverflow));
        let text = code.text();
        let end = text.iter().position(|line| line.starts_with("brk")).unwrap();
        text[..end].to_vec()
    };
    same(
        &trapping(truncate(F64, S32, true, false)),
        "
        fcmp d24, d24
        b.vs $+0x18
        fcvtzs x8, d24
        cmp x8, w8, sxtw
        b.ne $+0x10
        mov w8, w8",
    );
    same(
        &trapping(truncate(F32, S32, false, false)),
        "
        fcmp s24, s24
        b.vs $+0x14
        fcvtzs x8, s24
        cmp x8, w8
        b.ne $+0xc",
    );
    same(
        &trapping(truncate(F64, S64, true, false)),
        "
        mov x17, #0xc3e0000000000000
        fmov d31, x17
        fcmp d24, d31
        b.vs $+0x18
        b.mi $+0x18
        fcvtzs x8, d24
        cmn x8, #0x1
        b.vs $+0xc",
    );
    same(
        &trapping(truncate(F32, S64, false, false)),
        "
        fmov s31, #-1.0
        fcmp s24, s31
        b.vs $+0x18
        b.ls $+0x18
        fcvtzu x8, s24
        cmn x8, #0x1
        b.eq $+0xc",
    );
}

#[test]
fn canonical_nan() {
    expect(
        |asm| {
            asm.canonicalize_nan(F32, v(24));
            asm.canonicalize_nan(F64, v(24));
        },
        "
            fcmp s24, s24
            b.vc $+0xc
            mov w17, #0x7fc00000
            fmov s24, w17
            fcmp d24, d24
            b.vc $+0xc
            mov x17, #0x7ff8000000000000
            fmov d24, x17",
    );
}
