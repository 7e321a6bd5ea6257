//! The types of preview 1 and their layouts in guest memory.
//!
//! Source: `typenames.witx` of `wasi_snapshot_preview1` and of `wasi_unstable` (preview 0). Where the two differ, a
//! [`Snapshot`] chooses.
//!
//! ```text
//! fdstat    24 bytes  filetype u8 @0, flags u16 @2, rights_base u64 @8, rights_inheriting u64 @16
//! filestat  64 bytes  dev u64 @0, ino u64 @8, filetype u8 @16, nlink u64 @24, size u64 @32,
//!                     atim u64 @40, mtim u64 @48, ctim u64 @56
//!   preview 0: 56 bytes  ..., nlink u32 @20, size u64 @24, atim u64 @32, mtim u64 @40, ctim u64 @48
//! dirent    24 bytes  next u64 @0, ino u64 @8, namlen u32 @16, type u8 @20
//! prestat    8 bytes  tag u8 @0 (0 is a directory), name_len u32 @4
//! subscription and event: see `poll.rs`
//! ```

use crate::errno::Errno;
use crate::guest::GuestMemory;
use std::ops::BitOr;

/// Which edition of the interface a call uses. They differ in `whence`, `filestat` and `subscription`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// `wasi_snapshot_preview1`
    Preview1,
    /// `wasi_unstable`, also called preview 0.
    Unstable,
}

