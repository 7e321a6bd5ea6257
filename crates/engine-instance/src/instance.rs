//! Instances.

#![allow(unsafe_code)]

use crate::extern_::Export;
use crate::func::not_a_func;
use crate::instantiate::instantiate;
use crate::memory::MemoryData;
use crate::store::{StoreOpaque, StorePtr};
use crate::table::TableData;
use crate::typed::{WasmParams, WasmResults};
use crate::{AsContextMut, Extern, Func, Global, Memory, Module, Result, Table, TypedFunc};
use core::ptr::NonNull;
use engine_codemanager::NativeModule;
use engine_decoder::{DataIndex, ElemIndex, ExternIndex, FuncIndex, GlobalIndex, SegmentMode};
use engine_machine::{FuncRef, ImportedFunction, MemoryRange, Place, ValRaw, VmContext};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::Arc;

/// An instance of a store: the runtime's record beside the vmctx. Reached through pointers only, which are never kept as
/// references across a call of Wasm.
pub(crate) struct InstanceData {
    pub(crate) module: Module,
    /// The code it runs.
    pub(crate) native: Arc<NativeModule>,
    pub(crate) vmctx: VmctxBox,
    /// All memories, imported ones first.
    pub(crate) memories: Box<[NonNull<MemoryData>]>,
    /// All tables, imported ones first.
    pub(crate) tables: Box<[NonNull<TableData>]>,
    /// Reservations of its guarded memories; the vmctx points here.
    pub(crate) _ranges: Box<[*const MemoryRange]>,
    /// Which data segments have been dropped, by index; those beyond the end have not.
    pub(crate) dropped_data: Vec<bool>,
    /// Which element segments have been dropped.
    pub(crate) dropped_elements: Vec<bool>,
}

/// The allocation of a vmctx.
pub(crate) struct VmctxBox {
    ptr: NonNull<u8>,
    layout: Layout,
}

impl VmctxBox {
    /// A zeroed vmctx of this size; `None` if the host has not enough memory.
    pub(crate) fn new(size: u32) -> Option<VmctxBox> {
        let layout = Layout::from_size_align(size as usize, 16).ok()?;
        debug_assert!(layout.size() >= size_of::<VmContext>());
        // SAFETY: a vmctx has at least its head.
        let ptr = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(VmctxBox { ptr, layout })
    }

    /// The vmctx.
    pub(crate) fn as_ptr(&self) -> *mut VmContext {
        self.ptr.as_ptr().cast()
    }

    /// The field at an offset.
    ///
    /// # Safety
    /// A `VmLayout` of this vmctx's module says that a `D` is there.
    pub(crate) unsafe fn field<D>(&self, offset: u32) -> NonNull<D> {
        debug_assert!(offset as usize + size_of::<D>() <= self.layout.size());
        // SAFETY: within the allocation, by contract.
        unsafe { self.ptr.add(offset as usize).cast() }
    }
}

impl Drop for VmctxBox {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout.
        unsafe { dealloc(self.ptr.as_ptr(), self.layout) }
    }
}

impl InstanceData {
    /// The identity of a function that is imported or escapes.
    pub(crate) fn func_ref(&self, func: FuncIndex) -> NonNull<FuncRef> {
        let module = &self.module.decoded().module;
        let layout = &self.module.inner().layout;
        // SAFETY: offsets from this module's layout; instantiation has filled both kinds of field.
        unsafe {
            if module.defined(func).is_none() {
                let imported = self.vmctx.field::<ImportedFunction>(layout.imported_function(func));
                NonNull::new_unchecked((*imported.as_ptr()).funcref)
            } else {
                let escaped = module.escaped_index(func).expect("exported and referenced functions escape");
                self.vmctx.field(layout.funcref(escaped))
            }
        }
    }

    /// The cell of a global.
    pub(crate) fn global_cell(&self, global: GlobalIndex) -> NonNull<ValRaw> {
        // SAFETY: offsets from this module's layout; instantiation has filled the pointers of imported globals.
        unsafe {
            match self.module.inner().layout.global(global) {
                Place::Inline(offset) => self.vmctx.field(offset),
                Place::Indirect(offset) => self.vmctx.field::<NonNull<ValRaw>>(offset).read(),
            }
        }
    }

    /// The bytes that `memory.init` sees in a data segment.
    pub(crate) fn data_segment(&self, segment: DataIndex) -> &[u8] {
        let decoded = self.module.decoded();
        let data = &decoded.module.data[segment.index()];
        let dropped = self.dropped_data.get(segment.index()).copied().unwrap_or(false);
        if dropped || data.mode != SegmentMode::Passive { &[] } else { &decoded.bytes[data.bytes.clone()] }
    }

