//! Host functions.
//!
//! ```text
//!  Wasm ──► import wrapper ──► HostFuncContext::call ──► enter ──► the closure
//!           (of the signature)  a trampoline, one for     panics and errors stop here and travel on
//!                               each closure type         as `Pending`, past the Wasm frames
//! ```

#![allow(unsafe_code)]

mod caller;
mod into_func;

pub use caller::Caller;
pub use into_func::IntoFunc;

use crate::engine::from_compile_error;
use crate::store::{Pending, StoreInner, StoreOpaque};
use crate::{Result, Val};
use core::any::Any;
use core::marker::PhantomData;
use core::ptr::NonNull;
use engine_codemanager::StubCode;
use engine_decoder::FuncType;
use engine_machine::{FuncRef, HostCall, HostFuncContext, ValRaw, VmContext};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// A host function that is in no store yet. (Public only because [`IntoFunc`] mentions it.)
pub struct HostFunc<T: 'static> {
    ty: FuncType,
    /// The trampoline for the closure's type.
    call: HostCall,
    closure: Box<dyn Closure>,
    /// The import wrapper, once the function has been in a store. All stores are of one engine.
    wrapper: OnceLock<Arc<StubCode>>,
    _data: PhantomData<fn(T)>,
}

/// Any closure that may be called from any thread.
trait Closure: Any + Send + Sync {}
impl<F: Any + Send + Sync> Closure for F {}

/// A host function in a store: what Wasm sees of it, and what keeps it alive. Never moves.
pub(crate) struct HostFuncData {
    context: HostFuncContext,
    func_ref: FuncRef,
    _wrapper: Arc<StubCode>,
    _func: Arc<dyn Any + Send + Sync>,
}

impl<T: 'static> HostFunc<T> {
    /// A host function with a type of run time.
    pub(crate) fn new<F>(ty: FuncType, func: F) -> HostFunc<T>
    where
        F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        let closure = Box::new(Dynamic { ty: ty.clone(), func });
        HostFunc { ty, call: call_dynamic::<T, F>, closure, wrapper: OnceLock::new(), _data: PhantomData }
    }

    /// A host function with its own trampoline.
    ///
    /// # Safety
    /// `call` expects a pointer to `closure` as data and values of type `ty`.
    unsafe fn from_trampoline(
        ty: FuncType,
        call: HostCall,
        closure: Box<impl Any + Send + Sync>,
    ) -> HostFunc<T> {
        HostFunc { ty, call, closure, wrapper: OnceLock::new(), _data: PhantomData }
    }

    /// Its type.
    pub(crate) fn ty(&self) -> &FuncType {
        &self.ty
    }

    /// Makes the function in a store whose data is a `T`. Each call makes a new one.
    pub(crate) fn place(self: Arc<Self>, store: &mut StoreOpaque) -> Result<NonNull<FuncRef>> {
        let wrapper = match self.wrapper.get() {
            Some(wrapper) => wrapper.clone(),
            None => {
                let compiler = store.engine().compiler();
                let wrapper = compiler.import_wrapper(&self.ty).map_err(from_compile_error)?;
                self.wrapper.get_or_init(|| wrapper).clone()
            }
        };
        let signature = store.register_signature(&self.ty).0;
        let code = wrapper.address();
        let context = HostFuncContext {
            store: store.vm(),
            call: self.call,
            data: (&raw const *self.closure).cast_mut().cast(),
        };
        let func_ref = FuncRef { code, vmctx: core::ptr::null_mut(), signature, entry: 0 };
        let data =
            store.add_host_func(Box::new(HostFuncData { context, func_ref, _wrapper: wrapper, _func: self }));
        // SAFETY: just made; a host function's vmctx is its context.
        unsafe {
            (*data.as_ptr()).func_ref.vmctx = (&raw mut (*data.as_ptr()).context).cast();
            Ok(NonNull::new_unchecked(&raw mut (*data.as_ptr()).func_ref))
        }
    }

    /// Makes the function in a store once: later calls give the same one.
    pub(crate) fn place_once(self: &Arc<Self>, store: &mut StoreOpaque) -> Result<NonNull<FuncRef>> {
        // The store keeps `self` alive once the function is made, so that the address is not used for another.
        let definition = Arc::as_ptr(self).cast();
        if let Some(func) = store.linked_func(definition) {
            return Ok(func);
        }
        let func = self.clone().place(store)?;
        store.set_linked_func(definition, func);
        Ok(func)
    }
}

/// Runs host code that Wasm called. Errors and panics stay with the store until Wasm has been left.
///
/// # Safety
/// Called by a trampoline with its own arguments; the store's data is a `T`.
unsafe fn enter<T: 'static>(
    context: *mut HostFuncContext,
    body: impl FnOnce(*mut StoreInner<T>) -> Result<()>,
) -> u64 {
    // SAFETY: a call under way has left a pointer to the whole store in its context, which nothing else uses until we
    // return; `T` is right by contract.
    let store = unsafe { (*(*context).store).store.cast::<StoreInner<T>>() };
    // What the closure may leave inconsistent when it panics is the host's own; the panic goes on to the host.
    let failed = match catch_unwind(AssertUnwindSafe(|| body(store))) {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => Pending::Error(error),
        Err(payload) => Pending::Panic(payload),
    };
    // SAFETY: as above; the borrows of `body` have ended.
    unsafe {
        (*store).opaque.pending = Some(failed);
        engine_codemanager::record_host_failure((*context).store);
    }
    1
}

/// A closure on slices of values, with its type.
struct Dynamic<F> {
    ty: FuncType,
    func: F,
}

/// # Safety
/// As [`HostCall`]; the context's data is a `Dynamic<F>`, the store's data a `T`.
unsafe extern "C" fn call_dynamic<T: 'static, F>(
    context: *mut HostFuncContext,
    caller: *mut VmContext,
    values: *mut ValRaw,
) -> u64
where
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    // SAFETY: by contract; `values` has room for as many values as there are parameters or results, and `list` has been given as
    // much as all of them together.
    unsafe {
        enter::<T>(context, |store| {
            let Dynamic { ty, func } = &*(*context).data.cast::<Dynamic<F>>();
            let mut list = core::mem::take(&mut (*store).opaque.scratch);
            list.clear();
            // Made in their places: moved there, they would wait to be read again, as in `Val::from_raw`.
            list.reserve(ty.params().len() + ty.results().len());
            let opaque = &(*store).opaque;
            for (i, ty) in ty.params().iter().enumerate() {
                list.as_mut_ptr().add(i).write(Val::from_raw(opaque, values.add(i), *ty));
            }
            list.set_len(ty.params().len());
            for ty in ty.results() {
                list.as_mut_ptr().add(list.len()).write(Val::default_for_ty(*ty));
                list.set_len(list.len() + 1);
            }
            let (params, results) = list.split_at_mut(ty.params().len());
            func(Caller::new(store, context, caller), params, results)?;
            let opaque = &mut (*store).opaque;
            let mut externrefs = 0;
            for (result, ty) in results.iter().zip(ty.results()) {
                result.check(opaque, *ty)?;
                externrefs += result.extern_count();
            }
            opaque.prepare_externrefs(externrefs);
            for (i, result) in results.iter().enumerate() {
                values.add(i).write(result.to_raw(opaque));
            }
            list.clear();
            opaque.scratch = list;
            Ok(())
        })
    }
}
