//! Functions in x86-64 machine code, in the frame and convention of `engine_machine::abi`: vmctx in r14, parameter in
//! rsi, result in rax.

use super::Function;
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use engine_machine::*;

fn assembler() -> VecAssembler<X64Relocation> {
    VecAssembler::new(0)
}

fn function(ops: VecAssembler<X64Relocation>, sites: Vec<Site>, calls: Vec<(u32, u32)>) -> Function {
    Function { code: ops.finalize().unwrap(), calls, sites }
}

/// Host convention: returns a constant.
pub fn constant(value: u32) -> Function {
    let mut ops = assembler();
    dynasm!(ops; .arch x64; mov eax, value as i32; ret);
    function(ops, vec![], vec![])
}

/// Host convention: returns what another function returns, plus one.
pub fn one_more_than(callee: u32) -> Function {
    let mut ops = assembler();
    dynasm!(ops; .arch x64; .bytes [0xe8, 0, 0, 0, 0]; add eax, 1; ret);
    function(ops, vec![], vec![(1, callee)])
}

pub fn entry_wrapper() -> Vec<u8> {
    let mut ops = assembler();
    dynasm!(ops
        ; .arch x64
        ; push rbp
        ; mov rbp, rsp
        ; push rdx; push rbx; push r12; push r13; push r14; push r15; push rcx
        ; sub rsp, 8
        ; mov [rdi + Activation::ENTRY_SP], rsp
        ; mov [rdi + Activation::ENTRY_FP], rbp
        ; lea rax, [>pad]
        ; mov [rdi + Activation::LANDING_PAD], rax
        ; mov r14, rdx
        ; mov rax, rsi
        ; mov rsi, [rcx]
        ; call rax
        ; mov rcx, [rbp - 56]
        ; mov [rcx], rax
        ; xor eax, eax
        ;exit:
        ; lea rsp, [rbp - 48]
        ; pop r15; pop r14; pop r13; pop r12; pop rbx; pop rdx; pop rbp
        ; ret
        ;pad:
        ; mov eax, 1
        ; jmp <exit
    );
    ops.finalize().unwrap()
}

/// Calls host entry 0 with the vmctx and the parameter.
pub fn exit_stub() -> Vec<u8> {
    let mut ops = assembler();
    dynasm!(ops
        ; .arch x64
        ; push rbp
        ; mov rbp, rsp
        ; push r14
        ; sub rsp, 8
        ; mov r11, [r14 + VmContext::STORE]
        ; mov [r11 + StoreContext::EXIT_FP], rbp
        ; mov rdi, r14
        ; mov rax, [r11 + StoreContext::HOST_ENTRIES]
        ; call QWORD [rax]
        ; test rdx, rdx
        ; jne >failed
        ; leave
        ; ret
        ;failed:
        ; mov r11, [rbp - 8]
        ; mov r11, [r11 + VmContext::STORE]
        ; mov r11, [r11 + StoreContext::ACTIVATION]
        ; mov rsp, [r11 + Activation::ENTRY_SP]
        ; mov rbp, [r11 + Activation::ENTRY_FP]
        ; jmp QWORD [r11 + Activation::LANDING_PAD]
    );
    ops.finalize().unwrap()
}

fn prologue(ops: &mut VecAssembler<X64Relocation>) {
    dynasm!(ops; .arch x64; push rbp; mov rbp, rsp; push r14; push rsi);
}

fn at(ops: &VecAssembler<X64Relocation>) -> u32 {
    ops.offset().0 as u32
}

/// Traps.
pub fn unreachable() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    let site = Site::new(at(&ops), Some(TrapCode::Unreachable), 5);
    dynasm!(ops; .arch x64; ud2);
    function(ops, vec![site], vec![])
}

/// Loads four bytes at the parameter from memory 0.
pub fn load() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch x64; mov rax, [r14 + VmContext::MEMORY0_BASE]);
    let site = Site::new(at(&ops), Some(TrapCode::MemoryOutOfBounds), 7);
    dynasm!(ops; .arch x64; mov eax, [rax + rsi]; leave; ret);
    function(ops, vec![site], vec![])
}

/// Divides 100 by the parameter, with a hardware trap.
pub fn divide() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch x64; mov eax, 100; xor edx, edx);
    let site = Site::new(at(&ops), Some(TrapCode::IntegerDivisionByZero), 9);
    dynasm!(ops; .arch x64; div rsi; leave; ret);
    function(ops, vec![site], vec![])
}

/// Calls another function with the same parameter.
pub fn calls(callee: u32) -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    let field = at(&ops) + 1;
    dynasm!(ops; .arch x64; .bytes [0xe8, 0, 0, 0, 0]);
    let site = Site::new(at(&ops), None, 11);
    dynasm!(ops; .arch x64; leave; ret);
    function(ops, vec![site], vec![(field, callee)])
}

/// Calls another function as its very last instruction.
pub fn ends_in_call(callee: u32) -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch x64; .align 16, 0x90);
    dynasm!(ops; .arch x64; .bytes [0x90; 11]);
    let field = at(&ops) + 1;
    dynasm!(ops; .arch x64; .bytes [0xe8, 0, 0, 0, 0]);
    let site = Site::new(at(&ops), None, 12);
    function(ops, vec![site], vec![(field, callee)])
}

/// Calls the host with the parameter.
pub fn calls_host() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch x64; mov rax, [r14 + VmContext::RUNTIME_ENTRIES]; call QWORD [rax]);
    let site = Site::new(at(&ops), None, 13);
    dynasm!(ops; .arch x64; mov r14, [rbp - 8]; leave; ret);
    function(ops, vec![site], vec![])
}

/// Checks the stack, then calls another function.
pub fn checks_stack_and_calls(callee: u32) -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops
        ; .arch x64
        ; mov rax, [r14 + VmContext::STORE]
        ; cmp rsp, [rax + StoreContext::STACK_LIMIT]
        ; ja >fits
    );
    let overflow = Site::new(at(&ops), Some(TrapCode::StackOverflow), 1);
    dynasm!(ops; .arch x64; ud2; fits:);
    let field = at(&ops) + 1;
    dynasm!(ops; .arch x64; .bytes [0xe8, 0, 0, 0, 0]);
    let call = Site::new(at(&ops), None, 15);
    dynasm!(ops; .arch x64; leave; ret);
    function(ops, vec![overflow, call], vec![(field, callee)])
}

/// Loops until interrupted.
pub fn polls() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops
        ; .arch x64
        ; mov rax, [r14 + VmContext::STORE]
        ;again:
        ; cmp rsp, [rax + StoreContext::STACK_LIMIT]
        ; ja <again
    );
    let site = Site::new(at(&ops), Some(TrapCode::StackOverflow), 17);
    dynasm!(ops; .arch x64; ud2);
    function(ops, vec![site], vec![])
}

/// Loads from address 16, which is no memory of the instance, though the instruction is a site.
pub fn loads_elsewhere() -> Function {
    let mut ops = assembler();
    prologue(&mut ops);
    dynasm!(ops; .arch x64; mov eax, 16);
    let site = Site::new(at(&ops), Some(TrapCode::MemoryOutOfBounds), 19);
    dynasm!(ops; .arch x64; mov eax, [rax]; leave; ret);
    function(ops, vec![site], vec![])
}
