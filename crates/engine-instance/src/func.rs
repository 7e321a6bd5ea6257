//! Functions.

#![allow(unsafe_code)]

use crate::bail;
use crate::host::{HostFunc, IntoFunc};
use crate::store::{StoreOpaque, StorePtr, call_wasm};
use crate::typed::{WasmParams, WasmResults};
use crate::{AsContext, AsContextMut, Caller, Error, Result, Val};
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use engine_decoder::FuncType;
use engine_machine::{EntryWrapper, FuncRef, ValRaw};
use std::sync::Arc;

/// A function of a store: exported by an instance, or made by the host. Equal if it is the same function.
///
/// ```
/// use engine_instance::{Engine, Func, Store, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let add = Func::wrap(&mut store, |a: i32, b: i32| a.wrapping_add(b));
/// let mut results = [Val::I32(0)];
/// add.call(&mut store, &[Val::I32(1), Val::I32(2)], &mut results)?;
/// assert_eq!(results[0].unwrap_i32(), 3);
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Func(StorePtr<FuncRef>);

impl Func {
    /// A host function of a type that is known only at run time. The closure gets as many parameters as the type says, of
    /// its types, and must set each result to a value of its type (results are preset to zero and null).
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        Func::from_host(&mut store, HostFunc::new(ty, func))
    }

    /// A host function from a closure whose type says which Wasm type it has. See [`IntoFunc`].
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func {
        Func::from_host(&mut store, func.into_func())
    }

    fn from_host<T: 'static>(store: &mut impl AsContextMut<Data = T>, func: HostFunc<T>) -> Func {
        let mut store = store.as_context_mut();
        let store = store.opaque_mut();
        match Arc::new(func).place(store) {
            Ok(func) => Func::from_ref(store, func),
            Err(error) => panic!("cannot make a wrapper for a host function: {error:?}"),
        }
    }

    #[inline]
    pub(crate) fn from_ref(store: &StoreOpaque, func: NonNull<FuncRef>) -> Func {
        Func(StorePtr::new(store, func))
    }

    #[inline]
    pub(crate) fn belongs_to(&self, store: &StoreOpaque) -> bool {
        self.0.belongs_to(store)
    }

    #[inline]
    pub(crate) fn func_ref(&self, store: &StoreOpaque) -> NonNull<FuncRef> {
        self.0.get(store)
    }

    /// The word that compiled code has for a function of `store`, or for null.
    #[inline]
    pub(crate) fn to_raw(func: Option<Func>, store: &StoreOpaque) -> u64 {
        func.map_or(0, |func| func.0.get(store).as_ptr() as u64)
    }

    /// The function that a word of compiled code means.
    ///
    /// # Safety
    /// `word` is a funcref of this store, or null.
    #[inline]
    pub(crate) unsafe fn from_raw(store: &StoreOpaque, word: u64) -> Option<Func> {
        NonNull::new(word as *mut FuncRef).map(|func| Func::from_ref(store, func))
    }

    pub(crate) fn signature(&self, store: &StoreOpaque) -> u32 {
        // SAFETY: a `FuncRef` lives as long as its store.
        unsafe { (*self.0.get(store).as_ptr()).signature }
    }

    /// The function's type.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = store.as_context();
        store.opaque().func_type(self.signature(store.opaque()))
    }

    /// Calls the function. `results` must be as long as the type says; what they held is overwritten.
    ///
    /// # Errors
    /// If the parameters do not match the type; a [`Trap`](crate::Trap); or the error of a host function.
    ///
    /// # Panics
    /// If a host function panics that the call reaches, or if the function belongs to another store.
    pub fn call(&self, mut store: impl AsContextMut, params: &[Val], results: &mut [Val]) -> Result<()> {
        let mut store = store.as_context_mut();
        let store = store.as_opaque();
        // SAFETY: from a borrow of the whole store, held to the end of this function; reborrowed only between calls.
        unsafe { self.call_opaque(store, params, results) }
    }

    /// # Safety
    /// `store` comes from a mutable borrow of the whole store that the caller holds.
    unsafe fn call_opaque(
        &self,
        store: NonNull<StoreOpaque>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        /// As many values as are kept on the stack.
        const FEW: usize = 16;
        // SAFETY: by contract; the borrow ends before Wasm is called.
        let opaque = unsafe { &mut *store.as_ptr() };
        let func = self.func_ref(opaque);
        // SAFETY: lives as long as the store.
        let info = unsafe { opaque.entry(func)?.as_ref() };
        let ty = &info.ty;
        if ty.params().len() != params.len() {
            bail!("expected {} arguments, found {}", ty.params().len(), params.len());
        }
        if ty.results().len() != results.len() {
            bail!("expected room for {} results, found {}", ty.results().len(), results.len());
        }
        let mut externrefs = 0;
        for (param, ty) in params.iter().zip(ty.params()) {
            param.check(opaque, *ty)?;
            externrefs += param.extern_count();
        }
        opaque.prepare_externrefs(externrefs);
        let count = params.len().max(results.len());
        let mut few = [const { MaybeUninit::<ValRaw>::uninit() }; FEW];
        let mut many = Vec::new();
        let values: *mut ValRaw = if count <= FEW {
            few.as_mut_ptr().cast()
        } else {
            many.reserve_exact(count);
            many.as_mut_ptr()
        };
        for (i, param) in params.iter().enumerate() {
            // SAFETY: there is room for `count` values.
            unsafe { values.add(i).write(param.to_raw(opaque)) };
        }
        // SAFETY: the function, its signature's wrapper, and values that have been checked against its type. The wrapper has
        // written as many results as there are.
        unsafe {
            let (code, vmctx) = ((*func.as_ptr()).code, (*func.as_ptr()).vmctx);
            call_wasm(store, info.wrapper, code, vmctx, values)?;
            let opaque = store.as_ref();
            for (i, (result, ty)) in results.iter_mut().zip(ty.results()).enumerate() {
                *result = Val::from_raw(opaque, values.add(i), *ty);
            }
        }
        Ok(())
    }

    /// The function as one with Rust types, for fast calls.
    ///
    /// # Errors
    /// If the types are not those of the function.
    pub fn typed<P: WasmParams, R: WasmResults>(&self, store: impl AsContext) -> Result<TypedFunc<P, R>> {
        let store = store.as_context();
        let store = store.opaque();
        // SAFETY: lives as long as the store.
        let info = unsafe { store.entry(self.func_ref(store))?.as_ref() };
        let ty = &info.ty;
        if !ty.params().iter().copied().eq(P::valtypes()) || !ty.results().iter().copied().eq(R::valtypes()) {
            let asked = FuncType::new(P::valtypes(), R::valtypes());
            bail!("type mismatch: the function has type {ty}, not {asked}");
        }
        let wrapper = info.wrapper;
        Ok(TypedFunc { func: *self, wrapper, _types: PhantomData })
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Func").field(&self.0).finish()
    }
}

