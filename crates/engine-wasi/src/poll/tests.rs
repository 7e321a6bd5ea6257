use crate::testing::Guest;
use crate::{Errno, Input, Output, Perms, Rights, Snapshot};
use rustix::fd::OwnedFd;

const MILLISECOND: u64 = 1_000_000;
const FOREVER: u64 = u64::MAX;
const SUBSCRIPTIONS: u32 = 4096;
const EVENTS: u32 = 8192;

/// An event as the guest sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    userdata: u64,
    error: u16,
    event: u8,
    nbytes: u64,
    flags: u16,
}

fn seen(userdata: u64, error: Errno, event: u8, nbytes: u64, flags: u16) -> Seen {
    Seen { userdata, error: error.raw(), event, nbytes, flags }
}

fn put_clock(guest: &mut Guest, index: u32, userdata: u64, id: u32, timeout: u64, flags: u16) {
    let at = SUBSCRIPTIONS + index * 48;
    guest.put(at, userdata);
    guest.put(at + 8, 0u8);
    guest.put(at + 16, id);
    guest.put(at + 24, timeout);
    guest.put(at + 32, 0u64);
    guest.put(at + 40, flags);
}

fn put_fd(guest: &mut Guest, index: u32, userdata: u64, event: u8, fd: u32) {
    let at = SUBSCRIPTIONS + index * 48;
    guest.put(at, userdata);
    guest.put(at + 8, event);
    guest.put(at + 16, fd);
}

fn poll(guest: &mut Guest, snapshot: Snapshot, count: u32) -> Result<Vec<Seen>, Errno> {
    guest.call(|c, m| c.poll_oneoff(m, snapshot, SUBSCRIPTIONS, EVENTS, count, 0))?;
    let happened: u32 = guest.get(0);
    Ok((0..happened)
        .map(|i| EVENTS + i * 32)
        .map(|at| Seen {
            userdata: guest.get(at),
            error: guest.get(at + 8),
            event: guest.get(at + 10),
            nbytes: guest.get(at + 16),
            flags: guest.get(at + 24),
        })
        .collect())
}

/// A guest whose standard input and output are pipes, with their other ends.
fn piped() -> (Guest, OwnedFd, OwnedFd) {
    let (stdin, input) = rustix::pipe::pipe().unwrap();
    let (output, stdout) = rustix::pipe::pipe().unwrap();
    let guest = Guest::with(Perms::ReadWrite, |builder| {
        builder.stdin(Input::from(stdin)).stdout(Output::from(stdout));
    });
    (guest, input, output)
}

fn time(guest: &mut Guest, id: u32) -> u64 {
    guest.call(|c, m| c.clock_time_get(m, id, 0, 0)).unwrap();
    guest.get(0)
}

#[test]
fn a_timeout_lasts_as_long_as_asked_for() {
    let mut guest = Guest::new();
    for clock in [0, 1] {
        let before = time(&mut guest, 1);
        put_clock(&mut guest, 0, 7, clock, MILLISECOND, 0);
        assert_eq!(poll(&mut guest, Snapshot::Preview1, 1).unwrap(), [seen(7, Errno::Success, 0, 0, 0)]);
        assert!(time(&mut guest, 1) - before >= MILLISECOND / 2);
    }
}

#[test]
fn an_absolute_time_is_waited_for() {
    let mut guest = Guest::new();
    let due = time(&mut guest, 1) + MILLISECOND;
    put_clock(&mut guest, 0, 7, 1, due, 1);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 1).unwrap().len(), 1);
    assert!(time(&mut guest, 1) >= due);
    // One that has passed is there at once.
    put_clock(&mut guest, 0, 7, 0, 1, 1);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 1).unwrap().len(), 1);
}

#[test]
fn the_first_of_many_timeouts_ends_the_wait() {
    let mut guest = Guest::new();
    put_clock(&mut guest, 0, 1, 1, FOREVER, 0);
    put_clock(&mut guest, 1, 2, 1, MILLISECOND, 0);
    put_clock(&mut guest, 2, 3, 0, FOREVER, 1);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 3).unwrap(), [seen(2, Errno::Success, 0, 0, 0)]);
}

#[test]
fn a_descriptor_that_is_ready_ends_the_wait() {
    let (mut guest, input, _output) = piped();
    rustix::io::write(&input, b"12345").unwrap();
    put_clock(&mut guest, 0, 1, 1, FOREVER, 0);
    put_fd(&mut guest, 1, 2, 1, 0);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 2).unwrap(), [seen(2, Errno::Success, 1, 5, 0)]);
}

#[test]
fn a_descriptor_that_is_not_ready_does_not() {
    let (mut guest, _input, _output) = piped();
    put_fd(&mut guest, 0, 1, 1, 0);
    put_clock(&mut guest, 1, 2, 1, MILLISECOND, 0);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 2).unwrap(), [seen(2, Errno::Success, 0, 0, 0)]);
}

