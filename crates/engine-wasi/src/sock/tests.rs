use crate::testing::Guest;
use crate::types::Filetype;
use crate::{Errno, Perms, Rights};
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

/// A guest with one end of a connection as descriptor 4, and the other end.
fn connected() -> (Guest, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.preopened_socket(theirs);
    });
    (guest, ours)
}

#[test]
fn connections_are_accepted_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.preopened_socket(listener);
    });
    let mut client = UnixStream::connect(&path).unwrap();
    guest.call(|c, m| c.sock_accept(m, 4, 4, 0)).unwrap();
    let fd: u32 = guest.get(0);
    assert_eq!(fd, 5);
    let (filetype, flags, base, _) = guest.fdstat(fd);
    assert_eq!((filetype, flags), (Filetype::SocketStream as u8, 4));
    assert_eq!(base, Rights::CONNECTION);
    // It does not block: nothing has been sent.
    assert_eq!(guest.read(fd, 9), Err(Errno::Again));
    client.write_all(b"ping").unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"ping");
    guest.write(fd, b"pong").unwrap();
    guest.ctx.fd_close(fd).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "pong");
}

#[test]
fn received_data_can_be_peeked_at() {
    let (mut guest, mut ours) = connected();
    ours.write_all(b"data").unwrap();
    guest.one_buffer(3);
    guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 1, 0, 8)).unwrap();
    assert_eq!((guest.get::<u32>(0), guest.get::<u16>(8)), (3, 0));
    guest.one_buffer(9);
    guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 0, 0, 8)).unwrap();
    assert_eq!(guest.get::<u32>(0), 4);
    assert_eq!(guest.text(1024, 4), "data");
}

#[test]
fn a_datagram_that_does_not_fit_is_told() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let mut guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.preopened_socket(theirs);
    });
    assert_eq!(guest.fdstat(4).0, Filetype::SocketDgram as u8);
    ours.send(b"datagram").unwrap();
    guest.one_buffer(4);
    guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 0, 0, 8)).unwrap();
    assert_eq!((guest.get::<u32>(0), guest.get::<u16>(8)), (4, 1));
}

#[test]
fn data_is_sent() {
    let (mut guest, mut ours) = connected();
    guest.memory[1024..1028].copy_from_slice(b"data");
    guest.one_buffer(4);
    guest.call(|c, m| c.sock_send(m, 4, 64, 1, 0, 0)).unwrap();
    assert_eq!(guest.get::<u32>(0), 4);
    let mut buffer = [0; 4];
    ours.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"data");
    assert_eq!(guest.call(|c, m| c.sock_send(m, 4, 64, 1, 1, 0)), Err(Errno::Inval));
    drop(ours);
    assert_eq!(guest.call(|c, m| c.sock_send(m, 4, 64, 1, 0, 0)), Err(Errno::Pipe));
}

#[test]
fn directions_are_shut_down() {
    let (mut guest, mut ours) = connected();
    assert_eq!(guest.ctx.sock_shutdown(4, 0), Err(Errno::Inval));
    assert_eq!(guest.ctx.sock_shutdown(4, 4), Err(Errno::Inval));
    guest.ctx.sock_shutdown(4, 2).unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(guest.write(4, b"x"), Err(Errno::Pipe));
    guest.ctx.sock_shutdown(4, 1).unwrap();
    assert_eq!(guest.read(4, 1).unwrap(), b"");
}

#[test]
fn what_is_no_socket_is_told_so() {
    let mut guest = Guest::new();
    let file = guest.open_new("file");
    guest.one_buffer(4);
    for (fd, errno) in [(0, Errno::Notsock), (3, Errno::Notsock), (file, Errno::Notsock), (99, Errno::Badf)] {
        assert_eq!(guest.call(|c, m| c.sock_accept(m, fd, 0, 0)), Err(errno));
        assert_eq!(guest.call(|c, m| c.sock_recv(m, fd, 64, 1, 0, 0, 8)), Err(errno));
        assert_eq!(guest.call(|c, m| c.sock_send(m, fd, 64, 1, 0, 0)), Err(errno));
        assert_eq!(guest.ctx.sock_shutdown(fd, 3), Err(errno));
    }
}

#[test]
fn rights_and_addresses_are_checked() {
    let (mut guest, mut ours) = connected();
    ours.write_all(b"data").unwrap();
    let end = guest.memory_size();
    guest.one_buffer(4);
    assert_eq!(guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 0, 0, end - 1)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 0, end, 8)), Err(Errno::Fault));
    assert_eq!(guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 4, 0, 8)), Err(Errno::Inval));
    assert_eq!(guest.call(|c, m| c.sock_send(m, 4, end, 1, 0, 0)), Err(Errno::Fault));
    // Nothing was lost.
    assert_eq!(guest.read(4, 9).unwrap(), b"data");
    guest.ctx.fd_fdstat_set_rights(4, 0, 0).unwrap();
    assert_eq!(guest.call(|c, m| c.sock_recv(m, 4, 64, 1, 0, 0, 8)), Err(Errno::Notcapable));
    assert_eq!(guest.call(|c, m| c.sock_send(m, 4, 64, 1, 0, 0)), Err(Errno::Notcapable));
    assert_eq!(guest.call(|c, m| c.sock_accept(m, 4, 0, 0)), Err(Errno::Notcapable));
    assert_eq!(guest.ctx.sock_shutdown(4, 3), Err(Errno::Notcapable));
}
