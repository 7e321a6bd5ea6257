//! Entry wrappers, import wrappers and runtime-entry stubs.
//!
//! Entry wrapper frame (System V on the outside, the Wasm convention inside):
//! ```text
//!  rbp       host's rbp
//!  rbp - 8   vmctx
//!  rbp - 16  rbx     rbp - 24  r12     rbp - 32  r13     rbp - 40  r14     rbp - 48  r15
//!  rbp - 56  values
//!  rbp - 64  unused
//!  below     result area, then stack parameters
//! ```

use super::encode::{W, cc, op1};
use super::{R10, R11, RAX, RBP, RCX, RDX, RSP, VMCTX, X64};
use crate::abi::{self, CallLayout, Location, frame};
use crate::masm::{ControlAsm, IntegerAsm, Masm, Operand, Size};
use crate::stubs::After;
use crate::{Activation, CodeFlags, HostFuncContext, Reg, RuntimeEntry, StoreContext, ValRaw, VmContext};
use engine_decoder::{FuncIndex, FuncType, ValKind};

const RBX: Reg = Reg::gpr(3);
const RSI: Reg = Reg::gpr(6);
const RDI: Reg = Reg::gpr(7);
const SP: Reg = Reg::gpr(RSP);
const FP: Reg = Reg::gpr(RBP);
const R14: Reg = Reg::gpr(VMCTX);
const VALUES: i32 = -56;
const SAVED: u32 = 64;
const STRIDE: i32 = size_of::<ValRaw>() as i32;

fn assembler(flags: &CodeFlags) -> X64 {
    let mut asm = X64::new(flags);
    asm.emitter.begin_function();
    asm
}

fn finish(mut asm: X64) -> Vec<u8> {
    asm.emitter.end_function(FuncIndex(0), crate::Tier::Baseline, 0);
    asm.emitter.take_batch(Default::default()).code
}

/// Moves a scalar or vector between memory operands through the scratch registers.
fn copy(asm: &mut X64, kind: ValKind, from: (Reg, i32), to: (Reg, i32)) {
    let temporary = if kind == ValKind::V128 { X64::FLOAT_SCRATCH } else { R11 };
    let kind = match kind {
        ValKind::F32 => ValKind::I32,
        ValKind::F64 => ValKind::I64,
        other => other,
    };
    asm.load_at(kind, temporary, from.0, from.1);
    asm.store_at(kind, to.0, to.1, temporary);
}

/// Host-to-Wasm wrapper for a signature: an [`EntryWrapper`](crate::EntryWrapper).
pub(crate) fn entry_wrapper(flags: &CodeFlags, ty: &FuncType) -> Vec<u8> {
    let layout = CallLayout::new(ty, &abi::X64);
    let mut asm = assembler(flags);
    // rdi = activation, rsi = code, rdx = vmctx, rcx = values
    asm.link_frame();
    for reg in [RDX, RBX, Reg::gpr(12), Reg::gpr(13), R14, Reg::gpr(15), RCX] {
        asm.push(reg);
    }
    asm.sub_sp(8 + layout.result_bytes);
    let landing_pad = asm.emitter.new_label();
    asm.store_at(ValKind::I64, RDI, Activation::ENTRY_SP, SP);
    asm.store_at(ValKind::I64, RDI, Activation::ENTRY_FP, FP);
    asm.lea_label(RAX, landing_pad);
    asm.store_at(ValKind::I64, RDI, Activation::LANDING_PAD, RAX);
    asm.mov64(R14, RDX);
    asm.mov64(RAX, RSI);
    asm.push_area(layout.param_bytes);
    for (i, &(kind, place)) in layout.params.iter().enumerate() {
        let value = (RCX, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.load_at(kind, reg, value.0, value.1),
            Location::Stack(offset) => copy(&mut asm, kind, value, (SP, offset as i32)),
        }
    }
    let result_area = -((SAVED + layout.result_bytes) as i32);
    if layout.result_bytes > 0 {
        asm.lea(R10, FP, result_area);
    }
    asm.rr(op1(0xff), W::W0, 2, RAX.number());
    if !layout.results.is_empty() {
        asm.load_at(ValKind::I64, RBX, FP, VALUES);
    }
    for (i, &(kind, place)) in layout.results.iter().enumerate() {
        let value = (RBX, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.store_at(kind, value.0, value.1, reg),
            Location::Stack(offset) => copy(&mut asm, kind, (FP, result_area + offset as i32), value),
        }
    }
    asm.mov_imm(Size::S32, RAX, 0);
    let exit = asm.emitter.new_label();
    asm.emitter.bind(exit);
    asm.lea(SP, FP, -48);
    for reg in [Reg::gpr(15), R14, Reg::gpr(13), Reg::gpr(12), RBX, RDX, FP] {
        asm.pop(reg);
    }
    asm.byte(0xc3);
    asm.emitter.bind(landing_pad);
    asm.mov_imm(Size::S32, RAX, 1);
    asm.jump(exit);
    finish(asm)
}

