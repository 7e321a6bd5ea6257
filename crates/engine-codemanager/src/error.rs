//! Errors: what the host refused, and what to do about it.

use core::fmt;

/// A system call that the host refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OsError {
    /// The call, with the argument that matters: `mmap(PROT_EXEC)`.
    pub call: &'static str,
    /// The error number.
    pub errno: i32,
}

impl OsError {
    /// The calling thread's last error, as the failure of `call`.
    pub(crate) fn last(call: &'static str) -> OsError {
        OsError { call, errno: std::io::Error::last_os_error().raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, std::io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for OsError {}

/// A way of holding code that the host did not allow, and the call that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What was tried.
    pub strategy: crate::Strategy,
    /// What failed.
    pub error: OsError,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.strategy, self.error)
    }
}

/// Why code could not be placed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// Nothing that was tried gives executable memory.
    #[error("{}", forbidden(.0))]
    Forbidden(Vec<Refusal>),
    /// Address space or memory is used up.
    #[error(
        "no room for {bytes} bytes of code ({error}); drop modules, or raise the limit on address space (ulimit -v)"
    )]
    OutOfSpace {
        /// Bytes wanted.
        bytes: usize,
        /// What failed.
        error: OsError,
    },
    /// A function, stub or jump table larger than a code region can ever be.
    #[error("{bytes} bytes of code in one piece are more than a code region of {limit} bytes can hold")]
    TooLarge {
        /// Bytes wanted.
        bytes: usize,
        /// The most there can be.
        limit: usize,
    },
    /// The batch contradicts itself or the module. A bug in the compiler that made it, never in the guest.
    #[error("malformed code batch: {0}")]
    BadBatch(&'static str),
    /// This process was forked, and its private copy of the code could not be made.
    #[error("code memory could not be copied when this process was forked, so no code can be added to it")]
    Forked,
}

fn forbidden(refusals: &[Refusal]) -> String {
    let mut text = String::from("this host does not allow generated code");
    for (i, refusal) in refusals.iter().enumerate() {
        text += if i == 0 { ": " } else { "; " };
        text += &refusal.to_string();
    }
    text += ". Allow memfd_create with executable mappings (seccomp, vm.memfd_noexec, SELinux execmem)";
    text += " or anonymous executable memory (PaX MPROTECT, systemd MemoryDenyWriteExecute)";
    text
}

/// Why a linear memory could not be made or grown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// More than the memory's maximum, or than 4 GiB.
    #[error("a memory of {bytes} bytes is over its limit of {limit}")]
    OverLimit {
        /// Bytes wanted.
        bytes: u64,
        /// The most there can be.
        limit: u64,
    },
    /// The host has no more memory or address space.
    #[error("the host refused memory: {0}")]
    Host(#[from] OsError),
    /// A piece of a data image lies outside of it, or the image outside the memory.
    #[error("data of {bytes} bytes at {offset} does not fit in {limit} bytes")]
    DataOutOfBounds {
        /// Where it should go.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// The room there is.
        limit: u64,
    },
}
