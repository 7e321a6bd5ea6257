//! Functions in AArch64 machine code, in the frame and convention of `engine_machine::abi`: vmctx in x28, parameter in x0,
//! result in x8.

use super::Function;
use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use engine_machine::*;

type Ops = VecAssembler<Aarch64Relocation>;

fn assembler() -> Ops {
    VecAssembler::new(0)
}

fn function(ops: Ops, sites: Vec<Site>, calls: Vec<(u32, u32)>) -> Function {
    Function { code: ops.finalize().unwrap(), calls, sites }
}

/// Host convention: returns a constant.
pub fn constant(value: u32) -> Function {
    let mut ops = assembler();
    dynasm!(ops; .arch aarch64; movz w0, value & 0xffff; movk w0, value >> 16, lsl #16; ret);
    function(ops, vec![], vec![])
}

/// Host convention: returns what another function returns, plus one.
pub fn one_more_than(callee: u32) -> Function {
    let mut ops = assembler();
    dynasm!(ops
        ; .arch aarch64
        ; stp x29, x30, [sp, #-16]!
        ; .u32 0x94000000
        ; add w0, w0, #1
        ; ldp x29, x30, [sp], #16
        ; ret
    );
    function(ops, vec![], vec![(4, callee)])
}

pub fn entry_wrapper() -> Vec<u8> {
    let mut ops = assembler();
    dynasm!(ops
        ; .arch aarch64
        ; stp x29, x30, [sp, #-16]!
        ; mov x29, sp
        ; sub sp, sp, #176
        ; stur x2, [x29, #-8]
        ; stur x3, [x29, #-16]
        ; stp x19, x20, [sp]
        ; stp x21, x22, [sp, #16]
        ; stp x23, x24, [sp, #32]
        ; stp x25, x26, [sp, #48]
        ; stp x27, x28, [sp, #64]
        ; stp d8, d9, [sp, #80]
        ; stp d10, d11, [sp, #96]
        ; stp d12, d13, [sp, #112]
        ; stp d14, d15, [sp, #128]
        ; mov x9, sp
        ; str x9, [x0, Activation::ENTRY_SP as u32]
        ; str x29, [x0, Activation::ENTRY_FP as u32]
        ; adr x9, >pad
        ; str x9, [x0, Activation::LANDING_PAD as u32]
        ; mov x28, x2
        ; ldr x0, [x3]
        ; blr x1
        ; ldur x3, [x29, #-16]
        ; str x8, [x3]
        ; mov x0, #0
        ;exit:
        ; ldp x19, x20, [sp]
        ; ldp x21, x22, [sp, #16]
        ; ldp x23, x24, [sp, #32]
        ; ldp x25, x26, [sp, #48]
        ; ldp x27, x28, [sp, #64]
        ; ldp d8, d9, [sp, #80]
        ; ldp d10, d11, [sp, #96]
        ; ldp d12, d13, [sp, #112]
        ; ldp d14, d15, [sp, #128]
        ; mov sp, x29
        ; ldp x29, x30, [sp], #16
        ; ret
        ;pad:
        ; mov x0, #1
        ; b <exit
    );
    ops.finalize().unwrap()
}

/// Calls host entry 0 with the vmctx and the parameter.
pub fn exit_stub() -> Vec<u8> {
    let mut ops = assembler();
    dynasm!(ops
        ; .arch aarch64
        ; stp x29, x30, [sp, #-16]!
        ; mov x29, sp
        ; sub sp, sp, #16
        ; stur x28, [x29, #-8]
        ; ldr x16, [x28, VmContext::STORE as u32]
        ; str x29, [x16, StoreContext::EXIT_FP as u32]
        ; mov x1, x0
        ; mov x0, x28
        ; ldr x9, [x16, StoreContext::HOST_ENTRIES as u32]
        ; ldr x9, [x9]
        ; blr x9
        ; cbnz x1, >failed
        ; mov x8, x0
        ; mov sp, x29
        ; ldp x29, x30, [sp], #16
        ; ret
        ;failed:
        ; ldur x16, [x29, #-8]
        ; ldr x16, [x16, VmContext::STORE as u32]
        ; ldr x16, [x16, StoreContext::ACTIVATION as u32]
        ; ldr x9, [x16, Activation::ENTRY_SP as u32]
        ; mov sp, x9
        ; ldr x29, [x16, Activation::ENTRY_FP as u32]
        ; ldr x9, [x16, Activation::LANDING_PAD as u32]
        ; br x9
    );
    ops.finalize().unwrap()
}

fn prologue(ops: &mut Ops) {
    dynasm!(ops
        ; .arch aarch64
        ; stp x29, x30, [sp, #-16]!
        ; mov x29, sp
        ; sub sp, sp, #16
        ; stur x28, [x29, #-8]
    );
}

fn epilogue(ops: &mut Ops) {
    dynasm!(ops; .arch aarch64; mov sp, x29; ldp x29, x30, [sp], #16; ret);
}

fn at(ops: &Ops) -> u32 {
    ops.offset().0 as u32
}

/// `bl callee`; (call, offset of the site).
fn call(ops: &mut Ops, callee: u32) -> ((u32, u32), u32) {
    let field = at(ops);
    dynasm!(ops; .arch aarch64; .u32 0x94000000);
    ((field, callee), at(ops))
}

/// Traps.
pub fn unreachable() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    let site = Site::new(at(&ops), Some(TrapCode::Unreachable), 5);
    dynasm!(ops; .arch aarch64; brk #1);
    function(ops, vec![site], vec![])
}

/// Loads four bytes at the parameter from memory 0.
pub fn load() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch aarch64; ldr x9, [x28, VmContext::MEMORY0_BASE as u32]);
    let site = Site::new(at(&ops), Some(TrapCode::MemoryOutOfBounds), 7);
    dynasm!(ops; .arch aarch64; ldr w8, [x9, x0]);
    epilogue(&mut ops);
    function(ops, vec![site], vec![])
}

/// Calls another function with the same parameter.
pub fn calls(callee: u32) -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    let (call, at) = call(&mut ops, callee);
    epilogue(&mut ops);
    function(ops, vec![Site::new(at, None, 11)], vec![call])
}

/// Calls another function as its very last instruction.
pub fn ends_in_call(callee: u32) -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch aarch64; nop; nop; nop);
    let (call, at) = call(&mut ops, callee);
    function(ops, vec![Site::new(at, None, 12)], vec![call])
}

/// Calls the host with the parameter.
pub fn calls_host() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops
        ; .arch aarch64
        ; ldr x9, [x28, VmContext::RUNTIME_ENTRIES as u32]
        ; ldr x9, [x9]
        ; blr x9
    );
    let site = Site::new(at(&ops), None, 13);
    dynasm!(ops; .arch aarch64; ldur x28, [x29, #-8]);
    epilogue(&mut ops);
    function(ops, vec![site], vec![])
}

/// Checks the stack, then calls another function.
pub fn checks_stack_and_calls(callee: u32) -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops
        ; .arch aarch64
        ; ldr x9, [x28, VmContext::STORE as u32]
        ; ldr x9, [x9, StoreContext::STACK_LIMIT as u32]
        ; cmp sp, x9
        ; b.hi >fits
    );
    let overflow = Site::new(at(&ops), Some(TrapCode::StackOverflow), 1);
    dynasm!(ops; .arch aarch64; brk #1; fits:);
    let (call, at) = call(&mut ops, callee);
    epilogue(&mut ops);
    function(ops, vec![overflow, Site::new(at, None, 15)], vec![call])
}

/// Loops until interrupted.
pub fn polls() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops
        ; .arch aarch64
        ; ldr x10, [x28, VmContext::STORE as u32]
        ;again:
        ; ldr x9, [x10, StoreContext::STACK_LIMIT as u32]
        ; cmp sp, x9
        ; b.hi <again
    );
    let site = Site::new(at(&ops), Some(TrapCode::StackOverflow), 17);
    dynasm!(ops; .arch aarch64; brk #1);
    function(ops, vec![site], vec![])
}

/// Loads from address 16, which is no memory of the instance, though the instruction is a site.
pub fn loads_elsewhere() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch aarch64; movz x9, #16);
    let site = Site::new(at(&ops), Some(TrapCode::MemoryOutOfBounds), 19);
    dynasm!(ops; .arch aarch64; ldr w8, [x9]);
    epilogue(&mut ops);
    function(ops, vec![site], vec![])
}
