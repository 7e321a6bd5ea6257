//! The functions on paths.
//!
//! A path is resolved by `cap-std` beneath the directory it is relative to. What would lead out of it, by `..`, an
//! absolute path or a symbolic link, is `EPERM`.

#![expect(clippy::too_many_arguments, reason = "the interface has as many")]

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::{Descriptor, Directory, Handle, Host, HostFd};
use crate::file::NewTime;
use crate::guest::GuestMemory;
use crate::types::{Fdflags, Filestat, Filetype, Lookupflags, Oflags, Rights, Snapshot, timestamp};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, SystemTimeSpec};
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use cap_std::time::SystemTime;
use rustix::fd::AsFd;
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// The rights that a directory must have itself for a file to be opened in it this way.
fn rights_to_open(oflags: Oflags, fdflags: Fdflags) -> Rights {
    let mut needed = Rights::PATH_OPEN;
    if oflags.contains(Oflags::CREAT) {
        needed = needed | Rights::PATH_CREATE_FILE;
    }
    if oflags.contains(Oflags::TRUNC) {
        needed = needed | Rights::PATH_FILESTAT_SET_SIZE;
    }
    if fdflags.intersects(Fdflags::SYNC | Fdflags::RSYNC) {
        needed = needed | Rights::FD_SYNC;
    } else if fdflags.contains(Fdflags::DSYNC) {
        needed = needed | Rights::FD_DATASYNC;
    }
    needed
}

/// Opens a file of the host as a call to `path_open` asks.
fn open(
    directory: &Directory,
    path: &str,
    lookup: Lookupflags,
    oflags: Oflags,
    base: Rights,
    fdflags: Fdflags,
) -> Result<File, Errno> {
    let creates = oflags.contains(Oflags::CREAT);
    let only_new = creates && oflags.contains(Oflags::EXCL);
    let truncates = oflags.contains(Oflags::TRUNC);
    // The host truncates only what is open for writing; whether the guest may write is a matter of its rights.
    let write = truncates || base.contains(Rights::FD_WRITE);
    if write || only_new {
        directory.require_mutable()?;
    }

    let mut options = OpenOptions::new();
    let follow = lookup.contains(Lookupflags::SYMLINK_FOLLOW);
    options.follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    options.read(!write || base.intersects(Rights::FD_READ | Rights::FD_READDIR));
    options.write(write).truncate(truncates);
    let mut host_flags = OFlags::NOCTTY;
    host_flags.set(OFlags::DIRECTORY, oflags.contains(Oflags::DIRECTORY));
    host_flags.set(OFlags::NONBLOCK, fdflags.contains(Fdflags::NONBLOCK));
    options.custom_flags(host_flags.bits() as i32);

    let open = |options: &OpenOptions| directory.dir.open_with(path, options);
    if !creates {
        return Ok(open(&options)?);
    }
    if only_new {
        return Ok(open(options.write(true).create_new(true))?);
    }
    if write {
        return Ok(open(options.create(true))?);
    }
    // To create for reading only is something `OpenOptions` cannot say. What is there is opened as it is, so that it
    // need not be writable; what is not is made.
    match open(&options) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            directory.require_mutable()?;
            Ok(open(options.write(true).create(true))?)
        }
        result => Ok(result?),
    }
}

/// The times as `cap-std` takes them.
fn system_time(time: NewTime) -> Result<Option<SystemTimeSpec>, Errno> {
    Ok(match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
        NewTime::At(time) => {
            let time = SystemTime::from_std(std::time::UNIX_EPOCH)
                .checked_add(Duration::from_nanos(time))
                .ok_or(Errno::Overflow)?;
            Some(SystemTimeSpec::Absolute(time))
        }
    })
}

fn metadata_to_filestat(metadata: &Metadata) -> Filestat {
    Filestat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: Filetype::from(rustix::fs::FileType::from_raw_mode(metadata.mode())),
        nlink: metadata.nlink(),
        size: metadata.size(),
        atim: timestamp(metadata.atime(), metadata.atime_nsec()),
        mtim: timestamp(metadata.mtime(), metadata.mtime_nsec()),
        ctim: timestamp(metadata.ctime(), metadata.ctime_nsec()),
    }
}

