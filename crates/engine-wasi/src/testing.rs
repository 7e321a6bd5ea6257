//! A guest for tests: a memory, and a context with a temporary directory as descriptor 3.
//!
//! Results are written at 0, a list of buffers at 64, paths at 256 and 512, data from 1024 on.

use crate::types::{Oflags, Snapshot};
use crate::{Errno, GuestMemory, GuestScalar, Perms, Rights, WasiCtx, WasiCtxBuilder};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const READ_WRITE: Rights = Rights::FILE;
const DATA: u32 = 1024;

pub(crate) struct Guest {
    pub ctx: WasiCtx,
    pub memory: Vec<u8>,
    dir: TempDir,
}

/// The attributes that tests look at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub ino: u64,
    pub filetype: u8,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
}

impl Guest {
    pub(crate) fn new() -> Guest {
        Guest::with(Perms::ReadWrite, |_| {})
    }

    /// A guest whose context `more` adds to.
    pub(crate) fn with(perms: Perms, more: impl FnOnce(&mut WasiCtxBuilder)) -> Guest {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = WasiCtxBuilder::new();
        builder.preopened_dir(dir.path(), "/sandbox", perms).unwrap();
        more(&mut builder);
        Guest { ctx: builder.build(), memory: vec![0; 1 << 16], dir }
    }

    /// The host's path of something in the directory.
    pub(crate) fn host(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn memory_size(&self) -> u32 {
        self.memory.len() as u32
    }

    pub(crate) fn call<R>(&mut self, call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> R) -> R {
        call(&mut self.ctx, &mut GuestMemory::new(&mut self.memory))
    }

    pub(crate) fn get<T: GuestScalar>(&mut self, at: u32) -> T {
        GuestMemory::new(&mut self.memory).read(at).unwrap()
    }

    pub(crate) fn put<T: GuestScalar>(&mut self, at: u32, value: T) {
        GuestMemory::new(&mut self.memory).write(at, value).unwrap();
    }

    pub(crate) fn text(&mut self, at: u32, len: u32) -> String {
        GuestMemory::new(&mut self.memory).string(at, len).unwrap().to_owned()
    }

    /// A call with one path.
    pub(crate) fn on_path<R>(
        &mut self,
        path: &str,
        call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32) -> R,
    ) -> R {
        self.memory[256..256 + path.len()].copy_from_slice(path.as_bytes());
        self.call(|ctx, mem| call(ctx, mem, 256, path.len() as u32))
    }

    /// A call with two paths.
    pub(crate) fn on_paths<R>(
        &mut self,
        old: &str,
        new: &str,
        call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>, (u32, u32), (u32, u32)) -> R,
    ) -> R {
        self.memory[512..512 + new.len()].copy_from_slice(new.as_bytes());
        let new = (512, new.len() as u32);
        self.on_path(old, |ctx, mem, at, len| call(ctx, mem, (at, len), new))
    }

    /// `path_open` relative to descriptor 3, following links, with the rights passed on as well.
    pub(crate) fn try_open(&mut self, path: &str, oflags: Oflags, rights: Rights) -> Result<u32, Errno> {
        self.try_open_at(3, path, oflags, rights, 0)
    }

    pub(crate) fn try_open_at(
        &mut self,
        dir: u32,
        path: &str,
        oflags: Oflags,
        rights: Rights,
        fdflags: u32,
    ) -> Result<u32, Errno> {
        let rights = rights.bits();
        self.on_path(path, |ctx, mem, path, len| {
            ctx.path_open(mem, dir, 1, path, len, oflags.bits().into(), rights, rights, fdflags, 0)
        })?;
        Ok(self.get(0))
    }

    pub(crate) fn open(&mut self, path: &str, rights: Rights) -> u32 {
        self.try_open(path, Oflags::empty(), rights).unwrap()
    }

    /// A new file, open for everything.
    pub(crate) fn open_new(&mut self, path: &str) -> u32 {
        self.try_open(path, Oflags::CREAT | Oflags::EXCL, READ_WRITE).unwrap()
    }

    /// Puts one buffer of `len` bytes at the place for data into the list at 64.
    pub(crate) fn one_buffer(&mut self, len: usize) {
        self.put(64, DATA);
        self.put(68, len as u32);
    }

    pub(crate) fn write(&mut self, fd: u32, data: &[u8]) -> Result<u32, Errno> {
        self.memory[DATA as usize..][..data.len()].copy_from_slice(data);
        self.one_buffer(data.len());
        self.call(|ctx, mem| ctx.fd_write(mem, fd, 64, 1, 0))?;
        Ok(self.get(0))
    }

    pub(crate) fn pwrite(&mut self, fd: u32, data: &[u8], offset: u64) -> Result<u32, Errno> {
        self.memory[DATA as usize..][..data.len()].copy_from_slice(data);
        self.one_buffer(data.len());
        self.call(|ctx, mem| ctx.fd_pwrite(mem, fd, 64, 1, offset, 0))?;
        Ok(self.get(0))
    }

    pub(crate) fn read(&mut self, fd: u32, len: usize) -> Result<Vec<u8>, Errno> {
        self.one_buffer(len);
        self.call(|ctx, mem| ctx.fd_read(mem, fd, 64, 1, 0))?;
        let read: u32 = self.get(0);
        Ok(self.memory[DATA as usize..][..read as usize].to_vec())
    }

    pub(crate) fn pread(&mut self, fd: u32, len: usize, offset: u64) -> Result<Vec<u8>, Errno> {
        self.one_buffer(len);
        self.call(|ctx, mem| ctx.fd_pread(mem, fd, 64, 1, offset, 0))?;
        let read: u32 = self.get(0);
        Ok(self.memory[DATA as usize..][..read as usize].to_vec())
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        self.call(|ctx, mem| ctx.fd_seek(mem, Snapshot::Preview1, fd, offset, whence, 0))?;
        Ok(self.get(0))
    }

    /// The attributes that a call has written at 0.
    fn written_stat(&mut self) -> Stat {
        Stat {
            ino: self.get(8),
            filetype: self.get(16),
            nlink: self.get(24),
            size: self.get(32),
            atim: self.get(40),
            mtim: self.get(48),
        }
    }

    pub(crate) fn stat(&mut self, fd: u32) -> Stat {
        self.call(|ctx, mem| ctx.fd_filestat_get(mem, Snapshot::Preview1, fd, 0)).unwrap();
        self.written_stat()
    }

    pub(crate) fn path_stat(&mut self, path: &str, follow: bool) -> Result<Stat, Errno> {
        self.on_path(path, |ctx, mem, path, len| {
            ctx.path_filestat_get(mem, Snapshot::Preview1, 3, follow.into(), path, len, 0)
        })?;
        Ok(self.written_stat())
    }

    /// Type, flags and both sets of rights.
    pub(crate) fn fdstat(&mut self, fd: u32) -> (u8, u16, Rights, Rights) {
        self.call(|ctx, mem| ctx.fd_fdstat_get(mem, fd, 0)).unwrap();
        let rights = |bits| Rights::from_bits_truncate(bits);
        (self.get(0), self.get(2), rights(self.get(8)), rights(self.get(16)))
    }
}
