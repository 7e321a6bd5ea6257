//! The context, and the functions for arguments and environment.

use crate::errno::Errno;
use crate::fds::FdTable;
use crate::guest::GuestMemory;
use std::fmt;

/// One guest's view of the host. [`WasiCtxBuilder`](crate::WasiCtxBuilder) makes it.
///
/// Every function of preview 1 is a method. Addresses are offsets in the [`GuestMemory`]; an output parameter of the
/// C-level interface is an address to which the result is written. Arguments are checked before anything is done:
/// a call that fails for its arguments has changed nothing.
pub struct WasiCtx {
    pub(crate) args: Vec<Box<str>>,
    /// `NAME=value`
    pub(crate) env: Vec<Box<str>>,
    pub(crate) fds: FdTable,
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx").field("args", &self.args).finish_non_exhaustive()
    }
}

impl WasiCtx {
    /// `args_get`: writes the arguments, and their addresses as an array.
    pub fn args_get(&mut self, mem: &mut GuestMemory<'_>, argv: u32, argv_buf: u32) -> Result<(), Errno> {
        write_strings(&self.args, mem, argv, argv_buf)
    }

    /// `args_sizes_get`: how many arguments there are, and how many bytes they take with their NULs.
    pub fn args_sizes_get(&mut self, mem: &mut GuestMemory<'_>, argc: u32, size: u32) -> Result<(), Errno> {
        write_sizes(&self.args, mem, argc, size)
    }

    /// `environ_get`: writes the variables as `NAME=value`, and their addresses as an array.
    pub fn environ_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        environ: u32,
        environ_buf: u32,
    ) -> Result<(), Errno> {
        write_strings(&self.env, mem, environ, environ_buf)
    }

    /// `environ_sizes_get`: how many variables there are, and how many bytes they take with their NULs.
    pub fn environ_sizes_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        count: u32,
        size: u32,
    ) -> Result<(), Errno> {
        write_sizes(&self.env, mem, count, size)
    }
}

fn write_strings(
    strings: &[Box<str>],
    mem: &mut GuestMemory<'_>,
    pointers: u32,
    buffer: u32,
) -> Result<(), Errno> {
    let (mut pointer, mut at) = (pointers, buffer);
    for string in strings {
        mem.write(pointer, at)?;
        mem.write_bytes(at, string.as_bytes())?;
        // In bounds so far, so the string is shorter than 2^32; its end may still be the end of the address space.
        let end = at.checked_add(string.len() as u32).ok_or(Errno::Fault)?;
        mem.write(end, 0u8)?;
        at = end.checked_add(1).ok_or(Errno::Fault)?;
        pointer = pointer.checked_add(4).ok_or(Errno::Fault)?;
    }
    Ok(())
}

fn write_sizes(
    strings: &[Box<str>],
    mem: &mut GuestMemory<'_>,
    count_ptr: u32,
    size_ptr: u32,
) -> Result<(), Errno> {
    let count = u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?;
    let size: usize = strings.iter().map(|string| string.len() + 1).sum();
    let size = u32::try_from(size).map_err(|_| Errno::Overflow)?;
    mem.check::<u32>(size_ptr)?;
    mem.write(count_ptr, count)?;
    mem.write(size_ptr, size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WasiCtxBuilder;

    #[test]
    fn arguments_are_written_with_their_addresses() {
        let mut ctx = WasiCtxBuilder::new().args(&["prog", "ä", ""]).build();
        let mut bytes = [0xff; 64];
        let mut mem = GuestMemory::new(&mut bytes);
        ctx.args_sizes_get(&mut mem, 0, 4).unwrap();
        assert_eq!((mem.read(0), mem.read(4)), (Ok(3u32), Ok(9u32)));
        ctx.args_get(&mut mem, 8, 32).unwrap();
        assert_eq!(mem.bytes(32, 9).unwrap(), b"prog\0\xc3\xa4\0\0");
        let pointers: Vec<u32> = (0..3).map(|i| mem.read(8 + i * 4).unwrap()).collect();
        assert_eq!(pointers, [32, 37, 40]);
        assert_eq!(mem.read::<u8>(41), Ok(0xff));
    }

    #[test]
    fn variables_are_joined_with_equals() {
        let mut ctx = WasiCtxBuilder::new().env("A", "1").envs(&[("B", "x=y")]).build();
        let mut bytes = [0; 64];
        let mut mem = GuestMemory::new(&mut bytes);
        ctx.environ_sizes_get(&mut mem, 0, 4).unwrap();
        assert_eq!((mem.read(0), mem.read(4)), (Ok(2u32), Ok(10u32)));
        ctx.environ_get(&mut mem, 8, 32).unwrap();
        assert_eq!(mem.bytes(32, 10).unwrap(), b"A=1\0B=x=y\0");
    }

    #[test]
    fn bad_addresses_fault() {
        let mut ctx = WasiCtxBuilder::new().args(&["long argument", "b"]).env("A", "1").build();
        let mut bytes = [0; 16];
        let mut mem = GuestMemory::new(&mut bytes);
        assert_eq!(ctx.args_get(&mut mem, 0, 8), Err(Errno::Fault));
        assert_eq!(ctx.args_get(&mut mem, 14, 0), Err(Errno::Fault));
        assert_eq!(ctx.args_get(&mut mem, 0, u32::MAX), Err(Errno::Fault));
        assert_eq!(ctx.args_sizes_get(&mut mem, 0, 13), Err(Errno::Fault));

        assert_eq!(ctx.environ_sizes_get(&mut mem, u32::MAX, 0), Err(Errno::Fault));
        assert_eq!(ctx.environ_get(&mut mem, 0, 13), Err(Errno::Fault));
    }
}