impl WasiCtx {
    /// A directory that may be changed, with `rights` checked.
    fn mutable_directory(&self, fd: u32, rights: Rights) -> Result<&Directory, Errno> {
        let directory = self.fds.directory(fd, rights)?;
        directory.require_mutable()?;
        Ok(directory)
    }

    /// `path_create_directory`: makes a directory.
    pub fn path_create_directory(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = mem.string(path, path_len)?;
        Ok(self.mutable_directory(fd, Rights::PATH_CREATE_DIRECTORY)?.dir.create_dir(path)?)
    }

    /// `path_filestat_get`: the attributes of a file.
    pub fn path_filestat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        snapshot: Snapshot,
        fd: u32,
        flags: u32,
        path: u32,
        path_len: u32,
        buf: u32,
    ) -> Result<(), Errno> {
        let lookup = Lookupflags::decode(flags)?;
        let path = mem.string(path, path_len)?;
        let dir = &self.fds.directory(fd, Rights::PATH_FILESTAT_GET)?.dir;
        let metadata = if lookup.contains(Lookupflags::SYMLINK_FOLLOW) {
            dir.metadata(path)?
        } else {
            dir.symlink_metadata(path)?
        };
        metadata_to_filestat(&metadata).write(mem, snapshot, buf)
    }

    /// `path_filestat_set_times`: sets the times of a file.
    pub fn path_filestat_set_times(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
        path: u32,
        path_len: u32,
        atim: u64,
        mtim: u64,
        fst_flags: u32,
    ) -> Result<(), Errno> {
        let lookup = Lookupflags::decode(flags)?;
        let (access, modification) = NewTime::decode(atim, mtim, fst_flags)?;
        let (access, modification) = (system_time(access)?, system_time(modification)?);
        let path = mem.string(path, path_len)?;
        let dir = &self.mutable_directory(fd, Rights::PATH_FILESTAT_SET_TIMES)?.dir;
        if lookup.contains(Lookupflags::SYMLINK_FOLLOW) {
            Ok(dir.set_times(path, access, modification)?)
        } else {
            Ok(dir.set_symlink_times(path, access, modification)?)
        }
    }

    /// `path_link`: makes a hard link. Following a symbolic link at the source is not offered (`EINVAL`).
    ///
    /// Both directories must permit changes: through a link in a writable one the file could be written.
    pub fn path_link(
        &mut self,
        mem: &mut GuestMemory<'_>,
        old_fd: u32,
        old_flags: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        if Lookupflags::decode(old_flags)?.contains(Lookupflags::SYMLINK_FOLLOW) {
            return Err(Errno::Inval);
        }
        let old_path = mem.string(old_path, old_path_len)?;
        let new_path = mem.string(new_path, new_path_len)?;
        let old = self.mutable_directory(old_fd, Rights::PATH_LINK_SOURCE)?;
        let new = self.mutable_directory(new_fd, Rights::PATH_LINK_TARGET)?;
        Ok(old.dir.hard_link(old_path, &new.dir, new_path)?)
    }

    /// `path_open`: opens a file or directory.
    ///
    /// Rights beyond what the directory passes on are `ENOTCAPABLE`; rights that mean nothing for what was opened are
    /// left out. `FD_WRITE` is what opens for writing: without it, rights to change the size mean nothing.
    pub fn path_open(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        dirflags: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        rights_base: u64,
        rights_inheriting: u64,
        fdflags: u32,
        opened: u32,
    ) -> Result<(), Errno> {
        let lookup = Lookupflags::decode(dirflags)?;
        let oflags = Oflags::decode(oflags)?;
        let fdflags = Fdflags::decode(fdflags)?;
        let mut base = Rights::from_bits_truncate(rights_base);
        let inheriting = Rights::from_bits_truncate(rights_inheriting);
        mem.check::<u32>(opened)?;
        let path = mem.string(path, path_len)?;
        let directory = self.fds.directory(fd, rights_to_open(oflags, fdflags))?;
        if !self.fds.get(fd)?.inheriting.contains(base | inheriting) {
            return Err(Errno::Notcapable);
        }
        if oflags.contains(Oflags::DIRECTORY) {
            if oflags.intersects(Oflags::CREAT | Oflags::EXCL | Oflags::TRUNC) {
                return Err(Errno::Inval);
            }
            base = base.intersection(Rights::DIRECTORY);
        }
        if !base.contains(Rights::FD_WRITE) {
            // `FD_WRITE` alone says that the file is wanted for writing. Some guests (Go's) ask for these others with
            // everything they open, directories too.
            base = base.difference(Rights::NEEDS_WRITE);
        }

        let perms = directory.perms;
        let file = open(directory, path, lookup, oflags, base, fdflags)?.into_std();
        let stat = rustix::fs::fstat(&file)?;
        let filetype = crate::fds::filetype(file.as_fd(), &stat);
        let descriptor = if filetype == Filetype::Directory {
            let directory = Directory::new(Dir::from_std_file(file), perms, None);
            Descriptor::directory(directory, base.intersection(Rights::DIRECTORY), inheriting)
        } else {
            let host = Host { fd: HostFd::Owned(file.into()), filetype, perms };
            let base = base.intersection(Rights::FILE);
            Descriptor { handle: Handle::Host(host), base, inheriting, flags: fdflags }
        };
        let number = self.fds.insert(descriptor)?;
        mem.write(opened, number)
    }

    /// `path_readlink`: the contents of a symbolic link, cut off if the buffer is too small.
    pub fn path_readlink(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
        buf: u32,
        buf_len: u32,
        used: u32,
    ) -> Result<(), Errno> {
        mem.check::<u32>(used)?;
        mem.check_array(buf, buf_len, 1)?;
        let path = mem.string(path, path_len)?;
        let contents = self.fds.directory(fd, Rights::PATH_READLINK)?.dir.read_link(path)?;
        let contents = contents.as_os_str().as_bytes();
        let len = contents.len().min(buf_len as usize);
        mem.write_bytes(buf, &contents[..len])?;
        mem.write(used, len as u32)
    }

    /// `path_remove_directory`: removes an empty directory. Its name may end in slashes.
    pub fn path_remove_directory(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = mem.string(path, path_len)?;
        let stripped = path.trim_end_matches('/');
        let path = if stripped.is_empty() { path } else { stripped };
        Ok(self.mutable_directory(fd, Rights::PATH_REMOVE_DIRECTORY)?.dir.remove_dir(path)?)
    }

    /// `path_rename`: renames a file or directory, replacing what has the new name.
    pub fn path_rename(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        let old_path = mem.string(old_path, old_path_len)?;
        let new_path = mem.string(new_path, new_path_len)?;
        let old = self.mutable_directory(fd, Rights::PATH_RENAME_SOURCE)?;
        let new = self.mutable_directory(new_fd, Rights::PATH_RENAME_TARGET)?;
        Ok(old.dir.rename(old_path, &new.dir, new_path)?)
    }

    /// `path_symlink`: makes a symbolic link. One with absolute contents is `EPERM`.
    pub fn path_symlink(
        &mut self,
        mem: &mut GuestMemory<'_>,
        old_path: u32,
        old_path_len: u32,
        fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        let contents = OsStr::new(mem.string(old_path, old_path_len)?);
        let path = mem.string(new_path, new_path_len)?;
        Ok(self.mutable_directory(fd, Rights::PATH_SYMLINK)?.dir.symlink(contents, path)?)
    }

    /// `path_unlink_file`: removes a file; `EISDIR` for a directory.
    pub fn path_unlink_file(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = mem.string(path, path_len)?;
        Ok(self.mutable_directory(fd, Rights::PATH_UNLINK_FILE)?.dir.remove_file(path)?)
    }
}

#[cfg(test)]
mod tests;
