//! Entering Wasm.
#![allow(unsafe_code)]

use crate::backtrace;
use crate::thread;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;
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
    /// How many of them are of the activation that was stopped.
    pub newest: usize,
    /// The address that a memory fault accessed.
    pub fault_address: Option<usize>,
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
#[inline(always)]
pub unsafe fn invoke(
    store: *mut StoreContext,
    wrapper: EntryWrapper,
    code: *const u8,
    vmctx: *mut VmContext,
    values: *mut ValRaw,
    max_stack: usize,
) -> Result<(), Box<TrapInfo>> {
    // Whatever is stored here is paid by every call: a call of nothing is little else than stores. So the stack limit is
    // moved, and anything said about traps, only in the functions below.
    let end = thread::stack_end();
    let sp = stack_pointer();
    // SAFETY: the caller's promise; activations are those of calls of this function that have not returned.
    unsafe {
        let previous_in_store = (*store).activation;
        let limit = if previous_in_store.is_null() {
            end.max(sp.saturating_sub(max_stack))
        } else {
            (*store).entry_limit
        };
        if (*store).stack_limit.load(Relaxed) != limit || sp <= limit {
            admit(store, limit, sp)?;
        }
        let mut activation = MaybeUninit::<Activation>::uninit();
        let activation = activation.as_mut_ptr();
        (*activation).previous_in_store = previous_in_store;
        (*activation).previous_exit_fp = (*store).exit_fp;
        (*store).activation = activation;

        let status = wrapper(activation, code, vmctx, values);

        // Read back rather than kept in registers, which would have to be saved for that.
        (*store).activation = (*activation).previous_in_store;
        (*store).exit_fp = (*activation).previous_exit_fp;
        if status == 0 { Ok(()) } else { Err(stopped(store)) }
    }
}

/// Lets an entry go ahead for which the store's stack limit is not as it should be: moves it if this is the outermost entry.
///
/// The limit stays when the outermost entry ends, so that entering again from the same depth, as a host's loop does, does not
/// come here: two locked operations were 40 of a typed call's 66 ns. Nothing reads the limit outside Wasm.
///
/// Afterwards `stack_limit` is `entry_limit` or a pending interrupt, as before unless it was 0, its first value.
///
/// # Safety
/// The store is alive and used by this thread.
#[inline(never)]
unsafe fn admit(store: *mut StoreContext, limit: usize, sp: usize) -> Result<(), Box<TrapInfo>> {
    // SAFETY: the caller's promise that the store is alive and used by this thread; others touch the atomic only.
    unsafe {
        let before = (*store).stack_limit.load(Relaxed);
        if before != usize::MAX && sp <= limit {
            return Err(refuse(store, TrapCode::StackOverflow));
        }
        let outermost = (*store).activation.is_null();
        if outermost {
            (*store).entry_limit = limit;
        }
        if before == usize::MAX
            || outermost
                && before != limit
                && (*store).stack_limit.compare_exchange(before, limit, Relaxed, Relaxed).is_err()
        {
            return Err(refuse(store, TrapCode::Interrupt));
        }
        Ok(())
    }
}

/// Puts the limit back if an interrupt has taken its place, which is thereby spent.
///
/// # Safety
/// The store is alive and used by this thread.
unsafe fn spend_interrupt(store: *mut StoreContext) {
    // SAFETY: the caller's promise.
    unsafe {
        let limit = (*store).entry_limit;
        let _ = (*store).stack_limit.compare_exchange(usize::MAX, limit, Relaxed, Relaxed);
    }
}

/// The trap of an entry that does not take place.
///
/// # Safety
/// The store is alive and used by this thread.
#[cold]
unsafe fn refuse(store: *mut StoreContext, code: TrapCode) -> Box<TrapInfo> {
    // SAFETY: the caller's promise that the store is alive and used by this thread.
    unsafe {
        if code == TrapCode::Interrupt {
            spend_interrupt(store);
        }
        Box::new(TrapInfo {
            code,
            frames: backtrace::current_backtrace(store),
            newest: 0,
            fault_address: None,
        })
    }
}

/// What stopped an activation, which is unlinked already: takes the store's record.
///
/// # Safety
/// The store is alive and used by this thread.
#[cold]
unsafe fn stopped(store: *mut StoreContext) -> Box<TrapInfo> {
    // SAFETY: the caller's promise. With the activation unlinked, the store is as it was when it was entered: in a host function
    // that the next older activation called, which left Wasm at `exit_fp`, or outside of Wasm.
    unsafe {
        let record = &mut (*store).trap;
        let code = record.code.take().unwrap_or(TrapCode::HostError);
        let mut frames = record.frames[..record.frame_count as usize].to_vec();
        let fault_address = Some(record.fault_address).filter(|&address| address != 0);
        record.frame_count = 0;
        record.fault_address = 0;
        if code == TrapCode::Interrupt {
            spend_interrupt(store);
        }
        let newest = frames.len();
        backtrace::collect((*store).activation, (*store).exit_fp, &mut frames);
        Box::new(TrapInfo { code, frames, newest, fault_address })
    }
}
