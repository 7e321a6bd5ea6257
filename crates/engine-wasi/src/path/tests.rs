use crate::guest::GuestMemory;
use crate::testing::{Guest, READ_WRITE};
use crate::types::{Filetype, Oflags};
use crate::{Errno, Perms, Rights, WasiCtx};
use std::os::unix::fs::{PermissionsExt, symlink};

const NONE: Oflags = Oflags::empty();

/// A guest whose directory has a file `secret` beside it on the host, and links that lead to it.
fn guest_with_a_way_out() -> (Guest, tempfile::TempDir) {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let guest = Guest::new();
    symlink(outside.path().join("secret"), guest.host("absolute")).unwrap();
    symlink("../", guest.host("up")).unwrap();
    symlink(outside.path(), guest.host("outside")).unwrap();
    std::fs::create_dir(guest.host("dir")).unwrap();
    symlink("../..", guest.host("dir/upup")).unwrap();
    (guest, outside)
}

/// Paths that lead out of the directory.
const ESCAPES: [&str; 9] =
    ["..", "../", "dir/../..", "/", "/etc/passwd", "absolute", "outside/secret", "dir/upup/x", "up/x"];

type OnePath = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32) -> Result<(), Errno>;

#[test]
fn no_path_opens_or_shows_what_is_outside() {
    let (mut guest, _outside) = guest_with_a_way_out();
    for path in ESCAPES {
        assert_eq!(guest.try_open(path, NONE, Rights::FD_READ), Err(Errno::Perm), "{path}");
        assert_eq!(guest.try_open(path, Oflags::CREAT, READ_WRITE), Err(Errno::Perm), "{path}");
        assert_eq!(guest.path_stat(path, true), Err(Errno::Perm), "{path}");
    }
}

#[test]
fn no_path_changes_what_is_outside() {
    let (mut guest, outside) = guest_with_a_way_out();
    std::fs::write(guest.host("file"), "").unwrap();
    std::fs::create_dir(outside.path().join("sub")).unwrap();
    let calls: [OnePath; 4] = [
        |c, m, p, l| c.path_create_directory(m, 3, p, l),
        |c, m, p, l| c.path_remove_directory(m, 3, p, l),
        |c, m, p, l| c.path_unlink_file(m, 3, p, l),
        |c, m, p, l| c.path_filestat_set_times(m, 3, 1, p, l, 0, 0, 5),
    ];
    for call in calls {
        for path in ["outside/sub", "outside/secret", "up/x", "../x", "/tmp/x", "dir/upup/x"] {
            assert_eq!(guest.on_path(path, call), Err(Errno::Perm), "{path}");
        }
    }
    for path in ["outside/new", "up/new", "../new", "/new"] {
        let rename = guest.on_paths("file", path, |c, m, o, n| c.path_rename(m, 3, o.0, o.1, 3, n.0, n.1));
        assert_eq!(rename, Err(Errno::Perm), "{path}");
        let link = guest.on_paths("file", path, |c, m, o, n| c.path_link(m, 3, 0, o.0, o.1, 3, n.0, n.1));
        assert_eq!(link, Err(Errno::Perm), "{path}");
        let link = guest.on_paths("file", path, |c, m, o, n| c.path_symlink(m, o.0, o.1, 3, n.0, n.1));
        assert_eq!(link, Err(Errno::Perm), "{path}");
    }
    for path in ["outside/secret", "../x"] {
        let rename = guest.on_paths(path, "new", |c, m, o, n| c.path_rename(m, 3, o.0, o.1, 3, n.0, n.1));
        assert_eq!(rename, Err(Errno::Perm), "{path}");
        let link = guest.on_paths(path, "new", |c, m, o, n| c.path_link(m, 3, 0, o.0, o.1, 3, n.0, n.1));
        assert_eq!(link, Err(Errno::Perm), "{path}");
    }
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert!(outside.path().join("sub").exists());
}

