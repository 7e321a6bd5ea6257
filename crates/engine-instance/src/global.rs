//! Globals.

#![allow(unsafe_code)]

use crate::bail;
use crate::store::{StoreOpaque, StorePtr};
use crate::{AsContext, AsContextMut, Result, Val};
use core::ptr::NonNull;
use engine_decoder::{GlobalType, ValType};
use engine_machine::ValRaw;

/// A global of a store.
///
/// ```
/// use engine_instance::{Engine, Global, GlobalType, Store, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = GlobalType { content: ValType::I64, mutable: true };
/// let global = Global::new(&mut store, ty, Val::I64(1))?;
/// global.set(&mut store, Val::I64(2))?;
/// assert_eq!(global.get(&mut store).unwrap_i64(), 2);
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Global {
    /// The cell: in the vmctx of the instance that defines the global, or one of the store's own.
    cell: StorePtr<ValRaw>,
    ty: GlobalType,
}

impl Global {
    /// A global that the host makes, for modules to import.
    ///
    /// # Errors
    /// If the value is not of the type.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global> {
        let mut store = store.as_context_mut();
        let store = store.opaque_mut();
        value.check(store, ty.content)?;
        let cell = store.add_global();
        if is_extern(ty.content) {
            store.add_extern_global(cell);
        }
        let global = Global::from_cell(store, cell, ty);
        global.write(store, &value);
        Ok(global)
    }

    pub(crate) fn from_cell(store: &StoreOpaque, cell: NonNull<ValRaw>, ty: GlobalType) -> Global {
        Global { cell: StorePtr::new(store, cell), ty }
    }

    pub(crate) fn cell(&self) -> &StorePtr<ValRaw> {
        &self.cell
    }

    pub(crate) fn global_type(&self) -> &GlobalType {
        &self.ty
    }

    fn write(&self, store: &mut StoreOpaque, value: &Val) {
        store.prepare_externrefs(value.extern_count());
        let raw = value.to_raw(store);
        // SAFETY: a cell lives as long as its store, is written only with the store borrowed mutably or by compiled
        // code, and holds any value of its type.
        unsafe { self.cell.get(store).write(raw) };
    }

    /// Its type.
    pub fn ty(&self, _store: impl AsContext) -> GlobalType {
        self.ty
    }

    /// Its value.
    pub fn get(&self, store: impl AsContext) -> Val {
        let store = store.as_context();
        let store = store.opaque();
        // SAFETY: a cell holds a value of its type of its store.
        unsafe { Val::from_raw(store, self.cell.get(store).as_ptr(), self.ty.content) }
    }

    /// Sets its value.
    ///
    /// # Errors
    /// If it is immutable, or the value is not of its type.
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        let store = store.opaque_mut();
        if !self.ty.mutable {
            bail!("immutable global cannot be set");
        }
        value.check(store, self.ty.content)?;
        self.write(store, &value);
        Ok(())
    }
}

/// Whether values of the type are in the store's heap.
pub(crate) fn is_extern(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if !ty.is_func())
}
