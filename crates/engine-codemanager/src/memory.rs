//! Linear memories: reservations with guards, or plain mappings where those cannot be had.
//!
//! ```text
//!  Guarded   │ byte_size: read + write │ no access ……………………………………………………… │
//!            base                                    base + 4 GiB + GUARD_SIZE
//!
//!  Checked   │ byte_size │ no access, at least CHECKED_GUARD_SIZE │       grows in place or moves; code checks its indices
//!            base                                              base + mapped
//! ```
//! A guarded memory never moves, and nothing that compiled code can compute as an address lies outside of the reservation;
//! address space costs no memory. Growing it is one `mprotect`.
//!
//! A checked memory's spare room grows with its size (by half, at most 64 MiB), and moving it moves page tables, not bytes,
//! so growing by single pages to n takes O(n) in all. Behind `byte_size` nothing can be accessed, so what compiled code
//! reaches from an index that it has checked faults there.
#![allow(unsafe_code)]

use crate::image::DataImage;
use crate::os::{self, Access, At};
use crate::{MemoryError, OsError};
use core::ptr;
use engine_machine::{AccessMode, CHECKED_GUARD_SIZE, GUARD_SIZE, MemoryRange};

/// Bytes that a 32-bit index reaches, and the largest memory.
pub const MAX_MEMORY_BYTES: u64 = 1 << 32;

const RESERVATION: usize = (MAX_MEMORY_BYTES + GUARD_SIZE) as usize;
const MAX_SPARE: usize = 64 << 20;

/// Bytes to reserve for a checked memory of a size.
fn with_guard(bytes: usize) -> usize {
    os::round_to_page(bytes) + os::round_to_page(CHECKED_GUARD_SIZE as usize)
}

/// What a memory shall be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryPlan {
    /// Bytes at the start.
    pub minimum: u64,
    /// Most bytes it may grow to; `None` for 4 GiB.
    pub maximum: Option<u64>,
    /// Whether it is shared between threads, so that it must never move.
    pub shared: bool,
    /// The access mode wanted. `Guarded` becomes `Checked` where address space does not suffice.
    pub prefer: AccessMode,
}

/// The bytes of a linear memory.
///
/// ```
/// use engine_codemanager::{DataImage, LinearMemory, MemoryPlan};
/// use engine_machine::AccessMode;
///
/// let plan = MemoryPlan { minimum: 65536, maximum: None, shared: false, prefer: AccessMode::Guarded };
/// let mut memory = LinearMemory::new(plan)?;
/// memory.map_image(&DataImage::new(&[(16, b"hello")], plan.minimum)?)?;
/// assert_eq!(memory.grow(65536)?, 65536);
/// assert_eq!(memory.byte_size(), 131072);
/// # Ok::<(), engine_codemanager::MemoryError>(())
/// ```
#[derive(Debug)]
pub struct LinearMemory {
    base: usize,
    byte_size: usize,
    maximum: u64,
    mode: AccessMode,
    /// Bytes reserved, those in use included.
    mapped: usize,
    /// Whether the mapping may move (checked, not shared).
    movable: bool,
    /// Ends of the parts that have moved together, ascending, page-aligned. The kernel moves one mapping at a time, and parts of
    /// different descent stay different mappings.
    moved: Vec<usize>,
}

