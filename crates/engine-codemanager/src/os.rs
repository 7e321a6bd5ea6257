//! The system calls on pages, with errors that name the call.
#![allow(unsafe_code)]

use crate::OsError;
use core::ptr;
use libc::{c_int, off_t};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

/// Bytes in a page of this host.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    // SAFETY: no preconditions.
    *SIZE.get_or_init(|| unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize)
}

/// Nanoseconds on the clock that `perf record -k mono` uses.
pub(crate) fn monotonic_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is ours; the clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The kernel's number for this thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// `bytes` rounded up to whole pages.
pub(crate) fn round_to_page(bytes: usize) -> usize {
    bytes.next_multiple_of(page_size())
}

/// Where a mapping goes.
#[derive(Clone, Copy)]
pub(crate) enum At {
    /// Wherever the kernel likes.
    Anywhere,
    /// There, if it is free; else wherever the kernel likes.
    Hint(usize),
    /// There, replacing what is there now. The caller owns that range.
    Over(usize),
}

fn map(
    call: &'static str,
    at: At,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: RawFd,
) -> Result<usize, OsError> {
    let (address, fixed) = match at {
        At::Anywhere => (0, 0),
        At::Hint(address) => (address, 0),
        At::Over(address) => (address, libc::MAP_FIXED),
    };
    // SAFETY: a new mapping disturbs nothing, or (`At::Over`) only what the caller owns.
    let result =
        unsafe { libc::mmap(ptr::without_provenance_mut(address), len, prot, flags | fixed, fd, 0 as off_t) };
    if result == libc::MAP_FAILED { Err(OsError::last(call)) } else { Ok(result.expose_provenance()) }
}

/// Reserves address space without access. It costs no memory.
pub(crate) fn reserve(at: At, len: usize) -> Result<usize, OsError> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    map("mmap(PROT_NONE)", at, len, libc::PROT_NONE, flags, -1)
}

/// Maps a file from its start, shared, for reading and writing.
pub(crate) fn map_shared_rw(at: At, len: usize, fd: &OwnedFd) -> Result<usize, OsError> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    map("mmap(memfd, PROT_READ|PROT_WRITE)", at, len, prot, libc::MAP_SHARED, fd.as_raw_fd())
}

/// Maps a file from its start, shared, for reading and executing.
pub(crate) fn map_shared_rx(at: At, len: usize, fd: &OwnedFd) -> Result<usize, OsError> {
    let prot = libc::PROT_READ | libc::PROT_EXEC;
    map("mmap(memfd, PROT_READ|PROT_EXEC)", at, len, prot, libc::MAP_SHARED, fd.as_raw_fd())
}

/// Maps fresh memory.
pub(crate) fn map_private_rw(at: At, len: usize) -> Result<usize, OsError> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    map("mmap(PROT_READ|PROT_WRITE)", at, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1)
}

/// Maps a file from its start for reading.
pub(crate) fn map_private_ro(len: usize, file: &impl AsRawFd) -> Result<usize, OsError> {
    map("mmap(PROT_READ)", At::Anywhere, len, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd())
}

/// Asks for huge pages, which the host may have or not.
///
/// # Safety
/// The caller owns the range.
pub(crate) unsafe fn advise_huge(address: usize, len: usize) {
    // SAFETY: the caller's promise; contents stay as they are.
    unsafe { libc::madvise(ptr::with_exposed_provenance_mut(address), len, libc::MADV_HUGEPAGE) };
}

/// Maps a file from its start, private, for reading and executing.
pub(crate) fn map_private_rx(len: usize, fd: &OwnedFd) -> Result<usize, OsError> {
    let prot = libc::PROT_READ | libc::PROT_EXEC;
    let call = "mmap(file, PROT_READ|PROT_EXEC)";
    map(call, At::Anywhere, len, prot, libc::MAP_PRIVATE, fd.as_raw_fd())
}

/// Maps a file from its start over `address`, copy on write.
///
/// # Safety
/// The caller owns `len` bytes at `address`, and nobody holds references into them.
pub(crate) unsafe fn map_private_over(address: usize, len: usize, fd: &OwnedFd) -> Result<(), OsError> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE;
    map("mmap(image, MAP_PRIVATE)", At::Over(address), len, prot, flags, fd.as_raw_fd()).map(drop)
}

/// What may be done with pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    None,
    ReadWrite,
    ReadExecute,
}

