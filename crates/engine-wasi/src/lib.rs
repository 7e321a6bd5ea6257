//! WASI preview 1 (`wasi_snapshot_preview1`) for the embedding API.
//!
//! A [`WasiCtx`] is one guest's view of the host: its arguments, environment, standard streams and the directories
//! it was given. [`WasiCtxBuilder`] makes one; nothing is inherited unless it is asked for. [`add_to_linker`] binds
//! every function of preview 1 (and of its predecessor `wasi_unstable`) to a context kept in a store's data.
//!
//! The functions themselves are methods of [`WasiCtx`] on a [`GuestMemory`] and know no engine. They differ from the
//! C-level interface in one way only: the errno is the `Err` of a `Result`.
//!
//! # Security
//! * Guest pointers are never trusted: an address outside the memory is [`Errno::Fault`], nothing on the host is sized
//!   by a number the guest chose, and no alignment is required.
//! * Paths are resolved beneath their directory by `cap-std`: `..`, absolute paths and symbolic links do not lead out
//!   of it ([`Errno::Perm`]).
//! * Rights are enforced ([`Errno::Notcapable`]); directories opened with [`Perms::ReadOnly`] refuse every change
//!   ([`Errno::Perm`]) whatever the rights say.
//!
//! # Example
//! ```
//! use engine_wasi::{GuestMemory, MemoryOutputPipe, WasiCtxBuilder};
//!
//! let stdout = MemoryOutputPipe::new();
//! let mut wasi = WasiCtxBuilder::new().arg("hello").stdout(stdout.clone()).build();
//!
//! // What a guest does to print "hi": one iovec at address 0, the bytes at 8, the count at 16.
//! let mut memory = vec![0; 64];
//! memory[0] = 8;
//! memory[4] = 2;
//! memory[8..10].copy_from_slice(b"hi");
//! wasi.fd_write(&mut GuestMemory::new(&mut memory), 1, 0, 1, 16)?;
//! assert_eq!(stdout.contents(), b"hi");
//! # Ok::<(), engine_wasi::Errno>(())
//! ```

mod builder;
mod clock;
mod ctx;
mod dir;
mod errno;
mod fds;
mod file;
mod guest;
mod io;
mod linker;
mod path;
mod poll;
mod proc;
mod random;
mod sock;
mod stdio;
mod types;

#[cfg(test)]
mod testing;

pub use builder::{Perms, WasiCtxBuilder};
pub use ctx::WasiCtx;
pub use errno::Errno;
pub use guest::{GuestMemory, GuestScalar};
pub use linker::add_to_linker;
pub use proc::ExitStatus;
pub use stdio::{Input, MemoryInputPipe, MemoryOutputPipe, Output};
pub use types::{Filetype, Rights, Snapshot};