#[test]
fn a_link_that_is_made_does_not_lead_out() {
    let (mut guest, outside) = guest_with_a_way_out();
    let target = outside.path().join("secret");
    let absolute =
        guest.on_paths(target.to_str().unwrap(), "l", |c, m, o, n| c.path_symlink(m, o.0, o.1, 3, n.0, n.1));
    assert_eq!(absolute, Err(Errno::Perm));
    guest.on_paths("../secret", "l", |c, m, o, n| c.path_symlink(m, o.0, o.1, 3, n.0, n.1)).unwrap();
    assert_eq!(guest.try_open("l", NONE, Rights::FD_READ), Err(Errno::Perm));
}

#[test]
fn dots_within_the_directory_are_fine() {
    let mut guest = Guest::new();
    std::fs::create_dir_all(guest.host("dir/nested")).unwrap();
    std::fs::write(guest.host("dir/nested/file"), "x").unwrap();
    let fd = guest.open("dir/.//nested/../../dir/nested/../nested///./file", Rights::FD_READ);
    assert_eq!(guest.read(fd, 9).unwrap(), b"x");
    // Beneath a directory that was opened, `..` leads no further than that directory.
    let dir = guest.open("dir/nested", Rights::DIRECTORY | Rights::FD_READ);
    assert_eq!(guest.try_open_at(dir, "../nested/file", NONE, Rights::FD_READ, 0), Err(Errno::Perm));
    assert!(guest.try_open_at(dir, "file", NONE, Rights::FD_READ, 0).is_ok());
}

#[test]
fn odd_names_are_refused() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    assert_eq!(guest.try_open("file\0", NONE, Rights::empty()), Err(Errno::Inval));
    assert_eq!(guest.try_open("", NONE, Rights::empty()), Err(Errno::Noent));
    assert_eq!(guest.try_open("file/", NONE, Rights::empty()), Err(Errno::Notdir));
    assert_eq!(guest.try_open(&"x".repeat(256), NONE, Rights::empty()), Err(Errno::Nametoolong));
    guest.memory[256] = 0xff;
    let open = guest.call(|c, m| c.path_open(m, 3, 0, 256, 1, 0, 0, 0, 0, 0));
    assert_eq!(open, Err(Errno::Ilseq));
}

#[test]
fn creating_truncating_and_insisting() {
    let mut guest = Guest::new();
    assert_eq!(guest.try_open("file", NONE, READ_WRITE), Err(Errno::Noent));
    let fd = guest.try_open("file", Oflags::CREAT, READ_WRITE).unwrap();
    guest.write(fd, b"contents").unwrap();
    assert!(guest.try_open("file", Oflags::CREAT, READ_WRITE).is_ok());
    let exclusive = Oflags::CREAT | Oflags::EXCL;
    assert_eq!(guest.try_open("file", exclusive, READ_WRITE), Err(Errno::Exist));
    assert_eq!(guest.stat(fd).size, 8);
    guest.try_open("file", Oflags::TRUNC, READ_WRITE).unwrap();
    assert_eq!(guest.stat(fd).size, 0);
}

#[test]
fn truncating_and_creating_need_no_right_to_write() {
    let mut guest = Guest::new();
    let fd = guest.try_open("new", Oflags::CREAT, Rights::FD_READ).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    std::fs::write(guest.host("full"), "full").unwrap();
    let fd = guest.try_open("full", Oflags::TRUNC, Rights::FD_READ | Rights::FD_FILESTAT_GET).unwrap();
    assert_eq!(guest.stat(fd).size, 0);
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    let exclusive = Oflags::CREAT | Oflags::EXCL;
    assert!(guest.try_open("newer", exclusive, Rights::FD_READ).is_ok());
    // A file that cannot be written on the host can still be opened so.
    std::fs::set_permissions(guest.host("full"), std::fs::Permissions::from_mode(0o444)).unwrap();
    assert!(guest.try_open("full", Oflags::CREAT, Rights::FD_READ).is_ok());
}