/// Declares a set of bits with named members.
macro_rules! bit_set {
    ($(#[$doc:meta])* $vis:vis struct $name:ident($repr:ty) { $($(#[$member_doc:meta])* $member:ident = $bit:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name($repr);

        #[allow(dead_code)]
        impl $name {
            $($(#[$member_doc])* $vis const $member: $name = $name(1 << $bit);)*
            /// Every member.
            $vis const ALL: $name = $name($((1 << $bit) |)* 0);

            /// The empty set.
            $vis const fn empty() -> $name {
                $name(0)
            }

            /// The bits as the guest sees them.
            $vis const fn bits(self) -> $repr {
                self.0
            }

            /// The set with these bits, leaving out bits without a meaning.
            $vis const fn from_bits_truncate(bits: $repr) -> $name {
                $name(bits & Self::ALL.0)
            }

            /// Whether every member of `other` is in the set.
            $vis const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether the sets have a member in common.
            $vis const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// Members of either set.
            $vis const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// Members of both sets.
            $vis const fn intersection(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }

            /// Members that `other` does not have.
            $vis const fn difference(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }
        }

        impl BitOr for $name {
            type Output = $name;
            fn bitor(self, other: $name) -> $name {
                self.union(other)
            }
        }
    };
}

/// Declares how a flags argument is decoded: bits without a meaning are `EINVAL`.
macro_rules! strict_flags {
    ($($name:ident: $repr:ty),*) => {$(
        impl $name {
            pub(crate) fn decode(raw: u32) -> Result<$name, Errno> {
                let bits = <$repr>::try_from(raw).map_err(|_| Errno::Inval)?;
                if bits & !Self::ALL.0 != 0 { Err(Errno::Inval) } else { Ok($name(bits)) }
            }
        }
    )*};
}

bit_set! {
    /// What may be done with a file descriptor. Each member is the right to call the function of that name.
    pub struct Rights(u64) {
        /// `fd_datasync`
        FD_DATASYNC = 0;
        /// `fd_read`, `sock_recv`
        FD_READ = 1;
        /// `fd_seek`; implies `FD_TELL`
        FD_SEEK = 2;
        /// `fd_fdstat_set_flags`
        FD_FDSTAT_SET_FLAGS = 3;
        /// `fd_sync`
        FD_SYNC = 4;
        /// `fd_tell`
        FD_TELL = 5;
        /// `fd_write`, `sock_send`
        FD_WRITE = 6;
        /// `fd_advise`
        FD_ADVISE = 7;
        /// `fd_allocate`
        FD_ALLOCATE = 8;
        /// `path_create_directory`
        PATH_CREATE_DIRECTORY = 9;
        /// `path_open` that creates a file
        PATH_CREATE_FILE = 10;
        /// `path_link` from here
        PATH_LINK_SOURCE = 11;
        /// `path_link` to here
        PATH_LINK_TARGET = 12;
        /// `path_open`
        PATH_OPEN = 13;
        /// `fd_readdir`
        FD_READDIR = 14;
        /// `path_readlink`
        PATH_READLINK = 15;
        /// `path_rename` from here
        PATH_RENAME_SOURCE = 16;
        /// `path_rename` to here
        PATH_RENAME_TARGET = 17;
        /// `path_filestat_get`
        PATH_FILESTAT_GET = 18;
        /// `path_open` that truncates
        PATH_FILESTAT_SET_SIZE = 19;
        /// `path_filestat_set_times`
        PATH_FILESTAT_SET_TIMES = 20;
        /// `fd_filestat_get`
        FD_FILESTAT_GET = 21;
        /// `fd_filestat_set_size`
        FD_FILESTAT_SET_SIZE = 22;
        /// `fd_filestat_set_times`
        FD_FILESTAT_SET_TIMES = 23;
        /// `path_symlink`
        PATH_SYMLINK = 24;
        /// `path_remove_directory`
        PATH_REMOVE_DIRECTORY = 25;
        /// `path_unlink_file`
        PATH_UNLINK_FILE = 26;
        /// `poll_oneoff` on the descriptor
        POLL_FD_READWRITE = 27;
        /// `sock_shutdown`
        SOCK_SHUTDOWN = 28;
        /// `sock_accept`
        SOCK_ACCEPT = 29;
    }
}

impl Rights {
    /// The rights that mean something for a file.
    pub(crate) const FILE: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_READ)
        .union(Rights::FD_SEEK)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_TELL)
        .union(Rights::FD_WRITE)
        .union(Rights::FD_ADVISE)
        .union(Rights::FD_ALLOCATE)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_SIZE)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::POLL_FD_READWRITE);

    /// The rights that mean something for a directory.
    pub(crate) const DIRECTORY: Rights = Rights::FD_DATASYNC
        .union(Rights::FD_SYNC)
        .union(Rights::FD_READDIR)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::PATH_CREATE_DIRECTORY)
        .union(Rights::PATH_CREATE_FILE)
        .union(Rights::PATH_LINK_SOURCE)
        .union(Rights::PATH_LINK_TARGET)
        .union(Rights::PATH_OPEN)
        .union(Rights::PATH_READLINK)
        .union(Rights::PATH_RENAME_SOURCE)
        .union(Rights::PATH_RENAME_TARGET)
        .union(Rights::PATH_FILESTAT_GET)
        .union(Rights::PATH_FILESTAT_SET_SIZE)
        .union(Rights::PATH_FILESTAT_SET_TIMES)
        .union(Rights::PATH_SYMLINK)
        .union(Rights::PATH_REMOVE_DIRECTORY)
        .union(Rights::PATH_UNLINK_FILE);

    /// The rights that mean something for a connection.
    pub(crate) const CONNECTION: Rights = Rights::FD_READ
        .union(Rights::FD_WRITE)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE)
        .union(Rights::SOCK_SHUTDOWN);

    /// The rights of a listening socket.
    pub(crate) const LISTENER: Rights = Rights::CONNECTION.union(Rights::SOCK_ACCEPT);

    /// The rights that mean something only for a file that is open for writing.
    pub(crate) const NEEDS_WRITE: Rights =
        Rights::FD_WRITE.union(Rights::FD_ALLOCATE).union(Rights::FD_FILESTAT_SET_SIZE);

    /// `FD_SEEK` includes `FD_TELL`.
    pub(crate) fn may_tell(self) -> bool {
        self.intersects(Rights::FD_TELL | Rights::FD_SEEK)
    }
}