/// Wasm-to-host wrapper for a signature: the `code` of host functions, with a
/// [`HostFuncContext`](crate::HostFuncContext) as vmctx.
pub(crate) fn import_wrapper(flags: &CodeFlags, ty: &FuncType) -> Vec<u8> {
    let layout = CallLayout::new(ty, &abi::X64);
    let count = layout.params.len().max(layout.results.len()) as u32;
    let mut asm = assembler(flags);
    asm.link_frame();
    asm.push(R14);
    asm.push(R10);
    asm.sub_sp(count * STRIDE as u32);
    for (i, &(kind, place)) in layout.params.iter().enumerate() {
        let value = (SP, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.store_at(kind, value.0, value.1, reg),
            Location::Stack(offset) => copy(&mut asm, kind, (FP, frame::STACK_PARAMS + offset as i32), value),
        }
    }
    asm.load_at(ValKind::I64, R11, R14, HostFuncContext::STORE);
    asm.store_at(ValKind::I64, R11, StoreContext::EXIT_FP, FP);
    asm.load_at(ValKind::I64, RAX, FP, frame::CALLER_FP);
    asm.load_at(ValKind::I64, RSI, RAX, frame::VMCTX);
    asm.mov64(RDI, R14);
    asm.mov64(RDX, SP);
    asm.call_mem(R14, HostFuncContext::CALL);
    asm.cmp(Size::S64, RAX, Operand::Imm(0));
    let failed = asm.emitter.new_label();
    asm.jcc(cc::NE, failed);
    if layout.result_bytes > 0 {
        asm.load_at(ValKind::I64, R10, FP, frame::RESULT_AREA);
    }
    for (i, &(kind, place)) in layout.results.iter().enumerate() {
        let value = (SP, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.load_at(kind, reg, value.0, value.1),
            Location::Stack(offset) => copy(&mut asm, kind, value, (R10, offset as i32)),
        }
    }
    asm.epilogue(layout.param_bytes);
    asm.emitter.bind(failed);
    asm.unwind_to_host();
    finish(asm)
}

/// Stub of a runtime entry (see `entries.rs`).
pub(crate) fn runtime_stub(flags: &CodeFlags, entry: RuntimeEntry) -> Vec<u8> {
    let mut asm = assembler(flags);
    asm.link_frame();
    asm.push(R14);
    asm.push(R14);
    asm.load_at(ValKind::I64, R11, R14, VmContext::STORE);
    asm.store_at(ValKind::I64, R11, StoreContext::EXIT_FP, FP);
    asm.load_at(ValKind::I64, RAX, R11, StoreContext::HOST_ENTRIES);
    asm.mov64(RDI, R14);
    asm.call_mem(RAX, entry as i32 * 8);
    asm.cmp(Size::S64, RDX, Operand::Imm(0));
    let failed = asm.emitter.new_label();
    asm.jcc(cc::NE, failed);
    asm.epilogue(0);
    asm.emitter.bind(failed);
    asm.unwind_to_host();
    finish(asm)
}

/// Calls a runtime entry with the function in the second scratch register and all argument registers saved, and goes on where `after` says. See
/// [`stubs::lazy_stub`](crate::stubs::lazy_stub).
pub(crate) fn saving_stub(flags: &CodeFlags, entry: RuntimeEntry, after: After) -> Vec<u8> {
    let convention = &abi::X64;
    let ints = convention.int_params.len() as u32;
    let floats = convention.float_params.len() as u32;
    let mut asm = assembler(flags);
    // The frame of a stub: vmctx and result area below the frame pointer, then the argument registers.
    asm.link_frame();
    asm.push(R14);
    asm.push(R10);
    asm.sub_sp((8 * ints).next_multiple_of(16) + 16 * floats);
    let int_slot = |i: usize| 16 * floats as i32 + 8 * i as i32;
    for (i, &reg) in convention.int_params.iter().enumerate() {
        asm.store_at(ValKind::I64, SP, int_slot(i), reg);
    }
    for (i, &reg) in convention.float_params.iter().enumerate() {
        asm.store_at(ValKind::V128, SP, 16 * i as i32, reg);
    }
    asm.load_at(ValKind::I64, RAX, R14, VmContext::STORE);
    asm.store_at(ValKind::I64, RAX, StoreContext::EXIT_FP, FP);
    asm.load_at(ValKind::I64, RAX, RAX, StoreContext::HOST_ENTRIES);
    asm.mov64(RDI, R14);
    asm.mov64(RSI, R11);
    asm.call_mem(RAX, entry as i32 * 8);
    asm.cmp(Size::S64, RDX, Operand::Imm(0));
    let failed = asm.emitter.new_label();
    asm.jcc(cc::NE, failed);
    asm.mov64(R11, RAX);
    for (i, &reg) in convention.int_params.iter().enumerate() {
        asm.load_at(ValKind::I64, reg, SP, int_slot(i));
    }
    for (i, &reg) in convention.float_params.iter().enumerate() {
        asm.load_at(ValKind::V128, reg, SP, 16 * i as i32);
    }
    asm.load_at(ValKind::I64, R14, FP, frame::VMCTX);
    asm.load_at(ValKind::I64, R10, FP, frame::RESULT_AREA);
    match after {
        After::Return => asm.epilogue(0),
        After::Jump => {
            // leave; jmp r11
            asm.byte(0xc9);
            asm.rr(op1(0xff), W::W0, 4, R11.number());
        }
    }
    asm.emitter.bind(failed);
    asm.unwind_to_host();
    finish(asm)
}