impl LinearMemory {
    /// Makes a memory of zeros.
    ///
    /// # Errors
    /// When more than 4 GiB are wanted, the minimum is over the maximum, or the host has not enough.
    pub fn new(plan: MemoryPlan) -> Result<LinearMemory, MemoryError> {
        let maximum = plan.maximum.unwrap_or(MAX_MEMORY_BYTES).min(MAX_MEMORY_BYTES);
        if plan.minimum > maximum {
            return Err(MemoryError::OverLimit { bytes: plan.minimum, limit: maximum });
        }
        let minimum = plan.minimum as usize;
        if plan.prefer == AccessMode::Guarded
            && let Ok(base) = os::reserve(At::Anywhere, RESERVATION)
        {
            let mode = AccessMode::Guarded;
            let mut memory = LinearMemory {
                base,
                byte_size: 0,
                maximum,
                mode,
                mapped: RESERVATION,
                movable: false,
                moved: Vec::new(),
            };
            memory.grow_in_place(minimum)?;
            return Ok(memory);
        }
        // A memory that must not move needs its addresses now. Without a declared maximum that is out of reach.
        let mapped = with_guard(if plan.shared { maximum as usize } else { minimum });
        let base = os::reserve(At::Anywhere, mapped)?;
        let (mode, movable) = (AccessMode::Checked, !plan.shared);
        let mut memory =
            LinearMemory { base, byte_size: 0, maximum, mode, mapped, movable, moved: Vec::new() };
        memory.grow_in_place(minimum)?;
        Ok(memory)
    }

    /// Whether a guarded memory could be had now: what decides how a module is compiled.
    pub fn guarded_available() -> bool {
        match os::reserve(At::Anywhere, RESERVATION) {
            Ok(base) => {
                // SAFETY: mapped just now, known to nobody.
                unsafe { os::unmap(base, RESERVATION) };
                true
            }
            Err(_) => false,
        }
    }

    /// Its first byte. Changes when a checked memory grows.
    #[inline]
    pub fn base(&self) -> *mut u8 {
        ptr::with_exposed_provenance_mut(self.base)
    }
    /// Its current size in bytes.
    #[inline]
    pub fn byte_size(&self) -> usize {
        self.byte_size
    }
    /// The most bytes it may grow to.
    pub fn maximum(&self) -> u64 {
        self.maximum
    }
    /// How code must access it.
    pub fn access_mode(&self) -> AccessMode {
        self.mode
    }
    /// The reservation in which faults are guest traps. Changes when a checked memory grows.
    pub fn range(&self) -> MemoryRange {
        MemoryRange { start: self.base, end: self.base + self.mapped }
    }

    /// Grows by `delta` bytes of zeros and returns the old size. A checked memory may move.
    ///
    /// # Errors
    /// When the maximum would be passed or the host has not enough; the memory is then unchanged.
    pub fn grow(&mut self, delta: u64) -> Result<usize, MemoryError> {
        let old = self.byte_size;
        let new = (old as u64).saturating_add(delta);
        if new > self.maximum {
            return Err(MemoryError::OverLimit { bytes: new, limit: self.maximum });
        }
        let new = new as usize;
        match self.mode {
            AccessMode::Guarded => self.grow_in_place(new)?,
            AccessMode::Checked => self.grow_mapping(new)?,
        }
        Ok(old)
    }

    fn grow_in_place(&mut self, new: usize) -> Result<(), OsError> {
        let (from, to) = (os::round_to_page(self.byte_size), os::round_to_page(new));
        if to > from {
            // SAFETY: these pages are in the reservation, and nobody could use them.
            unsafe { os::protect(self.base + from, to - from, Access::ReadWrite)? };
        }
        self.byte_size = new;
        Ok(())
    }

    fn grow_mapping(&mut self, new: usize) -> Result<(), OsError> {
        if with_guard(new) > self.mapped {
            if !self.movable {
                return Err(OsError { call: "growing a shared memory", errno: libc::ENOMEM });
            }
            let spare = (new / 2).min(MAX_SPARE);
            let roomy = with_guard((new + spare).min(self.maximum as usize).max(new));
            self.move_to(roomy).or_else(|_| self.move_to(with_guard(new)))?;
        }
        self.grow_in_place(new)
    }

