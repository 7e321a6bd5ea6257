//! Everything about a descriptor but its data: attributes, position, size, times, closing.

use crate::clock;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::{Handle, filestat};
use crate::guest::GuestMemory;
use crate::types::{Fdflags, Fdstat, Filestat, Filetype, Fstflags, Rights, Snapshot, Whence};
use rustix::fd::BorrowedFd;
use rustix::fs::{Advice, FallocateFlags, OFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::retry_on_intr;
use std::num::NonZeroU64;

/// What `fst_flags` asks to be done with one of the two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewTime {
    Keep,
    Now,
    At(u64),
}

impl NewTime {
    /// The new access and modification times.
    pub(crate) fn decode(atim: u64, mtim: u64, flags: u32) -> Result<(NewTime, NewTime), Errno> {
        let flags = Fstflags::decode(flags)?;
        let one = |set, now, time| match (flags.contains(set), flags.contains(now)) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(NewTime::At(time)),
            (false, true) => Ok(NewTime::Now),
            (false, false) => Ok(NewTime::Keep),
        };
        Ok((one(Fstflags::ATIM, Fstflags::ATIM_NOW, atim)?, one(Fstflags::MTIM, Fstflags::MTIM_NOW, mtim)?))
    }

    fn timespec(self) -> Timespec {
        match self {
            NewTime::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            NewTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            NewTime::At(time) => clock::timespec(time),
        }
    }
}