    /// Whether `table.init` sees nothing in an element segment.
    pub(crate) fn element_segment_is_dropped(&self, segment: ElemIndex) -> bool {
        let mode = &self.module.decoded().module.elements[segment.index()].mode;
        *mode != SegmentMode::Passive || self.dropped_elements.get(segment.index()).copied().unwrap_or(false)
    }

    /// An export as a handle of `store`.
    fn export(&self, store: &StoreOpaque, index: ExternIndex) -> Option<Extern> {
        Some(match index {
            ExternIndex::Func(func) => Extern::Func(Func::from_ref(store, self.func_ref(func))),
            ExternIndex::Table(table) => Extern::Table(Table::from_data(store, self.tables[table.index()])),
            ExternIndex::Memory(memory) => {
                Extern::Memory(Memory::from_data(store, self.memories[memory.index()]))
            }
            ExternIndex::Global(global) => {
                let ty = self.module.decoded().module.globals[global.index()];
                Extern::Global(Global::from_cell(store, self.global_cell(global), ty))
            }
            _ => return None,
        })
    }

    /// The export with this name.
    ///
    /// # Safety
    /// `instance` belongs to `store`.
    pub(crate) unsafe fn get_export(
        instance: NonNull<InstanceData>,
        store: &StoreOpaque,
        name: &str,
    ) -> Option<Extern> {
        // SAFETY: lives as long as the store.
        let this = unsafe { instance.as_ref() };
        this.export(store, this.module.export_index(name)?)
    }
}

/// Marks a segment as dropped.
pub(crate) fn drop_segment(dropped: &mut Vec<bool>, index: usize) {
    if dropped.len() <= index {
        dropped.resize(index + 1, false);
    }
    dropped[index] = true;
}

/// An instance of a module, in a store.
///
/// ```
/// use engine_instance::{Engine, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let text = r#"(module (func (export "answer") (result i32) i32.const 42))"#;
/// let module = Module::new(&engine, wat::parse_str(text)?)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let answer = instance.get_typed_func::<(), i32>(&mut store, "answer")?;
/// assert_eq!(answer.call(&mut store, ())?, 42);
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instance(StorePtr<InstanceData>);

impl Instance {
    /// Instantiates a module with these imports, one for each of [`Module::imports`], in order, and runs its start
    /// function. A [`Linker`](crate::Linker) finds imports by name.
    ///
    /// # Errors
    /// A [`LinkError`](crate::LinkError); a [`Trap`](crate::Trap) of an active segment that is out of bounds or of the start
    /// function; or the error of a host function.
    pub fn new(mut store: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Instance> {
        let mut store = store.as_context_mut();
        // SAFETY: from a borrow of the whole store, held to the end of this function.
        unsafe { instantiate(store.as_opaque(), module, imports) }
    }

    pub(crate) fn from_data(store: &StoreOpaque, data: NonNull<InstanceData>) -> Instance {
        Instance(StorePtr::new(store, data))
    }

    fn data<'a>(&self, store: &'a StoreOpaque) -> &'a InstanceData {
        // SAFETY: lives as long as the store; mutated only by Wasm, which has the store borrowed mutably.
        unsafe { self.0.get(store).as_ref() }
    }

    /// Its module.
    pub fn module<'a, T: 'static>(&self, store: impl Into<crate::StoreContext<'a, T>>) -> &'a Module {
        &self.data(store.into().opaque()).module
    }

    /// Its exports, in order.
    pub fn exports<'a, T: 'static>(
        &self,
        store: impl Into<crate::StoreContextMut<'a, T>>,
    ) -> impl Iterator<Item = Export<'a>> {
        let store: &'a StoreOpaque = &store.into().0.opaque;
        let data = self.data(store);
        let exports = &data.module.decoded().module.exports;
        exports
            .iter()
            .filter_map(move |export| Some(Export::new(&export.name, data.export(store, export.index)?)))
    }

    /// The export with this name.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        let store = store.as_context_mut();
        let data = self.data(store.opaque());
        data.export(store.opaque(), data.module.export_index(name)?)
    }

    /// The exported function with this name.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The exported function with this name, as one with Rust types.
    ///
    /// # Errors
    /// If there is none, or it has another type.
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let func = self.get_func(&mut store, name).ok_or_else(|| not_a_func(name))?;
        func.typed(&store).map_err(|error| error.context(format_args!("exported function `{name}`")))
    }

    /// The exported memory with this name.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// The exported table with this name.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The exported global with this name.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }
}
