//! Stores: the owners of everything that exists at run time.
//!
//! ```text
//!  Store<T> ──► StoreInner<T> (boxed, never moves)          VmStore (shared with InterruptHandles)
//!                 StoreOpaque, all that does not need T ───►   StoreContext ◄── every vmctx
//!                 limiter, data: T                               store ──┐
//!                        ▲                                               │ set for the duration of a call
//!                        └───────────────────────────────────────────────┘
//! ```
//!
//! # Aliasing
//! A call into Wasm has the store borrowed mutably and may come back, through host functions and runtime entries, to code
//! that needs the store again. That code takes it from `StoreContext::store`. So that this is a reborrow of the caller's
//! borrow and never a second one, [`call_wasm`](opaque::call_wasm) sets the field to a pointer derived from its caller's
//! borrow, uses nothing else of the store until Wasm returns, and puts the previous pointer back. What compiled code
//! itself reaches (vmctxs, definitions, tables, cells of globals) is in allocations of its own, of which Rust holds raw
//! pointers only.

#![allow(unsafe_code)]

mod context;
mod externs;
mod interrupt;
mod limits;
mod opaque;

pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub(crate) use externs::ExternHeap;
pub use interrupt::InterruptHandle;
pub(crate) use interrupt::VmStore;
pub use limits::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
pub use opaque::StoreOpaque;
pub(crate) use opaque::{Pending, StorePtr, call_wasm};

use crate::Engine;
use core::fmt;
use core::ptr::NonNull;

type Limiter<T> = Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send>;

/// Owner of instances, memories, tables, globals and host functions, and of the host's own data, a `T` that host
/// functions reach through [`Caller`](crate::Caller).
///
/// Everything made in a store lives as long as the store. Handles ([`Func`](crate::Func), [`Memory`](crate::Memory), …)
/// are plain values that name their store; using one with another store panics. A store may move between threads
/// but is used by one at a time.
///
/// ```
/// use engine_instance::{Engine, Store};
///
/// let mut store = Store::new(&Engine::default(), 3);
/// *store.data_mut() += 1;
/// assert_eq!(store.into_data(), 4);
/// ```
pub struct Store<T: 'static> {
    inner: NonNull<StoreInner<T>>,
}

// SAFETY: a store owns what it points to, and none of it is tied to a thread while no call is running, which a move of
// the store excludes: host data and limiter are `Send`, host functions and externrefs `Send + Sync`.
unsafe impl<T: Send> Send for Store<T> {}

/// The contents of a store. `opaque` is first, so that a pointer to it is a pointer to the whole.
#[repr(C)]
pub struct StoreInner<T: 'static> {
    pub(crate) opaque: StoreOpaque,
    limiter: Option<Limiter<T>>,
    pub(crate) data: T,
}

impl<T: 'static> StoreInner<T> {
    /// A pointer to the part without `T`, with permission to the whole.
    #[inline]
    pub(crate) fn as_opaque(&mut self) -> NonNull<StoreOpaque> {
        NonNull::from(self).cast()
    }
}

impl<T: 'static> Store<T> {
    /// A store for instances of an engine's modules.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        let inner = Box::new(StoreInner { opaque: StoreOpaque::new(engine), limiter: None, data });
        Store { inner: NonNull::from(Box::leak(inner)) }
    }

    #[inline]
    pub(crate) fn inner(&self) -> &StoreInner<T> {
        // SAFETY: the box lives as long as `self`, and `self` is borrowed.
        unsafe { self.inner.as_ref() }
    }

    #[inline]
    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        // SAFETY: as above, mutably.
        unsafe { self.inner.as_mut() }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.inner().opaque.engine()
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        &self.inner().data
    }

    /// The host's data.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner_mut().data
    }

    /// Drops everything in the store but the host's data.
    pub fn into_data(self) -> T {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: made by `Box::leak` in `new`; `this` is never used again.
        let inner = unsafe { Box::from_raw(this.inner.as_ptr()) };
        inner.data
    }

    /// Asks `limiter` from now on before a memory or table is made or grows, and before an instance is made.
    ///
    /// ```
    /// use engine_instance::{Engine, Memory, MemoryType, Store, StoreLimits, StoreLimitsBuilder};
    ///
    /// let limits = StoreLimitsBuilder::new().memory_size(2 << 16).build();
    /// let mut store: Store<StoreLimits> = Store::new(&Engine::default(), limits);
    /// store.limiter(|limits| limits);
    /// let memory = Memory::new(&mut store, MemoryType { minimum: 1, maximum: None, shared: false, memory64: false })?;
    /// assert_eq!(memory.grow(&mut store, 1)?, 1);
    /// assert!(memory.grow(&mut store, 1).is_err());
    /// # Ok::<(), engine_instance::Error>(())
    /// ```
    pub fn limiter(&mut self, limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + 'static) {
        let inner = self.inner_mut();
        inner.limiter = Some(Box::new(limiter));
        inner.opaque.set_limiter(with_limiter::<T>);
    }

    /// A handle with which other threads can stop the Wasm of this store.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.inner().opaque.interrupt_handle()
    }

    /// Takes back an interrupt that no call has noticed yet.
    pub fn clear_interrupt(&mut self) {
        self.interrupt_handle().clear();
    }

    /// Sets the most bytes of native stack that Wasm of this store may use, instead of
    /// [`Config::max_wasm_stack`](crate::Config::max_wasm_stack).
    pub fn set_max_wasm_stack(&mut self, bytes: usize) {
        self.inner_mut().opaque.set_max_stack(bytes);
    }
}

/// Calls `use_it` with the limiter of a store whose data is a `T`.
///
/// # Safety
/// `store` points to the head of a `StoreInner<T>` with permission to all of it.
unsafe fn with_limiter<T: 'static>(
    store: NonNull<StoreOpaque>,
    use_it: &mut dyn FnMut(&mut dyn ResourceLimiter),
) {
    // SAFETY: `StoreInner` is `repr(C)` and begins with its `StoreOpaque`; the caller vouches for `T`. The references
    // cover `limiter` and `data`, which nothing else refers to meanwhile.
    let (limiter, data) = unsafe {
        let inner = store.cast::<StoreInner<T>>().as_ptr();
        (&mut (*inner).limiter, &mut (*inner).data)
    };
    if let Some(limiter) = limiter {
        use_it(limiter(data));
    }
}

impl<T: 'static> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`, freed here only (`into_data` does not come here).
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl<T: Default + 'static> Default for Store<T> {
    /// A store of a default engine.
    fn default() -> Store<T> {
        Store::new(&Engine::default(), T::default())
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("data", self.data()).finish_non_exhaustive()
    }
}
