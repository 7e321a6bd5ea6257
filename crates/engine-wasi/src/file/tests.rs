use super::NewTime;
use crate::testing::{Guest, READ_WRITE};
use crate::types::{Fdflags, Filetype, Oflags, Snapshot};
use crate::{Errno, MemoryOutputPipe, Output, Perms, Rights};

const SECOND: u64 = 1_000_000_000;

#[test]
fn seek_counts_from_start_position_and_end() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"0123456789").unwrap();
    assert_eq!(guest.seek(fd, 3, 0), Ok(3));
    assert_eq!(guest.seek(fd, -1, 1), Ok(2));
    assert_eq!(guest.seek(fd, -4, 2), Ok(6));
    assert_eq!(guest.seek(fd, 100, 2), Ok(110));
    guest.call(|c, m| c.fd_tell(m, fd, 0)).unwrap();
    assert_eq!(guest.get::<u64>(0), 110);
}

#[test]
fn seek_refuses_what_is_before_the_start() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, i64::MIN, 1), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, -1, 2), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
    let end = guest.memory_size();
    let seek = guest.call(|c, m| c.fd_seek(m, Snapshot::Preview1, fd, 7, 0, end - 7));
    assert_eq!(seek, Err(Errno::Fault));
    assert_eq!(guest.seek(fd, 0, 1), Ok(0));
}

#[test]
fn the_old_numbering_of_whence_is_kept_for_old_guests() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"0123456789").unwrap();
    guest.call(|c, m| c.fd_seek(m, Snapshot::Unstable, fd, 2, 2, 0)).unwrap();
    assert_eq!(guest.get::<u64>(0), 2);
    guest.call(|c, m| c.fd_seek(m, Snapshot::Unstable, fd, 2, 0, 0)).unwrap();
    assert_eq!(guest.get::<u64>(0), 4);
    guest.call(|c, m| c.fd_seek(m, Snapshot::Unstable, fd, 0, 1, 0)).unwrap();
    assert_eq!(guest.get::<u64>(0), 10);
}

#[test]
fn the_right_to_tell_is_not_the_right_to_seek() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    let fd = guest.open("file", Rights::FD_TELL | Rights::FD_READ);
    assert_eq!(guest.seek(fd, 0, 1), Ok(0));
    assert_eq!(guest.seek(fd, 1, 1), Err(Errno::Notcapable));
    assert_eq!(guest.seek(fd, 0, 0), Err(Errno::Notcapable));
    let fd = guest.open("file", Rights::FD_READ);
    assert_eq!(guest.call(|c, m| c.fd_tell(m, fd, 0)), Err(Errno::Notcapable));
}

#[test]
fn streams_cannot_seek_and_directories_are_bad() {
    let mut guest = Guest::new();
    assert_eq!(guest.seek(1, 0, 1), Err(Errno::Spipe));
    assert_eq!(guest.seek(3, 0, 1), Err(Errno::Badf));
    assert_eq!(guest.call(|c, m| c.fd_tell(m, 0, 0)), Err(Errno::Spipe));
    let (_reader, writer) = rustix::pipe::pipe().unwrap();
    let mut guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.stdout(Output::from(writer));
    });
    assert_eq!(guest.seek(1, 0, 1), Err(Errno::Spipe));
}

#[test]
fn size_can_be_set() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"0123").unwrap();
    guest.ctx.fd_filestat_set_size(fd, 2).unwrap();
    assert_eq!(guest.stat(fd).size, 2);
    guest.ctx.fd_filestat_set_size(fd, 4).unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"01\0\0");
    assert_eq!(guest.ctx.fd_filestat_set_size(fd, u64::MAX), Err(Errno::Inval));
    assert_eq!(guest.ctx.fd_filestat_set_size(3, 0), Err(Errno::Badf));
    let fd = guest.open("file", Rights::FD_WRITE);
    assert_eq!(guest.ctx.fd_filestat_set_size(fd, 0), Err(Errno::Notcapable));
}

#[test]
fn allocating_extends_a_file_and_never_cuts_it() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    match guest.ctx.fd_allocate(fd, 10, 90) {
        Ok(()) => assert_eq!(guest.stat(fd).size, 100),
        // Some file systems cannot.
        Err(error) => assert_eq!(error, Errno::Notsup),
    }
    let size = guest.stat(fd).size;
    let _ = guest.ctx.fd_allocate(fd, 0, 10);
    assert_eq!(guest.stat(fd).size, size);
    assert_eq!(guest.ctx.fd_allocate(fd, 0, 0), Err(Errno::Inval));
    assert_eq!(guest.ctx.fd_allocate(fd, u64::MAX, 1), Err(Errno::Inval));
    assert_eq!(guest.ctx.fd_allocate(3, 0, 1), Err(Errno::Badf));
    assert_eq!(guest.ctx.fd_allocate(1, 0, 1), Err(Errno::Notcapable));
}