    /// Moves to a new reservation of `mapped` bytes.
    fn move_to(&mut self, mapped: usize) -> Result<(), OsError> {
        let target = os::reserve(At::Anywhere, mapped)?;
        let used = os::round_to_page(self.byte_size);
        // What cannot be moved is copied, so the target is made ready for that first: from then on nothing can fail.
        if used > 0 {
            // SAFETY: reserved just now, known to nobody.
            if let Err(error) = unsafe { os::protect(target, used, Access::ReadWrite) } {
                // SAFETY: as above.
                unsafe { os::unmap(target, mapped) };
                return Err(error);
            }
        }
        if self.moved.last().is_none_or(|&end| end < used) {
            self.moved.push(used);
        }
        let mut start = 0;
        for &end in &self.moved {
            let (from, to, len) = (self.base + start, target + start, end - start);
            // SAFETY: both ranges are ours, and `&mut self` means that nobody uses the bytes. A range that has been moved is
            // no longer ours and is not touched again.
            unsafe {
                if len > 0 && os::remap_over(from, len, to).is_err() {
                    let source = ptr::with_exposed_provenance::<u8>(from);
                    ptr::copy_nonoverlapping(source, ptr::with_exposed_provenance_mut(to), len);
                    os::unmap(from, len);
                }
            }
            start = end;
        }
        // SAFETY: the rest of the old reservation is still ours; nobody can use it.
        unsafe { os::unmap(self.base + used, self.mapped - used) };
        (self.base, self.mapped) = (target, mapped);
        Ok(())
    }

    /// Gives the memory initial contents: copy on write where the memory cannot move, else as a copy. What the image covers
    /// is overwritten, zeros included. For fresh memories, before anyone uses the bytes.
    ///
    /// # Errors
    /// When the image reaches beyond the memory, or the host refuses the mapping.
    pub fn map_image(&mut self, image: &DataImage) -> Result<(), MemoryError> {
        let (start, len) = (image.start(), image.len());
        if len == 0 {
            return Ok(());
        }
        let limit = self.byte_size as u64;
        if image.end() > limit {
            return Err(MemoryError::DataOutOfBounds {
                offset: start as u64,
                bytes: image.end() - start as u64,
                limit,
            });
        }
        let fits = start + len <= os::round_to_page(self.byte_size);
        // A mapping in several pieces cannot be moved by `mremap`.
        if !self.movable && fits {
            // SAFETY: within the memory, whose bytes nobody uses.
            unsafe { os::map_private_over(self.base + start, len, image.file())? };
        } else {
            // SAFETY: within the memory, whose bytes nobody uses.
            let bytes = unsafe {
                core::slice::from_raw_parts_mut(self.base().add(start), (image.end() - start as u64) as usize)
            };
            image.copy_to(bytes)?;
        }
        Ok(())
    }
}

