//! Making a context: what a guest is given.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::{Descriptor, Directory, FdTable, Handle, Host, HostFd};
use crate::stdio::{Input, Output};
use crate::types::{Fdflags, Rights};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fd::OwnedFd;
use std::io;
use std::path::Path;

/// Whether a guest may change what is in a directory it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Perms {
    /// Everything below the directory can be read. Every change is [`Errno::Perm`](crate::Errno::Perm).
    ReadOnly,
    /// Everything the host's own permissions allow.
    ReadWrite,
}

impl Perms {
    pub(crate) fn require_write(self) -> Result<(), Errno> {
        match self {
            Perms::ReadOnly => Err(Errno::Perm),
            Perms::ReadWrite => Ok(()),
        }
    }
}

/// Builds a [`WasiCtx`].
///
/// A new builder gives a guest nothing: no arguments, no environment, no directories, an ended standard input, and
/// standard output and error that go nowhere.
///
/// # Example
/// ```
/// use engine_wasi::{Perms, WasiCtxBuilder};
///
/// let wasi = WasiCtxBuilder::new()
///     .args(&["program", "--flag"])
///     .env("LANG", "C.UTF-8")
///     .inherit_stdio()
///     .preopened_dir(std::env::temp_dir(), "/tmp", Perms::ReadOnly)?
///     .build();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct WasiCtxBuilder {
    args: Vec<Box<str>>,
    env: Vec<Box<str>>,
    stdin: Option<Input>,
    stdout: Option<Output>,
    stderr: Option<Output>,
    dirs: Vec<(Dir, Box<str>, Perms)>,
    sockets: Vec<OwnedFd>,
}

impl WasiCtxBuilder {
    /// A builder that gives nothing.
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// Appends an argument. By convention the first is the program's name.
    ///
    /// Guests read arguments as C strings: one with a NUL in it ends there.
    pub fn arg(&mut self, arg: impl AsRef<str>) -> &mut WasiCtxBuilder {
        self.args.push(arg.as_ref().into());
        self
    }

    /// Appends arguments.
    pub fn args(&mut self, args: &[impl AsRef<str>]) -> &mut WasiCtxBuilder {
        self.args.extend(args.iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Appends an environment variable.
    pub fn env(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> &mut WasiCtxBuilder {
        self.env.push(format!("{}={}", name.as_ref(), value.as_ref()).into());
        self
    }

    /// Appends environment variables.
    pub fn envs(&mut self, env: &[(impl AsRef<str>, impl AsRef<str>)]) -> &mut WasiCtxBuilder {
        for (name, value) in env {
            self.env(name, value);
        }
        self
    }

    /// Appends the variables of this process, leaving out those that are not UTF-8.
    pub fn inherit_env(&mut self) -> &mut WasiCtxBuilder {
        for (name, value) in std::env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
                self.env(name, value);
            }
        }
        self
    }

    /// Sets the standard input.
    pub fn stdin(&mut self, stdin: impl Into<Input>) -> &mut WasiCtxBuilder {
        self.stdin = Some(stdin.into());
        self
    }

    /// Sets the standard output.
    pub fn stdout(&mut self, stdout: impl Into<Output>) -> &mut WasiCtxBuilder {
        self.stdout = Some(stdout.into());
        self
    }

    /// Sets the standard error.
    pub fn stderr(&mut self, stderr: impl Into<Output>) -> &mut WasiCtxBuilder {
        self.stderr = Some(stderr.into());
        self
    }

    /// Gives the guest this process's standard input.
    pub fn inherit_stdin(&mut self) -> &mut WasiCtxBuilder {
        self.stdin(Input::inherited(rustix::stdio::stdin()))
    }

    /// Gives the guest this process's standard output.
    pub fn inherit_stdout(&mut self) -> &mut WasiCtxBuilder {
        self.stdout(Output::inherited(rustix::stdio::stdout()))
    }

    /// Gives the guest this process's standard error.
    pub fn inherit_stderr(&mut self) -> &mut WasiCtxBuilder {
        self.stderr(Output::inherited(rustix::stdio::stderr()))
    }

    /// Gives the guest this process's three standard streams.
    pub fn inherit_stdio(&mut self) -> &mut WasiCtxBuilder {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Gives the guest the directory at `host_path`, which it knows as `guest_path`.
    ///
    /// # Errors
    /// If the directory cannot be opened.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl AsRef<str>,
        perms: Perms,
    ) -> io::Result<&mut WasiCtxBuilder> {
        let dir = Dir::open_ambient_dir(host_path, ambient_authority())?;
        Ok(self.preopened_dir_handle(dir, guest_path, perms))
    }

    /// Gives the guest an open directory, which it knows as `guest_path`.
    pub fn preopened_dir_handle(
        &mut self,
        dir: Dir,
        guest_path: impl AsRef<str>,
        perms: Perms,
    ) -> &mut WasiCtxBuilder {
        self.dirs.push((dir, guest_path.as_ref().into(), perms));
        self
    }

    /// Gives the guest a listening socket (for `sock_accept`) or a connected one.
    ///
    /// Sockets take the numbers after all directories: guests look for directories from 3 up to the first number that
    /// is none.
    pub fn preopened_socket(&mut self, socket: impl Into<OwnedFd>) -> &mut WasiCtxBuilder {
        self.sockets.push(socket.into());
        self
    }

    /// Makes the context and empties the builder.
    pub fn build(&mut self) -> WasiCtx {
        let given = std::mem::take(self);
        let mut descriptors = vec![
            Descriptor::stdio(given.stdin.unwrap_or_else(Input::empty).0, Rights::FD_READ),
            Descriptor::stdio(given.stdout.unwrap_or_else(Output::sink).0, Rights::FD_WRITE),
            Descriptor::stdio(given.stderr.unwrap_or_else(Output::sink).0, Rights::FD_WRITE),
        ];
        for (dir, name, perms) in given.dirs {
            let directory = Directory::new(dir, perms, Some(name));
            descriptors.push(Descriptor::directory(directory, Rights::DIRECTORY, Rights::ALL));
        }
        for socket in given.sockets {
            descriptors.push(Descriptor {
                handle: Handle::Host(Host::new(HostFd::Owned(socket))),
                base: Rights::LISTENER,
                inheriting: Rights::CONNECTION,
                flags: Fdflags::empty(),
            });
        }
        let mut fds = FdTable::default();
        for descriptor in descriptors {
            // Cannot fail: an embedder's list is shorter than 2^31.
            let _ = fds.insert(descriptor);
        }
        WasiCtx { args: given.args, env: given.env, fds }
    }
}
