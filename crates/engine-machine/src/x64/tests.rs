//! Encodings against a disassembler.

use super::{RAX, RCX, RDX, X64};
use crate::masm::*;
use crate::{AccessMode, Arch, CodeFlags, Place, Reg, TargetFeatures, TrapCode};
use engine_decoder::{FuncIndex, ValKind};
use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

const R12: Reg = Reg::gpr(12);
const R13: Reg = Reg::gpr(13);
const RSI: Reg = Reg::gpr(6);
const X1: Reg = Reg::fpr(1);
const X9: Reg = Reg::fpr(9);
const BASE: Reg = Reg::gpr(15);

fn features(all: bool) -> CodeFlags {
    let mut target = TargetFeatures::floor(Arch::X64);
    if all {
        (target.sse41, target.popcnt, target.lzcnt) = (true, true, true);
        (target.bmi1, target.bmi2, target.avx) = (true, true, true);
    }
    CodeFlags {
        target,
        memory_access: AccessMode::Guarded,
        spectre: true,
        interruptible: false,
        canonicalize_nans: false,
        tier_up_budget: 0,
    }
}

/// What `emit` emits, disassembled, one instruction a line.
fn text(all_features: bool, emit: impl FnOnce(&mut X64)) -> String {
    let mut asm = X64::new(&features(all_features));
    asm.emitter.begin_function();
    emit(&mut asm);
    asm.emit_pending_traps();
    asm.emitter.end_function(FuncIndex(0), crate::Tier::Baseline, 16).expect("in range");
    let code = asm.emitter.take_batch(Default::default()).code;
    let mut decoder = Decoder::with_ip(64, &code, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_branch_leading_zeros(false);
    formatter.options_mut().set_space_after_operand_separator(true);
    let mut lines = Vec::new();
    for instruction in &mut decoder {
        assert!(!instruction.is_invalid(), "invalid instruction after {lines:?} in {code:02x?}");
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        lines.push(line);
    }
    lines.join("; ")
}

fn check(expected: &str, emit: impl FnOnce(&mut X64)) {
    assert_eq!(text(true, emit), expected);
}

#[test]
fn moves() {
    check("mov eax, ecx", |a| a.mov(ValKind::I32, RAX, RCX));
    check("mov r12, r13", |a| a.mov(ValKind::I64, R12, R13));
    check("movaps xmm1, xmm9", |a| a.mov(ValKind::F64, X1, X9));
    check("mov r12d, 5", |a| a.mov_imm(Size::S64, R12, 5));
    check("mov rax, 0FFFFFFFFFFFFFFFFh", |a| a.mov_imm(Size::S64, RAX, -1));
    check("mov eax, 0FFFFFFFFh", |a| a.mov_imm(Size::S32, RAX, -1));
    check("mov r13, 123456789ABCDEFh", |a| a.mov_imm(Size::S64, R13, 0x123_4567_89ab_cdef));
    check("xor ecx, ecx", |a| a.zero(RCX));
    check("xorps xmm9, xmm9", |a| a.zero(X9));
}

#[test]
fn addresses_of_every_shape() {
    // rbp and r13 always need a displacement, rsp and r12 a SIB byte.
    for (base, name) in [(RAX, "rax"), (R12, "r12"), (R13, "r13"), (Reg::gpr(5), "rbp"), (Reg::gpr(4), "rsp")]
    {
        for (offset, shown) in [(8, "+8"), (127, "+7Fh"), (128, "+80h"), (-128, "-80h"), (-129, "-81h")] {
            check(&format!("mov ecx, [{name}{shown}]"), |a| a.load_at(ValKind::I32, RCX, base, offset));
        }
        check(&format!("mov rsi, [{name}]"), |a| a.load_at(ValKind::I64, RSI, base, 0));
    }
    let at = |index, offset| Address { base: BASE, index, offset };
    check("mov eax, [r15+rcx]", |a| a.load(Load::I32, RAX, at(Some(RCX), 0)));
    check("mov eax, [r15+r12+10h]", |a| a.load(Load::I32, RAX, at(Some(R12), 16)));
    check("movsx rsi, word ptr [r15+1234h]", |a| a.load(Load::I64S16, RSI, at(None, 0x1234)));
    check("mov [r15+rax], sil", |a| a.store(Store::I8, at(Some(RAX), 0), RSI));
    check("mov [r15+rax], r13w", |a| a.store(Store::I16, at(Some(RAX), 0), R13));
    check("mov word ptr [r15+rax+4], 0FFFEh", |a| a.store_imm(Store::I16, at(Some(RAX), 4), -2));
    check("movss xmm9, [r15+rcx]", |a| a.load(Load::F32, X9, at(Some(RCX), 0)));
}

#[test]
fn arithmetic_picks_the_shortest_form() {
    let reg = Operand::Reg;
    check("add eax, ecx", |a| a.alu(Alu::Add, Size::S32, RAX, RAX, reg(RCX)));
    check("lea edx, [rax+rcx]", |a| a.alu(Alu::Add, Size::S32, RDX, RAX, reg(RCX)));
    check("lea rdx, [r13+r12]", |a| a.alu(Alu::Add, Size::S64, RDX, R13, reg(R12)));
    check("lea edx, [rax-8]", |a| a.alu(Alu::Sub, Size::S32, RDX, RAX, Operand::Imm(8)));
    check("neg ecx; add ecx, eax", |a| a.alu(Alu::Sub, Size::S32, RCX, RAX, reg(RCX)));
    check("and ecx, eax", |a| a.alu(Alu::And, Size::S32, RCX, RAX, reg(RCX)));
    check("xor rax, 7Fh", |a| a.alu(Alu::Xor, Size::S64, RAX, RAX, Operand::Imm(127)));
    check("or eax, 80h", |a| a.alu(Alu::Or, Size::S32, RAX, RAX, Operand::Imm(128)));
    check("imul esi, eax, 64h", |a| a.alu(Alu::Mul, Size::S32, RSI, RAX, Operand::Imm(100)));
    check("imul rcx, rax", |a| a.alu(Alu::Mul, Size::S64, RCX, RAX, reg(RCX)));
    check("sub eax, [rbp-18h]", |a| a.alu(Alu::Sub, Size::S32, RAX, RAX, Operand::Frame(-24)));
    check("test eax, eax", |a| a.cmp(Size::S32, RAX, Operand::Imm(0)));
    check("test sil, 1", |a| a.test(Size::S32, RSI, Operand::Imm(1)));
    check("sete sil; movzx esi, sil", |a| a.set(Cond::Eq, RSI));
}

#[test]
fn shifts_with_and_without_bmi2() {
    let count = Operand::Reg(RSI);
    check("shlx eax, ecx, esi", |a| a.shift(Shift::Shl, Size::S32, RAX, RCX, count));
    check("sarx rax, r12, rsi", |a| a.shift(Shift::ShrS, Size::S64, RAX, R12, count));
    check("shrx r13d, eax, esi", |a| a.shift(Shift::ShrU, Size::S32, R13, RAX, count));
    let expected = "mov r11, rax; xchg rsi, rcx; shl r11d, cl; xchg rsi, rcx; mov rax, r11";
    assert_eq!(text(false, |a| a.shift(Shift::Shl, Size::S32, RAX, RAX, count)), expected);
    check("shl eax, 5", |a| a.shift(Shift::Shl, Size::S32, RAX, RAX, Operand::Imm(37)));
    check("mov rax, rcx; sar rax, 1", |a| a.shift(Shift::ShrS, Size::S64, RAX, RCX, Operand::Imm(1)));
}

#[test]
fn floats() {
    let reg = Operand::Reg;
    let add = |a: &mut X64| a.float_binary(FloatBinary::Add, ValKind::F64, X1, X1, reg(X9));
    check("vaddsd xmm1, xmm1, xmm9", add);
    assert_eq!(text(false, add), "addsd xmm1, xmm9");
    let subtract = |a: &mut X64| a.float_binary(FloatBinary::Sub, ValKind::F32, X1, X9, reg(X1));
    check("vsubss xmm1, xmm9, xmm1", subtract);
    assert_eq!(text(false, subtract), "movaps xmm15, xmm9; subss xmm15, xmm1; movaps xmm1, xmm15");
    let multiply = |a: &mut X64| a.float_binary(FloatBinary::Mul, ValKind::F64, X9, X1, Operand::Frame(-32));
    check("vmulsd xmm9, xmm1, [rbp-20h]", multiply);
    assert_eq!(text(false, multiply), "movaps xmm9, xmm1; mulsd xmm9, [rbp-20h]");
    let at = Operand::Memory(Address { base: BASE, index: Some(R12), offset: 8 });
    check("vdivss xmm1, xmm9, [r15+r12+8]", |a| a.float_binary(FloatBinary::Div, ValKind::F32, X1, X9, at));
    check("roundsd xmm9, xmm9, 9", |a| a.float_unary(FloatUnary::Floor, ValKind::F64, X9, X9));
    check("movq r12, xmm9", |a| a.convert(Conversion::Reinterpret { from: ValKind::F64 }, R12, X9));
    check("movd xmm9, esi", |a| a.convert(Conversion::Reinterpret { from: ValKind::I32 }, X9, RSI));
}

#[test]
fn operands_in_memory() {
    let at = Operand::Memory(Address { base: BASE, index: Some(RCX), offset: 16 });
    check("add eax, [r15+rcx+10h]", |a| a.alu(Alu::Add, Size::S32, RAX, RAX, at));
    check("imul rdx, [r15+rcx+10h]", |a| a.alu(Alu::Mul, Size::S64, RDX, RDX, at));
    check("cmp rsi, [r15+rcx+10h]", |a| a.cmp(Size::S64, RSI, at));
    check("lea edx, [rax+r12*4]", |a| a.add_shifted(Size::S32, RDX, RAX, R12, 2, 0));
    check("mul rcx", |a| a.multiply_high(false, RDX, RAX, RCX));
    check("imul r13", |a| a.multiply_high(true, RDX, RAX, R13));
}

#[test]
fn zero_is_compared_only_if_the_flags_do_not_say_it() {
    check("sub eax, ecx; je 9; nop", |a| {
        a.alu(Alu::Sub, Size::S32, RAX, RAX, Operand::Reg(RCX));
        a.cmp_zero(Size::S32, RAX);
        let label = a.emitter.new_label();
        a.branch(Cond::Eq, label);
        a.byte(0x90);
        a.emitter.bind(label);
    });
    check("sub eax, ecx; test rax, rax", |a| {
        a.alu(Alu::Sub, Size::S32, RAX, RAX, Operand::Reg(RCX));
        a.cmp_zero(Size::S64, RAX);
    });
    check("sub eax, ecx; test eax, eax", |a| {
        a.alu(Alu::Sub, Size::S32, RAX, RAX, Operand::Reg(RCX));
        let label = a.emitter.new_label();
        a.emitter.bind(label);
        a.cmp_zero(Size::S32, RAX);
    });
}

#[test]
fn traps_go_out_of_line_and_are_shared_by_an_operator() {
    check("je 0Dh; je 0Dh; ret; ud2", |a| {
        a.trap_if(Cond::Eq, TrapCode::IntegerDivisionByZero);
        a.trap_if(Cond::Eq, TrapCode::IntegerDivisionByZero);
        a.byte(0xc3);
    });
}

#[test]
fn table_entries_are_masked() {
    let expected = "cmp rax, [r14+48h]; jae 1Eh; mov ecx, eax; mov r11d, 0; cmovae rcx, r11; shl rcx, 5; \
                    add rcx, [r14+40h]; ud2";
    check(expected, |a| a.table_entry(RCX, RAX, Place::Inline(64), 5, true));
}

#[test]
fn branches_are_short_backwards() {
    check("nop; jmp short 0; jne short 0", |a| {
        let label = a.emitter.new_label();
        a.emitter.bind(label);
        a.byte(0x90);
        a.jump(label);
        a.branch(Cond::Ne, label);
    });
}

#[test]
fn every_floor_lowering_is_valid_code() {
    for all in [false, true] {
        for size in [Size::S32, Size::S64] {
            for op in [Unary::Clz, Unary::Ctz, Unary::Popcnt] {
                for (dst, src) in [(RAX, RAX), (RAX, RCX), (RCX, RAX), (R12, R13)] {
                    assert!(!text(all, |a| a.unary(op, size, dst, src)).is_empty());
                }
            }
            for signed in [false, true] {
                for saturating in [false, true] {
                    for from in [ValKind::F32, ValKind::F64] {
                        let op = Conversion::Truncate { from, to: size, signed, saturating };
                        assert!(!text(all, |a| a.convert(op, RSI, X9)).is_empty());
                    }
                }
            }
        }
    }
}
