//! Linear memories.

#![allow(unsafe_code)]

use crate::bail;
use crate::store::{StoreOpaque, StorePtr};
use crate::{AsContext, AsContextMut, LinkError, Result, StoreContext, StoreContextMut};
use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
use engine_codemanager::{DataImage, LinearMemory, MemoryPlan};
use engine_decoder::MemoryType;
use engine_machine::{AccessMode, MemoryDefinition, MemoryRange};

/// Most pages of a memory with 32-bit addresses.
const MAX_PAGES: u64 = 65536;

/// A memory of a store.
pub(crate) struct MemoryData {
    ty: MemoryType,
    linear: LinearMemory,
    /// What compiled code sees, if that is in the vmctx of the instance that defines the memory.
    place: Option<NonNull<MemoryDefinition>>,
    /// What compiled code sees otherwise.
    own: UnsafeCell<MemoryDefinition>,
    /// Where its guards are, for the signal handler. Written only while no compiled code of the store runs.
    range: UnsafeCell<MemoryRange>,
}

impl MemoryData {
    /// A memory of its minimum size, if the store's limiter agrees. Its definition is still its own.
    ///
    /// # Safety
    /// As for [`StoreOpaque::ask_limiter`].
    pub(crate) unsafe fn new(
        store: NonNull<StoreOpaque>,
        ty: MemoryType,
        prefer: AccessMode,
    ) -> Result<Box<MemoryData>> {
        let bytes = |pages: u64| pages.checked_mul(MemoryType::PAGE_SIZE);
        let maximum = ty.maximum.unwrap_or(MAX_PAGES).min(MAX_PAGES);
        let (Some(minimum), true) = (bytes(ty.minimum), ty.minimum <= maximum) else {
            bail!("a memory of {} pages is not possible", ty.minimum);
        };
        let declared = ty.maximum.and_then(bytes).map(|bytes| bytes as usize);
        // SAFETY: by contract.
        let allowed = unsafe {
            StoreOpaque::ask_limiter(store, Ok(true), |limiter| {
                limiter.memory_growing(0, minimum as usize, declared)
            })
        }?;
        if !allowed {
            bail!("resource limit exceeded: a memory may not have {} pages", ty.minimum);
        }
        let plan = MemoryPlan { minimum, maximum: bytes(maximum), shared: ty.shared, prefer };
        let linear = LinearMemory::new(plan).map_err(|error| {
            let what = format!("a memory of {} pages ({error})", ty.minimum).into();
            LinkError::OutOfMemory { what }
        })?;
        let own = MemoryDefinition { base: linear.base(), length: linear.byte_size() };
        let range = UnsafeCell::new(linear.range());
        Ok(Box::new(MemoryData { ty, linear, place: None, own: UnsafeCell::new(own), range }))
    }

    /// Moves the definition to where compiled code expects it.
    ///
    /// # Safety
    /// `place` may be written to and lives as long as the memory.
    pub(crate) unsafe fn define_at(&mut self, place: NonNull<MemoryDefinition>) {
        // SAFETY: by contract.
        unsafe {
            place.write(MemoryDefinition { base: self.linear.base(), length: self.linear.byte_size() });
        }
        self.place = Some(place);
    }

    /// Gives a fresh memory its initial contents by mapping. Returns whether that could be done; a memory that moves is
    /// better copied to.
    pub(crate) fn map_image(&mut self, image: &DataImage) -> bool {
        self.access_mode() == AccessMode::Guarded && self.linear.map_image(image).is_ok()
    }

    pub(crate) fn ty(&self) -> &MemoryType {
        &self.ty
    }

    pub(crate) fn access_mode(&self) -> AccessMode {
        self.linear.access_mode()
    }

    /// Its reservation: a cell that lives as long as the memory and follows it when it moves.
    pub(crate) fn range(&self) -> *const MemoryRange {
        self.range.get()
    }

    pub(crate) fn definition(&self) -> NonNull<MemoryDefinition> {
        // SAFETY: the address of a field is not null.
        self.place.unwrap_or_else(|| unsafe { NonNull::new_unchecked(self.own.get()) })
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.linear.base()
    }

    pub(crate) fn byte_size(&self) -> usize {
        self.linear.byte_size()
    }

    pub(crate) fn pages(&self) -> u64 {
        self.byte_size() as u64 / MemoryType::PAGE_SIZE
    }

    /// Start of a range of the memory, if all of it is in bounds.
    #[inline]
    pub(crate) fn range_ptr(&self, start: u64, length: u64) -> Option<*mut u8> {
        let end = start.checked_add(length)?;
        // A start in bounds fits a `usize`; the offset of an empty range at the end is the length, which is allowed, too.
        (end <= self.byte_size() as u64).then(|| self.base().wrapping_add(start as usize))
    }

