//! The table of a guest's file descriptors.
//!
//! A descriptor is a host handle with the rights the guest has on it. New descriptors take the smallest free number,
//! as POSIX programs expect. The flags `APPEND`, `DSYNC`, `RSYNC` and `SYNC` live here and not on the host's
//! descriptor: they are applied write by write (`io.rs`), so they can be changed later, and `fd_pwrite` can keep to its
//! offset on a file in append mode, which Linux does not do for `O_APPEND`.

use crate::builder::Perms;
use crate::errno::Errno;
use crate::types::{Fdflags, Filestat, Filetype, Rights, timestamp};
use cap_std::fs::Dir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use std::cell::{OnceCell, RefCell};
use std::io::{Read, Write};

/// An open descriptor.
pub(crate) struct Descriptor {
    pub handle: Handle,
    /// What may be done with the descriptor.
    pub base: Rights,
    /// What may at most be done with descriptors opened through it.
    pub inheriting: Rights,
    pub flags: Fdflags,
}

/// What a descriptor leads to.
pub(crate) enum Handle {
    /// A descriptor of the host that is no directory.
    Host(Host),
    Directory(Directory),
    Reader(Box<dyn Read + Send>),
    Writer(Box<dyn Write + Send>),
}

/// A file, device, pipe or socket of the host.
pub(crate) struct Host {
    pub fd: HostFd,
    pub filetype: Filetype,
    pub perms: Perms,
}

pub(crate) enum HostFd {
    Owned(OwnedFd),
    /// One of the process's standard streams, which a guest must not close.
    Inherited(BorrowedFd<'static>),
}

impl AsFd for HostFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            HostFd::Owned(fd) => fd.as_fd(),
            HostFd::Inherited(fd) => *fd,
        }
    }
}

impl Host {
    /// Wraps a descriptor and asks the host for its type.
    pub(crate) fn new(fd: HostFd) -> Host {
        let filetype = rustix::fs::fstat(&fd).map_or(Filetype::Unknown, |stat| filetype(fd.as_fd(), &stat));
        Host { fd, filetype, perms: Perms::ReadWrite }
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.filetype, Filetype::SocketStream | Filetype::SocketDgram)
    }
}

/// A directory, the root of what paths relative to it can reach.
pub(crate) struct Directory {
    pub dir: Dir,
    pub perms: Perms,
    /// The name the guest knows it by, if it was there from the start.
    pub preopen: Option<Box<str>>,
    /// A descriptor that can list, sync and touch the directory; `dir` itself may be an `O_PATH` one.
    opened: OnceCell<OwnedFd>,
    /// The host's position after each entry that `fd_readdir` has passed.
    pub positions: RefCell<Vec<u64>>,
}

impl Directory {
    pub(crate) fn new(dir: Dir, perms: Perms, preopen: Option<Box<str>>) -> Directory {
        Directory { dir, perms, preopen, opened: OnceCell::new(), positions: RefCell::default() }
    }

    /// The directory opened for reading.
    pub(crate) fn opened(&self) -> Result<BorrowedFd<'_>, Errno> {
        if let Some(fd) = self.opened.get() {
            return Ok(fd.as_fd());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.dir, c".", flags, Mode::empty())?;
        Ok(self.opened.get_or_init(|| fd).as_fd())
    }

    /// Fails with `EPERM` if the directory was given read-only.
    pub(crate) fn require_mutable(&self) -> Result<(), Errno> {
        self.perms.require_write()
    }
}

impl Descriptor {
    /// Fails with `ENOTCAPABLE` unless the descriptor has all of `rights`.
    pub(crate) fn require(&self, rights: Rights) -> Result<(), Errno> {
        if self.base.contains(rights) { Ok(()) } else { Err(Errno::Notcapable) }
    }

    pub(crate) fn directory(dir: Directory, base: Rights, inheriting: Rights) -> Descriptor {
        Descriptor { handle: Handle::Directory(dir), base, inheriting, flags: Fdflags::empty() }
    }

    /// A standard stream. Rights that would let a guest change the stream itself (its flags, size or times) are left
    /// out. A terminal is told apart from other devices by lacking the rights to seek, which is what `isatty` tests.
    pub(crate) fn stdio(handle: Handle, direction: Rights) -> Descriptor {
        let mut base = direction | Rights::FD_FILESTAT_GET | Rights::POLL_FD_READWRITE;
        if direction == Rights::FD_WRITE {
            base = base | Rights::FD_SYNC | Rights::FD_DATASYNC;
        }
        let mut flags = Fdflags::empty();
        if let Handle::Host(host) = &handle {
            if !rustix::termios::isatty(host.as_fd()) {
                base = base | Rights::FD_SEEK | Rights::FD_TELL | Rights::FD_ADVISE;
            }
            if rustix::fs::fcntl_getfl(host.as_fd()).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK)) {
                flags = Fdflags::NONBLOCK;
            }
        }
        Descriptor { handle, base, inheriting: Rights::empty(), flags }
    }
}