#[test]
fn directories_open_as_directories() {
    let mut guest = Guest::new();
    std::fs::create_dir(guest.host("dir")).unwrap();
    std::fs::write(guest.host("file"), "").unwrap();
    for path in ["dir", "dir/", "."] {
        let fd = guest.open(path, Rights::FD_READDIR);
        assert_eq!(guest.fdstat(fd).0, Filetype::Directory as u8);
    }
    assert_eq!(guest.try_open("file", Oflags::DIRECTORY, Rights::FD_READ), Err(Errno::Notdir));
    // Rights to write mean nothing for a directory; asked for one, they are left out.
    let fd = guest.try_open("dir", Oflags::DIRECTORY, Rights::ALL).unwrap();
    assert_eq!(guest.fdstat(fd).2, Rights::DIRECTORY);
    assert_eq!(guest.try_open("dir", NONE, Rights::FD_WRITE), Err(Errno::Isdir));
    let fd = guest.open("dir", Rights::FD_READ | Rights::FD_FILESTAT_SET_SIZE | Rights::FD_ALLOCATE);
    assert_eq!(guest.fdstat(fd).2, Rights::empty());
    let both = Oflags::DIRECTORY | Oflags::CREAT;
    assert_eq!(guest.try_open("new", both, Rights::empty()), Err(Errno::Inval));
}

#[test]
fn links_are_followed_only_if_asked_for() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "x").unwrap();
    symlink("file", guest.host("link")).unwrap();
    symlink("loop", guest.host("loop")).unwrap();
    let fd = guest.open("link", Rights::FD_READ);
    assert_eq!(guest.read(fd, 9).unwrap(), b"x");
    let nofollow = |guest: &mut Guest, path: &str| {
        guest.on_path(path, |c, m, p, l| c.path_open(m, 3, 0, p, l, 0, 0, 0, 0, 0))
    };
    assert_eq!(nofollow(&mut guest, "link"), Err(Errno::Loop));
    assert_eq!(nofollow(&mut guest, "file"), Ok(()));
    assert_eq!(guest.try_open("loop", NONE, Rights::empty()), Err(Errno::Loop));
}

#[test]
fn rights_that_a_directory_does_not_pass_on_are_refused() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "x").unwrap();
    guest.ctx.fd_fdstat_set_rights(3, Rights::DIRECTORY.bits(), Rights::FD_READ.bits()).unwrap();
    assert_eq!(guest.try_open("file", NONE, Rights::FD_WRITE), Err(Errno::Notcapable));
    let fd = guest.open("file", Rights::FD_READ);
    assert_eq!(guest.write(fd, b"y"), Err(Errno::Notcapable));
    // Nor can they be passed further.
    let open =
        guest.on_path("file", |c, m, p, l| c.path_open(m, 3, 0, p, l, 0, 0, Rights::FD_WRITE.bits(), 0, 0));
    assert_eq!(open, Err(Errno::Notcapable));
}

#[test]
fn every_function_on_paths_needs_its_right() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("f"), "x").unwrap();
    guest.ctx.fd_fdstat_set_rights(3, Rights::PATH_OPEN.bits(), Rights::ALL.bits()).unwrap();
    let calls: [OnePath; 10] = [
        |c, m, p, l| c.path_create_directory(m, 3, p, l),
        |c, m, p, l| c.path_remove_directory(m, 3, p, l),
        |c, m, p, l| c.path_unlink_file(m, 3, p, l),
        |c, m, p, l| c.path_filestat_get(m, crate::Snapshot::Preview1, 3, 0, p, l, 0),
        |c, m, p, l| c.path_filestat_set_times(m, 3, 0, p, l, 0, 0, 0),
        |c, m, p, l| c.path_readlink(m, 3, p, l, 1024, 10, 0),
        |c, m, p, l| c.path_rename(m, 3, p, l, 3, p, l),
        |c, m, p, l| c.path_link(m, 3, 0, p, l, 3, p, l),
        |c, m, p, l| c.path_symlink(m, p, l, 3, p, l),
        |c, m, p, l| c.path_open(m, 3, 0, p, l, 0, 0, 0, 16, 0),
    ];
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(guest.on_path("f", call), Err(Errno::Notcapable), "call {i}");
    }
    assert_eq!(guest.try_open("f", Oflags::TRUNC, Rights::empty()), Err(Errno::Notcapable));
    assert_eq!(guest.try_open("g", Oflags::CREAT, Rights::empty()), Err(Errno::Notcapable));
    assert!(guest.try_open("f", NONE, Rights::FD_READ).is_ok());
    guest.ctx.fd_fdstat_set_rights(3, 0, 0).unwrap();
    assert_eq!(guest.try_open("f", NONE, Rights::empty()), Err(Errno::Notcapable));
}