#[test]
fn advice_is_taken() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    for advice in 0..6 {
        assert_eq!(guest.ctx.fd_advise(fd, 0, 100, advice), Ok(()));
    }
    assert_eq!(guest.ctx.fd_advise(fd, 0, 0, 6), Err(Errno::Inval));
    assert_eq!(guest.ctx.fd_advise(3, 0, 0, 0), Err(Errno::Badf));
    assert_eq!(guest.ctx.fd_advise(1, 0, 0, 0), Err(Errno::Notcapable));
}

#[test]
fn files_directories_and_streams_can_be_synced() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    for fd in [fd, 3, 1] {
        assert_eq!(guest.ctx.fd_sync(fd), Ok(()));
        assert_eq!(guest.ctx.fd_datasync(fd), Ok(()));
    }
    assert_eq!(guest.ctx.fd_sync(0), Err(Errno::Notcapable));
    assert_eq!(guest.ctx.fd_sync(99), Err(Errno::Badf));
    guest.ctx.fd_fdstat_set_rights(fd, Rights::FD_DATASYNC.bits(), 0).unwrap();
    assert_eq!(guest.ctx.fd_sync(fd), Err(Errno::Notcapable));
    assert_eq!(guest.ctx.fd_datasync(fd), Ok(()));
}

#[test]
fn times_can_be_set_kept_and_made_now() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.ctx.fd_filestat_set_times(fd, 5 * SECOND + 7, 9 * SECOND, 1 | 4).unwrap();
    let stat = guest.stat(fd);
    assert_eq!((stat.atim, stat.mtim), (5 * SECOND + 7, 9 * SECOND));
    guest.ctx.fd_filestat_set_times(fd, 0, 11 * SECOND, 4).unwrap();
    let stat = guest.stat(fd);
    assert_eq!((stat.atim, stat.mtim), (5 * SECOND + 7, 11 * SECOND));
    guest.ctx.fd_filestat_set_times(fd, 0, 0, 2).unwrap();
    let stat = guest.stat(fd);
    assert!(stat.atim > 11 * SECOND);
    assert_eq!(stat.mtim, 11 * SECOND);
    guest.ctx.fd_filestat_set_times(3, 0, 3 * SECOND, 4).unwrap();
    assert_eq!(guest.stat(3).mtim, 3 * SECOND);
}

#[test]
fn contradicting_times_are_refused() {
    assert_eq!(NewTime::decode(1, 2, 3), Err(Errno::Inval));
    assert_eq!(NewTime::decode(1, 2, 12), Err(Errno::Inval));
    assert_eq!(NewTime::decode(1, 2, 16), Err(Errno::Inval));
    assert_eq!(NewTime::decode(1, 2, 0), Ok((NewTime::Keep, NewTime::Keep)));
    assert_eq!(NewTime::decode(1, 2, 9), Ok((NewTime::At(1), NewTime::Now)));
}

#[test]
fn attributes_are_those_of_the_host() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"123").unwrap();
    std::fs::hard_link(guest.host("file"), guest.host("other")).unwrap();
    let stat = guest.stat(fd);
    assert_eq!((stat.filetype, stat.size, stat.nlink), (Filetype::RegularFile as u8, 3, 2));
    assert_eq!(guest.stat(3).filetype, Filetype::Directory as u8);
    assert_eq!(guest.stat(1).filetype, Filetype::Unknown as u8);
    let end = guest.memory_size();
    let stat = guest.call(|c, m| c.fd_filestat_get(m, Snapshot::Preview1, fd, end - 63));
    assert_eq!(stat, Err(Errno::Fault));
    guest.call(|c, m| c.fd_filestat_get(m, Snapshot::Unstable, fd, end - 56)).unwrap();
}

