//! Entry wrappers, import wrappers and runtime-entry stubs.
//!
//! Entry wrapper frame (AAPCS64 on the outside, the Wasm convention inside):
//! ```text
//!  fp              host's frame pointer; return address above
//!  fp - 8          vmctx
//!  fp - 16         values
//!  fp - 32 .. -96  x19-x28, in pairs
//!  fp - 112.. -160 d8-d15, in pairs
//!  below           result area, then stack parameters
//! ```

use super::encode::a64;
use super::{Aarch64, FP, SP, VMCTX, X16, X17, x};
use crate::abi::{self, CallLayout, Location, frame};
use crate::masm::{ControlAsm, IntegerAsm, Masm, Size};
use crate::stubs::After;
use crate::{Activation, CodeFlags, HostFuncContext, Reg, RuntimeEntry, StoreContext, ValRaw, VmContext};
use dynasmrt::DynasmApi;
use engine_decoder::{FuncIndex, FuncType, ValKind};

const VALUES: i32 = -16;
const SAVED: u32 = 160;
const STRIDE: i32 = size_of::<ValRaw>() as i32;
/// Hidden argument: where stack results go.
const RESULT_AREA: Reg = abi::AARCH64.result_area;

const _: () = assert!(frame::VMCTX == -8 && frame::RESULT_AREA == -16);

fn assembler(flags: &CodeFlags) -> Aarch64 {
    let mut asm = Aarch64::new(flags);
    asm.emitter.begin_function();
    asm
}

fn finish(mut asm: Aarch64) -> Vec<u8> {
    asm.emitter.end_function(FuncIndex(0), crate::Tier::Baseline, 0);
    asm.emitter.take_batch(Default::default()).code
}

/// Moves a scalar or vector between memory operands through the scratch registers.
fn copy(asm: &mut Aarch64, kind: ValKind, from: (Reg, i32), to: (Reg, i32)) {
    let temporary = if kind == ValKind::V128 { Aarch64::FLOAT_SCRATCH } else { X16 };
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
    let layout = CallLayout::new(ty, &abi::AARCH64);
    let mut asm = assembler(flags);
    // x0 = activation, x1 = code, x2 = vmctx, x3 = values
    asm.link_frame();
    asm.allocate(SAVED + layout.result_bytes);
    a64!(asm
        ; stp x3, x2, [x29, -16]
        ; stp x19, x20, [x29, -32]
        ; stp x21, x22, [x29, -48]
        ; stp x23, x24, [x29, -64]
        ; stp x25, x26, [x29, -80]
        ; stp x27, x28, [x29, -96]
        ; stp d8, d9, [x29, -112]
        ; stp d10, d11, [x29, -128]
        ; stp d12, d13, [x29, -144]
        ; stp d14, d15, [x29, -160]
        ; mov x16, sp
    );
    let landing_pad = asm.emitter.new_label();
    asm.store_at(ValKind::I64, x(0), Activation::ENTRY_SP, X16);
    asm.store_at(ValKind::I64, x(0), Activation::ENTRY_FP, FP);
    asm.label_address(X16, landing_pad);
    asm.store_at(ValKind::I64, x(0), Activation::LANDING_PAD, X16);
    // Out of the way of the parameters.
    let (code, values) = (x(9), x(10));
    asm.mov64(code, x(1));
    asm.mov64(VMCTX, x(2));
    asm.mov64(values, x(3));
    asm.push_area(layout.param_bytes);
    for (i, &(kind, place)) in layout.params.iter().enumerate() {
        let value = (values, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.load_at(kind, reg, value.0, value.1),
            Location::Stack(offset) => copy(&mut asm, kind, value, (SP, offset as i32)),
        }
    }
    let result_area = -((SAVED + layout.result_bytes) as i32);
    if layout.result_bytes > 0 {
        asm.lea(RESULT_AREA, FP, result_area);
    }
    a64!(asm ; blr X(code));
    // The results are in x8-x10.
    let values = x(11);
    if !layout.results.is_empty() {
        asm.load_at(ValKind::I64, values, FP, VALUES);
    }
    for (i, &(kind, place)) in layout.results.iter().enumerate() {
        let value = (values, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.store_at(kind, value.0, value.1, reg),
            Location::Stack(offset) => copy(&mut asm, kind, (FP, result_area + offset as i32), value),
        }
    }
    asm.mov_imm(Size::S32, x(0), 0);
    let exit = asm.emitter.new_label();
    asm.emitter.bind(exit);
    a64!(asm
        ; ldp x19, x20, [x29, -32]
        ; ldp x21, x22, [x29, -48]
        ; ldp x23, x24, [x29, -64]
        ; ldp x25, x26, [x29, -80]
        ; ldp x27, x28, [x29, -96]
        ; ldp d8, d9, [x29, -112]
        ; ldp d10, d11, [x29, -128]
        ; ldp d12, d13, [x29, -144]
        ; ldp d14, d15, [x29, -160]
    );
    asm.epilogue(0);
    asm.emitter.bind(landing_pad);
    asm.mov_imm(Size::S32, x(0), 1);
    asm.jump(exit);
    finish(asm)
}