bit_set! {
    /// Flags of a file descriptor.
    pub(crate) struct Fdflags(u16) { APPEND = 0; DSYNC = 1; NONBLOCK = 2; RSYNC = 3; SYNC = 4; }
}
bit_set! {
    /// How `path_open` opens.
    pub(crate) struct Oflags(u16) { CREAT = 0; DIRECTORY = 1; EXCL = 2; TRUNC = 3; }
}
bit_set! {
    /// Which times to set.
    pub(crate) struct Fstflags(u16) { ATIM = 0; ATIM_NOW = 1; MTIM = 2; MTIM_NOW = 3; }
}
bit_set! {
    /// How a path is resolved.
    pub(crate) struct Lookupflags(u32) { SYMLINK_FOLLOW = 0; }
}
bit_set! {
    /// How `sock_recv` receives.
    pub(crate) struct Riflags(u16) { PEEK = 0; WAITALL = 1; }
}
bit_set! {
    /// What `sock_shutdown` shuts down.
    pub(crate) struct Sdflags(u8) { RD = 0; WR = 1; }
}
strict_flags!(Fdflags: u16, Oflags: u16, Fstflags: u16, Lookupflags: u32, Riflags: u16, Sdflags: u8);

/// The type of a file or descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Filetype {
    /// None of the others, a pipe for example.
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device, a terminal for example.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A regular file.
    RegularFile = 4,
    /// A datagram socket.
    SocketDgram = 5,
    /// A byte-stream socket.
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

impl From<rustix::fs::FileType> for Filetype {
    fn from(host: rustix::fs::FileType) -> Filetype {
        use rustix::fs::FileType as Host;
        match host {
            Host::RegularFile => Filetype::RegularFile,
            Host::Directory => Filetype::Directory,
            Host::Symlink => Filetype::SymbolicLink,
            Host::CharacterDevice => Filetype::CharacterDevice,
            Host::BlockDevice => Filetype::BlockDevice,
            // An inode does not tell a datagram socket; the sockets of the descriptor table ask the kernel.
            Host::Socket => Filetype::SocketStream,
            Host::Fifo | Host::Unknown => Filetype::Unknown,
        }
    }
}

/// From where `fd_seek` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whence {
    Set,
    Cur,
    End,
}

impl Whence {
    pub(crate) fn decode(snapshot: Snapshot, raw: u32) -> Result<Whence, Errno> {
        match (snapshot, raw) {
            (Snapshot::Preview1, 0) | (Snapshot::Unstable, 2) => Ok(Whence::Set),
            (Snapshot::Preview1, 1) | (Snapshot::Unstable, 0) => Ok(Whence::Cur),
            (Snapshot::Preview1, 2) | (Snapshot::Unstable, 1) => Ok(Whence::End),
            _ => Err(Errno::Inval),
        }
    }
}

/// The attributes of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fdstat {
    pub filetype: Filetype,
    pub flags: Fdflags,
    pub base: Rights,
    pub inheriting: Rights,
}

impl Fdstat {
    pub(crate) fn write(&self, mem: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut bytes = [0; 24];
        bytes[0] = self.filetype as u8;
        bytes[2..4].copy_from_slice(&self.flags.bits().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.base.bits().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.inheriting.bits().to_le_bytes());
        mem.write_bytes(ptr, &bytes)
    }
}

/// The attributes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filestat {
    pub dev: u64,
    pub ino: u64,
    pub filetype: Filetype,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
    pub ctim: u64,
}

impl Filestat {
    /// What is known of a stream that is no file.
    pub(crate) fn stream() -> Filestat {
        Filestat { dev: 0, ino: 0, filetype: Filetype::Unknown, nlink: 1, size: 0, atim: 0, mtim: 0, ctim: 0 }
    }

