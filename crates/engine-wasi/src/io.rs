//! Reading and writing: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`.
//!
//! Data goes between guest memory and the host's descriptor by one system call, without a copy or a buffer between.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::Handle;
use crate::guest::GuestMemory;
use crate::types::{Fdflags, Rights};
use rustix::fd::BorrowedFd;
use rustix::fs::SeekFrom;
use rustix::io::{self, Errno as HostErrno, ReadWriteFlags, retry_on_intr};
use std::io::{IoSlice, IoSliceMut};

/// `pwritev2` with this offset writes at, and moves, the descriptor's own.
const CURRENT_OFFSET: u64 = u64::MAX;

/// The per-write flags that give a descriptor's flags their effect.
fn write_flags(flags: Fdflags) -> ReadWriteFlags {
    let mut host = ReadWriteFlags::empty();
    if flags.contains(Fdflags::APPEND) {
        host |= ReadWriteFlags::APPEND;
    }
    if flags.intersects(Fdflags::SYNC | Fdflags::RSYNC) {
        host |= ReadWriteFlags::SYNC;
    } else if flags.contains(Fdflags::DSYNC) {
        host |= ReadWriteFlags::DSYNC;
    }
    host
}

/// What `write_flags` asks for, in steps, for files whose writes take no flags.
fn write_in_steps(
    fd: BorrowedFd<'_>,
    bufs: &[IoSlice<'_>],
    offset: u64,
    flags: Fdflags,
) -> io::Result<usize> {
    let written = if offset != CURRENT_OFFSET {
        io::pwritev(fd, bufs, offset)?
    } else {
        if flags.contains(Fdflags::APPEND) {
            rustix::fs::seek(fd, SeekFrom::End(0))?;
        }
        io::writev(fd, bufs)?
    };
    if flags.intersects(Fdflags::SYNC | Fdflags::RSYNC) {
        rustix::fs::fsync(fd)?;
    } else if flags.contains(Fdflags::DSYNC) {
        rustix::fs::fdatasync(fd)?;
    }
    Ok(written)
}

fn write(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], offset: u64, flags: Fdflags) -> io::Result<usize> {
    retry_on_intr(|| {
        let host_flags = write_flags(flags);
        if !host_flags.is_empty() {
            return match io::pwritev2(fd, bufs, offset, host_flags) {
                Err(HostErrno::OPNOTSUPP | HostErrno::NOSYS) => write_in_steps(fd, bufs, offset, flags),
                result => result,
            };
        }
        match (offset, bufs) {
            (CURRENT_OFFSET, [one]) => io::write(fd, one),
            (CURRENT_OFFSET, _) => io::writev(fd, bufs),
            _ => io::pwritev(fd, bufs, offset),
        }
    })
}

fn read(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    retry_on_intr(|| match bufs {
        [one] => io::read(fd, &mut **one),
        _ => io::readv(fd, bufs),
    })
}

/// An offset given by the guest, which the kernel takes as a signed number.
fn file_offset(offset: u64) -> Result<u64, Errno> {
    if offset > i64::MAX as u64 { Err(Errno::Inval) } else { Ok(offset) }
}

impl WasiCtx {
    /// `fd_read`: reads into a list of buffers.
    pub fn fd_read(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        nread: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.fds.file(fd, Rights::FD_READ)?;
        mem.check::<u32>(nread)?;
        let read = mem.scatter(iovs, iovs_len, |bufs| match &mut descriptor.handle {
            Handle::Host(host) => read(host.as_fd(), bufs).map_err(Errno::from),
            Handle::Reader(reader) => reader.read_vectored(bufs).map_err(Errno::from),
            Handle::Writer(_) | Handle::Directory(_) => Err(Errno::Badf),
        })??;
        mem.write(nread, read as u32)
    }

    /// `fd_write`: writes a list of buffers.
    pub fn fd_write(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        nwritten: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.fds.file(fd, Rights::FD_WRITE)?;
        mem.check::<u32>(nwritten)?;
        let flags = descriptor.flags;
        let written = mem.gather(iovs, iovs_len, |bufs| match &mut descriptor.handle {
            Handle::Host(host) => write(host.as_fd(), bufs, CURRENT_OFFSET, flags).map_err(Errno::from),
            Handle::Writer(writer) => writer.write_vectored(bufs).map_err(Errno::from),
            Handle::Reader(_) | Handle::Directory(_) => Err(Errno::Badf),
        })??;
        mem.write(nwritten, written as u32)
    }

    /// `fd_pread`: reads at an offset, without moving the descriptor's own.
    pub fn fd_pread(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nread: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.fds.file(fd, Rights::FD_READ)?;
        let Handle::Host(host) = &descriptor.handle else { return Err(Errno::Spipe) };
        descriptor.require(Rights::FD_SEEK)?;
        let offset = file_offset(offset)?;
        mem.check::<u32>(nread)?;
        let read = mem.scatter(iovs, iovs_len, |bufs| {
            retry_on_intr(|| rustix::io::preadv(host.as_fd(), bufs, offset))
        })??;
        mem.write(nread, read as u32)
    }

    /// `fd_pwrite`: writes at an offset, in append mode too, without moving the descriptor's own.
    pub fn fd_pwrite(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nwritten: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.fds.file(fd, Rights::FD_WRITE)?;
        let Handle::Host(host) = &descriptor.handle else { return Err(Errno::Spipe) };
        descriptor.require(Rights::FD_SEEK)?;
        let offset = file_offset(offset)?;
        mem.check::<u32>(nwritten)?;
        let flags = descriptor.flags.difference(Fdflags::APPEND);
        let written = mem.gather(iovs, iovs_len, |bufs| write(host.as_fd(), bufs, offset, flags))??;
        mem.write(nwritten, written as u32)
    }
}

#[cfg(test)]
mod tests;
