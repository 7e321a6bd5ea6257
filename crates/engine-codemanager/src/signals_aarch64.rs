//! The interrupted thread's registers, on AArch64.
#![allow(unsafe_code)]

use libc::{c_int, ucontext_t};

/// Signals by which this CPU reports what compiled code does on purpose: memory faults, `udf`, and `brk`. (Division does not
/// trap here; the signal is taken all the same, so that both CPUs share the list's meaning.)
pub(crate) const SIGNALS: [c_int; 5] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGTRAP, libc::SIGFPE];

/// Address of the instruction that faulted.
pub(crate) fn pc(context: &ucontext_t) -> usize {
    context.uc_mcontext.pc as usize
}

/// Frame pointer of the interrupted code.
pub(crate) fn fp(context: &ucontext_t) -> usize {
    context.uc_mcontext.regs[29] as usize
}

/// Makes the interrupted code continue elsewhere.
pub(crate) fn resume_at(context: &mut ucontext_t, pc: usize, sp: usize, fp: usize) {
    let registers = &mut context.uc_mcontext;
    registers.pc = pc as u64;
    registers.sp = sp as u64;
    registers.regs[29] = fp as u64;
}

/// The stack pointer now, or a little above.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}