#[test]
fn nothing_changes_in_a_directory_given_read_only() {
    let mut guest = Guest::with(Perms::ReadOnly, |_| {});
    std::fs::create_dir(guest.host("d")).unwrap();
    std::fs::write(guest.host("d/f"), "x").unwrap();
    let calls: [OnePath; 8] = [
        |c, m, p, l| c.path_create_directory(m, 3, p, l),
        |c, m, p, l| c.path_remove_directory(m, 3, p, l),
        |c, m, p, l| c.path_unlink_file(m, 3, p, l),
        |c, m, p, l| c.path_filestat_set_times(m, 3, 0, p, l, 0, 0, 5),
        |c, m, p, l| c.path_rename(m, 3, p, l, 3, p, l),
        |c, m, p, l| c.path_link(m, 3, 0, p, l, 3, p, l),
        |c, m, p, l| c.path_symlink(m, p, l, 3, p, l),
        |c, m, p, l| c.path_open(m, 3, 0, p, l, 0, Rights::FD_WRITE.bits(), 0, 0, 0),
    ];
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(guest.on_path("d/f", call), Err(Errno::Perm), "call {i}");
    }
    assert_eq!(guest.try_open("d/f", Oflags::TRUNC, Rights::FD_READ), Err(Errno::Perm));
    assert_eq!(guest.try_open("d/g", Oflags::CREAT, Rights::FD_READ), Err(Errno::Perm));
    let exclusive = Oflags::CREAT | Oflags::EXCL;
    assert_eq!(guest.try_open("d/g", exclusive, Rights::FD_READ), Err(Errno::Perm));
    assert_eq!(guest.ctx.fd_filestat_set_times(3, 0, 0, 5), Err(Errno::Perm));

    let reading = Rights::ALL.difference(Rights::NEEDS_WRITE);
    let fd = guest.try_open("d/f", Oflags::CREAT, reading).unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"x");
    assert_eq!(guest.ctx.fd_filestat_set_times(fd, 0, 0, 5), Err(Errno::Perm));
    // What is opened through it is read-only, too.
    let dir = guest.open("d", reading);
    assert_eq!(guest.try_open_at(dir, "g", Oflags::CREAT, reading, 0), Err(Errno::Perm));
}

#[test]
fn directories_are_made_and_removed() {
    let mut guest = Guest::new();
    guest.on_path("d", |c, m, p, l| c.path_create_directory(m, 3, p, l)).unwrap();
    guest.on_path("d/e/", |c, m, p, l| c.path_create_directory(m, 3, p, l)).unwrap();
    let again = guest.on_path("d", |c, m, p, l| c.path_create_directory(m, 3, p, l));
    assert_eq!(again, Err(Errno::Exist));
    let full = guest.on_path("d", |c, m, p, l| c.path_remove_directory(m, 3, p, l));
    assert_eq!(full, Err(Errno::Notempty));
    let dir = guest.on_path("d/e", |c, m, p, l| c.path_unlink_file(m, 3, p, l));
    assert_eq!(dir, Err(Errno::Isdir));
    guest.on_path("d/e/", |c, m, p, l| c.path_remove_directory(m, 3, p, l)).unwrap();
    guest.on_path("d", |c, m, p, l| c.path_remove_directory(m, 3, p, l)).unwrap();
    assert!(!guest.host("d").exists());
    for path in ["/", "//"] {
        let root = guest.on_path(path, |c, m, p, l| c.path_remove_directory(m, 3, p, l));
        assert_eq!(root, Err(Errno::Perm));
    }
}

#[test]
fn files_are_unlinked() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    symlink("file", guest.host("link")).unwrap();
    let not_dir = guest.on_path("file", |c, m, p, l| c.path_remove_directory(m, 3, p, l));
    assert_eq!(not_dir, Err(Errno::Notdir));
    guest.on_path("link", |c, m, p, l| c.path_unlink_file(m, 3, p, l)).unwrap();
    assert!(guest.host("file").exists());
    guest.on_path("file", |c, m, p, l| c.path_unlink_file(m, 3, p, l)).unwrap();
    let gone = guest.on_path("file", |c, m, p, l| c.path_unlink_file(m, 3, p, l));
    assert_eq!(gone, Err(Errno::Noent));
}