/// The type of a host descriptor. Only the kernel can tell datagram from stream sockets.
pub(crate) fn filetype(fd: BorrowedFd<'_>, stat: &Stat) -> Filetype {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket if rustix::net::sockopt::socket_type(fd) == Ok(rustix::net::SocketType::DGRAM) => {
            Filetype::SocketDgram
        }
        other => other.into(),
    }
}

/// The attributes of a host descriptor.
pub(crate) fn filestat(fd: BorrowedFd<'_>) -> Result<Filestat, Errno> {
    let stat = rustix::fs::fstat(fd)?;
    // The widths of these fields differ between CPUs.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    Ok(Filestat {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        filetype: filetype(fd, &stat),
        nlink: stat.st_nlink as u64,
        size: stat.st_size as u64,
        atim: timestamp(stat.st_atime as i64, stat.st_atime_nsec as i64),
        mtim: timestamp(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctim: timestamp(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
    })
}

/// Descriptors by number.
#[derive(Default)]
pub(crate) struct FdTable {
    slots: Vec<Option<Descriptor>>,
    /// No slot below this one is free.
    first_free: usize,
}

impl FdTable {
    /// Puts a descriptor at the smallest free number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.slots[self.first_free..].iter().position(Option::is_none);
        let index = free.map_or(self.slots.len(), |distance| self.first_free + distance);
        // "Guaranteed to be less than 2**31."
        let fd = i32::try_from(index).map_err(|_| Errno::Mfile)? as u32;
        if index == self.slots.len() {
            self.slots.push(Some(descriptor));
        } else {
            self.slots[index] = Some(descriptor);
        }
        self.first_free = index + 1;
        Ok(fd)
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The descriptor of something that is no directory, with `rights` checked; `EBADF` for a directory.
    pub(crate) fn file(&mut self, fd: u32, rights: Rights) -> Result<&mut Descriptor, Errno> {
        let descriptor = self.get_mut(fd)?;
        if let Handle::Directory(_) = descriptor.handle {
            return Err(Errno::Badf);
        }
        descriptor.require(rights)?;
        Ok(descriptor)
    }

    /// A directory, with `rights` checked; `ENOTDIR` for anything else.
    pub(crate) fn directory(&self, fd: u32, rights: Rights) -> Result<&Directory, Errno> {
        let descriptor = self.get(fd)?;
        let Handle::Directory(directory) = &descriptor.handle else { return Err(Errno::Notdir) };
        descriptor.require(rights)?;
        Ok(directory)
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let descriptor = self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)?;
        self.first_free = self.first_free.min(fd as usize);
        Ok(descriptor)
    }

    /// Moves `from` to the number `to`, closing what was there. Both must be open.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from != to {
            let moved = self.remove(from)?;
            self.slots[to as usize] = Some(moved);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(rights: Rights) -> Descriptor {
        Descriptor {
            handle: Handle::Reader(Box::new(std::io::empty())),
            base: rights,
            inheriting: Rights::empty(),
            flags: Fdflags::empty(),
        }
    }

    #[test]
    fn the_smallest_free_number_is_used() {
        let mut table = FdTable::default();
        for expected in 0..5 {
            assert_eq!(table.insert(descriptor(Rights::empty())), Ok(expected));
        }
        table.remove(3).unwrap();
        table.remove(1).unwrap();
        assert_eq!(table.insert(descriptor(Rights::empty())), Ok(1));
        assert_eq!(table.insert(descriptor(Rights::empty())), Ok(3));
        assert_eq!(table.insert(descriptor(Rights::empty())), Ok(5));
    }

    #[test]
    fn closed_numbers_are_bad() {
        let mut table = FdTable::default();
        table.insert(descriptor(Rights::empty())).unwrap();
        assert!(table.remove(0).is_ok());
        assert_eq!(table.remove(0).err(), Some(Errno::Badf));
        assert_eq!(table.get(0).err(), Some(Errno::Badf));
        assert_eq!(table.get(u32::MAX).err(), Some(Errno::Badf));
    }

    #[test]
    fn renumber_moves_and_frees() {
        let mut table = FdTable::default();
        table.insert(descriptor(Rights::FD_READ)).unwrap();
        table.insert(descriptor(Rights::FD_WRITE)).unwrap();
        assert_eq!(table.renumber(1, 7), Err(Errno::Badf));
        assert_eq!(table.renumber(7, 1), Err(Errno::Badf));
        assert_eq!(table.renumber(1, 1), Ok(()));
        assert_eq!(table.renumber(1, 0), Ok(()));
        assert_eq!(table.get(0).unwrap().base, Rights::FD_WRITE);
        assert_eq!(table.insert(descriptor(Rights::empty())), Ok(1));
    }
}
