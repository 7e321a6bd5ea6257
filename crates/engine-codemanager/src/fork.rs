//! Keeping code memory private to a process across `fork`.
//!
//! Code memory is a shared mapping, so that it can be mapped twice; without care parent and child would write into each
//! other's code. Before a fork (`pthread_atfork`) the forking thread waits until nobody publishes or frees code, and copies
//! what was written to a new file; the child maps that over both addresses before it does anything else. The copy is
//! made before the fork because afterwards the parent may change the original at once.
//!
//! The gate also means that no lock of this crate that guards code memory is held by a thread that does not exist in the
//! child. Children made by `vfork`, `posix_spawn` or a bare `clone` do not come by here; they may only `exec`, as they
//! must anyway.
#![allow(unsafe_code)]

use crate::{grace, lookup};
use core::cell::UnsafeCell;
use std::sync::{MutexGuard, Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static GATE: RwLock<()> = RwLock::new(());

/// Held while code memory, or a record of it, is changed. Not recursive.
pub(crate) type GateGuard = RwLockReadGuard<'static, ()>;

/// Enters the gate; waits while a fork is on its way.
pub(crate) fn enter() -> GateGuard {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Installs the handlers, once per process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handlers are functions of this program. A failure (out of memory) leaves fork as it is.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
    });
}

/// What the forking thread holds from `prepare` until `in_parent` or `in_child`.
struct Held(UnsafeCell<Option<(RwLockWriteGuard<'static, ()>, MutexGuard<'static, ()>)>>);

// SAFETY: touched only by the thread that holds the gate for writing.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

extern "C" fn prepare() {
    let gate = GATE.write().unwrap_or_else(PoisonError::into_inner);
    let registry = lookup::lock();
    lookup::for_each_region(&registry, |region| region.memory.prepare_fork());
    // SAFETY: this thread holds the gate.
    unsafe { *HELD.0.get() = Some((gate, registry)) };
}

extern "C" fn in_parent() {
    // SAFETY: this thread holds the gate since `prepare`.
    if let Some((gate, registry)) = unsafe { (*HELD.0.get()).take() } {
        lookup::for_each_region(&registry, |region| region.memory.after_fork_in_parent());
        drop((registry, gate));
    }
}

extern "C" fn in_child() {
    grace::reset_after_fork();
    // SAFETY: the child's only thread is the one that held the gate in `prepare`.
    if let Some((gate, registry)) = unsafe { (*HELD.0.get()).take() } {
        lookup::for_each_region(&registry, |region| region.memory.after_fork_in_child());
        drop((registry, gate));
    }
}
