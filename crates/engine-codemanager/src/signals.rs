//! The process-wide signal handlers, and the handlers that were there before.
//!
//! Installed once, at the first entry into Wasm (or [`init_thread`](crate::init_thread)). A fault that is not a guest trap is
//! passed on as if our handler did not exist:
//!
//! | before | a fault of an instruction | sent by `kill` and the like |
//! |---|---|---|
//! | a handler | called, with its signal mask | called, with its signal mask |
//! | `SIG_DFL` | default restored; the instruction faults again | default restored, raised again |
//! | `SIG_IGN` | as `SIG_DFL` (the kernel ignores no such fault) | ignored |
//!
//! A host that installs its handler later must pass on to the handler it found what it does not know, as every handler
//! must; ours is never put back in front, because two handlers that each call the other would never end.
//! [`trap_handlers_in_place`] tells a host that traps have stopped working because it did not.
#![allow(unsafe_code)]

use crate::traps;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use libc::{c_int, c_void, sigaction, siginfo_t, ucontext_t};
use std::sync::Once;

#[cfg(target_arch = "aarch64")]
use crate::signals_aarch64 as machine;
#[cfg(target_arch = "x86_64")]
use crate::signals_x64 as machine;
use machine::SIGNALS;

/// A handler that was there before ours.
struct Previous {
    action: UnsafeCell<MaybeUninit<sigaction>>,
    /// A handler with `SA_RESETHAND` has run.
    used_up: AtomicBool,
}

// SAFETY: `action` is written before our handler is installed, then only read.
unsafe impl Sync for Previous {}

static PREVIOUS: [Previous; SIGNALS.len()] =
    [const { Previous { action: UnsafeCell::new(MaybeUninit::uninit()), used_up: AtomicBool::new(false) } };
        SIGNALS.len()];

static INSTALLED: Once = Once::new();

/// Installs the handlers, once per process.
pub(crate) fn install() {
    INSTALLED.call_once(|| {
        for (&signal, previous) in SIGNALS.iter().zip(&PREVIOUS) {
            // SAFETY: an all-zero sigaction is a valid value; the pointers are to live objects. What was there before is
            // stored before our handler can run.
            unsafe {
                libc::sigaction(signal, ptr::null(), (*previous.action.get()).as_mut_ptr());
                let mut ours: sigaction = core::mem::zeroed();
                ours.sa_sigaction = handler as *const () as usize;
                // Not deferred, so that a fault inside a chained handler reaches us, and it, like any other.
                ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
                libc::sigemptyset(&mut ours.sa_mask);
                libc::sigaction(signal, &ours, ptr::null_mut());
            }
        }
    });
}

/// Whether the handlers that turn faults into traps are the process's first ones. False before the first entry into Wasm, and
/// after the host has replaced one (which is fine if its handler calls the one it replaced).
pub fn trap_handlers_in_place() -> bool {
    INSTALLED.is_completed()
        && SIGNALS.iter().all(|&signal| {
            // SAFETY: an all-zero sigaction is a valid value, and the call only reads.
            let current = unsafe {
                let mut current: sigaction = core::mem::zeroed();
                libc::sigaction(signal, ptr::null(), &mut current);
                current
            };
            current.sa_sigaction == handler as *const () as usize
        })
}

unsafe extern "C" fn handler(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel (or a handler that chains to us) passes valid pointers.
    unsafe {
        let context_ref = &mut *context.cast::<ucontext_t>();
        // A guest trap is a fault of an instruction; what `kill` and `sigqueue` send is not, wherever it arrives.
        if (*info).si_code > 0 {
            let memory_fault = signal == libc::SIGSEGV || signal == libc::SIGBUS;
            let address = memory_fault.then(|| (*info).si_addr() as usize);
            let resume = traps::trap(machine::pc(context_ref), machine::fp(context_ref), address);
            if let Some(traps::Resume { pc, sp, fp }) = resume {
                machine::resume_at(context_ref, pc, sp, fp);
                return;
            }
        }
        pass_on(signal, info, context);
    }
}

/// Does what would have happened without us.
///
/// # Safety
/// Called by the signal's handler, with the handler's arguments.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(i) = SIGNALS.iter().position(|&s| s == signal) else { return };
    // SAFETY: written before our handler was installed. The rest is what the kernel would do.
    unsafe {
        let action = (*PREVIOUS[i].action.get()).assume_init_ref();
        let from_instruction = (*info).si_code > 0;
        let handler = if PREVIOUS[i].used_up.load(Relaxed) { libc::SIG_DFL } else { action.sa_sigaction };
        match handler {
            libc::SIG_IGN if !from_instruction => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                let mut default: sigaction = core::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, ptr::null_mut());
                if !from_instruction {
                    libc::raise(signal);
                }
            }
            handler => {
                if action.sa_flags & libc::SA_RESETHAND != 0 {
                    PREVIOUS[i].used_up.store(true, Relaxed);
                }
                let mut mask = action.sa_mask;
                if action.sa_flags & libc::SA_NODEFER == 0 {
                    libc::sigaddset(&mut mask, signal);
                }
                let mut old = MaybeUninit::uninit();
                libc::pthread_sigmask(libc::SIG_BLOCK, &mask, old.as_mut_ptr());
                if action.sa_flags & libc::SA_SIGINFO != 0 {
                    type Action = unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
                    core::mem::transmute::<usize, Action>(handler)(signal, info, context);
                } else {
                    core::mem::transmute::<usize, unsafe extern "C" fn(c_int)>(handler)(signal);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut());
            }
        }
    }
}
