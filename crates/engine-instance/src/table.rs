//! Tables.

#![allow(unsafe_code)]

use crate::bail;
use crate::store::{StoreOpaque, StorePtr};
use crate::val::Ref;
use crate::{AsContext, AsContextMut, Func, LinkError, Result, Val};
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use engine_decoder::{TableType, ValType};
use engine_machine::{FuncRef, TableDefinition, TableEntry, TrapCode};
use std::alloc::{Layout, alloc_zeroed, dealloc};

/// Most elements of a table (the JavaScript API's implementation limit).
const MAX_ELEMENTS: u64 = 10_000_000;

/// A table of a store. Elements are handled as *words*: what compiled code has for the reference.
pub(crate) struct TableData {
    ty: TableType,
    /// What compiled code sees, if that is in the vmctx of the instance that defines the table.
    place: Option<NonNull<TableDefinition>>,
    /// What compiled code sees otherwise.
    own: UnsafeCell<TableDefinition>,
    /// Elements there is room for at the definition's base.
    capacity: usize,
}

impl TableData {
    /// A table of its minimum size, all null, if the store's limiter agrees. Its definition is still its own.
    ///
    /// # Safety
    /// As for [`StoreOpaque::ask_limiter`].
    pub(crate) unsafe fn new(store: NonNull<StoreOpaque>, ty: TableType) -> Result<Box<TableData>> {
        let maximum = ty.maximum.map(|elements| elements as usize);
        // SAFETY: by contract.
        let allowed = unsafe {
            StoreOpaque::ask_limiter(store, Ok(true), |limiter| {
                limiter.table_growing(0, ty.minimum as usize, maximum)
            })
        }?;
        if !allowed {
            bail!("resource limit exceeded: a table may not have {} elements", ty.minimum);
        }
        let out_of_memory =
            || LinkError::OutOfMemory { what: format!("{} table elements", ty.minimum).into() };
        if ty.minimum > MAX_ELEMENTS {
            return Err(out_of_memory().into());
        }
        let length = ty.minimum as usize;
        let base = allocate(&ty, length).ok_or_else(out_of_memory)?;
        let own = TableDefinition { base: base.as_ptr(), length };
        Ok(Box::new(TableData { ty, place: None, own: UnsafeCell::new(own), capacity: length }))
    }

    /// Moves the definition to where compiled code expects it.
    ///
    /// # Safety
    /// `place` may be written to and lives as long as the table.
    pub(crate) unsafe fn define_at(&mut self, place: NonNull<TableDefinition>) {
        // SAFETY: by contract.
        unsafe { place.write(self.definition().read()) };
        self.place = Some(place);
    }

    pub(crate) fn ty(&self) -> &TableType {
        &self.ty
    }

    pub(crate) fn definition(&self) -> NonNull<TableDefinition> {
        // SAFETY: the address of a field is not null.
        self.place.unwrap_or_else(|| unsafe { NonNull::new_unchecked(self.own.get()) })
    }

    fn base(&self) -> *mut u8 {
        // SAFETY: the definition lives as long as the table; compiled code does not write to it.
        unsafe { (*self.definition().as_ptr()).base }
    }

    pub(crate) fn len(&self) -> usize {
        // SAFETY: as above.
        unsafe { (*self.definition().as_ptr()).length }
    }

    fn in_bounds(&self, start: u64, length: u64) -> Result<(), TrapCode> {
        match start.checked_add(length) {
            Some(end) if end <= self.len() as u64 => Ok(()),
            _ => Err(TrapCode::TableOutOfBounds),
        }
    }

    /// The word at an index.
    pub(crate) fn get(&self, index: u64) -> Result<u64, TrapCode> {
        self.in_bounds(index, 1)?;
        // SAFETY: in bounds.
        Ok(unsafe { self.read(index as usize) })
    }

    /// # Safety
    /// `index` is in bounds.
    unsafe fn read(&self, index: usize) -> u64 {
        // SAFETY: in bounds by contract; `allocate` made room of this size and alignment for each element.
        unsafe {
            if self.ty.element.is_func() {
                (*self.base().cast::<TableEntry>().add(index)).funcref as u64
            } else {
                self.base().cast::<u64>().add(index).read()
            }
        }
    }

