//! Clocks.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::timestamp;
use rustix::time::{ClockId, Timespec};

/// The host's clock for a `clockid`; `EINVAL` for an unknown one.
pub(crate) fn clock(id: u32) -> Result<ClockId, Errno> {
    match id {
        0 => Ok(ClockId::Realtime),
        1 => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::Inval),
    }
}

/// The time of a clock in nanoseconds.
pub(crate) fn now(clock: ClockId) -> u64 {
    nanoseconds(rustix::time::clock_gettime(clock))
}

#[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
fn nanoseconds(time: Timespec) -> u64 {
    timestamp(time.tv_sec as i64, time.tv_nsec as i64)
}

/// Nanoseconds as the host takes them.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
pub(crate) fn timespec(nanoseconds: u64) -> Timespec {
    Timespec { tv_sec: (nanoseconds / 1_000_000_000) as _, tv_nsec: (nanoseconds % 1_000_000_000) as _ }
}

impl WasiCtx {
    /// `clock_res_get`: the resolution of a clock in nanoseconds, never 0.
    pub fn clock_res_get(&mut self, mem: &mut GuestMemory<'_>, id: u32, res: u32) -> Result<(), Errno> {
        let resolution = nanoseconds(rustix::time::clock_getres(clock(id)?));
        mem.write(res, resolution.max(1))
    }

    /// `clock_time_get`: the time of a clock in nanoseconds. The permitted lag is not made use of.
    pub fn clock_time_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        id: u32,
        _precision: u64,
        time: u32,
    ) -> Result<(), Errno> {
        mem.write(time, now(clock(id)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WasiCtxBuilder;

    #[test]
    fn every_clock_has_a_time_and_a_resolution() {
        let mut ctx = WasiCtxBuilder::new().build();
        let mut bytes = [0; 16];
        for id in 0..4 {
            let mut mem = GuestMemory::new(&mut bytes);
            ctx.clock_res_get(&mut mem, id, 0).unwrap();
            ctx.clock_time_get(&mut mem, id, 0, 8).unwrap();
            assert_ne!(mem.read(0), Ok(0u64));
            assert_ne!(mem.read(8), Ok(0u64));
        }
    }

    #[test]
    fn monotonic_time_does_not_go_back() {
        let mut ctx = WasiCtxBuilder::new().build();
        let mut bytes = [0; 16];
        let mut mem = GuestMemory::new(&mut bytes);
        ctx.clock_time_get(&mut mem, 1, 0, 0).unwrap();
        ctx.clock_time_get(&mut mem, 1, 0, 8).unwrap();
        assert!(mem.read::<u64>(0).unwrap() <= mem.read(8).unwrap());
    }

    #[test]
    fn unknown_clocks_and_bad_addresses_are_refused() {
        let mut ctx = WasiCtxBuilder::new().build();
        let mut bytes = [0; 16];
        let mut mem = GuestMemory::new(&mut bytes);
        assert_eq!(ctx.clock_time_get(&mut mem, 4, 0, 0), Err(Errno::Inval));
        assert_eq!(ctx.clock_res_get(&mut mem, u32::MAX, 0), Err(Errno::Inval));
        assert_eq!(ctx.clock_time_get(&mut mem, 0, 0, 9), Err(Errno::Fault));
        assert_eq!(ctx.clock_res_get(&mut mem, 0, u32::MAX), Err(Errno::Fault));
    }
}
