//! Making written code visible to instruction fetch.
//!
//! x86-64: instruction caches snoop stores by physical address, so code written through one address may be fetched through
//! another. What is left is a CPU that has already decoded old bytes at the same address: code addresses are reused only after
//! their pages were given back to the system, and removing a page's translation interrupts every CPU that runs this
//! process; returning from an interrupt serialises.
//!
//! AArch64: the writer cleans the data cache to the point of unification through the address it wrote, invalidates the
//! instruction cache at the address that will execute, and waits (`DSB ISH`); the invalidation is broadcast, but other CPUs may
//! hold fetched instructions until a context synchronisation event, which `membarrier` forces on every CPU that runs
//! this process (Arm ARM, B2.2.5 and K13.5). Emulators do not show a missing one.
#![allow(unsafe_code)]

/// Declares to the kernel that [`synchronize_cores`] will be used. Must come first, once per process.
pub(crate) fn register() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: no memory is involved. Where the call is missing there is nothing better to do.
    unsafe {
        libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    }
}

/// Makes `len` bytes written at `written` visible to fetches at `executed`, after [`synchronize_cores`].
///
/// # Safety
/// Both ranges are mapped and hold the same memory.
#[cfg_attr(target_arch = "x86_64", allow(unused_variables))]
pub(crate) unsafe fn flush(written: usize, executed: usize, len: usize) {
    #[cfg(target_arch = "aarch64")]
    {
        use core::arch::asm;
        let ctr: usize;
        // SAFETY: CTR_EL0 is readable at EL0 on Linux; cache maintenance by address of mapped memory changes no contents.
        unsafe {
            asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags));
            let (data_line, code_line) = (4usize << (ctr >> 16 & 15), 4usize << (ctr & 15));
            let mut address = written & !(data_line - 1);
            while address < written + len {
                asm!("dc cvau, {}", in(reg) address, options(nostack, preserves_flags));
                address += data_line;
            }
            asm!("dsb ish", options(nostack, preserves_flags));
            let mut address = executed & !(code_line - 1);
            while address < executed + len {
                asm!("ic ivau, {}", in(reg) address, options(nostack, preserves_flags));
                address += code_line;
            }
            asm!("dsb ish", "isb", options(nostack, preserves_flags));
        }
    }
}

/// Makes every CPU that runs this process drop what it has fetched before [`flush`].
pub(crate) fn synchronize_cores() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: no memory is involved.
    unsafe {
        libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    }
}