    pub(crate) fn write(&self, mem: &mut GuestMemory<'_>, snapshot: Snapshot, ptr: u32) -> Result<(), Errno> {
        let mut bytes = [0; 64];
        let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(0, self.dev);
        put(8, self.ino);
        put(16, self.filetype as u64);
        match snapshot {
            Snapshot::Preview1 => {
                let rest = [self.nlink, self.size, self.atim, self.mtim, self.ctim];
                rest.into_iter().zip((24..).step_by(8)).for_each(|(value, at)| put(at, value));
                mem.write_bytes(ptr, &bytes)
            }
            Snapshot::Unstable => {
                let rest = [self.size, self.atim, self.mtim, self.ctim];
                rest.into_iter().zip((24..).step_by(8)).for_each(|(value, at)| put(at, value));
                let nlink = u32::try_from(self.nlink).unwrap_or(u32::MAX);
                bytes[20..24].copy_from_slice(&nlink.to_le_bytes());
                mem.write_bytes(ptr, &bytes[..56])
            }
        }
    }
}

/// Seconds and nanoseconds as a timestamp; times before 1970 are 0, those after 2554 the last one.
pub(crate) fn timestamp(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_thirty_bits() {
        assert_eq!(Rights::ALL.bits(), (1 << 30) - 1);
        assert_eq!(Rights::from_bits_truncate(u64::MAX), Rights::ALL);
        let known = Rights::FILE | Rights::DIRECTORY | Rights::LISTENER;
        assert_eq!(known, Rights::ALL);
    }

    #[test]
    fn flags_without_a_meaning_are_refused() {
        assert_eq!(Fdflags::decode(0x1f), Ok(Fdflags::ALL));
        assert_eq!(Fdflags::decode(0x20), Err(Errno::Inval));
        assert_eq!(Oflags::decode(0x10000), Err(Errno::Inval));
        assert_eq!(Sdflags::decode(3), Ok(Sdflags::RD | Sdflags::WR));
    }

    #[test]
    fn whence_is_numbered_by_snapshot() {
        for (raw, preview1, unstable) in
            [(0, Whence::Set, Whence::Cur), (1, Whence::Cur, Whence::End), (2, Whence::End, Whence::Set)]
        {
            assert_eq!(Whence::decode(Snapshot::Preview1, raw), Ok(preview1));
            assert_eq!(Whence::decode(Snapshot::Unstable, raw), Ok(unstable));
        }
        assert_eq!(Whence::decode(Snapshot::Preview1, 3), Err(Errno::Inval));
    }

    #[test]
    fn filestat_has_both_layouts() {
        let stat = Filestat {
            dev: 1,
            ino: 2,
            filetype: Filetype::RegularFile,
            nlink: 3,
            size: 4,
            atim: 5,
            mtim: 6,
            ctim: 7,
        };
        let mut bytes = [0xff; 65];
        stat.write(&mut GuestMemory::new(&mut bytes), Snapshot::Preview1, 0).unwrap();
        let words: Vec<_> =
            bytes[..64].chunks(8).map(|c| u64::from_le_bytes(c.try_into().unwrap())).collect();
        assert_eq!(words, [1, 2, 4, 3, 4, 5, 6, 7]);
        assert_eq!(bytes[64], 0xff);

        let mut bytes = [0xff; 57];
        stat.write(&mut GuestMemory::new(&mut bytes), Snapshot::Unstable, 0).unwrap();
        let words: Vec<_> =
            bytes[..56].chunks(8).map(|c| u64::from_le_bytes(c.try_into().unwrap())).collect();
        assert_eq!(words, [1, 2, 4 | 3 << 32, 4, 5, 6, 7]);
        assert_eq!(bytes[56], 0xff);
    }

    #[test]
    fn timestamps_saturate() {
        assert_eq!(timestamp(1, 5), 1_000_000_005);
        assert_eq!(timestamp(-1, 5), 0);
        assert_eq!(timestamp(i64::MAX, 0), u64::MAX);
    }
}
