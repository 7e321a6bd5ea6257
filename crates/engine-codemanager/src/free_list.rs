//! A first-fit allocator of ranges, on a sorted free list with coalescing.
//!
//! It hands out the lowest range that fits, so that the top of a region stays untouched, and with it uncommitted.

/// Free ranges of `0..size`, as (start, end), sorted, neither overlapping nor touching.
#[derive(Debug)]
pub(crate) struct FreeList {
    size: usize,
    free: Vec<(usize, usize)>,
}

impl FreeList {
    /// Everything free.
    pub(crate) fn new(size: usize) -> FreeList {
        FreeList { size, free: vec![(0, size)] }
    }

    /// Takes the lowest free range of `len` bytes.
    pub(crate) fn allocate(&mut self, len: usize) -> Option<usize> {
        let i = self.free.iter().position(|&(start, end)| end - start >= len)?;
        let start = self.free[i].0;
        self.free[i].0 += len;
        if self.free[i].0 == self.free[i].1 {
            self.free.remove(i);
        }
        Some(start)
    }

    /// Gives a range back.
    pub(crate) fn free(&mut self, start: usize, len: usize) {
        let end = start + len;
        debug_assert!(len > 0 && end <= self.size);
        let i = self.free.partition_point(|&(other, _)| other < start);
        debug_assert!(i == 0 || self.free[i - 1].1 <= start, "freed twice");
        debug_assert!(i == self.free.len() || end <= self.free[i].0, "freed twice");
        let joins_left = i > 0 && self.free[i - 1].1 == start;
        let joins_right = i < self.free.len() && self.free[i].0 == end;
        match (joins_left, joins_right) {
            (true, true) => {
                self.free[i - 1].1 = self.free[i].1;
                self.free.remove(i);
            }
            (true, false) => self.free[i - 1].1 = end,
            (false, true) => self.free[i].0 = start,
            (false, false) => self.free.insert(i, (start, end)),
        }
    }

    /// Bytes that are not free.
    pub(crate) fn used(&self) -> usize {
        self.size - self.free.iter().map(|(start, end)| end - start).sum::<usize>()
    }

    /// Whether nothing is allocated.
    pub(crate) fn is_unused(&self) -> bool {
        self.free.as_slice() == [(0, self.size)]
    }
}

#[cfg(test)]
mod tests {
    use super::FreeList;

    #[test]
    fn what_is_used_is_counted() {
        let mut list = FreeList::new(100);
        let first = list.allocate(30).unwrap();
        list.allocate(20).unwrap();
        list.free(first, 30);
        assert_eq!(list.used(), 20);
    }

    #[test]
    fn ranges_never_overlap_and_coalesce_again() {
        let mut list = FreeList::new(1 << 12);
        let mut live: Vec<(usize, usize)> = Vec::new();
        let mut seed = 1u32;
        for _ in 0..2000 {
            seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
            if seed >> 31 == 0 || live.is_empty() {
                let len = 1 + (seed >> 8) as usize % 200;
                if let Some(start) = list.allocate(len) {
                    assert!(start + len <= 1 << 12);
                    assert!(live.iter().all(|&(s, l)| s + l <= start || start + len <= s));
                    live.push((start, len));
                }
            } else {
                let (start, len) = live.swap_remove((seed >> 8) as usize % live.len());
                list.free(start, len);
            }
        }
        for (start, len) in live {
            list.free(start, len);
        }
        assert!(list.is_unused());
    }

    #[test]
    fn the_lowest_range_that_fits_is_taken() {
        let mut list = FreeList::new(100);
        assert_eq!(list.allocate(10), Some(0));
        assert_eq!(list.allocate(10), Some(10));
        assert_eq!(list.allocate(10), Some(20));
        list.free(0, 10);
        list.free(20, 10);
        assert_eq!(list.allocate(11), Some(20));
        assert_eq!(list.allocate(10), Some(0));
        assert_eq!(list.allocate(100), None);
    }
}
