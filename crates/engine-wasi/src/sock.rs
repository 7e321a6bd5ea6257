//! Sockets: a guest cannot make any, only use those it was given and accept connections on them.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::{Descriptor, Handle, Host, HostFd};
use crate::guest::GuestMemory;
use crate::types::{Fdflags, Riflags, Rights, Sdflags};
use rustix::fd::BorrowedFd;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketFlags,
};

/// `roflags::recv_data_truncated`
const RECV_DATA_TRUNCATED: u16 = 1;

/// The socket behind a descriptor; `ENOTSOCK` for anything else, whatever its rights.
fn socket(descriptor: &Descriptor, right: Rights) -> Result<BorrowedFd<'_>, Errno> {
    match &descriptor.handle {
        Handle::Host(host) if host.is_socket() => {
            descriptor.require(right)?;
            Ok(host.as_fd())
        }
        _ => Err(Errno::Notsock),
    }
}

impl WasiCtx {
    /// `sock_accept`: accepts a connection.
    pub fn sock_accept(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
        connection: u32,
    ) -> Result<(), Errno> {
        let flags = Fdflags::decode(flags)?;
        let listener = self.fds.get(fd)?;
        let socket = socket(listener, Rights::SOCK_ACCEPT)?;
        mem.check::<u32>(connection)?;
        let mut host_flags = SocketFlags::CLOEXEC;
        host_flags.set(SocketFlags::NONBLOCK, flags.contains(Fdflags::NONBLOCK));
        let accepted = retry_on_intr(|| rustix::net::accept_with(socket, host_flags))?;
        let descriptor = Descriptor {
            handle: Handle::Host(Host::new(HostFd::Owned(accepted))),
            base: listener.inheriting.intersection(Rights::CONNECTION),
            inheriting: Rights::empty(),
            flags,
        };
        let number = self.fds.insert(descriptor)?;
        mem.write(connection, number)
    }

    /// `sock_recv`: receives into a list of buffers.
    #[expect(clippy::too_many_arguments, reason = "the interface has as many")]
    pub fn sock_recv(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        ri_flags: u32,
        nread: u32,
        ro_flags: u32,
    ) -> Result<(), Errno> {
        let flags = Riflags::decode(ri_flags)?;
        let socket = socket(self.fds.get(fd)?, Rights::FD_READ)?;
        mem.check::<u32>(nread)?;
        mem.check::<u16>(ro_flags)?;
        let mut host_flags = RecvFlags::empty();
        host_flags.set(RecvFlags::PEEK, flags.contains(Riflags::PEEK));
        host_flags.set(RecvFlags::WAITALL, flags.contains(Riflags::WAITALL));
        let (read, truncated) = mem.scatter(iovs, iovs_len, |bufs| {
            retry_on_intr(|| {
                let mut ancillary = RecvAncillaryBuffer::default();
                let message = rustix::net::recvmsg(socket, bufs, &mut ancillary, host_flags)?;
                Ok((message.bytes, message.flags.contains(ReturnFlags::TRUNC)))
            })
        })??;
        mem.write(nread, read as u32)?;
        mem.write(ro_flags, if truncated { RECV_DATA_TRUNCATED } else { 0 })
    }

    /// `sock_send`: sends a list of buffers. There are no flags: they must be 0.
    pub fn sock_send(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        si_flags: u32,
        nwritten: u32,
    ) -> Result<(), Errno> {
        if si_flags != 0 {
            return Err(Errno::Inval);
        }
        let socket = socket(self.fds.get(fd)?, Rights::FD_WRITE)?;
        mem.check::<u32>(nwritten)?;
        let written = mem.gather(iovs, iovs_len, |bufs| {
            retry_on_intr(|| {
                let mut ancillary = SendAncillaryBuffer::default();
                rustix::net::sendmsg(socket, bufs, &mut ancillary, SendFlags::NOSIGNAL)
            })
        })??;
        mem.write(nwritten, written as u32)
    }

    /// `sock_shutdown`: shuts down one or both directions of a connection.
    pub fn sock_shutdown(&mut self, fd: u32, how: u32) -> Result<(), Errno> {
        let how = Sdflags::decode(how)?;
        let socket = socket(self.fds.get(fd)?, Rights::SOCK_SHUTDOWN)?;
        let how = match (how.contains(Sdflags::RD), how.contains(Sdflags::WR)) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Inval),
        };
        Ok(rustix::net::shutdown(socket, how)?)
    }
}

#[cfg(test)]
mod tests;
