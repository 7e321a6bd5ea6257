//! Deciding whether a fault is a guest trap, and recording what stopped an activation.
#![allow(unsafe_code)]

use crate::grace::ReadGuard;
use crate::lookup;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use engine_machine::abi::frame;
use engine_machine::{Activation, MAX_TRAP_FRAMES, StoreContext, TrapCode, TrapRecord, VmContext};

/// Where a trapped activation continues.
pub(crate) struct Resume {
    pub(crate) pc: usize,
    pub(crate) sp: usize,
    pub(crate) fp: usize,
}

/// Called by the signal handler: if the instruction at `pc` is a guest trap, records it. `address` is what a memory fault accessed.
///
/// A fault is ours only if the pc is a recorded trap site, its frame is one of the newest activation of its store, and a memory
/// fault's address lies in a memory of the frame's instance. Signal-safe: no lock, no allocation.
///
/// # Safety
/// Called on the thread that faulted, with its registers.
pub(crate) unsafe fn trap(pc: usize, fp: usize, address: Option<usize>) -> Option<Resume> {
    let code = {
        let guard = ReadGuard::new();
        lookup::find(&guard, pc)?.site?.trap()?
    };
    // SAFETY: the pc is an instruction of a Wasm function behind its prologue, so the frame pointer is that of its frame, with the
    // vmctx in its place. Its store is alive and in use by this thread, which is running its code; so is the newest activation.
    unsafe {
        let store: *mut StoreContext = (*vmctx_of(fp)).store;
        let activation: *mut Activation = (*store).activation;
        if activation.is_null() || fp >= (*activation).entry_fp {
            return None;
        }
        if let Some(address) = address
            && !in_memory_of(fp, address)
        {
            return None;
        }
        let interrupted = code == TrapCode::StackOverflow && (*store).stack_limit.load(Relaxed) == usize::MAX;
        let (pad, entry_sp, entry_fp) =
            ((*activation).landing_pad, (*activation).entry_sp, (*activation).entry_fp);
        let record = &raw mut (*store).trap;
        (*record).code = Some(if interrupted { TrapCode::Interrupt } else { code });
        (*record).fault_address = address.unwrap_or(0);
        let mut recorder = Recorder { record, count: 0 };
        if recorder.add(pc) {
            walk_callers(fp, entry_fp, |pc| recorder.add(pc));
        }
        recorder.finish();
        Some(Resume { pc: pad, sp: entry_sp, fp: entry_fp })
    }
}

/// Whether an address lies in one of the reservations of the instance whose frame this is.
///
/// # Safety
/// `fp` is the frame pointer of a frame of module code.
unsafe fn in_memory_of(fp: usize, address: usize) -> bool {
    // SAFETY: the caller's promise; a vmctx of module code is an instance's and lives as long as the store.
    unsafe {
        let vmctx = vmctx_of(fp);
        let (ranges, count) = ((*vmctx).memory_ranges, (*vmctx).memory_range_count);
        (0..count).any(|i| {
            let range = &**ranges.add(i);
            (range.start..range.end).contains(&address)
        })
    }
}

/// The vmctx of a frame of module code.
///
/// # Safety
/// `fp` is the frame pointer of such a frame.
unsafe fn vmctx_of(fp: usize) -> *const VmContext {
    // SAFETY: the caller's promise: the prologue has stored it.
    unsafe { read_word(fp.wrapping_add_signed(frame::VMCTX as isize)) as *const VmContext }
}

/// Reads a word of a frame.
///
/// # Safety
/// The word is readable and aligned.
unsafe fn read_word(address: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { ptr::with_exposed_provenance::<usize>(address).read() }
}

/// Walks outwards: calls `visit` with the return address of `fp`'s frame and of each of its callers, up to the frame that the
/// entry wrapper's frame at `entry_fp` called, until `visit` returns false. The addresses are those of calls in Wasm functions.
///
/// # Safety
/// `fp` is on a chain of frames that ends at `entry_fp`.
pub(crate) unsafe fn walk_callers(mut fp: usize, entry_fp: usize, mut visit: impl FnMut(usize) -> bool) {
    loop {
        // SAFETY: a frame pointer on the chain.
        let caller_fp = unsafe { read_word(fp.wrapping_add_signed(frame::CALLER_FP as isize)) };
        // Stacks grow down: a chain that does not go up to the entry is not one.
        if caller_fp <= fp || caller_fp >= entry_fp {
            return;
        }
        // SAFETY: as above.
        if !visit(unsafe { read_word(fp + frame::RETURN_ADDRESS as usize) }) {
            return;
        }
        fp = caller_fp;
    }
}

/// Collects addresses in a trap record, through raw pointers: the store is in use by whoever called Wasm.
struct Recorder {
    record: *mut TrapRecord,
    count: usize,
}

impl Recorder {
    /// Adds an address; whether there is room for another.
    ///
    /// # Safety
    /// The record is alive, and there was room.
    unsafe fn add(&mut self, pc: usize) -> bool {
        // SAFETY: `count` is below the capacity until this returns false.
        unsafe { (&raw mut (*self.record).frames).cast::<usize>().add(self.count).write(pc) };
        self.count += 1;
        self.count < MAX_TRAP_FRAMES
    }
    unsafe fn finish(self) {
        // SAFETY: the record is alive.
        unsafe { (*self.record).frame_count = self.count as u32 };
    }
}

/// Records a trap of the store's newest activation, from inside a runtime entry or host function that will now return failure.
/// The frames are those of the Wasm code that called it.
///
/// # Safety
/// The store is inside a host function or runtime entry that its newest activation called.
pub unsafe fn raise(store: *mut StoreContext, code: TrapCode) {
    // SAFETY: the caller's promise: the activation is alive, and `exit_fp` is the frame of the wrapper or stub that called.
    unsafe {
        let activation: *mut Activation = (*store).activation;
        let record = &raw mut (*store).trap;
        (*record).code = Some(code);
        (*record).fault_address = 0;
        let mut recorder = Recorder { record, count: 0 };
        walk_callers((*store).exit_fp, (*activation).entry_fp, |pc| recorder.add(pc));
        recorder.finish();
    }
}

/// Records that a host function failed: [`raise`] with [`TrapCode::HostError`]. The error itself is the caller's to keep.
///
/// # Safety
/// As for [`raise`].
pub unsafe fn record_host_failure(store: *mut StoreContext) {
    // SAFETY: the caller's promise.
    unsafe { raise(store, TrapCode::HostError) };
}