#[test]
fn fdstat_tells_type_flags_and_rights() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    let rights = Rights::FD_READ | Rights::FD_SEEK | Rights::PATH_OPEN;
    let flags = (Fdflags::APPEND | Fdflags::NONBLOCK).bits();
    let fd = guest.try_open_at(3, "file", Oflags::empty(), rights, flags.into()).unwrap();
    // The right to open paths means nothing for a file.
    let base = Rights::FD_READ | Rights::FD_SEEK;
    assert_eq!(guest.fdstat(fd), (Filetype::RegularFile as u8, flags, base, rights));
    let (filetype, flags, base, inheriting) = guest.fdstat(3);
    assert_eq!((filetype, flags), (Filetype::Directory as u8, 0));
    assert_eq!((base, inheriting), (Rights::DIRECTORY, Rights::ALL));
    let end = guest.memory_size();
    assert_eq!(guest.call(|c, m| c.fd_fdstat_get(m, 3, end - 23)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.fd_fdstat_get(m, 99, 0)), Err(Errno::Badf));
}

#[test]
fn flags_can_be_changed() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    for flags in [Fdflags::ALL, Fdflags::NONBLOCK, Fdflags::empty()] {
        guest.ctx.fd_fdstat_set_flags(fd, flags.bits().into()).unwrap();
        assert_eq!(guest.fdstat(fd).1, flags.bits());
    }
    assert_eq!(guest.ctx.fd_fdstat_set_flags(fd, 1 << 5), Err(Errno::Inval));
    assert_eq!(guest.ctx.fd_fdstat_set_flags(3, 0), Err(Errno::Badf));
    // The host's own streams stay as they are.
    assert_eq!(guest.ctx.fd_fdstat_set_flags(1, 4), Err(Errno::Notcapable));
}

#[test]
fn rights_can_only_be_given_up() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    let less = READ_WRITE.difference(Rights::FD_WRITE);
    guest.ctx.fd_fdstat_set_rights(fd, less.bits(), 0).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.ctx.fd_fdstat_set_rights(fd, READ_WRITE.bits(), 0), Err(Errno::Notcapable));
    assert_eq!(guest.ctx.fd_fdstat_set_rights(fd, 0, 1), Err(Errno::Notcapable));
    assert_eq!(guest.ctx.fd_fdstat_set_rights(fd, 1 << 63, 0), Err(Errno::Notcapable));
    assert_eq!(guest.fdstat(fd).2, less);
}

#[test]
fn closing_frees_the_number() {
    let mut guest = Guest::new();
    let first = guest.open_new("a");
    let second = guest.open_new("b");
    assert_eq!((first, second), (4, 5));
    guest.ctx.fd_close(first).unwrap();
    assert_eq!(guest.ctx.fd_close(first), Err(Errno::Badf));
    assert_eq!(guest.open_new("c"), first);
    // A guest may close what it was given, too.
    guest.ctx.fd_close(0).unwrap();
    guest.ctx.fd_close(3).unwrap();
    assert_eq!(guest.try_open("a", Oflags::empty(), Rights::empty()), Err(Errno::Badf));
}

#[test]
fn renumbering_moves_a_file() {
    let stdout = MemoryOutputPipe::new();
    let mut guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.stdout(stdout.clone());
    });
    let fd = guest.open_new("file");
    guest.ctx.fd_renumber(fd, 1).unwrap();
    guest.write(1, b"redirected").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"redirected");
    assert_eq!(stdout.contents(), b"");
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(guest.ctx.fd_renumber(1, 50), Err(Errno::Badf));
}

#[test]
fn directories_given_from_the_start_have_a_name() {
    let mut guest = Guest::new();
    guest.call(|c, m| c.fd_prestat_get(m, 3, 0)).unwrap();
    assert_eq!((guest.get::<u8>(0), guest.get::<u32>(4)), (0, 8));
    guest.call(|c, m| c.fd_prestat_dir_name(m, 3, 100, 8)).unwrap();
    assert_eq!(guest.text(100, 8), "/sandbox");
    assert_eq!(guest.call(|c, m| c.fd_prestat_dir_name(m, 3, 100, 7)), Err(Errno::Nametoolong));
    std::fs::create_dir(guest.host("dir")).unwrap();
    let dir = guest.open("dir", Rights::empty());
    for fd in [0, 1, 2, dir, 99] {
        assert_eq!(guest.call(|c, m| c.fd_prestat_get(m, fd, 0)), Err(Errno::Badf));
        assert_eq!(guest.call(|c, m| c.fd_prestat_dir_name(m, fd, 0, 99)), Err(Errno::Badf));
    }
    let end = guest.memory_size();
    assert_eq!(guest.call(|c, m| c.fd_prestat_get(m, 3, end - 7)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.fd_prestat_dir_name(m, 3, end - 7, 8)), Err(Errno::Fault));
}
