//! A code region: executable memory, the allocator of its pages, and the map from page to chunk.

use crate::execmem::{ExecMemory, Strategy};
use crate::free_list::FreeList;
use crate::native_module::Chunk;
use crate::{OsError, lookup, os};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) memory: ExecMemory,
    free: Mutex<FreeList>,
    /// The chunk that owns each page, or null. Read by signal handlers.
    owners: Box<[AtomicPtr<Chunk>]>,
}

impl Region {
    /// Maps a region and makes it known to [`lookup`].
    pub(crate) fn new(strategy: Strategy, size: usize, hint: Option<usize>) -> Result<Arc<Region>, OsError> {
        let memory = ExecMemory::new(strategy, size, hint)?;
        // Zeroed by the allocator, so that the entries of unused pages cost nothing.
        let owners = (0..size / os::page_size()).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        let region = Arc::new(Region { memory, free: Mutex::new(FreeList::new(size)), owners });
        lookup::register(&region);
        Ok(region)
    }

    /// Takes whole pages; the address of the first.
    pub(crate) fn allocate(&self, len: usize) -> Option<usize> {
        debug_assert!(len.is_multiple_of(os::page_size()));
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        Some(self.memory.exec() + free.allocate(len)?)
    }

    /// Gives pages back, to the system and to the allocator. Nothing in them runs any more.
    pub(crate) fn release(&self, address: usize, len: usize) {
        #[allow(unsafe_code)]
        // SAFETY: the caller owned the pages and nothing in them is used any more.
        unsafe {
            self.memory.discard(address, len);
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.free(address - self.memory.exec(), len);
    }

    /// Bytes of pages that are somebody's.
    pub(crate) fn used(&self) -> usize {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).used()
    }

    pub(crate) fn start(&self) -> usize {
        self.memory.exec()
    }
    pub(crate) fn end(&self) -> usize {
        self.memory.exec() + self.memory.size()
    }

    /// Names the owner of pages; null for none.
    pub(crate) fn set_owner(&self, address: usize, len: usize, owner: *const Chunk) {
        let page = os::page_size();
        let first = (address - self.start()) / page;
        for entry in &self.owners[first..first + len / page] {
            entry.store(owner.cast_mut(), SeqCst);
        }
    }

    /// The owner of the page at an address of this region.
    pub(crate) fn owner(&self, address: usize) -> *const Chunk {
        self.owners[(address - self.start()) / os::page_size()].load(SeqCst)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        lookup::unregister(self);
    }
}
