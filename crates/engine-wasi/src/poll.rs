//! `poll_oneoff`.
//!
//! ```text
//! subscription  48 bytes  userdata u64 @0, type u8 @8, and at 16
//!   clock:                id u32 @16, timeout u64 @24, precision u64 @32, flags u16 @40
//!   fd_read, fd_write:    fd u32 @16
//!   preview 0: 56 bytes   a clock's fields start with an identifier u64 @16 and lie 8 bytes further on
//! event         32 bytes  userdata u64 @0, error u16 @8, type u8 @10, nbytes u64 @16, flags u16 @24
//! ```

use crate::clock::{clock, now, timespec};
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::{FdTable, Handle};
use crate::guest::GuestMemory;
use crate::types::{Filetype, Rights, Snapshot};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;
use rustix::time::ClockId;

const EVENT_SIZE: u32 = 32;
/// More subscriptions than this are refused. It bounds what a call allocates; Linux permits no more descriptors either.
const MAX_SUBSCRIPTIONS: u32 = 1 << 16;
/// `subclockflags::subscription_clock_abstime`
const ABSTIME: u16 = 1;
/// `eventrwflags::fd_readwrite_hangup`
const HANGUP: u16 = 1;

const fn subscription_size(snapshot: Snapshot) -> u32 {
    match snapshot {
        Snapshot::Preview1 => 48,
        Snapshot::Unstable => 56,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum EventType {
    Clock = 0,
    FdRead = 1,
    FdWrite = 2,
}

struct Subscription<'a> {
    userdata: u64,
    event: EventType,
    wait: Wait<'a>,
}

/// What has to happen for a subscription's event.
enum Wait<'a> {
    /// The clock reaches this time.
    Until(ClockId, u64),
    /// The host's descriptor is ready.
    Ready { fd: BorrowedFd<'a>, filetype: Filetype },
    /// Nothing: the event is there, with this error.
    Now(Errno),
}

#[derive(Clone, Copy)]
struct Event {
    userdata: u64,
    error: Errno,
    event: EventType,
    nbytes: u64,
    flags: u16,
}

impl Event {
    fn write(&self, mem: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut bytes = [0; EVENT_SIZE as usize];
        bytes[..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.error.raw().to_le_bytes());
        bytes[10] = self.event as u8;
        bytes[16..24].copy_from_slice(&self.nbytes.to_le_bytes());
        bytes[24..26].copy_from_slice(&self.flags.to_le_bytes());
        mem.write_bytes(ptr, &bytes)
    }
}

fn read_subscription<'a>(
    fds: &'a FdTable,
    mem: &GuestMemory<'_>,
    snapshot: Snapshot,
    ptr: u32,
) -> Result<Subscription<'a>, Errno> {
    let userdata = mem.read(ptr)?;
    let (event, wait) = match mem.read::<u8>(ptr + 8)? {
        0 => {
            let fields = match snapshot {
                Snapshot::Preview1 => ptr + 16,
                Snapshot::Unstable => ptr + 24,
            };
            (EventType::Clock, clock_wait(mem, fields)?)
        }
        1 => (EventType::FdRead, fd_wait(fds, mem.read(ptr + 16)?, Rights::FD_READ)),
        2 => (EventType::FdWrite, fd_wait(fds, mem.read(ptr + 16)?, Rights::FD_WRITE)),
        _ => return Err(Errno::Inval),
    };
    Ok(Subscription { userdata, event, wait })
}

fn clock_wait(mem: &GuestMemory<'_>, fields: u32) -> Result<Wait<'static>, Errno> {
    let id = match clock(mem.read(fields)?) {
        Ok(id @ (ClockId::Realtime | ClockId::Monotonic)) => id,
        // Who waits uses no CPU time.
        Ok(_) => return Ok(Wait::Now(Errno::Notsup)),
        Err(error) => return Ok(Wait::Now(error)),
    };
    let timeout: u64 = mem.read(fields + 8)?;
    let flags: u16 = mem.read(fields + 24)?;
    match flags {
        0 => Ok(Wait::Until(id, now(id).saturating_add(timeout))),
        ABSTIME => Ok(Wait::Until(id, timeout)),
        _ => Err(Errno::Inval),
    }
}

fn fd_wait(fds: &FdTable, fd: u32, right: Rights) -> Wait<'_> {
    let descriptor = match fds.get(fd) {
        Ok(descriptor) => descriptor,
        Err(error) => return Wait::Now(error),
    };
    match &descriptor.handle {
        Handle::Directory(_) => Wait::Now(Errno::Badf),
        _ if descriptor.require(right | Rights::POLL_FD_READWRITE).is_err() => Wait::Now(Errno::Notcapable),
        Handle::Host(host) => Wait::Ready { fd: host.as_fd(), filetype: host.filetype },
        Handle::Reader(_) | Handle::Writer(_) => Wait::Now(Errno::Success),
    }
}

