//! What a guest's standard streams can be.

use crate::fds::{Handle, Host, HostFd};
use rustix::fd::{BorrowedFd, OwnedFd};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a guest's standard input comes from.
///
/// A host descriptor ([`File`](std::fs::File), [`OwnedFd`], or the process's own through
/// [`WasiCtxBuilder::inherit_stdin`](crate::WasiCtxBuilder::inherit_stdin)) is read straight into guest memory and
/// can be polled. A [`Read`] is always ready.
pub struct Input(pub(crate) Handle);

/// Where a guest's standard output or error goes.
///
/// A host descriptor is written straight from guest memory, one system call for each `fd_write`. Nothing is buffered.
pub struct Output(pub(crate) Handle);

impl Input {
    /// Input that has ended.
    pub fn empty() -> Input {
        Input::from_reader(io::empty())
    }

    /// Input from a reader.
    pub fn from_reader(reader: impl Read + Send + 'static) -> Input {
        Input(Handle::Reader(Box::new(reader)))
    }

    pub(crate) fn inherited(fd: BorrowedFd<'static>) -> Input {
        Input(Handle::Host(Host::new(HostFd::Inherited(fd))))
    }
}

impl Output {
    /// Output that goes nowhere.
    pub fn sink() -> Output {
        Output::from_writer(io::sink())
    }

    /// Output to a writer. It is flushed by the guest's `fd_sync` and `fd_datasync` only.
    pub fn from_writer(writer: impl Write + Send + 'static) -> Output {
        Output(Handle::Writer(Box::new(writer)))
    }

    pub(crate) fn inherited(fd: BorrowedFd<'static>) -> Output {
        Output(Handle::Host(Host::new(HostFd::Inherited(fd))))
    }
}

macro_rules! from_descriptors {
    ($($stream:ident)*) => {$(
        impl From<OwnedFd> for $stream {
            fn from(fd: OwnedFd) -> $stream {
                $stream(Handle::Host(Host::new(HostFd::Owned(fd))))
            }
        }
        impl From<std::fs::File> for $stream {
            fn from(file: std::fs::File) -> $stream {
                OwnedFd::from(file).into()
            }
        }
        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($stream)).finish_non_exhaustive()
            }
        }
    )*};
}
from_descriptors!(Input Output);

/// Bytes in memory that a guest reads as its standard input.
#[derive(Clone, Debug, Default)]
pub struct MemoryInputPipe(io::Cursor<Arc<[u8]>>);

impl MemoryInputPipe {
    /// A pipe that holds `bytes` and then ends.
    pub fn new(bytes: impl AsRef<[u8]>) -> MemoryInputPipe {
        MemoryInputPipe(io::Cursor::new(bytes.as_ref().into()))
    }
}

impl Read for MemoryInputPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(buffers)
    }
}

impl From<MemoryInputPipe> for Input {
    fn from(pipe: MemoryInputPipe) -> Input {
        Input::from_reader(pipe)
    }
}

/// A pipe that keeps what a guest writes to it. Clones share the bytes.
#[derive(Clone, Debug, Default)]
pub struct MemoryOutputPipe(Arc<Mutex<Vec<u8>>>);

impl MemoryOutputPipe {
    /// An empty pipe.
    pub fn new() -> MemoryOutputPipe {
        MemoryOutputPipe::default()
    }

    /// A copy of what was written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for MemoryOutputPipe {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.lock().write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.lock().write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<MemoryOutputPipe> for Output {
    fn from(pipe: MemoryOutputPipe) -> Output {
        Output::from_writer(pipe)
    }
}
