//! Randomness.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};

impl WasiCtx {
    /// `random_get`: fills a buffer from the host's cryptographic generator.
    pub fn random_get(&mut self, mem: &mut GuestMemory<'_>, buf: u32, buf_len: u32) -> Result<(), Errno> {
        let mut rest = mem.bytes_mut(buf, buf_len)?;
        while !rest.is_empty() {
            let filled = retry_on_intr(|| getrandom(&mut *rest, GetRandomFlags::empty()))?;
            rest = &mut rest[filled..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WasiCtxBuilder;

    #[test]
    fn fills_exactly_the_buffer() {
        let mut ctx = WasiCtxBuilder::new().build();
        let mut bytes = vec![0; 4096];
        ctx.random_get(&mut GuestMemory::new(&mut bytes), 8, 2048).unwrap();
        assert!(bytes[8..2056].iter().any(|&byte| byte != 0));
        assert!(bytes[..8].iter().chain(&bytes[2056..]).all(|&byte| byte == 0));
    }

    #[test]
    fn a_length_beyond_the_memory_faults() {
        let mut ctx = WasiCtxBuilder::new().build();
        let mut bytes = [0; 16];
        let mut mem = GuestMemory::new(&mut bytes);
        assert_eq!(ctx.random_get(&mut mem, 8, 9), Err(Errno::Fault));
        assert_eq!(ctx.random_get(&mut mem, 8, u32::MAX), Err(Errno::Fault));
        assert_eq!(ctx.random_get(&mut mem, 16, 0), Ok(()));
        assert_eq!(bytes, [0; 16]);
    }
}