/// A function whose type has been checked once, so that calls need no checks. Made by [`Func::typed`].
///
/// ```
/// use engine_instance::{Engine, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let text = r#"(module (func (export "div") (param i32 i32) (result i32 i32)
///     (i32.div_s (local.get 0) (local.get 1)) (i32.rem_s (local.get 0) (local.get 1))))"#;
/// let module = Module::new(&engine, wat::parse_str(text)?)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let div = instance.get_typed_func::<(i32, i32), (i32, i32)>(&mut store, "div")?;
/// assert_eq!(div.call(&mut store, (17, 5))?, (3, 2));
/// # Ok::<(), engine_instance::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    wrapper: EntryWrapper,
    _types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

/// Room for parameters and results, which share their places. Only its address is used.
#[allow(dead_code)]
union Values<P: WasmParams, R: WasmResults> {
    params: MaybeUninit<P::Raw>,
    results: MaybeUninit<R::Raw>,
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// The function.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    /// A [`Trap`](crate::Trap), or the error of a host function.
    ///
    /// # Panics
    /// If a host function panics that the call reaches, or if the function belongs to another store.
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: P) -> Result<R> {
        let mut store = store.as_context_mut();
        let func = self.func.func_ref(store.opaque());
        params.check_store(store.opaque())?;
        let mut values = Values::<P, R> { params: MaybeUninit::uninit() };
        let place = (&raw mut values).cast::<ValRaw>();
        let store = store.as_opaque();
        // SAFETY: `typed` has checked the types; `wrapper` lives as long as the store that `func` belongs to; there is
        // room for parameters and results; the store is borrowed to the end of this function and reborrowed only
        // outside the call.
        unsafe {
            let opaque = &mut *store.as_ptr();
            opaque.prepare_externrefs(P::EXTERNS);
            params.write_raw(opaque, place);
            let (code, vmctx) = ((*func.as_ptr()).code, (*func.as_ptr()).vmctx);
            call_wasm(store, self.wrapper, code, vmctx, place)?;
            Ok(R::read_raw(store.as_ref(), place))
        }
    }
}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

/// What is not a function of this module says so.
pub(crate) fn not_a_func(name: &str) -> Error {
    Error::msg(format_args!("`{name}` is not an exported function"))
}