/// Wasm-to-host wrapper for a signature: the `code` of host functions, with a
/// [`HostFuncContext`](crate::HostFuncContext) as vmctx.
pub(crate) fn import_wrapper(flags: &CodeFlags, ty: &FuncType) -> Vec<u8> {
    let layout = CallLayout::new(ty, &abi::AARCH64);
    let count = layout.params.len().max(layout.results.len()) as u32;
    let mut asm = assembler(flags);
    asm.link_frame();
    a64!(asm ; stp X(RESULT_AREA), X(VMCTX), [sp, -16]!);
    asm.push_area(count * STRIDE as u32);
    for (i, &(kind, place)) in layout.params.iter().enumerate() {
        let value = (SP, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.store_at(kind, value.0, value.1, reg),
            Location::Stack(offset) => copy(&mut asm, kind, (FP, frame::STACK_PARAMS + offset as i32), value),
        }
    }
    asm.load_at(ValKind::I64, X16, VMCTX, HostFuncContext::STORE);
    asm.store_at(ValKind::I64, X16, StoreContext::EXIT_FP, FP);
    asm.mov64(x(0), VMCTX);
    asm.load_at(ValKind::I64, x(1), FP, frame::CALLER_FP);
    asm.load_at(ValKind::I64, x(1), x(1), frame::VMCTX);
    asm.load_at(ValKind::I64, X16, VMCTX, HostFuncContext::CALL);
    a64!(asm
        ; mov x2, sp
        ; blr x16
    );
    let failed = asm.emitter.new_label();
    asm.branch_if_not_zero(Size::S64, x(0), failed);
    if layout.result_bytes > 0 {
        asm.load_at(ValKind::I64, RESULT_AREA, FP, frame::RESULT_AREA);
    }
    for (i, &(kind, place)) in layout.results.iter().enumerate() {
        let value = (SP, STRIDE * i as i32);
        match place {
            Location::Reg(reg) => asm.load_at(kind, reg, value.0, value.1),
            Location::Stack(offset) => copy(&mut asm, kind, value, (RESULT_AREA, offset as i32)),
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
    a64!(asm ; stp X(VMCTX), X(VMCTX), [sp, -16]!);
    asm.load_at(ValKind::I64, X16, VMCTX, VmContext::STORE);
    asm.store_at(ValKind::I64, X16, StoreContext::EXIT_FP, FP);
    asm.load_at(ValKind::I64, X16, X16, StoreContext::HOST_ENTRIES);
    asm.load_at(ValKind::I64, X16, X16, entry as i32 * 8);
    asm.mov64(x(0), VMCTX);
    a64!(asm ; blr x16);
    let failed = asm.emitter.new_label();
    asm.branch_if_not_zero(Size::S64, x(1), failed);
    asm.epilogue(0);
    asm.emitter.bind(failed);
    asm.unwind_to_host();
    finish(asm)
}

/// Calls a runtime entry with the function in the second scratch register and all argument registers saved, and goes on where `after` says. See
/// [`stubs::lazy_stub`](crate::stubs::lazy_stub).
pub(crate) fn saving_stub(flags: &CodeFlags, entry: RuntimeEntry, after: After) -> Vec<u8> {
    let convention = &abi::AARCH64;
    let ints = convention.int_params.len() as u32;
    let floats = convention.float_params.len() as u32;
    let mut asm = assembler(flags);
    // The frame of a stub: vmctx and result area below the frame pointer, then the argument registers.
    asm.link_frame();
    a64!(asm ; stp X(RESULT_AREA), X(VMCTX), [sp, -16]!);
    asm.allocate((8 * ints).next_multiple_of(16) + 16 * floats);
    let int_slot = |i: usize| 16 * floats as i32 + 8 * i as i32;
    for (i, &reg) in convention.int_params.iter().enumerate() {
        asm.store_at(ValKind::I64, SP, int_slot(i), reg);
    }
    for (i, &reg) in convention.float_params.iter().enumerate() {
        asm.store_at(ValKind::V128, SP, 16 * i as i32, reg);
    }
    asm.load_at(ValKind::I64, X16, VMCTX, VmContext::STORE);
    asm.store_at(ValKind::I64, X16, StoreContext::EXIT_FP, FP);
    asm.load_at(ValKind::I64, X16, X16, StoreContext::HOST_ENTRIES);
    asm.load_at(ValKind::I64, X16, X16, entry as i32 * 8);
    asm.mov64(x(0), VMCTX);
    asm.mov64(x(1), X17);
    a64!(asm ; blr x16);
    let failed = asm.emitter.new_label();
    asm.branch_if_not_zero(Size::S64, x(1), failed);
    asm.mov64(X16, x(0));
    for (i, &reg) in convention.int_params.iter().enumerate() {
        asm.load_at(ValKind::I64, reg, SP, int_slot(i));
    }
    for (i, &reg) in convention.float_params.iter().enumerate() {
        asm.load_at(ValKind::V128, reg, SP, 16 * i as i32);
    }
    asm.load_at(ValKind::I64, VMCTX, FP, frame::VMCTX);
    asm.load_at(ValKind::I64, RESULT_AREA, FP, frame::RESULT_AREA);
    match after {
        After::Return => asm.epilogue(0),
        After::Jump => a64!(asm
            ; mov sp, x29
            ; ldp x29, x30, [sp], 16
            ; br x16
        ),
    }
    asm.emitter.bind(failed);
    asm.unwind_to_host();
    finish(asm)
}
