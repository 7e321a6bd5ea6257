//! The part of a store that other threads may touch: its stack limit, which doubles as the interrupt flag.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};
use engine_machine::StoreContext;
use std::sync::Arc;

/// A store's [`StoreContext`], at an address of its own. Other threads touch only the (atomic) stack limit.
pub(crate) struct VmStore(UnsafeCell<StoreContext>);

// SAFETY: shared between threads are only references to `stack_limit`, an atomic; everything else is reached through
// `as_ptr`, whose users hold the store.
unsafe impl Send for VmStore {}
// SAFETY: as above.
unsafe impl Sync for VmStore {}

impl VmStore {
    pub(crate) fn new(context: StoreContext) -> VmStore {
        VmStore(UnsafeCell::new(context))
    }

    pub(crate) fn as_ptr(&self) -> *mut StoreContext {
        self.0.get()
    }

    fn stack_limit(&self) -> &AtomicUsize {
        // SAFETY: `self` keeps the context alive, and the reference covers the atomic only.
        unsafe { &(*self.as_ptr()).stack_limit }
    }
}

/// Stops the Wasm of a store, from any thread. Outlives the store without harm.
///
/// ```
/// use engine_instance::{Engine, Instance, Module, Store, Trap, TrapCode};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, wat::parse_str(r#"(module (func (export "run") (loop (br 0))))"#)?)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
/// let handle = store.interrupt_handle();
/// let timer = std::thread::spawn(move || handle.interrupt());
/// let error = run.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.downcast_ref::<Trap>().map(Trap::code), Some(TrapCode::Interrupt));
/// # timer.join().unwrap();
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone)]
pub struct InterruptHandle(pub(super) Arc<VmStore>);

impl InterruptHandle {
    /// The stack limit that means "interrupt".
    const PENDING: usize = usize::MAX;

    /// Makes the store's Wasm trap with [`TrapCode::Interrupt`](crate::TrapCode) at its next function entry or, if the
    /// engine's code is [interruptible](crate::Config::interruptible), loop iteration. The trap spends the interrupt. If no
    /// Wasm is running, or it ends before it notices, the next call traps, unless
    /// [`Store::clear_interrupt`](crate::Store::clear_interrupt) comes before it.
    pub fn interrupt(&self) {
        self.0.stack_limit().store(Self::PENDING, Ordering::Relaxed);
    }

    /// Takes back a pending interrupt. The caller has the store to itself and no Wasm is running: the limit of a
    /// running call would be lost.
    pub(super) fn clear(&self) {
        let _ = self.0.stack_limit().compare_exchange(Self::PENDING, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether an interrupt is pending.
    pub fn is_pending(&self) -> bool {
        self.0.stack_limit().load(Ordering::Relaxed) == Self::PENDING
    }
}

impl std::fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InterruptHandle").field("pending", &self.is_pending()).finish()
    }
}
