//! Instantiation (core specification, "Instantiation").
//!
//! 1. Imports are checked.
//! 2. Memories and tables are allocated; the access modes of all memories decide which variant of the code runs.
//! 3. The vmctx is filled, the instance handed to the store: from here on it lives as long as the store, even if a later
//!    step fails, because its functions may already be in tables of others.
//! 4. Globals, then initial elements of tables.
//! 5. Active element segments, active data segments, the start function.

#![allow(unsafe_code)]

use crate::const_expr::evaluate;
use crate::global::is_extern;
use crate::instance::{InstanceData, VmctxBox};
use crate::memory::MemoryData;
use crate::runtime::init_table;
use crate::store::{StoreOpaque, call_wasm};
use crate::table::TableData;
use crate::{Extern, Instance, LinkError, Module, Result, Trap, imports};
use core::ptr::NonNull;
use engine_decoder::{ElemIndex, FuncIndex, GlobalIndex, MemoryIndex, SegmentMode, TableIndex};
use engine_machine::{
    AccessMode, FuncRef, ImportedFunction, MemoryRange, Place, TrapCode, ValRaw, VmContext,
};

/// Instantiates a module and runs its start function.
///
/// # Safety
/// `store` comes from a mutable borrow of the whole store that the caller holds.
pub(crate) unsafe fn instantiate(
    store: NonNull<StoreOpaque>,
    module: &Module,
    imports: &[Extern],
) -> Result<Instance> {
    let span = tracing::debug_span!("instantiate", module = module.name());
    let _entered = span.enter();
    // SAFETY: by contract; shared and mutable borrows of the store are never held across each other, the limiter's
    // or Wasm's.
    unsafe {
        imports::check(store.as_ref(), module, imports)?;
        let instance = allocate(store, module, imports)?;
        initialize_globals(&mut *store.as_ptr(), instance);
        initialize_tables(instance)?;
        initialize_memories(instance)?;
        tracing::debug!(memories = instance.as_ref().memories.len(), "instantiated");
        if let Some(start) = module.decoded().module.start {
            call_start(store, instance, start)?;
        }
        Ok(Instance::from_data(store.as_ref(), instance))
    }
}