    /// # Safety
    /// `start..start + count` is within the capacity; `word` is a reference of the element type of the table's store.
    unsafe fn write(&mut self, start: usize, count: usize, word: u64) {
        // SAFETY: by contract.
        unsafe {
            if self.ty.element.is_func() {
                let base = self.base().cast::<TableEntry>().add(start);
                for i in 0..count {
                    base.add(i).write(entry(word));
                }
            } else {
                let base = self.base().cast::<u64>().add(start);
                for i in 0..count {
                    base.add(i).write(word);
                }
            }
        }
    }

    /// Sets a run of elements.
    ///
    /// # Safety
    /// `word` is a reference of the element type of the table's store.
    pub(crate) unsafe fn fill(&mut self, start: u64, count: u64, word: u64) -> Result<(), TrapCode> {
        self.in_bounds(start, count)?;
        // SAFETY: in bounds; the word by contract.
        unsafe { self.write(start as usize, count as usize, word) };
        Ok(())
    }

    /// Sets a run of elements to the words that `words` yields, exactly `count`.
    ///
    /// # Safety
    /// The words are references of the element type of the table's store.
    pub(crate) unsafe fn init(
        &mut self,
        start: u64,
        count: u64,
        words: impl Iterator<Item = u64>,
    ) -> Result<(), TrapCode> {
        self.in_bounds(start, count)?;
        for (index, word) in (start as usize..).zip(words.take(count as usize)) {
            // SAFETY: in bounds; the word by contract.
            unsafe { self.write(index, 1, word) };
        }
        Ok(())
    }

    /// Copies elements between tables of the same element type, or within one.
    ///
    /// # Safety
    /// Both tables belong to one store, and nothing refers to them mutably.
    pub(crate) unsafe fn copy(
        to: NonNull<TableData>,
        from: NonNull<TableData>,
        to_start: u64,
        from_start: u64,
        count: u64,
    ) -> Result<(), TrapCode> {
        // SAFETY: by contract; shared references may be to the same table.
        let (to, from) = unsafe { (to.as_ref(), from.as_ref()) };
        from.in_bounds(from_start, count)?;
        to.in_bounds(to_start, count)?;
        let size = element_size(&to.ty);
        // SAFETY: both ranges are in bounds; they may overlap.
        unsafe {
            core::ptr::copy(
                from.base().add(from_start as usize * size),
                to.base().add(to_start as usize * size),
                count as usize * size,
            );
        }
        Ok(())
    }

    /// Grows a table, if its maximum, the limiter and the host allow it. Returns its size before.
    ///
    /// # Safety
    /// `table` belongs to `store`, nothing refers to either; `word` is a reference of the element type; the rest as
    /// for [`StoreOpaque::ask_limiter`].
    pub(crate) unsafe fn grow(
        store: NonNull<StoreOpaque>,
        table: NonNull<TableData>,
        delta: u64,
        word: u64,
    ) -> Result<Option<u64>> {
        // SAFETY: by contract. The limiter cannot reach the store's tables.
        let this = unsafe { &mut *table.as_ptr() };
        let old = this.len();
        let maximum = this.ty.maximum.unwrap_or(MAX_ELEMENTS).min(MAX_ELEMENTS);
        let Some(new) = (old as u64).checked_add(delta).filter(|new| *new <= maximum) else {
            return Ok(None);
        };
        let declared = this.ty.maximum.map(|elements| elements as usize);
        // SAFETY: by contract.
        let allowed = unsafe {
            StoreOpaque::ask_limiter(store, Ok(true), |limiter| {
                limiter.table_growing(old, new as usize, declared)
            })
        }?;
        if !allowed {
            return Ok(None);
        }
        if this.reserve(new as usize, maximum as usize).is_none() {
            // SAFETY: by contract.
            unsafe { StoreOpaque::ask_limiter(store, (), |limiter| limiter.grow_failed()) };
            return Ok(None);
        }
        // SAFETY: room has just been made; the definition lives as long as the table.
        unsafe {
            this.write(old, new as usize - old, word);
            (*this.definition().as_ptr()).length = new as usize;
        }
        Ok(Some(old as u64))
    }