    /// Grows a memory by a number of pages, if its maximum, the limiter and the host allow it. Returns its size before.
    ///
    /// # Safety
    /// `memory` belongs to `store`, nothing refers to either or into the memory; the rest as for
    /// [`StoreOpaque::ask_limiter`].
    pub(crate) unsafe fn grow(
        store: NonNull<StoreOpaque>,
        memory: NonNull<MemoryData>,
        delta: u64,
    ) -> Result<Option<u64>> {
        // SAFETY: by contract. The limiter cannot reach the store's memories.
        let this = unsafe { &mut *memory.as_ptr() };
        let old = this.pages();
        if delta == 0 {
            return Ok(Some(old));
        }
        let maximum = this.ty.maximum.unwrap_or(MAX_PAGES).min(MAX_PAGES);
        let Some(new) = old.checked_add(delta).filter(|new| *new <= maximum) else {
            return Ok(None);
        };
        let bytes = |pages: u64| (pages * MemoryType::PAGE_SIZE) as usize;
        let declared = this.ty.maximum.map(|pages| bytes(pages.min(MAX_PAGES)));
        // SAFETY: by contract.
        let allowed = unsafe {
            StoreOpaque::ask_limiter(store, Ok(true), |limiter| {
                limiter.memory_growing(bytes(old), bytes(new), declared)
            })
        }?;
        if !allowed {
            return Ok(None);
        }
        if this.linear.grow(bytes(delta) as u64).is_err() {
            // SAFETY: by contract.
            unsafe { StoreOpaque::ask_limiter(store, (), |limiter| limiter.grow_failed()) };
            return Ok(None);
        }
        // SAFETY: definition and range live as long as the memory; no compiled code runs now.
        unsafe {
            this.range.get().write(this.linear.range());
            this.definition()
                .write(MemoryDefinition { base: this.linear.base(), length: this.linear.byte_size() });
        }
        Ok(Some(old))
    }
}

/// A linear memory of a store.
///
/// ```
/// use engine_instance::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = MemoryType { minimum: 1, maximum: Some(2), shared: false, memory64: false };
/// let memory = Memory::new(&mut store, ty)?;
/// memory.write(&mut store, 8, b"text")?;
/// assert_eq!(&memory.data(&store)[8..12], b"text");
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.size(&store), 2);
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory(StorePtr<MemoryData>);

/// An access outside a memory, by the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryAccessError;

impl fmt::Display for MemoryAccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of bounds memory access by the host")
    }
}

impl std::error::Error for MemoryAccessError {}

impl Memory {
    /// A memory that the host makes, for modules to import.
    ///
    /// # Errors
    /// If the type is not possible, the store's limiter refuses, or the host has not enough memory.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let mut store = store.as_context_mut();
        let prefer = store.engine().preferred_mode();
        let ptr = store.as_opaque();
        // SAFETY: from a borrow of the whole store.
        let data = unsafe {
            StoreOpaque::check_counts(ptr, 0, 1, 0)?;
            MemoryData::new(ptr, ty, prefer)?
        };
        let store = store.opaque_mut();
        let data = store.add_memory(data);
        Ok(Memory::from_data(store, data))
    }

    pub(crate) fn from_data(store: &StoreOpaque, data: NonNull<MemoryData>) -> Memory {
        Memory(StorePtr::new(store, data))
    }

    pub(crate) fn ptr(&self) -> &StorePtr<MemoryData> {
        &self.0
    }

    fn get<'a>(&self, store: &'a StoreOpaque) -> &'a MemoryData {
        // SAFETY: lives as long as the store; mutated only with the store borrowed mutably.
        unsafe { self.0.get(store).as_ref() }
    }

    /// Its type, as it was declared.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        *self.get(store.as_context().opaque()).ty()
    }

    /// Its contents.
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let store: StoreContext<'a, T> = store.into();
        let data = self.get(store.opaque());
        // SAFETY: `byte_size` bytes from `base` can be read; they change, move or grow only with the store borrowed
        // mutably. An empty memory may have no base.
        unsafe {
            match NonNull::new(data.base()) {
                Some(base) => core::slice::from_raw_parts(base.as_ptr(), data.byte_size()),
                None => &[],
            }
        }
    }

    /// Its contents.
    pub fn data_mut<'a, T: 'static>(&self, store: impl Into<StoreContextMut<'a, T>>) -> &'a mut [u8] {
        self.data_and_store_mut(store).0
    }

    /// Its contents and the host's data.
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let store: StoreContextMut<'a, T> = store.into();
        let inner = store.0;
        let data = self.get(&inner.opaque);
        // SAFETY: as for `data`; the store is borrowed mutably for `'a`, of which only the host's data, an allocation apart
        // from the memory, is used besides.
        let bytes = unsafe {
            match NonNull::new(data.base()) {
                Some(base) => core::slice::from_raw_parts_mut(base.as_ptr(), data.byte_size()),
                None => &mut [],
            }
        };
        (bytes, &mut inner.data)
    }

    /// Its size in bytes.
    pub fn data_size(&self, store: impl AsContext) -> usize {
        self.get(store.as_context().opaque()).byte_size()
    }

    /// Its size in pages.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.get(store.as_context().opaque()).pages()
    }

    /// Grows it by a number of pages and returns its size before, in pages.
    ///
    /// # Errors
    /// If that is more than its maximum, the limiter refuses, or the host has not enough memory.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let mut store = store.as_context_mut();
        let memory = self.0.get(store.opaque());
        // SAFETY: from a borrow of the whole store.
        match unsafe { MemoryData::grow(store.as_opaque(), memory, delta)? } {
            Some(old) => Ok(old),
            None => bail!("cannot grow a memory by {delta} pages"),
        }
    }

    /// Copies from `offset` on into `buffer`.
    pub fn read(
        &self,
        store: impl AsContext,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context();
        let bytes = self.data(store).get(offset..).and_then(|bytes| bytes.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(MemoryAccessError)?);
        Ok(())
    }

    /// Copies `buffer` to `offset` on.
    pub fn write(
        &self,
        mut store: impl AsContextMut,
        offset: usize,
        buffer: &[u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context_mut();
        let bytes = self.data_mut(store);
        let bytes = bytes.get_mut(offset..).and_then(|bytes| bytes.get_mut(..buffer.len()));
        bytes.ok_or(MemoryAccessError)?.copy_from_slice(buffer);
        Ok(())
    }
}
