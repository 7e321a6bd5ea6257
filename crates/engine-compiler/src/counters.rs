//! What an engine counts while it compiles: atomics that are added to once for each piece, never for each function.
//!
//! All orderings are relaxed: a reader wants totals, not an order among them.

use crate::LazyStats;
use crate::histogram::AtomicHistogram;
use crate::metrics::{Metrics, TierMetrics};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use engine_decoder::Features;
use engine_machine::{CodeBatch, Relocation};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The counters of an engine.
#[derive(Default)]
pub(crate) struct Counters {
    decoded: Clock,
    /// [`Features`] as bits.
    features: AtomicU32,
    lazy: LazyCounters,
    queued_units: Arc<AtomicU64>,
    queued_bytes: Arc<AtomicU64>,
    /// By name, in the order in which they were first used. There are a handful.
    tiers: Mutex<Vec<(&'static str, Arc<TierCounters>)>>,
}

/// A sum of times.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    fn add(&self, time: Duration) {
        self.0.fetch_add(time.as_nanos() as u64, Relaxed);
    }
    fn read(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

#[derive(Default)]
struct LazyCounters {
    functions: AtomicU32,
    bytes: AtomicU64,
    time: Clock,
}

/// What one tier has done.
#[derive(Default)]
pub(crate) struct TierCounters {
    functions: AtomicU64,
    wasm_bytes: AtomicU64,
    code_bytes: AtomicU64,
    relocation_bytes: AtomicU64,
    time: Clock,
    piece_micros: AtomicHistogram,
    kilobytes_per_second: AtomicHistogram,
}

/// What a piece has come to so far.
pub(crate) struct PieceFigures {
    start: Instant,
    pub functions: u64,
    pub wasm_bytes: u64,
    pub code_bytes: u64,
    relocations: u64,
}

impl PieceFigures {
    /// A piece begins now.
    pub fn begin() -> PieceFigures {
        PieceFigures { start: Instant::now(), functions: 0, wasm_bytes: 0, code_bytes: 0, relocations: 0 }
    }

    /// A function is compiled.
    pub fn add_function(&mut self, wasm_bytes: usize) {
        self.functions += 1;
        self.wasm_bytes += wasm_bytes as u64;
    }

    /// A batch is about to be published.
    pub fn add_batch(&mut self, batch: &CodeBatch) {
        self.code_bytes += batch.code.len() as u64;
        self.relocations += batch.relocations.len() as u64;
    }
}

impl TierCounters {
    /// Counts a piece that ends now. Returns the time that it took.
    pub fn add(&self, piece: &PieceFigures) -> Duration {
        let PieceFigures { start, functions, wasm_bytes, code_bytes, relocations } = *piece;
        let time = start.elapsed();
        self.functions.fetch_add(functions, Relaxed);
        self.wasm_bytes.fetch_add(wasm_bytes, Relaxed);
        self.code_bytes.fetch_add(code_bytes, Relaxed);
        self.relocation_bytes.fetch_add(relocations * size_of::<Relocation>() as u64, Relaxed);
        self.time.add(time);
        self.piece_micros.add(time.as_micros() as u64);
        let nanos = (time.as_nanos() as u64).max(1);
        self.kilobytes_per_second.add(wasm_bytes.saturating_mul(1_000_000) / nanos);
        time
    }
}

impl Counters {
    /// The counters of the tier with this name.
    pub fn tier(&self, name: &'static str) -> Arc<TierCounters> {
        let mut tiers = self.tiers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tier)) = tiers.iter().find(|(other, _)| *other == name) {
            return Arc::clone(tier);
        }
        let tier = Arc::new(TierCounters::default());
        tiers.push((name, Arc::clone(&tier)));
        tier
    }

    /// A module, or a part of one, was decoded.
    pub fn add_decoding(&self, time: Duration) {
        self.decoded.add(time);
    }

    /// A function was compiled at its first call.
    pub fn add_lazy(&self, wasm_bytes: usize, time: Duration) {
        self.lazy.functions.fetch_add(1, Relaxed);
        self.lazy.bytes.fetch_add(wasm_bytes as u64, Relaxed);
        self.lazy.time.add(time);
    }

    /// Modules use these.
    pub fn add_features(&self, features: Features) {
        self.features.fetch_or(features.bits(), Relaxed);
    }

    /// The share of a queue in the units, and in their bytes, that wait.
    pub fn queue_shares(&self) -> [Share; 2] {
        [&self.queued_units, &self.queued_bytes].map(|total| Share { total: Arc::clone(total), mine: 0 })
    }

    /// All of them, now. What is not counted here is left at its default.
    pub fn read(&self) -> Metrics {
        let tiers = self.tiers.lock().unwrap_or_else(PoisonError::into_inner);
        let tiers = tiers.iter().map(|(name, tier)| TierMetrics {
            name,
            functions: tier.functions.load(Relaxed),
            wasm_bytes: tier.wasm_bytes.load(Relaxed),
            code_bytes: tier.code_bytes.load(Relaxed),
            relocation_bytes: tier.relocation_bytes.load(Relaxed),
            time: tier.time.read(),
            piece_micros: tier.piece_micros.read(),
            kilobytes_per_second: tier.kilobytes_per_second.read(),
        });
        Metrics {
            decode_time: self.decoded.read(),
            tiers: tiers.collect(),
            lazy: LazyStats {
                functions: self.lazy.functions.load(Relaxed),
                bytes: self.lazy.bytes.load(Relaxed),
                time: self.lazy.time.read(),
            },
            queued_units: self.queued_units.load(Relaxed),
            queued_bytes: self.queued_bytes.load(Relaxed),
            features: Features::from_bits(self.features.load(Relaxed)),
            ..Metrics::default()
        }
    }
}

/// A part of a total that others have parts of, too. It goes with its owner.
#[derive(Debug, Default)]
pub(crate) struct Share {
    total: Arc<AtomicU64>,
    mine: u64,
}

impl Share {
    /// What the owner's part is now.
    pub fn set(&mut self, now: usize) {
        // Modulo 2^64, so that a decrease is an addition, too.
        let change = (now as u64).wrapping_sub(self.mine);
        if change != 0 {
            self.total.fetch_add(change, Relaxed);
            self.mine = now as u64;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_with_their_owners() {
        let counters = Counters::default();
        let [mut first, _] = counters.queue_shares();
        let [mut second, mut bytes] = counters.queue_shares();
        first.set(3);
        second.set(4);
        bytes.set(100);
        assert_eq!((counters.read().queued_units, counters.read().queued_bytes), (7, 100));
        first.set(1);
        drop(second);
        assert_eq!(counters.read().queued_units, 1);
    }

    #[test]
    fn tiers_are_told_apart_by_name() {
        let counters = Counters::default();
        for (name, bytes) in [("one", 10), ("two", 20), ("one", 30)] {
            let mut piece = PieceFigures::begin();
            piece.add_function(bytes);
            counters.tier(name).add(&piece);
        }
        let tiers = counters.read().tiers;
        let found: Vec<_> = tiers.iter().map(|tier| (tier.name, tier.functions, tier.wasm_bytes)).collect();
        assert_eq!(found, [("one", 2, 40), ("two", 1, 20)]);
        assert_eq!(tiers[0].piece_micros.count(), 2);
    }
}