    /// Makes room for `length` elements, twice what there was if possible.
    fn reserve(&mut self, length: usize, maximum: usize) -> Option<()> {
        if length <= self.capacity {
            return Some(());
        }
        let roomy = length.max(2 * self.capacity).min(maximum);
        let (base, capacity) = match allocate(&self.ty, roomy) {
            Some(base) => (base, roomy),
            None => (allocate(&self.ty, length)?, length),
        };
        // SAFETY: both allocations have room for the present elements; the old one is used no more.
        unsafe {
            core::ptr::copy_nonoverlapping(self.base(), base.as_ptr(), self.len() * element_size(&self.ty));
            free(&self.ty, self.base(), self.capacity);
            (*self.definition().as_ptr()).base = base.as_ptr();
        }
        self.capacity = capacity;
        Some(())
    }

    /// Calls `visit` with every word, if the table holds host references.
    pub(crate) fn each_extern_word(&self, mut visit: impl FnMut(u64)) {
        if !self.ty.element.is_func() {
            for i in 0..self.len() {
                // SAFETY: in bounds.
                visit(unsafe { self.read(i) });
            }
        }
    }
}

impl Drop for TableData {
    fn drop(&mut self) {
        // The definition may be in a vmctx, a store drops its tables before its instances.
        // SAFETY: `capacity` elements are allocated there.
        unsafe { free(&self.ty, self.base(), self.capacity) };
    }
}

/// The inline form of a function reference.
///
/// # Safety
/// `word` is a funcref or null.
unsafe fn entry(word: u64) -> TableEntry {
    match NonNull::new(word as *mut FuncRef) {
        // SAFETY: by contract; `FuncRef`s live as long as their store.
        Some(func) => unsafe {
            let FuncRef { code, vmctx, signature, .. } = *func.as_ref();
            TableEntry { code, vmctx, signature, _pad: 0, funcref: func.as_ptr() }
        },
        None => TableEntry {
            code: core::ptr::null(),
            vmctx: core::ptr::null_mut(),
            signature: 0,
            _pad: 0,
            funcref: core::ptr::null_mut(),
        },
    }
}

fn element_size(ty: &TableType) -> usize {
    if ty.element.is_func() { size_of::<TableEntry>() } else { size_of::<u64>() }
}

fn layout(ty: &TableType, capacity: usize) -> Layout {
    // At most 10,000,000 elements of 32 bytes.
    Layout::from_size_align(capacity * element_size(ty), 16).expect("a table's size fits an allocation")
}

/// Room for elements, all null.
fn allocate(ty: &TableType, capacity: usize) -> Option<NonNull<u8>> {
    let layout = layout(ty, capacity);
    if layout.size() == 0 {
        return Some(NonNull::<u128>::dangling().cast());
    }
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { alloc_zeroed(layout) })
}

/// # Safety
/// `base` comes from `allocate` with the same arguments.
unsafe fn free(ty: &TableType, base: *mut u8, capacity: usize) {
    let layout = layout(ty, capacity);
    if layout.size() != 0 {
        // SAFETY: by contract.
        unsafe { dealloc(base, layout) };
    }
}

/// A table of a store.
///
/// ```
/// use engine_instance::{Engine, Ref, RefType, Store, Table, TableType, ExternRef};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = TableType { element: RefType::EXTERNREF, minimum: 2, maximum: None };
/// let table = Table::new(&mut store, ty, Ref::Extern(None))?;
/// table.set(&mut store, 1, ExternRef::new(7_i32).into())?;
/// let value = table.get(&mut store, 1).unwrap();
/// assert_eq!(value.as_extern().unwrap().downcast_ref::<i32>(), Some(&7));
/// assert!(table.get(&mut store, 2).is_none());
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table(StorePtr<TableData>);

