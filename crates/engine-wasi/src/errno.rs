//! The error codes of preview 1 and how the host's become one of them.

use rustix::io::Errno as Host;
use std::io;

/// Declares [`Errno`] from one table: variant, number in the `witx`, what it means, and the host code it mirrors.
macro_rules! errnos {
    ($($name:ident = $number:literal, $text:literal $(, $host:ident)?;)*) => {
        /// An error code of WASI preview 1, numbered as `typenames.witx` does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[repr(u16)]
        pub enum Errno {
            $(
                #[doc = $text]
                #[error($text)]
                $name = $number,
            )*
        }

        impl Errno {
            /// Every error code, in the order of its number.
            pub const ALL: &[Errno] = &[$(Errno::$name),*];
        }

        impl From<Host> for Errno {
            fn from(host: Host) -> Errno {
                match host {
                    $($(Host::$host => Errno::$name,)?)*
                    // What preview 1 cannot name.
                    _ => Errno::Io,
                }
            }
        }
    };
}

errnos! {
    Success = 0, "no error";
    TooBig = 1, "argument list too long", TOOBIG;
    Acces = 2, "permission denied", ACCESS;
    Addrinuse = 3, "address in use", ADDRINUSE;
    Addrnotavail = 4, "address not available", ADDRNOTAVAIL;
    Afnosupport = 5, "address family not supported", AFNOSUPPORT;
    Again = 6, "resource unavailable, or operation would block", AGAIN;
    Already = 7, "connection already in progress", ALREADY;
    Badf = 8, "bad file descriptor", BADF;
    Badmsg = 9, "bad message", BADMSG;
    Busy = 10, "device or resource busy", BUSY;
    Canceled = 11, "operation canceled", CANCELED;
    Child = 12, "no child processes", CHILD;
    Connaborted = 13, "connection aborted", CONNABORTED;
    Connrefused = 14, "connection refused", CONNREFUSED;
    Connreset = 15, "connection reset", CONNRESET;
    Deadlk = 16, "resource deadlock would occur", DEADLK;
    Destaddrreq = 17, "destination address required", DESTADDRREQ;
    Dom = 18, "argument out of domain of function", DOM;
    Dquot = 19, "disk quota exceeded", DQUOT;
    Exist = 20, "file exists", EXIST;
    Fault = 21, "bad address", FAULT;
    Fbig = 22, "file too large", FBIG;
    Hostunreach = 23, "host is unreachable", HOSTUNREACH;
    Idrm = 24, "identifier removed", IDRM;
    Ilseq = 25, "illegal byte sequence", ILSEQ;
    Inprogress = 26, "operation in progress", INPROGRESS;
    Intr = 27, "interrupted function", INTR;
    Inval = 28, "invalid argument", INVAL;
    Io = 29, "I/O error", IO;
    Isconn = 30, "socket is connected", ISCONN;
    Isdir = 31, "is a directory", ISDIR;
    Loop = 32, "too many levels of symbolic links", LOOP;
    Mfile = 33, "too many open files", MFILE;
    Mlink = 34, "too many links", MLINK;
    Msgsize = 35, "message too large", MSGSIZE;
    Multihop = 36, "multihop attempted", MULTIHOP;
    Nametoolong = 37, "file name too long", NAMETOOLONG;
    Netdown = 38, "network is down", NETDOWN;
    Netreset = 39, "connection aborted by network", NETRESET;
    Netunreach = 40, "network unreachable", NETUNREACH;
    Nfile = 41, "too many files open in system", NFILE;
    Nobufs = 42, "no buffer space available", NOBUFS;
    Nodev = 43, "no such device", NODEV;
    Noent = 44, "no such file or directory", NOENT;
    Noexec = 45, "executable file format error", NOEXEC;
    Nolck = 46, "no locks available", NOLCK;
    Nolink = 47, "link has been severed", NOLINK;
    Nomem = 48, "not enough space", NOMEM;
    Nomsg = 49, "no message of the desired type", NOMSG;
    Noprotoopt = 50, "protocol not available", NOPROTOOPT;
    Nospc = 51, "no space left on device", NOSPC;
    Nosys = 52, "function not supported", NOSYS;
    Notconn = 53, "the socket is not connected", NOTCONN;
    Notdir = 54, "not a directory or a symbolic link to one", NOTDIR;
    Notempty = 55, "directory not empty", NOTEMPTY;
    Notrecoverable = 56, "state not recoverable", NOTRECOVERABLE;
    Notsock = 57, "not a socket", NOTSOCK;
    Notsup = 58, "not supported", NOTSUP;
    Notty = 59, "inappropriate I/O control operation", NOTTY;
    Nxio = 60, "no such device or address", NXIO;
    Overflow = 61, "value too large to be stored in data type", OVERFLOW;
    Ownerdead = 62, "previous owner died", OWNERDEAD;
    Perm = 63, "operation not permitted", PERM;
    Pipe = 64, "broken pipe", PIPE;
    Proto = 65, "protocol error", PROTO;
    Protonosupport = 66, "protocol not supported", PROTONOSUPPORT;
    Prototype = 67, "protocol wrong type for socket", PROTOTYPE;
    Range = 68, "result too large", RANGE;
    Rofs = 69, "read-only file system", ROFS;
    Spipe = 70, "invalid seek", SPIPE;
    Srch = 71, "no such process", SRCH;
    Stale = 72, "stale file handle", STALE;
    Timedout = 73, "connection timed out", TIMEDOUT;
    Txtbsy = 74, "text file busy", TXTBSY;
    Xdev = 75, "cross-device link", XDEV;
    Notcapable = 76, "capabilities insufficient";
}

