//! What a host function sees of the instance that called it.

#![allow(unsafe_code)]

use crate::instance::InstanceData;
use crate::store::{StoreContextMut, StoreInner};
use crate::{AsContext, AsContextMut, Engine, Extern, StoreContext};
use core::ptr::NonNull;
use engine_machine::{HostFuncContext, VmContext};

/// First parameter of a host function: the store, and the instance that called.
///
/// ```
/// use engine_instance::{Caller, Engine, Error, Linker, Module, Result, Store};
///
/// let engine = Engine::default();
/// let mut linker: Linker<Vec<String>> = Linker::new(&engine);
/// linker.func_wrap("host", "print", |mut caller: Caller<'_, Vec<String>>, at: u32, len: u32| -> Result<()> {
///     let memory = caller.get_export("memory").and_then(|export| export.into_memory());
///     let memory = memory.ok_or_else(|| Error::msg("the module exports no memory"))?;
///     let (bytes, lines) = memory.data_and_store_mut(&mut caller);
///     let text = bytes.get(at as usize..).and_then(|bytes| bytes.get(..len as usize));
///     lines.push(String::from_utf8_lossy(text.ok_or_else(|| Error::msg("out of bounds"))?).into());
///     Ok(())
/// })?;
/// let text = r#"(module (import "host" "print" (func $print (param i32 i32)))
///     (memory (export "memory") 1) (data (i32.const 16) "hello") (start $main)
///     (func $main (call $print (i32.const 16) (i32.const 5))))"#;
/// let module = Module::new(&engine, wat::parse_str(text)?)?;
/// let mut store = Store::new(&engine, Vec::new());
/// linker.instantiate(&mut store, &module)?;
/// assert_eq!(store.data(), &["hello"]);
/// # Ok::<(), Error>(())
/// ```
pub struct Caller<'a, T: 'static> {
    pub(crate) store: StoreContextMut<'a, T>,
    instance: Option<NonNull<InstanceData>>,
}

impl<'a, T: 'static> Caller<'a, T> {
    /// # Safety
    /// `store` may be borrowed mutably for `'a`. `context` and `vmctx` are what the host function was called with.
    pub(super) unsafe fn new(
        store: *mut StoreInner<T>,
        context: *mut HostFuncContext,
        vmctx: *mut VmContext,
    ) -> Caller<'a, T> {
        // SAFETY: by contract. A host function that the host calls directly has itself as caller; any other caller is an
        // instance.
        unsafe {
            let from_host = vmctx.is_null() || core::ptr::addr_eq(context, vmctx);
            let instance = if from_host { None } else { NonNull::new((*vmctx).instance.cast()) };
            Caller { store: StoreContextMut::new(&mut *store), instance }
        }
    }

    /// The export of the calling instance with this name; `None` if there is none, or the host called.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        let instance = self.instance?;
        // SAFETY: an instance lives as long as its store.
        unsafe { InstanceData::get_export(instance, self.store.opaque(), name) }
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The host's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// The store.
    pub fn as_context(&self) -> StoreContext<'_, T> {
        AsContext::as_context(&self.store)
    }

    /// The store.
    pub fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        AsContextMut::as_context_mut(&mut self.store)
    }
}

impl<T: 'static> std::fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("instance", &self.instance).finish_non_exhaustive()
    }
}
