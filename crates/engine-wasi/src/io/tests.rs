use crate::testing::{Guest, READ_WRITE};
use crate::types::{Fdflags, Oflags};
use crate::{Errno, MemoryInputPipe, MemoryOutputPipe, Output, Perms, Rights};
use std::io::Read;

#[test]
fn what_is_written_is_read_back() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    assert_eq!(guest.write(fd, b"hello"), Ok(5));
    assert_eq!(guest.seek(fd, 1, 0), Ok(1));
    assert_eq!(guest.read(fd, 100).unwrap(), b"ello");
    assert_eq!(guest.read(fd, 100).unwrap(), b"");
}

#[test]
fn lists_of_buffers_are_gathered_and_scattered() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.memory[2000..2006].copy_from_slice(b"abcdef");
    for (at, ptr, len) in [(64, 2003u32, 3u32), (72, 0, 0), (80, 2000, 2)] {
        guest.put(at, ptr);
        guest.put(at + 4, len);
    }
    guest.call(|c, m| c.fd_write(m, fd, 64, 3, 0)).unwrap();
    assert_eq!(guest.get::<u32>(0), 5);
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"defab");

    guest.memory[2000..2006].fill(0);
    guest.call(|c, m| c.fd_pread(m, fd, 64, 3, 0, 0)).unwrap();
    assert_eq!(guest.get::<u32>(0), 5);
    assert_eq!(&guest.memory[2000..2006], b"ab\0def");
}

#[test]
fn many_buffers_work() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    for i in 0..50 {
        guest.put(4096 + i * 8, 1024 + i);
        guest.put(4100 + i * 8, 1u32);
        guest.put(1024 + i, i as u8);
    }
    guest.call(|c, m| c.fd_write(m, fd, 4096, 50, 0)).unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), (0..50).collect::<Vec<u8>>());
}

#[test]
fn positional_transfers_leave_the_position() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"0123").unwrap();
    assert_eq!(guest.pwrite(fd, b"ab", 1), Ok(2));
    assert_eq!(guest.pread(fd, 10, 1).unwrap(), b"ab3");
    assert_eq!(guest.write(fd, b"4"), Ok(1));
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"0ab34");
    assert_eq!(guest.pread(fd, 10, u64::MAX), Err(Errno::Inval));
    assert_eq!(guest.pwrite(fd, b"a", u64::MAX), Err(Errno::Inval));
}

#[test]
fn append_mode_writes_at_the_end() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "start").unwrap();
    let append = u32::from(Fdflags::APPEND.bits());
    let fd = guest.try_open_at(3, "file", Oflags::empty(), READ_WRITE, append).unwrap();
    guest.write(fd, b"1").unwrap();
    assert_eq!(guest.seek(fd, 0, 1), Ok(6));
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"2").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"start12");
}

#[test]
fn positional_writes_keep_to_their_offset_in_append_mode() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "start").unwrap();
    let append = u32::from(Fdflags::APPEND.bits());
    let fd = guest.try_open_at(3, "file", Oflags::empty(), READ_WRITE, append).unwrap();
    guest.pwrite(fd, b"S", 0).unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"Start");
}

#[test]
fn append_mode_can_be_changed_later() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"abc").unwrap();
    guest.ctx.fd_fdstat_set_flags(fd, Fdflags::APPEND.bits().into()).unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"d").unwrap();
    guest.ctx.fd_fdstat_set_flags(fd, 0).unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"A").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"Abcd");
}

#[test]
fn synchronous_writes_write() {
    let mut guest = Guest::new();
    for (i, flags) in [Fdflags::DSYNC, Fdflags::SYNC, Fdflags::RSYNC].into_iter().enumerate() {
        let name = format!("file{i}");
        let flags = u32::from(flags.bits());
        let fd = guest.try_open_at(3, &name, Oflags::CREAT, READ_WRITE, flags).unwrap();
        assert_eq!(guest.write(fd, b"data"), Ok(4));
        assert_eq!(guest.pwrite(fd, b"D", 0), Ok(1));
        assert_eq!(std::fs::read(guest.host(&name)).unwrap(), b"Data");
    }
}

