//! Entering Wasm.
#![allow(unsafe_code)]

use crate::backtrace;
use crate::thread;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use engine_machine::{Activation, EntryWrapper, StoreContext, TrapCode, ValRaw, VmContext};

#[cfg(target_arch = "aarch64")]
use crate::signals_aarch64::stack_pointer;
#[cfg(target_arch = "x86_64")]
use crate::signals_x64::stack_pointer;

/// Stack that Wasm always leaves to host functions, runtime entries and the signal-free slow paths.
pub const HOST_STACK_RESERVE: usize = 256 << 10;

/// What stopped an entry into Wasm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrapInfo {
    /// Why. [`TrapCode::HostError`] if a host function failed; its error is with the store.
    pub code: TrapCode,
    /// Code addresses, innermost first, older activations of the store included: the trapping instruction (unless a host function or
    /// runtime entry failed), then return addresses. Give them to [`symbolize`](crate::symbolize) while the modules live.
    pub frames: Vec<usize>,
    /// The address that a memory fault accessed.
    pub fault_address: Option<usize>,
}

/// An activation, with what only this module knows of it. Every activation is the first field of one of these.
#[repr(C)]
struct Entry {
    activation: Activation,
    /// The stack limit of this entry, for nested entries and for putting it back when an interrupt has been delivered.
    limit: usize,
}

/// Calls Wasm code: `wrapper(activation, code, vmctx, values)`, with everything around it that makes traps, interrupts and
/// backtraces work.
///
/// The stack limit is set by the store's outermost entry, to the higher of the real end of the stack plus
/// [`HOST_STACK_RESERVE`] and `max_stack` bytes below here; nested entries keep it, so that recursion through host
/// functions is bounded too. It stays until the next outermost entry.
///
/// An interrupt (`stack_limit` swapped to `usize::MAX` by any thread at any time) stops the entry with
/// [`TrapCode::Interrupt`], at once if it is pending already, and is spent by that. One that comes too late to stop
/// this entry stops the next.
///
/// # Errors
/// What stopped the entry. Then `values` holds nothing of use.
///
/// # Safety
/// * `store` is a live store context whose store is used by this thread only (`stack_limit` apart).
/// * `wrapper` is an entry wrapper for the signature of `code`, `code` a function's slot or a host function's wrapper, `vmctx` what it
///   expects, and `values` has room for its parameters and results. All of it stays alive during the call.
/// * No Rust frame between this and a nested `invoke` of the same store is skipped by unwinding through Wasm: host functions
///   catch panics.
pub unsafe fn invoke(
    store: *mut StoreContext,
    wrapper: EntryWrapper,
    code: *const u8,
    vmctx: *mut VmContext,
    values: *mut ValRaw,
    max_stack: usize,
) -> Result<(), Box<TrapInfo>> {
    let bottom = thread::stack_bottom();
    let sp = stack_pointer();
    // SAFETY: the caller's promise; activations are entries of this function that have not returned.
    unsafe {
        let stack_limit: *const AtomicUsize = &raw const (*store).stack_limit;
        let previous_in_store = (*store).activation;
        let outermost = previous_in_store.is_null();
        let limit = if outermost {
            bottom.saturating_add(HOST_STACK_RESERVE).max(sp.saturating_sub(max_stack))
        } else {
            (*previous_in_store.cast::<Entry>()).limit
        };
        let before = (*stack_limit).load(Relaxed);
        if before == usize::MAX {
            return Err(refuse(store, TrapCode::Interrupt, limit));
        }
        if sp <= limit {
            return Err(refuse(store, TrapCode::StackOverflow, limit));
        }
        // The limit stays when the outermost entry ends, so that entering again from the same depth, as a host's loop does,
        // needs no locked operation: two of them were 40 of a typed call's 66 ns. Nothing reads the limit outside Wasm.
        if outermost
            && before != limit
            && (*stack_limit).compare_exchange(before, limit, Relaxed, Relaxed).is_err()
        {
            return Err(refuse(store, TrapCode::Interrupt, limit));
        }

        let mut entry = MaybeUninit::<Entry>::uninit();
        (*entry.as_mut_ptr()).limit = limit;
        let activation: *mut Activation = entry.as_mut_ptr().cast();
        let previous = thread::current();
        let previous_exit_fp = (*store).exit_fp;
        (*activation).previous = previous;
        (*activation).previous_in_store = previous_in_store;
        (*activation).previous_exit_fp = previous_exit_fp;
        (*activation).store = store;
        (*activation).trap.code = None;
        (*activation).trap.frame_count = 0;
        (*activation).trap.fault_address = 0;
        (*store).activation = activation;
        thread::set_current(activation);

        let status = wrapper(activation, code, vmctx, values);

        thread::set_current(previous);
        (*store).activation = previous_in_store;
        (*store).exit_fp = previous_exit_fp;
        if status == 0 { Ok(()) } else { Err(stopped(activation, limit)) }
    }
}

/// Puts the limit back if an interrupt has taken its place, which is thereby spent.
///
/// # Safety
/// The store is alive.
unsafe fn spend_interrupt(store: *mut StoreContext, limit: usize) {
    // SAFETY: the caller's promise that the store is alive.
    let _ = unsafe { (*store).stack_limit.compare_exchange(usize::MAX, limit, Relaxed, Relaxed) };
}

/// The trap of an entry that does not take place.
///
/// # Safety
/// The store is alive and used by this thread.
#[cold]
unsafe fn refuse(store: *mut StoreContext, code: TrapCode, limit: usize) -> Box<TrapInfo> {
    // SAFETY: the caller's promise that the store is alive and used by this thread.
    unsafe {
        if code == TrapCode::Interrupt {
            spend_interrupt(store, limit);
        }
        Box::new(TrapInfo { code, frames: backtrace::current_backtrace(store), fault_address: None })
    }
}

/// What stopped an activation, which is unlinked already.
///
/// # Safety
/// The activation and its store are alive.
#[cold]
unsafe fn stopped(activation: *mut Activation, limit: usize) -> Box<TrapInfo> {
    // SAFETY: the activation is alive, and so is its store; `frame_count` frames are initialised.
    unsafe {
        let record = &raw const (*activation).trap;
        let code = (*record).code.unwrap_or(TrapCode::HostError);
        if code == TrapCode::Interrupt {
            spend_interrupt((*activation).store, limit);
        }
        let recorded =
            ptr::slice_from_raw_parts((&raw const (*record).frames).cast(), (*record).frame_count as usize);
        let mut frames: Vec<usize> = (*recorded).to_vec();
        backtrace::collect((*activation).previous_in_store, (*activation).previous_exit_fp, &mut frames);
        let fault_address = Some((*record).fault_address).filter(|&address| address != 0);
        Box::new(TrapInfo { code, frames, fault_address })
    }
}
