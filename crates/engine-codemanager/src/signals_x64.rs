//! The interrupted thread's registers, on x86-64.
#![allow(unsafe_code)]

use libc::{REG_RBP, REG_RIP, REG_RSP, c_int, ucontext_t};

/// Signals by which this CPU reports what compiled code does on purpose: memory faults, `ud2`, and division.
pub(crate) const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// Address of the instruction that faulted.
pub(crate) fn pc(context: &ucontext_t) -> usize {
    context.uc_mcontext.gregs[REG_RIP as usize] as usize
}

/// Frame pointer of the interrupted code.
pub(crate) fn fp(context: &ucontext_t) -> usize {
    context.uc_mcontext.gregs[REG_RBP as usize] as usize
}

/// Makes the interrupted code continue elsewhere.
pub(crate) fn resume_at(context: &mut ucontext_t, pc: usize, sp: usize, fp: usize) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[REG_RIP as usize] = pc as i64;
    registers[REG_RSP as usize] = sp as i64;
    registers[REG_RBP as usize] = fp as i64;
}

/// The stack pointer now, or a little above.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}