/// Changes access to pages.
///
/// # Safety
/// The caller owns the range, and nobody uses it in a way that `access` forbids.
pub(crate) unsafe fn protect(address: usize, len: usize, access: Access) -> Result<(), OsError> {
    let (call, prot) = match access {
        Access::None => ("mprotect(PROT_NONE)", libc::PROT_NONE),
        Access::ReadWrite => ("mprotect(PROT_READ|PROT_WRITE)", libc::PROT_READ | libc::PROT_WRITE),
        Access::ReadExecute => ("mprotect(PROT_READ|PROT_EXEC)", libc::PROT_READ | libc::PROT_EXEC),
    };
    // SAFETY: the caller's promise.
    let result = unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(address), len, prot) };
    if result == 0 { Ok(()) } else { Err(OsError::last(call)) }
}

/// Unmaps pages.
///
/// # Safety
/// The caller owns the range, and nobody uses it any more.
pub(crate) unsafe fn unmap(address: usize, len: usize) {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::munmap(ptr::with_exposed_provenance_mut(address), len) };
    debug_assert_eq!(result, 0, "munmap: {}", std::io::Error::last_os_error());
}

/// Moves pages over others.
///
/// # Safety
/// The caller owns both ranges; nobody uses either.
pub(crate) unsafe fn remap_over(address: usize, len: usize, target: usize) -> Result<(), OsError> {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let (from, to) =
        (ptr::with_exposed_provenance_mut(address), ptr::with_exposed_provenance_mut::<u8>(target));
    // SAFETY: the caller's promise.
    let result = unsafe { libc::mremap(from, len, len, flags, to) };
    if result == libc::MAP_FAILED { Err(OsError::last("mremap")) } else { Ok(()) }
}

/// Gives the memory behind pages back if possible; their contents are lost. For a shared file the pages leave the file.
///
/// # Safety
/// The caller owns the range, and nobody uses its contents any more.
pub(crate) unsafe fn discard(address: usize, len: usize, shared_file: bool) {
    let advice = if shared_file { libc::MADV_REMOVE } else { libc::MADV_DONTNEED };
    // SAFETY: the caller's promise. On failure (pages that the host has locked) the memory stays in use: no more than a
    // waste.
    unsafe { libc::madvise(ptr::with_exposed_provenance_mut(address), len, advice) };
}

/// Creates an anonymous file of a size that may be sealed and mapped, executable mappings included.
pub(crate) fn memfd(name: &core::ffi::CStr, len: usize, executable: bool) -> Result<OwnedFd, OsError> {
    const MFD_NOEXEC_SEAL: libc::c_uint = 8;
    const MFD_EXEC: libc::c_uint = 16;
    // Kernels before 6.3 know neither flag; later ones may insist on one or the other (vm.memfd_noexec). The flags
    // concern the file's mode, not mappings, so each of them will do.
    let variants = if executable { [MFD_EXEC, 0, MFD_NOEXEC_SEAL] } else { [MFD_NOEXEC_SEAL, 0, MFD_EXEC] };
    let mut result = Err(OsError { call: "memfd_create", errno: libc::ENOSYS });
    for variant in variants {
        // SAFETY: the name is a C string.
        let fd = unsafe {
            libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | variant)
        };
        if fd >= 0 {
            // SAFETY: the descriptor is new and ours.
            result = Ok(unsafe { OwnedFd::from_raw_fd(fd) });
            break;
        }
        result = Err(OsError::last("memfd_create"));
    }
    let fd = result?;
    // SAFETY: the descriptor is open.
    if unsafe { libc::ftruncate(fd.as_raw_fd(), len as off_t) } != 0 {
        return Err(OsError::last("ftruncate(memfd)"));
    }
    Ok(fd)
}

/// Writes bytes to a file at an offset.
///
/// # Safety
/// `source` is readable for `len` bytes.
pub(crate) unsafe fn write_at(
    fd: &OwnedFd,
    source: *const u8,
    len: usize,
    offset: usize,
) -> Result<(), OsError> {
    let mut done = 0;
    while done < len {
        // SAFETY: the caller's promise.
        let written = unsafe {
            libc::pwrite(fd.as_raw_fd(), source.add(done).cast(), len - done, (offset + done) as off_t)
        };
        match written {
            1.. => done += written as usize,
            _ if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            0 => return Err(OsError { call: "pwrite(memfd)", errno: libc::ENOSPC }),
            _ => return Err(OsError::last("pwrite(memfd)")),
        }
    }
    Ok(())
}

/// Forbids any further change to an anonymous file.
pub(crate) fn seal(fd: &OwnedFd) {
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: the descriptor is open. Without seals nothing is lost but a safeguard.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) };
}

/// Random bits from the kernel, or 0.
pub(crate) fn random() -> u64 {
    let mut bits = 0u64;
    // SAFETY: the buffer has 8 bytes.
    unsafe { libc::getrandom((&raw mut bits).cast(), 8, libc::GRND_NONBLOCK) };
    bits
}
