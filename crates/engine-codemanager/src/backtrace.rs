//! Backtraces: the frames of a store's activations, and what they mean.
#![allow(unsafe_code)]

use crate::lookup::{CodeLocation, lookup};
use crate::traps;
use engine_machine::{Activation, StoreContext};

/// Frames that a backtrace can have; the innermost are kept.
pub const MAX_BACKTRACE: usize = 256;

/// Return addresses of the Wasm frames below the host function or runtime entry that is running, innermost first, over all
/// activations of the store. Empty outside of Wasm.
///
/// # Safety
/// The store is alive and used by this thread, and its newest activation, if any, is in a call of a host function or runtime entry.
pub unsafe fn current_backtrace(store: *const StoreContext) -> Vec<usize> {
    let mut frames = Vec::new();
    // SAFETY: the caller's promise.
    unsafe { collect((*store).activation, (*store).exit_fp, &mut frames) };
    frames
}

/// Adds the frames of an activation that left Wasm at `exit_fp`, and of the older ones of its store.
///
/// # Safety
/// The activation is alive or null, and `exit_fp` is where it left Wasm.
pub(crate) unsafe fn collect(mut activation: *const Activation, mut exit_fp: usize, frames: &mut Vec<usize>) {
    while !activation.is_null() && frames.len() < MAX_BACKTRACE {
        // SAFETY: the caller's promise; an older activation left Wasm where the newer one found it.
        unsafe {
            traps::walk_callers(exit_fp, (*activation).entry_fp, |pc| {
                frames.push(pc);
                frames.len() < MAX_BACKTRACE
            });
            exit_fp = (*activation).previous_exit_fp;
            activation = (*activation).previous_in_store;
        }
    }
}

/// What the addresses of a backtrace belong to. Addresses that belong to no function of a live module are left out.
pub fn symbolize(frames: &[usize]) -> Vec<CodeLocation> {
    frames.iter().filter_map(|&pc| lookup(pc)).collect()
}
