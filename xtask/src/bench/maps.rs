//! The bare system calls that a linear memory needs, to compare with: a reservation, access to its first bytes or a file mapped
//! over them copy on write, and their end.

#![allow(unsafe_code)]

use anyhow::{Context as _, Result, ensure};
use engine_machine::GUARD_SIZE;
use std::fs::File;
use std::io::{Error, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::ptr;

/// Address space of a guarded memory.
const RESERVATION: usize = (1 << 32) + GUARD_SIZE as usize;

/// A file in memory.
pub struct Image {
    file: File,
    len: usize,
}

impl Image {
    /// A file with these contents, whole pages.
    pub fn new(bytes: &[u8]) -> Result<Image> {
        // SAFETY: the name is a C string that outlives the call; the result is checked.
        let fd = unsafe { libc::memfd_create(c"bench-image".as_ptr(), libc::MFD_CLOEXEC) };
        ensure!(fd >= 0, "memfd_create: {}", Error::last_os_error());
        // SAFETY: a descriptor that was made just now and that nobody else owns.
        let mut file = unsafe { File::from_raw_fd(fd) };
        file.write_all(bytes).context("filling an image")?;
        Ok(Image { file, len: bytes.len() })
    }
}

/// Reserved addresses, unmapped on drop.
pub struct Reservation(*mut libc::c_void);

impl Reservation {
    /// Reserves as much as a guarded memory needs.
    pub fn new() -> Result<Reservation> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever the kernel likes, disturbs nothing.
        let base = unsafe { libc::mmap(ptr::null_mut(), RESERVATION, libc::PROT_NONE, flags, -1, 0) };
        ensure!(base != libc::MAP_FAILED, "mmap: {}", Error::last_os_error());
        Ok(Reservation(base))
    }

    /// Allows reading and writing the first `len` bytes, whole pages.
    pub fn allow(&mut self, len: usize) -> Result<()> {
        assert!(len <= RESERVATION);
        // SAFETY: within the reservation, which is ours.
        let result = unsafe { libc::mprotect(self.0, len, libc::PROT_READ | libc::PROT_WRITE) };
        ensure!(result == 0, "mprotect: {}", Error::last_os_error());
        Ok(())
    }

    /// Maps an image over the first bytes, copy on write.
    pub fn map(&mut self, image: &Image) -> Result<()> {
        assert!(image.len <= RESERVATION);
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: within the reservation, which is ours and into which there are no references.
        let base = unsafe { libc::mmap(self.0, image.len, prot, flags, image.file.as_raw_fd(), 0) };
        ensure!(base == self.0, "mmap: {}", Error::last_os_error());
        Ok(())
    }

    /// Writes a byte to each page of an image that has been mapped.
    pub fn touch(&mut self, image: &Image, page: usize) {
        for offset in (0..image.len).step_by(page) {
            // SAFETY: `map` has made these bytes readable and writable; nobody refers to them.
            unsafe { self.0.cast::<u8>().add(offset).write_volatile(1) };
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the reservation is ours and no reference into it is left.
        unsafe { libc::munmap(self.0, RESERVATION) };
    }
}