impl WasiCtx {
    /// `fd_advise`: tells the host how a range of the file will be used.
    pub fn fd_advise(&mut self, fd: u32, offset: u64, len: u64, advice: u32) -> Result<(), Errno> {
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        };
        match &self.fds.file(fd, Rights::FD_ADVISE)?.handle {
            Handle::Host(host) => {
                Ok(rustix::fs::fadvise(host.as_fd(), offset, NonZeroU64::new(len), advice)?)
            }
            _ => Err(Errno::Spipe),
        }
    }

    /// `fd_allocate`: makes sure that a range of the file has space, extending the file if it ends before.
    pub fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
        match &self.fds.file(fd, Rights::FD_ALLOCATE)?.handle {
            Handle::Host(host) => Ok(retry_on_intr(|| {
                rustix::fs::fallocate(host.as_fd(), FallocateFlags::empty(), offset, len)
            })?),
            _ => Err(Errno::Spipe),
        }
    }

    /// `fd_close`: closes a descriptor.
    pub fn fd_close(&mut self, fd: u32) -> Result<(), Errno> {
        self.fds.remove(fd).map(drop)
    }

    /// `fd_renumber`: gives a descriptor another's number, closing the other.
    pub fn fd_renumber(&mut self, fd: u32, to: u32) -> Result<(), Errno> {
        self.fds.renumber(fd, to)
    }

    /// `fd_datasync`: writes a file's data to the disk.
    pub fn fd_datasync(&mut self, fd: u32) -> Result<(), Errno> {
        self.sync(fd, Rights::FD_DATASYNC, |fd| rustix::fs::fdatasync(fd))
    }

    /// `fd_sync`: writes a file's data and attributes to the disk.
    pub fn fd_sync(&mut self, fd: u32) -> Result<(), Errno> {
        self.sync(fd, Rights::FD_SYNC, |fd| rustix::fs::fsync(fd))
    }

    fn sync(
        &mut self,
        fd: u32,
        right: Rights,
        call: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<(), Errno> {
        let descriptor = self.fds.get_mut(fd)?;
        descriptor.require(right)?;
        match &mut descriptor.handle {
            Handle::Host(host) => Ok(retry_on_intr(|| call(host.as_fd()))?),
            Handle::Directory(directory) => {
                let fd = directory.opened()?;
                Ok(retry_on_intr(|| call(fd))?)
            }
            Handle::Writer(writer) => Ok(writer.flush()?),
            Handle::Reader(_) => Err(Errno::Inval),
        }
    }

    /// `fd_fdstat_get`: a descriptor's type, flags and rights.
    pub fn fd_fdstat_get(&mut self, mem: &mut GuestMemory<'_>, fd: u32, buf: u32) -> Result<(), Errno> {
        let descriptor = self.fds.get(fd)?;
        let filetype = match &descriptor.handle {
            Handle::Host(host) => host.filetype,
            Handle::Directory(_) => Filetype::Directory,
            Handle::Reader(_) | Handle::Writer(_) => Filetype::Unknown,
        };
        let (base, inheriting) = (descriptor.base, descriptor.inheriting);
        Fdstat { filetype, flags: descriptor.flags, base, inheriting }.write(mem, buf)
    }

    /// `fd_fdstat_set_flags`: changes a descriptor's flags.
    pub fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u32) -> Result<(), Errno> {
        let flags = Fdflags::decode(flags)?;
        let descriptor = self.fds.file(fd, Rights::FD_FDSTAT_SET_FLAGS)?;
        let nonblock = flags.contains(Fdflags::NONBLOCK);
        if nonblock != descriptor.flags.contains(Fdflags::NONBLOCK) {
            let Handle::Host(host) = &descriptor.handle else { return Err(Errno::Notsup) };
            let mut host_flags = rustix::fs::fcntl_getfl(host.as_fd())?;
            host_flags.set(OFlags::NONBLOCK, nonblock);
            rustix::fs::fcntl_setfl(host.as_fd(), host_flags)?;
        }
        descriptor.flags = flags;
        Ok(())
    }

    /// `fd_fdstat_set_rights`: gives up rights. Rights once given up do not come back ([`Errno::Notcapable`]).
    pub fn fd_fdstat_set_rights(&mut self, fd: u32, base: u64, inheriting: u64) -> Result<(), Errno> {
        let descriptor = self.fds.get_mut(fd)?;
        if base & !descriptor.base.bits() != 0 || inheriting & !descriptor.inheriting.bits() != 0 {
            return Err(Errno::Notcapable);
        }
        descriptor.base = Rights::from_bits_truncate(base);
        descriptor.inheriting = Rights::from_bits_truncate(inheriting);
        Ok(())
    }

    /// `fd_filestat_get`: the attributes of an open file.
    pub fn fd_filestat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        snapshot: Snapshot,
        fd: u32,
        buf: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.fds.get(fd)?;
        descriptor.require(Rights::FD_FILESTAT_GET)?;
        let stat = match &descriptor.handle {
            Handle::Host(host) => filestat(host.as_fd())?,
            Handle::Directory(directory) => filestat(directory.opened()?)?,
            Handle::Reader(_) | Handle::Writer(_) => Filestat::stream(),
        };
        stat.write(mem, snapshot, buf)
    }

    /// `fd_filestat_set_size`: cuts or extends a file.
    pub fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        match &self.fds.file(fd, Rights::FD_FILESTAT_SET_SIZE)?.handle {
            Handle::Host(host) => Ok(retry_on_intr(|| rustix::fs::ftruncate(host.as_fd(), size))?),
            _ => Err(Errno::Inval),
        }
    }

    /// `fd_filestat_set_times`: sets the times of an open file.
    pub fn fd_filestat_set_times(&mut self, fd: u32, atim: u64, mtim: u64, flags: u32) -> Result<(), Errno> {
        let (access, modification) = NewTime::decode(atim, mtim, flags)?;
        let times = Timestamps { last_access: access.timespec(), last_modification: modification.timespec() };
        let descriptor = self.fds.get(fd)?;
        descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
        match &descriptor.handle {
            Handle::Host(host) => {
                host.perms.require_write()?;
                Ok(rustix::fs::futimens(host.as_fd(), &times)?)
            }
            Handle::Directory(directory) => {
                directory.require_mutable()?;
                Ok(rustix::fs::futimens(directory.opened()?, &times)?)
            }
            Handle::Reader(_) | Handle::Writer(_) => Err(Errno::Inval),
        }
    }

    /// `fd_prestat_get`: describes a directory that was there from the start.
    pub fn fd_prestat_get(&mut self, mem: &mut GuestMemory<'_>, fd: u32, buf: u32) -> Result<(), Errno> {
        let len = u32::try_from(self.preopen_name(fd)?.len()).map_err(|_| Errno::Overflow)?;
        let mut bytes = [0; 8];
        bytes[4..].copy_from_slice(&len.to_le_bytes());
        mem.write_bytes(buf, &bytes)
    }

    /// `fd_prestat_dir_name`: the guest's name of such a directory, without a NUL.
    pub fn fd_prestat_dir_name(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let name = self.preopen_name(fd)?;
        if name.len() > path_len as usize {
            return Err(Errno::Nametoolong);
        }
        mem.write_bytes(path, name.as_bytes())
    }

    fn preopen_name(&self, fd: u32) -> Result<&str, Errno> {
        match &self.fds.get(fd)?.handle {
            Handle::Directory(directory) => directory.preopen.as_deref().ok_or(Errno::Badf),
            // Guests look for directories up to the first number that is none.
            _ => Err(Errno::Badf),
        }
    }

    /// `fd_seek`: moves a descriptor's position.
    pub fn fd_seek(
        &mut self,
        mem: &mut GuestMemory<'_>,
        snapshot: Snapshot,
        fd: u32,
        offset: i64,
        whence: u32,
        position: u32,
    ) -> Result<(), Errno> {
        let whence = Whence::decode(snapshot, whence)?;
        mem.check::<u64>(position)?;
        let new = match (whence, offset) {
            (Whence::Cur, 0) => self.seek(fd, Rights::may_tell, SeekFrom::Current(0))?,
            _ => {
                let to = match whence {
                    Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
                    Whence::Cur => SeekFrom::Current(offset),
                    Whence::End => SeekFrom::End(offset),
                };
                self.seek(fd, |rights| rights.contains(Rights::FD_SEEK), to)?
            }
        };
        mem.write(position, new)
    }

    /// `fd_tell`: a descriptor's position.
    pub fn fd_tell(&mut self, mem: &mut GuestMemory<'_>, fd: u32, position: u32) -> Result<(), Errno> {
        let now = self.seek(fd, Rights::may_tell, SeekFrom::Current(0))?;
        mem.write(position, now)
    }

    fn seek(&mut self, fd: u32, permitted: fn(Rights) -> bool, to: SeekFrom) -> Result<u64, Errno> {
        let descriptor = self.fds.file(fd, Rights::empty())?;
        match &descriptor.handle {
            // A terminal has no right to seek; what a program should hear is that it cannot.
            Handle::Host(host) if permitted(descriptor.base) => Ok(rustix::fs::seek(host.as_fd(), to)?),
            Handle::Host(host) if host.filetype == Filetype::RegularFile => Err(Errno::Notcapable),
            _ => Err(Errno::Spipe),
        }
    }
}

#[cfg(test)]
mod tests;
