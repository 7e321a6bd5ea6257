//! Histograms by powers of two.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets of a histogram.
const BUCKETS: usize = 40;

/// How often values of each magnitude were seen. Bucket `i` counts the values from 2^i up to 2^(i + 1), the first one zeros too, the last one all
/// that are larger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histogram {
    counts: [u64; BUCKETS],
}

impl Histogram {
    /// Values seen.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The buckets that are not empty, in ascending order: the least value of each, and how many values are in it.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let least = |i: usize| if i == 0 { 0 } else { 1 << i };
        self.counts
            .iter()
            .enumerate()
            .filter(|&(_, &count)| count > 0)
            .map(move |(i, &count)| (least(i), count))
    }
}

/// Buckets as `from 64: 3, from 128: 12`.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (least, count)) in self.buckets().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}from {least}: {count}")?;
        }
        Ok(())
    }
}

/// A histogram that any thread adds to.
pub(crate) struct AtomicHistogram {
    counts: [AtomicU64; BUCKETS],
}

impl Default for AtomicHistogram {
    fn default() -> AtomicHistogram {
        AtomicHistogram { counts: [const { AtomicU64::new(0) }; BUCKETS] }
    }
}

impl AtomicHistogram {
    pub fn add(&self, value: u64) {
        let bucket = value.max(1).ilog2() as usize;
        self.counts[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Histogram {
        Histogram { counts: core::array::from_fn(|i| self.counts[i].load(Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_magnitude() {
        let histogram = AtomicHistogram::default();
        for value in [0, 1, 2, 3, 4, 1023, 1024, u64::MAX] {
            histogram.add(value);
        }
        let histogram = histogram.read();
        let buckets: Vec<_> = histogram.buckets().collect();
        assert_eq!(buckets, [(0, 2), (2, 2), (4, 1), (512, 1), (1024, 1), (1 << 39, 1)]);
        assert_eq!(histogram.count(), 8);
        assert!(histogram.to_string().starts_with("from 0: 2, from 2: 2, "));
    }
}