impl Table {
    /// A table that the host makes, for modules to import, with all elements `init`.
    ///
    /// # Errors
    /// If `init` is not of the element type, the limiter refuses, or the host has not enough memory.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table> {
        let mut store = store.as_context_mut();
        let word = to_word(store.opaque_mut(), &ty, init)?;
        let ptr = store.as_opaque();
        // SAFETY: from a borrow of the whole store; the word has been checked.
        let data = unsafe {
            StoreOpaque::check_counts(ptr, 0, 0, 1)?;
            let mut data = TableData::new(ptr, ty)?;
            let length = data.len();
            data.write(0, length, word);
            data
        };
        let store = store.opaque_mut();
        let data = store.add_table(data);
        Ok(Table::from_data(store, data))
    }

    pub(crate) fn from_data(store: &StoreOpaque, data: NonNull<TableData>) -> Table {
        Table(StorePtr::new(store, data))
    }

    pub(crate) fn ptr(&self) -> &StorePtr<TableData> {
        &self.0
    }

    fn data<'a>(&self, store: &'a StoreOpaque) -> &'a TableData {
        // SAFETY: lives as long as the store; mutated only with the store borrowed mutably.
        unsafe { self.0.get(store).as_ref() }
    }

    fn data_mut<'a>(&self, store: &'a mut StoreOpaque) -> &'a mut TableData {
        // SAFETY: as above, with the store borrowed mutably.
        unsafe { self.0.get(store).as_mut() }
    }

    /// Its type, as it was declared.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        *self.data(store.as_context().opaque()).ty()
    }

    /// Its size in elements.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.data(store.as_context().opaque()).len() as u64
    }

    /// An element; `None` if there is none at that index.
    pub fn get(&self, store: impl AsContext, index: u64) -> Option<Ref> {
        let store = store.as_context();
        let store = store.opaque();
        let data = self.data(store);
        let word = data.get(index).ok()?;
        Some(if data.ty.element.is_func() {
            // SAFETY: an element of a function table of this store.
            Ref::Func(unsafe { Func::from_raw(store, word) })
        } else {
            Ref::Extern(store.extern_from_raw(word))
        })
    }

    /// Sets an element.
    ///
    /// # Errors
    /// If there is none at that index, or the value is not of the element type.
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Ref) -> Result<()> {
        self.fill(store, index, value, 1)
    }

    /// Sets `count` elements from `start` on; none if one of them does not exist.
    pub fn fill(&self, mut store: impl AsContextMut, start: u64, value: Ref, count: u64) -> Result<()> {
        let mut store = store.as_context_mut();
        let store = store.opaque_mut();
        let ty = *self.data(store).ty();
        let word = to_word(store, &ty, value)?;
        // SAFETY: the word has just been made for this table's type.
        let filled = unsafe { self.data_mut(store).fill(start, count, word) };
        filled.map_err(|code| crate::Trap::new(code).into())
    }

    /// Grows it by `delta` elements, all `init`, and returns its size before.
    ///
    /// # Errors
    /// If that is more than its maximum, the limiter refuses, or the host has not enough memory.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64> {
        let mut store = store.as_context_mut();
        let ty = *self.data(store.opaque()).ty();
        let word = to_word(store.opaque_mut(), &ty, init)?;
        let table = self.0.get(store.opaque());
        // SAFETY: from a borrow of the whole store; the word has just been made for this table's type.
        match unsafe { TableData::grow(store.as_opaque(), table, delta, word)? } {
            Some(old) => Ok(old),
            None => bail!("cannot grow a table by {delta} elements"),
        }
    }
}

/// The word for a host's value, if it is of the table's element type.
fn to_word(store: &mut StoreOpaque, ty: &TableType, value: Ref) -> Result<u64> {
    let value = Val::from(value);
    value.check(store, ValType::Ref(ty.element))?;
    store.prepare_externrefs(value.extern_count());
    // SAFETY: references use the same word in every field of the union.
    Ok(unsafe { value.to_raw(store).externref })
}