/// How many bytes can be read without waiting.
fn readable(fd: BorrowedFd<'_>, filetype: Filetype) -> u64 {
    if filetype == Filetype::RegularFile {
        let size = rustix::fs::fstat(fd).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        size.saturating_sub(rustix::fs::tell(fd).unwrap_or(0))
    } else {
        rustix::io::ioctl_fionread(fd).unwrap_or(0)
    }
}

impl Subscription<'_> {
    fn poll_flags(&self) -> PollFlags {
        match self.event {
            EventType::FdWrite => PollFlags::OUT,
            _ => PollFlags::IN,
        }
    }

    fn event(&self, error: Errno, nbytes: u64, flags: u16) -> Event {
        Event { userdata: self.userdata, error, event: self.event, nbytes, flags }
    }

    /// The event of a descriptor that the host reports as ready.
    fn ready_event(&self, fd: BorrowedFd<'_>, filetype: Filetype, ready: PollFlags) -> Event {
        let hangup = if ready.intersects(PollFlags::HUP) { HANGUP } else { 0 };
        if ready.intersects(PollFlags::NVAL) {
            return self.event(Errno::Badf, 0, hangup);
        }
        match self.event {
            // The reader has gone.
            EventType::FdWrite if ready.intersects(PollFlags::ERR) => self.event(Errno::Pipe, 0, HANGUP),
            // How much fits is not known; some does.
            EventType::FdWrite => self.event(Errno::Success, 1, hangup),
            _ if !ready.intersects(PollFlags::IN) && ready.intersects(PollFlags::ERR) => {
                self.event(Errno::Io, 0, hangup)
            }
            _ => self.event(Errno::Success, readable(fd, filetype), hangup),
        }
    }

    /// How long until the clock of this subscription is due, if it has one.
    fn remaining(&self) -> Option<u64> {
        match self.wait {
            Wait::Until(clock, time) => Some(time.saturating_sub(now(clock))),
            Wait::Ready { .. } => None,
            Wait::Now(_) => Some(0),
        }
    }
}

/// Waits until at least one subscription has an event.
fn wait(subscriptions: &[Subscription<'_>]) -> Result<Vec<Event>, Errno> {
    let mut fds: Vec<PollFd<'_>> = subscriptions
        .iter()
        .filter_map(|subscription| match &subscription.wait {
            Wait::Ready { fd, .. } => Some(PollFd::from_borrowed_fd(*fd, subscription.poll_flags())),
            _ => None,
        })
        .collect();
    loop {
        let timeout = subscriptions.iter().filter_map(Subscription::remaining).min().map(timespec);
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut polled = fds.iter();
        let events: Vec<Event> = subscriptions
            .iter()
            .filter_map(|subscription| match subscription.wait {
                Wait::Ready { fd, filetype } => {
                    let ready = polled.next()?.revents();
                    (!ready.is_empty()).then(|| subscription.ready_event(fd, filetype, ready))
                }
                Wait::Until(clock, time) => {
                    (now(clock) >= time).then(|| subscription.event(Errno::Success, 0, 0))
                }
                Wait::Now(error) => {
                    let nbytes = u64::from(error == Errno::Success);
                    Some(subscription.event(error, nbytes, 0))
                }
            })
            .collect();
        // Empty if the host woke a little early: it waits again.
        if !events.is_empty() {
            return Ok(events);
        }
    }
}

impl WasiCtx {
    /// `poll_oneoff`: waits until at least one of a list of subscriptions has an event, and writes all there are.
    ///
    /// What is wrong with one subscription (its descriptor, clock or rights) is the error of its event.
    pub fn poll_oneoff(
        &mut self,
        mem: &mut GuestMemory<'_>,
        snapshot: Snapshot,
        subscriptions: u32,
        events: u32,
        count: u32,
        nevents: u32,
    ) -> Result<(), Errno> {
        if count == 0 {
            return Err(Errno::Inval);
        }
        let size = subscription_size(snapshot);
        mem.check_array(subscriptions, count, size)?;
        mem.check_array(events, count, EVENT_SIZE)?;
        mem.check::<u32>(nevents)?;
        if count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        let waiting = (0..count)
            .map(|i| read_subscription(&self.fds, mem, snapshot, subscriptions + i * size))
            .collect::<Result<Vec<_>, _>>()?;
        let happened = wait(&waiting)?;
        for (event, i) in happened.iter().zip(0..) {
            event.write(mem, events + i * EVENT_SIZE)?;
        }
        mem.write(nevents, happened.len() as u32)
    }
}

#[cfg(test)]
mod tests;