#[test]
fn every_event_that_is_there_is_told() {
    let (mut guest, input, _output) = piped();
    rustix::io::write(&input, b"1").unwrap();
    put_fd(&mut guest, 0, 1, 1, 0);
    put_fd(&mut guest, 1, 2, 2, 1);
    put_clock(&mut guest, 2, 3, 1, 0, 0);
    let events = poll(&mut guest, Snapshot::Preview1, 3).unwrap();
    let expected = [
        seen(1, Errno::Success, 1, 1, 0),
        seen(2, Errno::Success, 2, 1, 0),
        seen(3, Errno::Success, 0, 0, 0),
    ];
    assert_eq!(events, expected);
}

#[test]
fn hanging_up_is_told() {
    let (mut guest, input, output) = piped();
    drop((input, output));
    put_fd(&mut guest, 0, 1, 1, 0);
    put_fd(&mut guest, 1, 2, 2, 1);
    let events = poll(&mut guest, Snapshot::Preview1, 2).unwrap();
    assert_eq!(events, [seen(1, Errno::Success, 1, 0, 1), seen(2, Errno::Pipe, 2, 0, 1)]);
}

#[test]
fn files_and_pipes_in_memory_are_always_ready() {
    let mut guest = Guest::new();
    let fd = guest.open_new("file");
    guest.write(fd, b"0123456789").unwrap();
    guest.seek(fd, 4, 0).unwrap();
    put_fd(&mut guest, 0, 1, 1, fd);
    put_fd(&mut guest, 1, 2, 2, fd);
    put_fd(&mut guest, 2, 3, 1, 0);
    put_fd(&mut guest, 3, 4, 2, 1);
    put_clock(&mut guest, 4, 5, 1, FOREVER, 0);
    let nbytes: Vec<_> = poll(&mut guest, Snapshot::Preview1, 5).unwrap().iter().map(|e| e.nbytes).collect();
    assert_eq!(nbytes, [6, 1, 1, 1]);
}

#[test]
fn what_is_wrong_with_one_subscription_is_its_event() {
    let mut guest = Guest::new();
    std::fs::write(guest.host("file"), "").unwrap();
    let mute = guest.open("file", Rights::POLL_FD_READWRITE);
    put_fd(&mut guest, 0, 1, 1, 99);
    put_fd(&mut guest, 1, 2, 2, 3);
    put_fd(&mut guest, 2, 3, 1, mute);
    put_fd(&mut guest, 3, 4, 2, 0);
    put_clock(&mut guest, 4, 5, 2, 0, 0);
    put_clock(&mut guest, 5, 6, 9, 0, 0);
    put_clock(&mut guest, 6, 7, 1, FOREVER, 0);
    let errors: Vec<_> = poll(&mut guest, Snapshot::Preview1, 7).unwrap().iter().map(|e| e.error).collect();
    let expected =
        [Errno::Badf, Errno::Badf, Errno::Notcapable, Errno::Notcapable, Errno::Notsup, Errno::Inval];
    assert_eq!(errors, expected.map(Errno::raw));
}

#[test]
fn the_old_layout_is_read_for_old_guests() {
    let mut guest = Guest::new();
    let at = SUBSCRIPTIONS;
    guest.put(at, 7u64);
    guest.put(at + 8, 0u8);
    guest.put(at + 16, 99u64);
    guest.put(at + 24, 1u32);
    guest.put(at + 32, 1u64);
    guest.put(at + 40, 0u64);
    guest.put(at + 48, 1u16);
    let second = at + 56;
    guest.put(second, 8u64);
    guest.put(second + 8, 2u8);
    guest.put(second + 16, 1u32);
    let events = poll(&mut guest, Snapshot::Unstable, 2).unwrap();
    assert_eq!(events, [seen(7, Errno::Success, 0, 0, 0), seen(8, Errno::Success, 2, 1, 0)]);
}

#[test]
fn bad_arguments_are_refused() {
    let mut guest = Guest::new();
    let end = guest.memory_size();
    put_clock(&mut guest, 0, 1, 1, 0, 0);
    let mut call = |subscriptions, events, count, nevents| {
        guest.call(|c, m| c.poll_oneoff(m, Snapshot::Preview1, subscriptions, events, count, nevents))
    };
    assert_eq!(call(SUBSCRIPTIONS, EVENTS, 0, 0), Err(Errno::Inval));
    assert_eq!(call(SUBSCRIPTIONS, EVENTS, u32::MAX, 0), Err(Errno::Fault));
    assert_eq!(call(end - 47, EVENTS, 1, 0), Err(Errno::Fault));
    assert_eq!(call(SUBSCRIPTIONS, end - 31, 1, 0), Err(Errno::Fault));
    assert_eq!(call(SUBSCRIPTIONS, EVENTS, 1, end - 3), Err(Errno::Fault));
    guest.memory.resize(8 << 20, 0);
    let many = guest.call(|c, m| c.poll_oneoff(m, Snapshot::Preview1, 0, 0, (1 << 16) + 1, 0));
    assert_eq!(many, Err(Errno::Inval));
    guest.put(SUBSCRIPTIONS + 8, 3u8);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 1), Err(Errno::Inval));
    put_clock(&mut guest, 0, 1, 1, 0, 2);
    assert_eq!(poll(&mut guest, Snapshot::Preview1, 1), Err(Errno::Inval));
}
