//! Memory that holds code: one range of addresses that can be executed, and the only way to write to it.
//!
//! ```text
//!  DualMapping:    memfd ──┬── exec address, read + execute    (what everybody sees)
//!                          └── alias, read + write, random     (known to `CodeWriter` alone)
//!
//!  SingleMapping:  anonymous pages, none ─► read + write while a range is filled ─► read + execute
//! ```
//!
//! Nothing is ever writable and executable through one address. Under `DualMapping` publishing stops nobody. Under
//! `SingleMapping` a page that runs is never written again, so code is handed out in whole pages, and what must stay
//! writable (the literals of jump tables) lives in pages that are never executable.
#![allow(unsafe_code)]

use crate::OsError;
use crate::os::{self, Access, At};
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// How code memory is made writable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Strategy {
    /// An anonymous file mapped twice: to execute at one address, to write at another, random one.
    DualMapping,
    /// One mapping whose pages are first writable, then executable.
    SingleMapping,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::DualMapping => "memory file mapped twice",
            Strategy::SingleMapping => "pages changed from writable to executable",
        })
    }
}

/// One mapping of code memory.
#[derive(Debug)]
pub(crate) struct ExecMemory {
    exec: usize,
    size: usize,
    writer: CodeWriter,
}

/// The only way to write code. Holds the secret alias.
struct CodeWriter {
    /// Address of the writable alias; 0 under [`Strategy::SingleMapping`].
    alias: usize,
    /// One bit for each page that was written since it was last discarded: what a forked child must copy.
    written: Box<[AtomicU64]>,
    /// A copy of the memory, made just before a fork for the child.
    copy: Mutex<Option<OwnedFd>>,
    /// Set in a forked child for which there is no copy: the memory is still the parent's.
    orphaned: AtomicBool,
}

impl fmt::Debug for CodeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeWriter")
    }
}

/// What went wrong with a write.
#[derive(Debug)]
pub(crate) enum WriteError {
    Orphaned,
    Os(OsError),
}

impl ExecMemory {
    /// Maps `size` bytes, near `hint` if that is possible.
    pub(crate) fn new(strategy: Strategy, size: usize, hint: Option<usize>) -> Result<ExecMemory, OsError> {
        let at = hint.map_or(At::Anywhere, At::Hint);
        let (exec, alias) = match strategy {
            Strategy::DualMapping => map_twice(size, at)?,
            Strategy::SingleMapping => (map_once(size, at)?, 0),
        };
        let pages = size / os::page_size();
        let written = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let writer = CodeWriter { alias, written, copy: Mutex::new(None), orphaned: AtomicBool::new(false) };
        Ok(ExecMemory { exec, size, writer })
    }

    /// First executable address.
    pub(crate) fn exec(&self) -> usize {
        self.exec
    }
    /// Bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
    /// How it is made writable.
    pub(crate) fn strategy(&self) -> Strategy {
        if self.writer.alias == 0 { Strategy::SingleMapping } else { Strategy::DualMapping }
    }
    fn contains(&self, address: usize, len: usize) -> bool {
        address >= self.exec && address + len <= self.exec + self.size
    }

    /// Lets `fill` write `len` bytes that will execute at `address`, and makes them visible to this CPU's fetches; before
    /// other CPUs run them, [`synchronize_cores`](crate::icache::synchronize_cores) is needed.
    ///
    /// # Safety
    /// The caller owns the range, nothing in it has run since it was allocated, and nobody else writes to it now. Under
    /// [`Strategy::SingleMapping`] that extends to the whole pages.
    pub(crate) unsafe fn write(
        &self,
        address: usize,
        len: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<(), WriteError> {
        assert!(self.contains(address, len));
        let single = self.strategy() == Strategy::SingleMapping;
        let (page, page_len) = pages_of(address, len);
        let target = if single {
            // SAFETY: the caller owns the pages and nothing in them runs.
            unsafe { os::protect(page, page_len, Access::ReadWrite) }.map_err(WriteError::Os)?;
            address
        } else {
            self.alias(address)?.addr()
        };
        self.mark_written(address, len);
        // SAFETY: mapped for writing (above, or as the alias) and exclusively the caller's.
        fill(unsafe { core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(target), len) });
        if single {
            // SAFETY: the slice is gone.
            unsafe { os::protect(page, page_len, Access::ReadExecute) }.map_err(WriteError::Os)?;
        }
        // SAFETY: both are mapped and are the same memory.
        unsafe { crate::icache::flush(target, address, len) };
        Ok(())
    }

    /// Makes whole pages writable for good, for data that code reads ([`Strategy::SingleMapping`] only).
    ///
    /// # Safety
    /// The caller owns the pages.
    pub(crate) unsafe fn data(&self, address: usize, len: usize) -> Result<(), WriteError> {
        assert!(self.contains(address, len) && self.strategy() == Strategy::SingleMapping);
        // SAFETY: the caller's promise.
        unsafe { os::protect(address, len, Access::ReadWrite) }.map_err(WriteError::Os)
    }

    /// Where to write what is executed or read at `address` ([`Strategy::DualMapping`] only).
    pub(crate) fn alias(&self, address: usize) -> Result<*mut u8, WriteError> {
        debug_assert!(self.strategy() == Strategy::DualMapping && self.contains(address, 1));
        if self.writer.orphaned.load(Relaxed) {
            return Err(WriteError::Orphaned);
        }
        Ok(core::ptr::with_exposed_provenance_mut(self.writer.alias + (address - self.exec)))
    }

