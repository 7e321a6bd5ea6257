//! Figures on everything that an engine has compiled.

use crate::cache::CacheStats;
use crate::{Histogram, LazyStats};
use core::fmt;
use core::time::Duration;
use engine_codemanager::CodeMemory;
use engine_decoder::Features;

/// Figures on an engine, taken at one moment while other threads may go on. Totals count from the engine's beginning, and nothing is ever taken
/// off them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Modules alive.
    pub modules: u64,
    /// Time spent on decoding modules, without their function bodies; all threads together.
    pub decode_time: Duration,
    /// What each tier has done, in the order of their first use. `validation` is what functions go through that are compiled later, `artifact` has those
    /// of modules for which there was compiled code, in a cache or serialized.
    pub tiers: Vec<TierMetrics>,
    /// Functions compiled at their first calls, or warmed. They count in their tier as well.
    pub lazy: LazyStats,
    /// Units that wait to be compiled.
    pub queued_units: u64,
    /// Wasm bytes of their bodies.
    pub queued_bytes: u64,
    /// What has happened to the cache.
    pub cache: CacheStats,
    /// The proposals beyond WebAssembly 1.0 that modules have used, their function bodies included as far as these have been looked at.
    pub features: Features,
    /// Wrappers between host and Wasm that are alive, one for each signature and direction.
    pub wrappers: usize,
    /// Executable memory.
    pub memory: CodeMemory,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            modules: 0,
            decode_time: Duration::ZERO,
            tiers: Vec::new(),
            lazy: LazyStats::default(),
            queued_units: 0,
            queued_bytes: 0,
            cache: CacheStats::default(),
            features: Features::NONE,
            wrappers: 0,
            memory: CodeMemory::default(),
        }
    }
}

/// What one tier has done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TierMetrics {
    /// Its name.
    pub name: &'static str,
    /// Functions compiled.
    pub functions: u64,
    /// Wasm bytes of their bodies.
    pub wasm_bytes: u64,
    /// Bytes of machine code made.
    pub code_bytes: u64,
    /// Bytes of the relocations made with it. They are not kept once the code is in place.
    pub relocation_bytes: u64,
    /// Time spent on it, publishing included; all threads together.
    pub time: Duration,
    /// Microseconds for each piece: some 64 KiB of bodies, or one function that is compiled when it is called.
    pub piece_micros: Histogram,
    /// Throughput for each piece, in 1,000 bytes of Wasm per second.
    pub kilobytes_per_second: Histogram,
}

impl Metrics {
    /// The tier with this name, if it has done anything.
    pub fn tier(&self, name: &str) -> Option<&TierMetrics> {
        self.tiers.iter().find(|tier| tier.name == name)
    }

    /// Wasm bytes of the bodies that tiers are done with.
    pub fn wasm_bytes(&self) -> u64 {
        self.tiers.iter().map(|tier| tier.wasm_bytes).sum()
    }
}

/// A table for people. Programs read the fields.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metrics { modules, decode_time, tiers, lazy, queued_units, queued_bytes, .. } = self;
        writeln!(f, "{:<18} {modules}", "modules")?;
        writeln!(f, "{:<18} {:.3} ms", "decoding", millis(*decode_time))?;
        for tier in tiers {
            tier.fmt(f)?;
        }
        let LazyStats { functions, bytes, time } = lazy;
        let lazy_millis = millis(*time);
        writeln!(f, "{:<18} {functions} functions, {bytes} bytes, {lazy_millis:.3} ms", "at first calls")?;
        writeln!(f, "{:<18} {queued_units} functions, {queued_bytes} bytes", "waiting")?;
        let CacheStats { hits, misses, rejected, stored } = self.cache;
        writeln!(f, "{:<18} {hits} hits, {misses} misses, {rejected} rejected, {stored} stored", "cache")?;
        let features = if self.features.is_empty() { "none".into() } else { self.features.to_string() };
        writeln!(f, "{:<18} {features}", "proposals used")?;
        writeln!(f, "{:<18} {}", "wrappers", self.wrappers)?;
        let CodeMemory { reserved, used, code } = self.memory;
        writeln!(f, "{:<18} {code} bytes of code, {used} used, {reserved} reserved", "executable memory")
    }
}

impl fmt::Display for TierMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TierMetrics { name, functions, wasm_bytes, code_bytes, relocation_bytes, time, .. } = self;
        let milliseconds = millis(*time);
        writeln!(
            f,
            "{name:<18} {functions} functions, {wasm_bytes} bytes to {code_bytes} and {relocation_bytes} of relocations, \
             {milliseconds:.3} ms"
        )?;
        if self.piece_micros.count() > 0 {
            writeln!(f, "{:<18} {}", "  µs a piece", self.piece_micros)?;
            writeln!(f, "{:<18} {}", "  kB/s", self.kilobytes_per_second)?;
        }
        Ok(())
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