/// Steps 2 and 3.
///
/// # Safety
/// As [`instantiate`]; the imports have been checked.
unsafe fn allocate(
    store: NonNull<StoreOpaque>,
    module: &Module,
    imports: &[Extern],
) -> Result<NonNull<InstanceData>> {
    let decoded = &*module.decoded().module;
    let layout = &module.inner().layout;
    let defined_memories = &decoded.memories[decoded.num_imported_memories as usize..];
    let defined_tables = &decoded.tables[decoded.num_imported_tables as usize..];
    // SAFETY: by contract.
    unsafe { StoreOpaque::check_counts(store, 1, defined_memories.len(), defined_tables.len())? };
    let preferred = module.engine().preferred_mode();
    // SAFETY: by contract.
    let mut new_memories = unsafe {
        let new = |ty: &_| MemoryData::new(store, *ty, preferred);
        defined_memories.iter().map(new).collect::<Result<Vec<_>>>()?
    };
    // SAFETY: by contract.
    let mut new_tables = unsafe {
        let new = |ty: &_| TableData::new(store, *ty);
        defined_tables.iter().map(new).collect::<Result<Vec<_>>>()?
    };
    let out_of_memory = || LinkError::OutOfMemory { what: "an instance".into() };
    let vmctx = VmctxBox::new(layout.size()).ok_or_else(out_of_memory)?;

    // SAFETY: by contract; nothing below calls out of this crate but the compiler.
    let store = unsafe { &mut *store.as_ptr() };
    let mut memories = Vec::with_capacity(decoded.memories.len());
    let mut tables = Vec::with_capacity(decoded.tables.len());
    let mut functions = 0;
    let mut globals = 0;
    for import in imports {
        // SAFETY: offsets are from the module's layout, and the pointers live as long as the store.
        unsafe {
            match import {
                Extern::Func(func) => {
                    let func = func.func_ref(store).as_ptr();
                    let FuncRef { code, vmctx: callee, .. } = *func;
                    let imported = ImportedFunction { code, vmctx: callee, funcref: func };
                    vmctx.field(layout.imported_function(FuncIndex(functions))).write(imported);
                    functions += 1;
                }
                Extern::Global(global) => {
                    if let Place::Indirect(offset) = layout.global(GlobalIndex(globals)) {
                        vmctx.field(offset).write(global.cell().get(store));
                    }
                    globals += 1;
                }
                Extern::Memory(memory) => memories.push(memory.ptr().get(store)),
                Extern::Table(table) => tables.push(table.ptr().get(store)),
            }
        }
    }
    let imported_mode = memories.iter().map(|memory| {
        // SAFETY: memories live as long as the store.
        unsafe { memory.as_ref() }.access_mode()
    });
    let modes = imported_mode.chain(new_memories.iter().map(|memory| memory.access_mode()));
    let mode = modes.fold(preferred, AccessMode::max);
    let native = module.variant(mode)?.clone();

    // SAFETY: offsets are from the module's layout; definitions live as long as what they define, since the instance is
    // handed to the store with them.
    unsafe {
        for (i, memory) in memories.iter().enumerate() {
            if let Place::Indirect(offset) = layout.memory(MemoryIndex(i as u32)) {
                vmctx.field(offset).write(memory.as_ref().definition());
            }
        }
        for (i, table) in tables.iter().enumerate() {
            if let Place::Indirect(offset) = layout.table(TableIndex(i as u32)) {
                vmctx.field(offset).write(table.as_ref().definition());
            }
        }
        for mut memory in new_memories.drain(..) {
            if let Place::Inline(offset) = layout.memory(MemoryIndex(memories.len() as u32)) {
                memory.define_at(vmctx.field(offset));
            }
            memories.push(store.add_memory(memory));
        }
        for mut table in new_tables.drain(..) {
            if let Place::Inline(offset) = layout.table(TableIndex(tables.len() as u32)) {
                table.define_at(vmctx.field(offset));
            }
            tables.push(store.add_table(table));
        }
        let signatures = &module.inner().signatures;
        if !signatures.is_empty() {
            let place = vmctx.field::<u32>(layout.signature(engine_decoder::TypeIndex(0)));
            place.as_ptr().copy_from_nonoverlapping(signatures.as_ptr().cast(), signatures.len());
        }
        for (i, &func) in decoded.escaped.iter().enumerate() {
            let place = vmctx.field(layout.funcref(engine_decoder::EscapedIndex(i as u32)));
            place.write(match decoded.defined(func) {
                Some(defined) => FuncRef {
                    code: native.slot(defined),
                    vmctx: vmctx.as_ptr(),
                    signature: signatures[decoded.functions[func.index()].index()].0,
                    entry: 0,
                },
                None => {
                    let imported = vmctx.field::<ImportedFunction>(layout.imported_function(func));
                    let FuncRef { code, vmctx, signature, .. } = *(*imported.as_ptr()).funcref;
                    FuncRef { code, vmctx, signature, entry: 0 }
                }
            });
        }
    }
    let ranges: Box<[*const MemoryRange]> = memories
        .iter()
        // SAFETY: memories live as long as the store.
        .map(|memory| unsafe { memory.as_ref() }.range())
        .collect();
    let head = VmContext {
        store: store.vm(),
        // SAFETY: as above.
        memory0_base: memories
            .first()
            .map_or(core::ptr::null_mut(), |memory| unsafe { memory.as_ref() }.base()),
        runtime_entries: store.engine().compiler().runtime_entries(),
        instance: core::ptr::null_mut(),
        memory_ranges: ranges.as_ptr(),
        memory_range_count: ranges.len(),
    };
    let vmctx_ptr = vmctx.as_ptr();
    let instance = store.add_instance(Box::new(InstanceData {
        module: module.clone(),
        native,
        vmctx,
        memories: memories.into(),
        tables: tables.into(),
        _ranges: ranges,
        dropped_data: Vec::new(),
        dropped_elements: Vec::new(),
    }));
    // SAFETY: the vmctx is the instance's; moving its box did not move it.
    unsafe { vmctx_ptr.write(VmContext { instance: instance.as_ptr().cast(), ..head }) };
    Ok(instance)
}