impl Drop for LinearMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours; whoever owns the memory promises that no code uses it any more.
        unsafe { os::unmap(self.base, self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 65536;

    fn plan(pages: u64, maximum: Option<u64>, prefer: AccessMode) -> MemoryPlan {
        MemoryPlan { minimum: pages * PAGE, maximum: maximum.map(|n| n * PAGE), shared: false, prefer }
    }

    fn bytes(memory: &mut LinearMemory) -> &mut [u8] {
        // SAFETY: the memory is borrowed for as long.
        unsafe { core::slice::from_raw_parts_mut(memory.base(), memory.byte_size()) }
    }

    #[test]
    fn guarded_memories_never_move_and_keep_their_contents() {
        let mut memory = LinearMemory::new(plan(0, None, AccessMode::Guarded)).unwrap();
        assert_eq!(memory.access_mode(), AccessMode::Guarded);
        let base = memory.base();
        assert_eq!(memory.range().end - memory.range().start, RESERVATION);
        assert_eq!(memory.grow(PAGE).unwrap(), 0);
        bytes(&mut memory)[65535] = 7;
        assert_eq!(memory.grow(99 * PAGE).unwrap(), 65536);
        assert_eq!(memory.base(), base);
        assert_eq!(bytes(&mut memory)[65535], 7);
        assert!(bytes(&mut memory)[65536..].iter().all(|&b| b == 0));
    }

    #[test]
    fn checked_memories_keep_their_contents_when_they_move() {
        let mut memory = LinearMemory::new(plan(0, None, AccessMode::Checked)).unwrap();
        assert_eq!(memory.access_mode(), AccessMode::Checked);
        for i in 0..2000u64 {
            assert_eq!(memory.grow(PAGE).unwrap() as u64, i * PAGE);
            let range = memory.range();
            assert_eq!(range.start, memory.base().addr());
            assert!(range.end - range.start >= memory.byte_size() + CHECKED_GUARD_SIZE as usize);
            let byte = &mut bytes(&mut memory)[(i * PAGE) as usize];
            assert_eq!(*byte, 0);
            *byte = i as u8;
        }
        assert!((0..2000).all(|i| bytes(&mut memory)[i * PAGE as usize] == i as u8));
    }

    #[test]
    fn growth_stops_at_the_maximum_and_at_4_gib() {
        for mode in [AccessMode::Guarded, AccessMode::Checked] {
            let mut memory = LinearMemory::new(plan(1, Some(2), mode)).unwrap();
            assert!(memory.grow(2 * PAGE).is_err());
            assert_eq!(memory.byte_size() as u64, PAGE);
            assert!(memory.grow(PAGE).is_ok());
            let mut memory = LinearMemory::new(plan(1, None, mode)).unwrap();
            assert!(matches!(memory.grow(MAX_MEMORY_BYTES), Err(MemoryError::OverLimit { .. })));
            assert!(memory.grow(u64::MAX).is_err());
            assert!(LinearMemory::new(plan(65537, None, mode)).is_err());
            assert!(LinearMemory::new(plan(3, Some(2), mode)).is_err());
        }
    }

    #[test]
    fn shared_memories_reserve_their_maximum() {
        for prefer in [AccessMode::Guarded, AccessMode::Checked] {
            let plan = MemoryPlan { minimum: PAGE, maximum: Some(1000 * PAGE), shared: true, prefer };
            let mut memory = LinearMemory::new(plan).unwrap();
            let base = memory.base();
            memory.grow(999 * PAGE).unwrap();
            assert_eq!(memory.base(), base);
            assert!(memory.grow(PAGE).is_err());
        }
    }

    #[test]
    fn images_are_copied_on_write() {
        let pieces: [(u64, &[u8]); 3] = [(10, b"hello"), (100_000, b"world"), (12, b"LL")];
        let image = DataImage::new(&pieces, 2 * PAGE).unwrap();
        for mode in [AccessMode::Guarded, AccessMode::Checked] {
            for _ in 0..2 {
                let mut memory = LinearMemory::new(plan(2, None, mode)).unwrap();
                memory.map_image(&image).unwrap();
                assert_eq!(&bytes(&mut memory)[9..16], b"\0heLLo\0");
                assert_eq!(&bytes(&mut memory)[100_000..100_006], b"world\0");
                bytes(&mut memory)[..20].fill(0xff);
                memory.grow(PAGE).unwrap();
                assert_eq!(&bytes(&mut memory)[99_999..100_006], b"\0world\0");
                assert!(bytes(&mut memory)[131_072..].iter().all(|&b| b == 0));
            }
            let mut memory = LinearMemory::new(plan(1, None, mode)).unwrap();
            assert!(matches!(memory.map_image(&image), Err(MemoryError::DataOutOfBounds { .. })));
        }
    }

    #[test]
    fn pieces_outside_of_an_image_are_refused() {
        assert!(DataImage::new(&[(PAGE - 1, b"ab".as_slice())], PAGE).is_err());
        assert!(DataImage::new(&[(u64::MAX, b"ab".as_slice())], PAGE).is_err());
        assert_eq!(DataImage::new(&[(PAGE, b"".as_slice())], PAGE).unwrap().len(), 0);
    }
}