impl Errno {
    /// The number a guest sees.
    pub const fn raw(self) -> u16 {
        self as u16
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(host) = Host::from_io_error(&error) {
            return host.into();
        }
        // Errors that no system call made. `PermissionDenied` is cap-std's word for a path that leads out of its
        // directory.
        match error.kind() {
            io::ErrorKind::PermissionDenied => Errno::Perm,
            io::ErrorKind::NotFound => Errno::Noent,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::InvalidData => Errno::Ilseq,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::Interrupted => Errno::Intr,
            io::ErrorKind::TimedOut => Errno::Timedout,
            io::ErrorKind::Unsupported => Errno::Notsup,
            io::ErrorKind::OutOfMemory => Errno::Nomem,
            io::ErrorKind::StorageFull => Errno::Nospc,
            _ => Errno::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_witx() {
        assert_eq!(Errno::ALL.len(), 77);
        for (number, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(usize::from(errno.raw()), number);
        }
        assert_eq!(Errno::Noent.raw(), 44);
        assert_eq!(Errno::Notcapable.raw(), 76);
    }

    #[test]
    fn host_codes_map_by_meaning() {
        assert_eq!(Errno::from(Host::NOENT), Errno::Noent);
        assert_eq!(Errno::from(Host::WOULDBLOCK), Errno::Again);
        assert_eq!(Errno::from(Host::OPNOTSUPP), Errno::Notsup);
        assert_eq!(Errno::from(Host::LOOP), Errno::Loop);
    }

    #[test]
    fn a_host_code_without_a_name_is_an_io_error() {
        assert_eq!(Errno::from(Host::HWPOISON), Errno::Io);
    }

    #[test]
    fn errors_without_a_code_map_by_kind() {
        assert_eq!(Errno::from(io::Error::from(io::ErrorKind::PermissionDenied)), Errno::Perm);
        assert_eq!(Errno::from(io::Error::from_raw_os_error(Host::ACCESS.raw_os_error())), Errno::Acces);
        assert_eq!(Errno::from(io::Error::other("?")), Errno::Io);
    }
}
