//! Checked access to a guest's linear memory.
//!
//! Every address and length comes from the guest. Nothing here believes them: each access is checked against the
//! memory's size with arithmetic that cannot wrap, and no allocation is sized by them beyond [`MAX_IOVECS`].

use crate::errno::Errno;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// How many buffers one transfer uses at most, as `IOV_MAX` on Linux. A longer list makes a short transfer.
const MAX_IOVECS: u32 = 1024;
/// Lists up to this long need no allocation. C's standard streams pass two.
const INLINE_IOVECS: usize = 8;
/// `struct iovec { buf: u32, buf_len: u32 }`
const IOVEC_SIZE: u32 = 8;

/// A guest's linear memory for the length of one call.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: &'a mut [u8],
}

/// An integer that can be stored in a guest's memory (little endian, at any alignment).
pub trait GuestScalar: Copy {
    /// Size in bytes.
    const SIZE: u32;
    /// Reads from exactly `SIZE` bytes.
    fn load(bytes: &[u8]) -> Self;
    /// Writes to exactly `SIZE` bytes.
    fn store(self, bytes: &mut [u8]);
}

macro_rules! scalars {
    ($($ty:ty)*) => {$(
        impl GuestScalar for $ty {
            const SIZE: u32 = size_of::<$ty>() as u32;
            #[inline]
            fn load(bytes: &[u8]) -> Self {
                let mut copy = [0; size_of::<$ty>()];
                copy.copy_from_slice(bytes);
                <$ty>::from_le_bytes(copy)
            }
            #[inline]
            fn store(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
scalars!(u8 u16 u32 u64);

/// One buffer of a list: where it lies, and its place among the list's non-empty buffers.
#[derive(Clone, Copy, Default)]
struct Span {
    start: usize,
    len: usize,
    index: usize,
}

impl<'a> GuestMemory<'a> {
    /// Wraps the memory's bytes.
    pub fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory { bytes }
    }

    /// Checks that `len` bytes at `ptr` lie in the memory.
    #[inline]
    fn range(&self, ptr: u32, len: u64) -> Result<Range<usize>, Errno> {
        let end = u64::from(ptr).checked_add(len).ok_or(Errno::Fault)?;
        if end > self.bytes.len() as u64 {
            return Err(Errno::Fault);
        }
        Ok(ptr as usize..end as usize)
    }

    /// Checks that an array of `count` elements of `size` bytes at `ptr` lies in the memory.
    ///
    /// Functions with side effects check their result pointers with this first, so that a bad one changes nothing.
    #[inline]
    pub fn check_array(&self, ptr: u32, count: u32, size: u32) -> Result<(), Errno> {
        self.range(ptr, u64::from(count) * u64::from(size)).map(drop)
    }

    /// Checks that a value of type `T` can be stored at `ptr`.
    #[inline]
    pub fn check<T: GuestScalar>(&self, ptr: u32) -> Result<(), Errno> {
        self.check_array(ptr, 1, T::SIZE)
    }

    /// The `len` bytes at `ptr`.
    #[inline]
    pub fn bytes(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        Ok(&self.bytes[self.range(ptr, len.into())?])
    }

    /// The `len` bytes at `ptr`, to be written.
    #[inline]
    pub fn bytes_mut(&mut self, ptr: u32, len: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(ptr, len.into())?;
        Ok(&mut self.bytes[range])
    }

    /// The string of `len` bytes at `ptr`; [`Errno::Ilseq`] if it is not UTF-8.
    pub fn string(&self, ptr: u32, len: u32) -> Result<&str, Errno> {
        std::str::from_utf8(self.bytes(ptr, len)?).map_err(|_| Errno::Ilseq)
    }

    /// Reads an integer.
    #[inline]
    pub fn read<T: GuestScalar>(&self, ptr: u32) -> Result<T, Errno> {
        Ok(T::load(self.bytes(ptr, T::SIZE)?))
    }

    /// Writes an integer.
    #[inline]
    pub fn write<T: GuestScalar>(&mut self, ptr: u32, value: T) -> Result<(), Errno> {
        value.store(self.bytes_mut(ptr, T::SIZE)?);
        Ok(())
    }

    /// Writes bytes.
    pub fn write_bytes(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), Errno> {
        let range = self.range(ptr, bytes.len() as u64)?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Hands the buffers of a `ciovec` array to `body`, in place: nothing is copied.
    pub fn gather<R>(
        &self,
        iovs: u32,
        count: u32,
        body: impl FnOnce(&[IoSlice<'_>]) -> R,
    ) -> Result<R, Errno> {
        let mut inline = [Span::default(); INLINE_IOVECS];
        let mut spill = Vec::new();
        let spans = self.spans(iovs, count, &mut inline, &mut spill)?;
        let slice = |span: &Span| IoSlice::new(&self.bytes[span.start..span.start + span.len]);
        if spans.len() <= INLINE_IOVECS {
            let mut slices = [IoSlice::new(&[]); INLINE_IOVECS];
            for (slot, span) in slices.iter_mut().zip(spans.iter()) {
                *slot = slice(span);
            }
            Ok(body(&slices[..spans.len()]))
        } else {
            Ok(body(&spans.iter().map(slice).collect::<Vec<_>>()))
        }
    }

    /// Hands the buffers of an `iovec` array to `body` to be filled, in place: nothing is copied.
    ///
    /// If buffers overlap, only the first is used, which makes a short read.
    pub fn scatter<R>(
        &mut self,
        iovs: u32,
        count: u32,
        body: impl FnOnce(&mut [IoSliceMut<'_>]) -> R,
    ) -> Result<R, Errno> {
        let mut inline = [Span::default(); INLINE_IOVECS];
        let mut spill = Vec::new();
        let spans = self.spans(iovs, count, &mut inline, &mut spill)?;
        let count = spans.len();
        let first = spans.first().copied();
        spans.sort_unstable_by_key(|span| span.start);
        let disjoint = spans.windows(2).all(|pair| pair[0].start + pair[0].len <= pair[1].start);
        if let (false, Some(first)) = (disjoint, first) {
            let buffer = &mut self.bytes[first.start..first.start + first.len];
            return Ok(body(&mut [IoSliceMut::new(buffer)]));
        }

        let mut small: [IoSliceMut<'_>; INLINE_IOVECS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let mut large = Vec::new();
        let slices = if count <= INLINE_IOVECS {
            &mut small[..count]
        } else {
            large.resize_with(count, || IoSliceMut::new(&mut []));
            &mut large[..]
        };
        let mut rest: &mut [u8] = self.bytes;
        let mut position = 0;
        for span in spans.iter() {
            let (buffer, tail) = rest.split_at_mut(span.start - position).1.split_at_mut(span.len);
            slices[span.index] = IoSliceMut::new(buffer);
            rest = tail;
            position = span.start + span.len;
        }
        Ok(body(slices))
    }

    /// Reads and checks an array of iovecs, leaving out empty buffers.
    fn spans<'s>(
        &self,
        iovs: u32,
        count: u32,
        inline: &'s mut [Span; INLINE_IOVECS],
        spill: &'s mut Vec<Span>,
    ) -> Result<&'s mut [Span], Errno> {
        self.check_array(iovs, count, IOVEC_SIZE)?;
        let count = count.min(MAX_IOVECS);
        let mut used = 0;
        let mut total = 0u64;
        for i in 0..count {
            let at = iovs + i * IOVEC_SIZE;
            let len: u32 = self.read(at + 4)?;
            let range = self.range(self.read(at)?, len.into())?;
            total += u64::from(len);
            if total > u64::from(u32::MAX) {
                return Err(Errno::Inval);
            }
            if range.is_empty() {
                continue;
            }
            let span = Span { start: range.start, len: range.len(), index: used };
            if count as usize > INLINE_IOVECS {
                spill.push(span);
            } else {
                inline[used] = span;
            }
            used += 1;
        }
        Ok(if count as usize > INLINE_IOVECS { &mut spill[..] } else { &mut inline[..used] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory with an iovec array at 0 for the given buffers.
    fn with_iovecs(size: usize, buffers: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = vec![0; size];
        for (i, (ptr, len)) in buffers.iter().enumerate() {
            bytes[i * 8..i * 8 + 4].copy_from_slice(&ptr.to_le_bytes());
            bytes[i * 8 + 4..i * 8 + 8].copy_from_slice(&len.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn accesses_are_checked_without_wrapping() {
        let mut bytes = [0; 16];
        let mut mem = GuestMemory::new(&mut bytes);
        assert_eq!(mem.write(12, 0x0403_0201u32), Ok(()));
        assert_eq!(mem.read::<u8>(15), Ok(4));
        assert_eq!(mem.read::<u16>(13), Ok(0x0302));
        assert_eq!(mem.read::<u32>(13), Err(Errno::Fault));
        assert_eq!(mem.read::<u64>(u32::MAX), Err(Errno::Fault));
        assert_eq!(mem.bytes(u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(mem.check_array(0, u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(mem.bytes(16, 0), Ok(&[][..]));
        assert_eq!(mem.bytes(17, 0), Err(Errno::Fault));
    }

    #[test]
    fn strings_must_be_utf8() {
        let mut bytes = *b"ok\xff";
        let mem = GuestMemory::new(&mut bytes);
        assert_eq!(mem.string(0, 2), Ok("ok"));
        assert_eq!(mem.string(0, 3), Err(Errno::Ilseq));
        assert_eq!(mem.string(0, 4), Err(Errno::Fault));
    }

    #[test]
    fn gather_leaves_out_empty_buffers() {
        let mut bytes = with_iovecs(64, &[(40, 2), (0, 0), (44, 1)]);
        bytes[40..45].copy_from_slice(b"ab__c");
        let mem = GuestMemory::new(&mut bytes);
        let seen = mem.gather(0, 3, |s| s.iter().map(|s| s.to_vec()).collect::<Vec<_>>());
        assert_eq!(seen, Ok(vec![b"ab".to_vec(), b"c".to_vec()]));
    }

    #[test]
    fn gather_checks_the_array_and_every_buffer() {
        let mut bytes = with_iovecs(32, &[(0, 4), (31, 2)]);
        let mem = GuestMemory::new(&mut bytes);
        assert_eq!(mem.gather(0, 2, |_| ()), Err(Errno::Fault));
        assert_eq!(mem.gather(0, u32::MAX, |_| ()), Err(Errno::Fault));
        assert_eq!(mem.gather(28, 1, |_| ()), Err(Errno::Fault));
        assert_eq!(mem.gather(0, 1, |s| s.len()), Ok(1));
    }

    #[test]
    fn scatter_keeps_the_order_of_the_list() {
        let mut bytes = with_iovecs(64, &[(50, 2), (40, 3)]);
        let mut mem = GuestMemory::new(&mut bytes);
        let lens = mem.scatter(0, 2, |s| {
            s[0].copy_from_slice(b"xy");
            s[1].copy_from_slice(b"abc");
            s.len()
        });
        assert_eq!(lens, Ok(2));
        assert_eq!(&bytes[40..43], b"abc");
        assert_eq!(&bytes[50..52], b"xy");
    }

    #[test]
    fn scatter_uses_one_buffer_where_they_overlap() {
        let mut bytes = with_iovecs(64, &[(48, 8), (40, 9)]);
        let mut mem = GuestMemory::new(&mut bytes);
        let lens = mem.scatter(0, 2, |s| s.iter().map(|s| s.len()).collect::<Vec<_>>());
        assert_eq!(lens, Ok(vec![8]));
    }

    #[test]
    fn long_lists_work_and_are_cut_at_the_limit() {
        let buffers: Vec<_> = (0..2000).map(|i| (16_000 + i, 1)).collect();
        let mut bytes = with_iovecs(20_000, &buffers);
        let mut mem = GuestMemory::new(&mut bytes);
        assert_eq!(mem.gather(0, 20, |s| s.len()), Ok(20));
        assert_eq!(mem.scatter(0, 2000, |s| s.len()), Ok(MAX_IOVECS as usize));
    }

    #[test]
    fn a_total_beyond_32_bits_is_refused() {
        // 70,000 bytes of memory named 1,024 times stay below 2^32; a list that does not is refused.
        let size = 8 << 20;
        let mut bytes = with_iovecs(size, &[(0, size as u32); 1024]);
        let mem = GuestMemory::new(&mut bytes);
        assert_eq!(mem.gather(0, 1024, |_| ()), Err(Errno::Inval));
        assert_eq!(mem.gather(0, 511, |s| s.len()), Ok(511));
    }
}