    /// Gives the memory of whole pages back to the system.
    ///
    /// # Safety
    /// The caller owns the pages and nothing in them runs or is read any more.
    pub(crate) unsafe fn discard(&self, address: usize, len: usize) {
        assert!(self.contains(address, len));
        let first = (address - self.exec) / os::page_size();
        for page in first..first + len / os::page_size() {
            self.writer.written[page / 64].fetch_and(!(1 << (page % 64)), Relaxed);
        }
        match self.alias_or_none(address) {
            // SAFETY: the caller's promise.
            Some(alias) => unsafe { os::discard(alias, len, true) },
            // The memory is the parent's.
            None if self.writer.alias != 0 => {}
            None => {
                // SAFETY: the caller's promise.
                unsafe {
                    os::discard(address, len, false);
                    let _ = os::protect(address, len, Access::None);
                }
            }
        }
    }

    fn alias_or_none(&self, address: usize) -> Option<usize> {
        if self.writer.alias == 0 { None } else { self.alias(address).ok().map(|alias| alias.addr()) }
    }

    /// Notes that pages have contents.
    pub(crate) fn mark_written(&self, address: usize, len: usize) {
        if len == 0 {
            return;
        }
        let (first, last) = (address - self.exec, address - self.exec + len - 1);
        for page in first / os::page_size()..=last / os::page_size() {
            self.writer.written[page / 64].fetch_or(1 << (page % 64), Relaxed);
        }
    }

    /// Before a fork: copies what was written, for the child. Nobody writes meanwhile.
    pub(crate) fn prepare_fork(&self) {
        if self.writer.alias != 0 {
            *self.writer.copy.lock().unwrap_or_else(PoisonError::into_inner) = self.copy().ok();
        }
    }

    fn copy(&self) -> Result<OwnedFd, OsError> {
        let fd = os::memfd(NAME, self.size, true)?;
        let page = os::page_size();
        let written = |i: usize| self.writer.written[i / 64].load(Relaxed) >> (i % 64) & 1 != 0;
        let (mut i, pages) = (0, self.size / page);
        while i < pages {
            let start = i;
            while i < pages && written(i) {
                i += 1;
            }
            if i > start {
                let source = core::ptr::with_exposed_provenance(self.exec + start * page);
                // SAFETY: the memory is mapped for reading.
                unsafe { os::write_at(&fd, source, (i - start) * page, start * page)? };
            } else {
                i += 1;
            }
        }
        Ok(fd)
    }

    /// After a fork, in the parent: the copy is not needed.
    pub(crate) fn after_fork_in_parent(&self) {
        self.writer.copy.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// After a fork, in the child: replaces both mappings by the copy. If that cannot be done the memory remains the
    /// parent's: it can be executed, never again written.
    pub(crate) fn after_fork_in_child(&self) {
        if self.writer.alias == 0 {
            return;
        }
        let copy = self.writer.copy.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Replacing a mapping is atomic and the contents are the same, so that code may run meanwhile; not that any does.
        let done = copy.is_some_and(|fd| {
            os::map_shared_rw(At::Over(self.writer.alias), self.size, &fd).is_ok()
                && os::map_shared_rx(At::Over(self.exec), self.size, &fd).is_ok()
        });
        if !done {
            self.writer.orphaned.store(true, Relaxed);
        }
    }
}

impl Drop for ExecMemory {
    fn drop(&mut self) {
        // SAFETY: the mappings are ours, and code in them is owned by whoever owns `self`.
        unsafe {
            os::unmap(self.exec, self.size);
            if self.writer.alias != 0 {
                os::unmap(self.writer.alias, self.size);
            }
        }
    }
}

const NAME: &core::ffi::CStr = c"wasm-code";

fn map_twice(size: usize, at: At) -> Result<(usize, usize), OsError> {
    // The file lives as long as its mappings, and no descriptor stays open that a host could close or inherit.
    let fd = os::memfd(NAME, size, true)?;
    let exec = os::map_shared_rx(at, size, &fd)?;
    let page = os::page_size();
    let hint = (os::random() as usize % (exec - size)).max(1 << 20) & !(page - 1);
    match os::map_shared_rw(At::Hint(hint), size, &fd) {
        Ok(alias) => Ok((exec, alias)),
        Err(error) => {
            // SAFETY: mapped above and known to nobody.
            unsafe { os::unmap(exec, size) };
            Err(error)
        }
    }
}

fn map_once(size: usize, at: At) -> Result<usize, OsError> {
    let exec = os::reserve(at, size)?;
    let page = os::page_size();
    // SAFETY: mapped above and known to nobody. A host that forbids pages to become executable does it here, and only
    // for pages that were written.
    let probe = unsafe {
        os::protect(exec, page, Access::ReadWrite).and_then(|()| {
            core::ptr::with_exposed_provenance_mut::<u8>(exec).write_volatile(1);
            os::protect(exec, page, Access::ReadExecute)?;
            os::discard(exec, page, false);
            os::protect(exec, page, Access::None)
        })
    };
    match probe {
        Ok(()) => Ok(exec),
        Err(error) => {
            // SAFETY: as above.
            unsafe { os::unmap(exec, size) };
            Err(error)
        }
    }
}

fn pages_of(address: usize, len: usize) -> (usize, usize) {
    let start = address & !(os::page_size() - 1);
    (start, os::round_to_page(address + len - start))
}

impl From<OsError> for WriteError {
    fn from(error: OsError) -> WriteError {
        WriteError::Os(error)
    }
}