/// # Safety
/// `instance` belongs to `store` and has just been allocated.
unsafe fn initialize_globals(store: &mut StoreOpaque, instance: NonNull<InstanceData>) {
    // SAFETY: lives as long as the store; nothing mutates it here.
    let instance = unsafe { instance.as_ref() };
    let module = &*instance.module.decoded().module;
    for (i, init) in module.global_inits.iter().enumerate() {
        let global = GlobalIndex(module.num_imported_globals + i as u32);
        let cell = instance.global_cell(global);
        // SAFETY: a cell in the instance's vmctx.
        unsafe { cell.write(evaluate(instance, init)) };
        if is_extern(module.globals[global.index()].content) {
            store.add_extern_global(cell);
        }
    }
}

/// Initial elements, then active element segments in order.
///
/// # Safety
/// The instance has been allocated, its globals are initialized, and nothing refers to its tables.
unsafe fn initialize_tables(instance: NonNull<InstanceData>) -> Result<()> {
    // SAFETY: lives as long as the store; nothing mutates it here.
    let this = unsafe { instance.as_ref() };
    let module = &*this.module.decoded().module;
    for (i, init) in module.table_inits.iter().enumerate() {
        if let Some(init) = init {
            let mut table = this.tables[module.num_imported_tables as usize + i];
            // SAFETY: validation has checked the type of the reference; nothing else refers to the table.
            unsafe {
                let word = evaluate(this, init).externref;
                let table = table.as_mut();
                let length = table.len() as u64;
                table.fill(0, length, word).map_err(Trap::new)?;
            }
        }
    }
    for (i, segment) in module.elements.iter().enumerate() {
        if let SegmentMode::Active(table, offset) = &segment.mode {
            // SAFETY: an offset is an `i32`; the rest by contract.
            unsafe {
                let start = u64::from(evaluate(this, offset).i32 as u32);
                let count = segment.items.len() as u64;
                init_table(this, *table, ElemIndex(i as u32), start, 0, count).map_err(Trap::new)?;
            }
        }
    }
    Ok(())
}

/// Active data segments in order.
///
/// # Safety
/// As for [`initialize_tables`], with memories for tables.
unsafe fn initialize_memories(instance: NonNull<InstanceData>) -> Result<()> {
    // SAFETY: lives as long as the store; nothing mutates it here.
    let this = unsafe { instance.as_ref() };
    let decoded = this.module.decoded();
    if let Some(images) = this.module.images_for_instance() {
        let first = decoded.module.num_imported_memories as usize;
        let mut mapped = this.memories[first..].iter().zip(images).map(|(memory, image)| match image {
            // SAFETY: nothing refers to the memory yet.
            Some(image) => unsafe { (*memory.as_ptr()).map_image(image.image()) },
            None => true,
        });
        if mapped.all(|mapped| mapped) {
            return Ok(());
        }
    }
    for segment in &decoded.module.data {
        if let SegmentMode::Active(memory, offset) = &segment.mode {
            let bytes = &decoded.bytes[segment.bytes.clone()];
            // SAFETY: an offset is an `i32`; memories live as long as the store, and the range is checked.
            unsafe {
                let start = u64::from(evaluate(this, offset).i32 as u32);
                let memory = this.memories[memory.index()].as_ref();
                let to = memory.range_ptr(start, bytes.len() as u64);
                let to = to.ok_or(Trap::new(TrapCode::MemoryOutOfBounds))?;
                to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
        }
    }
    Ok(())
}

/// # Safety
/// As for [`instantiate`]; the instance is ready.
unsafe fn call_start(
    store: NonNull<StoreOpaque>,
    instance: NonNull<InstanceData>,
    start: FuncIndex,
) -> Result<()> {
    // SAFETY: by contract; the borrows end before Wasm is called. A start function has no parameters and no results.
    unsafe {
        let this = instance.as_ref();
        let module = &*this.module.decoded().module;
        let signature = this.module.inner().signatures[module.functions[start.index()].index()].0;
        let wrapper = store.as_ref().entry_of(signature)?.1.as_ref().wrapper;
        let (code, vmctx) = match module.defined(start) {
            Some(defined) => (this.native.slot(defined), this.vmctx.as_ptr()),
            None => {
                let func = this.func_ref(start).as_ptr();
                ((*func).code, (*func).vmctx)
            }
        };
        call_wasm(store, wrapper, code, vmctx, [ValRaw::default(); 1].as_mut_ptr())
    }
}