#[test]
fn renaming_replaces_files() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("a"), "a").unwrap();
    std::fs::write(guest.host("b"), "b").unwrap();
    std::fs::create_dir(guest.host("d")).unwrap();
    let rename = |guest: &mut Guest, old: &str, new: &str| {
        guest.on_paths(old, new, |c, m, o, n| c.path_rename(m, 3, o.0, o.1, 3, n.0, n.1))
    };
    assert_eq!(rename(&mut guest, "a", "b"), Ok(()));
    assert_eq!(std::fs::read(guest.host("b")).unwrap(), b"a");
    assert_eq!(rename(&mut guest, "a", "c"), Err(Errno::Noent));
    assert_eq!(rename(&mut guest, "b", "d"), Err(Errno::Isdir));
    assert_eq!(rename(&mut guest, "d", "b"), Err(Errno::Notdir));
    assert_eq!(rename(&mut guest, "b/", "c"), Err(Errno::Notdir));
    assert_eq!(rename(&mut guest, "d/", "e/"), Ok(()));
    assert_eq!(rename(&mut guest, "e", "d"), Ok(()));
    assert_eq!(rename(&mut guest, "b", "d/b"), Ok(()));
    // From one directory's descriptor to another's.
    let dir = guest.open("d", Rights::DIRECTORY);
    let moved = guest.on_paths("b", "back", |c, m, o, n| c.path_rename(m, dir, o.0, o.1, 3, n.0, n.1));
    assert_eq!(moved, Ok(()));
    assert!(guest.host("back").exists());
}

#[test]
fn hard_links_share_the_file() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("a"), "a").unwrap();
    let link = |guest: &mut Guest, flags, old: &str, new: &str| {
        guest.on_paths(old, new, |c, m, o, n| c.path_link(m, 3, flags, o.0, o.1, 3, n.0, n.1))
    };
    assert_eq!(link(&mut guest, 0, "a", "b"), Ok(()));
    assert_eq!(guest.path_stat("a", false).unwrap(), guest.path_stat("b", false).unwrap());
    assert_eq!(guest.path_stat("b", false).unwrap().nlink, 2);
    assert_eq!(link(&mut guest, 0, "a", "b"), Err(Errno::Exist));
    assert_eq!(link(&mut guest, 1, "a", "c"), Err(Errno::Inval));
    // A symbolic link is linked itself.
    symlink("a", guest.host("s")).unwrap();
    assert_eq!(link(&mut guest, 0, "s", "t"), Ok(()));
    assert_eq!(guest.path_stat("t", false).unwrap().filetype, Filetype::SymbolicLink as u8);
}

#[test]
fn symbolic_links_are_made_and_read() {
    let mut guest = Guest::new();
    guest.on_paths("target", "link", |c, m, o, n| c.path_symlink(m, o.0, o.1, 3, n.0, n.1)).unwrap();
    let read = |guest: &mut Guest, size| {
        guest.memory[1024..1040].fill(0);
        guest.on_path("link", |c, m, p, l| c.path_readlink(m, 3, p, l, 1024, size, 0))
    };
    assert_eq!(read(&mut guest, 16), Ok(()));
    assert_eq!(guest.get::<u32>(0), 6);
    assert_eq!(guest.text(1024, 6), "target");
    assert_eq!(read(&mut guest, 3), Ok(()));
    assert_eq!(guest.get::<u32>(0), 3);
    assert_eq!(guest.text(1024, 4), "tar\0");
    assert_eq!(read(&mut guest, u32::MAX), Err(Errno::Fault));
    assert_eq!(guest.path_stat("link", false).unwrap().size, 6);
    assert_eq!(guest.path_stat("link", true), Err(Errno::Noent));
    std::fs::write(guest.host("file"), "").unwrap();
    let file = guest.on_path("file", |c, m, p, l| c.path_readlink(m, 3, p, l, 1024, 16, 0));
    assert_eq!(file, Err(Errno::Inval));
}