#[test]
fn writes_in_steps_do_what_the_flags_say() {
    let mut file = tempfile::tempfile().unwrap();
    let bufs = [std::io::IoSlice::new(b"ab")];
    use std::os::fd::AsFd;
    let write = |offset, flags| super::write_in_steps(file.as_fd(), &bufs, offset, flags);
    assert_eq!(write(super::CURRENT_OFFSET, Fdflags::DSYNC), Ok(2));
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).unwrap();
    assert_eq!(write(super::CURRENT_OFFSET, Fdflags::APPEND | Fdflags::SYNC), Ok(2));
    assert_eq!(write(1, Fdflags::empty()), Ok(2));
    let mut contents = String::new();
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut contents).unwrap();
    assert_eq!(contents, "aabb");
}

#[test]
fn rights_to_read_and_write_are_enforced() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "x").unwrap();
    let reader = guest.open("file", Rights::FD_READ);
    let writer = guest.open("file", Rights::FD_WRITE);
    assert_eq!(guest.write(reader, b"a"), Err(Errno::Notcapable));
    assert_eq!(guest.read(writer, 1), Err(Errno::Notcapable));
    // Without the right to seek there are no positional transfers.
    assert_eq!(guest.pread(reader, 1, 0), Err(Errno::Notcapable));
    assert_eq!(guest.pwrite(writer, b"a", 0), Err(Errno::Notcapable));
}

#[test]
fn directories_and_closed_numbers_are_bad() {
    let mut guest = Guest::new();
    for fd in [3, 4, u32::MAX] {
        assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
        assert_eq!(guest.write(fd, b"a"), Err(Errno::Badf));
        assert_eq!(guest.pread(fd, 1, 0), Err(Errno::Badf));
        assert_eq!(guest.pwrite(fd, b"a", 0), Err(Errno::Badf));
    }
}

#[test]
fn bad_addresses_fault_before_anything_is_written() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.one_buffer(4);
    let end = guest.memory_size();
    assert_eq!(guest.call(|c, m| c.fd_write(m, fd, 64, 1, end - 3)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.fd_pwrite(m, fd, 64, 1, 0, end)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.fd_write(m, fd, end - 4, 1, 0)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.fd_write(m, fd, u32::MAX - 7, u32::MAX, 0)), Err(Errno::Fault));
    guest.put(64, end - 2);
    assert_eq!(guest.call(|c, m| c.fd_write(m, fd, 64, 1, 0)), Err(Errno::Fault));
    assert_eq!(guest.stat(fd).size, 0);
    assert_eq!(guest.call(|c, m| c.fd_read(m, fd, 64, 1, 0)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.fd_pread(m, fd, 64, 1, 0, 0)), Err(Errno::Fault));
}

#[test]
fn standard_streams_are_pipes_in_memory() {
    let (stdout, stderr) = (MemoryOutputPipe::new(), MemoryOutputPipe::new());
    let mut guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.stdin(MemoryInputPipe::new("input")).stdout(stdout.clone()).stderr(stderr.clone());
    });
    assert_eq!(guest.read(0, 3).unwrap(), b"inp");
    assert_eq!(guest.read(0, 9).unwrap(), b"ut");
    assert_eq!(guest.read(0, 9).unwrap(), b"");
    guest.write(1, b"out").unwrap();
    guest.write(2, b"err").unwrap();
    guest.write(1, b"put").unwrap();
    assert_eq!(stdout.contents(), b"output");
    assert_eq!(stderr.contents(), b"err");
    assert_eq!(guest.read(1, 1), Err(Errno::Notcapable));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.pread(0, 1, 0), Err(Errno::Spipe));
}

#[test]
fn by_default_input_has_ended_and_output_vanishes() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(0, 8).unwrap(), b"");
    assert_eq!(guest.write(1, b"gone"), Ok(4));
    assert_eq!(guest.write(2, b"gone"), Ok(4));
}

#[test]
fn standard_output_can_be_a_descriptor_of_the_host() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let mut guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.stdout(Output::from(writer));
    });
    guest.write(1, b"through").unwrap();
    guest.ctx.fd_close(1).unwrap();
    let mut text = String::new();
    std::fs::File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}
