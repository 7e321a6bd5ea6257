//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"), so that a seed means the same
//! run on every machine and in every version.

/// A seeded generator.
pub struct Rng(u64);

impl Rng {
    /// Independent streams for different `(seed, stream)` pairs: the generator only counts, so neighbouring streams must
    /// begin far apart.
    pub fn new(seed: u64, stream: u64) -> Rng {
        Rng(mix(mix(seed.wrapping_add(STEP)) ^ stream))
    }
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }
    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
    /// Random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Rng;
    use std::collections::HashSet;

    #[test]
    fn neighbouring_streams_share_nothing() {
        let mut seen = HashSet::new();
        for stream in 0..100 {
            let mut rng = Rng::new(1, stream);
            assert!((0..100).all(|_| seen.insert(rng.next())), "stream {stream}");
        }
    }
}