#[test]
fn attributes_follow_links_only_if_asked_for() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "123").unwrap();
    symlink("file", guest.host("link")).unwrap();
    let file = guest.path_stat("file", false).unwrap();
    assert_eq!((file.filetype, file.size), (Filetype::RegularFile as u8, 3));
    assert_eq!(guest.path_stat("link", true).unwrap(), file);
    assert_eq!(guest.path_stat("link", false).unwrap().filetype, Filetype::SymbolicLink as u8);
    let fd = guest.open("file", Rights::FD_FILESTAT_GET);
    assert_eq!(guest.stat(fd), file);
    let flags =
        guest.on_path("file", |c, m, p, l| c.path_filestat_get(m, crate::Snapshot::Preview1, 3, 2, p, l, 0));
    assert_eq!(flags, Err(Errno::Inval));
}

#[test]
fn times_are_set_by_path() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    symlink("file", guest.host("link")).unwrap();
    let set = |guest: &mut Guest, path: &str, lookup, time, flags| {
        guest.on_path(path, |c, m, p, l| c.path_filestat_set_times(m, 3, lookup, p, l, time, time + 1, flags))
    };
    set(&mut guest, "file", 0, 5_000_000_000, 5).unwrap();
    let file = guest.path_stat("file", false).unwrap();
    assert_eq!((file.atim, file.mtim), (5_000_000_000, 5_000_000_001));
    set(&mut guest, "link", 1, 6_000_000_000, 4).unwrap();
    assert_eq!(guest.path_stat("file", false).unwrap().mtim, 6_000_000_001);
    set(&mut guest, "link", 0, 7_000_000_000, 4).unwrap();
    assert_eq!(guest.path_stat("file", false).unwrap().mtim, 6_000_000_001);
    assert_eq!(guest.path_stat("link", false).unwrap().mtim, 7_000_000_001);
    set(&mut guest, "file", 0, 0, 8).unwrap();
    assert!(guest.path_stat("file", false).unwrap().mtim > 7_000_000_001);
    assert_eq!(set(&mut guest, "file", 0, 0, 3), Err(Errno::Inval));
}

#[test]
fn paths_are_relative_to_directories_only() {
    let mut guest = Guest::new();
    let file = guest.open_new("file");
    for (fd, errno) in [(file, Errno::Notdir), (1, Errno::Notdir), (99, Errno::Badf)] {
        assert_eq!(guest.try_open_at(fd, "x", NONE, Rights::empty(), 0), Err(errno));
        let made = guest.on_path("x", |c, m, p, l| c.path_create_directory(m, fd, p, l));
        assert_eq!(made, Err(errno));
    }
}

#[test]
fn bad_arguments_open_nothing() {
    let mut guest = Guest::new();
    let end = guest.memory_size();
    guest.memory[256] = b'x';
    let creat = Oflags::CREAT.bits().into();
    let result = guest.call(|c, m| c.path_open(m, 3, 0, 256, 1, creat, 0, 0, 0, end - 3));
    assert_eq!(result, Err(Errno::Fault));
    let path = guest.call(|c, m| c.path_open(m, 3, 0, end, 1, creat, 0, 0, 0, 0));
    assert_eq!(path, Err(Errno::Fault));
    let long = guest.call(|c, m| c.path_open(m, 3, 0, 256, u32::MAX, creat, 0, 0, 0, 0));
    assert_eq!(long, Err(Errno::Fault));
    for (dirflags, oflags, fdflags) in [(2, creat, 0), (0, creat | 16, 0), (0, creat, 32)] {
        let flags = guest.call(|c, m| c.path_open(m, 3, dirflags, 256, 1, oflags, 0, 0, fdflags, 0));
        assert_eq!(flags, Err(Errno::Inval));
    }
    assert!(!guest.host("x").exists());
    // Rights without a meaning are left out rather than refused.
    let open = guest.call(|c, m| c.path_open(m, 3, 0, 256, 1, creat, u64::MAX, u64::MAX, 0, 0));
    assert_eq!(open, Ok(()));
    let fd = guest.get(0);
    assert_eq!(guest.fdstat(fd).2, Rights::FILE);
}
