//! Borrowed stores, and what can be borrowed as one.

use super::{Store, StoreInner, StoreOpaque};
use crate::{Caller, Engine};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A store, borrowed.
pub struct StoreContext<'a, T: 'static>(pub(crate) &'a StoreInner<T>);

/// A store, borrowed mutably. Stays on its thread, since a call into Wasm may be under way on it.
pub struct StoreContextMut<'a, T: 'static>(pub(crate) &'a mut StoreInner<T>, PhantomData<*mut ()>);

/// What can be borrowed as a store: [`Store`], [`Caller`], [`StoreContext`], [`StoreContextMut`], and references to them.
pub trait AsContext {
    /// The host's data in the store.
    type Data: 'static;
    /// Borrows the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// What can be borrowed mutably as a store.
pub trait AsContextMut: AsContext {
    /// Borrows the store mutably.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<T: 'static> Clone for StoreContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for StoreContext<'_, T> {}

impl<'a, T: 'static> StoreContext<'a, T> {
    /// The host's data.
    pub fn data(&self) -> &'a T {
        &self.0.data
    }
    /// The engine.
    pub fn engine(&self) -> &'a Engine {
        self.0.opaque.engine()
    }
    #[inline]
    pub(crate) fn opaque(&self) -> &'a StoreOpaque {
        &self.0.opaque
    }
}

impl<'a, T: 'static> StoreContextMut<'a, T> {
    #[inline]
    pub(crate) fn new(inner: &'a mut StoreInner<T>) -> StoreContextMut<'a, T> {
        StoreContextMut(inner, PhantomData)
    }
    /// The host's data.
    pub fn data(&self) -> &T {
        &self.0.data
    }
    /// The host's data.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }
    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.0.opaque.engine()
    }
    #[inline]
    pub(crate) fn opaque(&self) -> &StoreOpaque {
        &self.0.opaque
    }
    #[inline]
    pub(crate) fn opaque_mut(&mut self) -> &mut StoreOpaque {
        &mut self.0.opaque
    }
    /// A pointer to the part without `T`, with permission to the whole store.
    #[inline]
    pub(crate) fn as_opaque(&mut self) -> NonNull<StoreOpaque> {
        self.0.as_opaque()
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.inner())
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut::new(self.inner_mut())
    }
}

impl<T: 'static> AsContext for StoreContext<'_, T> {
    type Data = T;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        *self
    }
}

impl<T: 'static> AsContext for StoreContextMut<'_, T> {
    type Data = T;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContextMut for StoreContextMut<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut::new(self.0)
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(*self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(*self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(*self)
    }
}

impl<'a, T: 'static, C: AsContext<Data = T>> From<&'a C> for StoreContext<'a, T> {
    fn from(store: &'a C) -> Self {
        store.as_context()
    }
}

impl<'a, T: 'static, C: AsContext<Data = T>> From<&'a mut C> for StoreContext<'a, T> {
    fn from(store: &'a mut C) -> Self {
        C::as_context(store)
    }
}

impl<'a, T: 'static, C: AsContextMut<Data = T>> From<&'a mut C> for StoreContextMut<'a, T> {
    fn from(store: &'a mut C) -> Self {
        store.as_context_mut()
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for StoreContext<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreContext").field("data", self.data()).finish_non_exhaustive()
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreContextMut").field("data", self.data()).finish_non_exhaustive()
    }
}
