//! `engine run --stats`: what a run took.

use crate::lines::tell;
use clap::ValueEnum;
use engine_instance::{CodeMemory, Histogram, LazyStats, Metrics, TierMetrics};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// In which form a run's statistics are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum RunFormat {
    /// A table for people.
    Text,
    /// One JSON object.
    Json,
}

/// What the steps of a run took, as far as it came.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Times {
    /// From the file to a module that can be instantiated.
    pub load: Duration,
    /// Instantiation, the module's start function included.
    pub instantiate: Duration,
    /// The program.
    pub run: Duration,
}

/// What a run took.
#[derive(Debug)]
pub(crate) struct RunStats {
    times: Times,
    metrics: Metrics,
    /// The most memory that the process had, in bytes, if the system tells.
    peak_bytes: Option<u64>,
}

impl RunStats {
    /// The figures of a run that has come to its end.
    pub fn new(times: Times, metrics: Metrics) -> RunStats {
        RunStats { times, metrics, peak_bytes: peak_bytes() }
    }

    /// Prints them to standard error.
    pub fn print(&self, format: RunFormat) {
        match format {
            RunFormat::Text => tell!("{}", self.to_string().trim_end()),
            RunFormat::Json => tell!("{}", self.to_json()),
        }
    }

    /// Loading without decoding: reading the file, and validating or compiling what is not left for later.
    fn compile(&self) -> Duration {
        self.times.load.saturating_sub(self.metrics.decode_time)
    }

    fn to_json(&self) -> Value {
        let Metrics { modules, decode_time, lazy, queued_units, queued_bytes, cache, memory, .. } =
            &self.metrics;
        let LazyStats { functions, bytes, time } = *lazy;
        let CodeMemory { reserved, used, code } = *memory;
        let tiers = self.metrics.tiers.iter().map(|tier| (tier.name.to_owned(), tier_json(tier)));
        json!({
            "decode_ms": millis(*decode_time),
            "compile_ms": millis(self.compile()),
            "instantiate_ms": millis(self.times.instantiate),
            "run_ms": millis(self.times.run),
            "peak_bytes": self.peak_bytes,
            "modules": modules,
            "tiers": tiers.collect::<serde_json::Map<_, _>>(),
            "lazy": { "functions": functions, "wasm_bytes": bytes, "ms": millis(time) },
            "queued": { "functions": queued_units, "wasm_bytes": queued_bytes },
            "cache": { "hits": cache.hits, "misses": cache.misses, "rejected": cache.rejected, "stored": cache.stored },
            "features": self.metrics.features.names().collect::<Vec<_>>(),
            "wrappers": self.metrics.wrappers,
            "code_memory": { "code_bytes": code, "used_bytes": used, "reserved_bytes": reserved },
        })
    }
}

fn tier_json(tier: &TierMetrics) -> Value {
    let histogram = |histogram: &Histogram| -> Vec<_> {
        histogram.buckets().map(|(least, count)| json!({ "from": least, "count": count })).collect()
    };
    json!({
        "functions": tier.functions,
        "wasm_bytes": tier.wasm_bytes,
        "code_bytes": tier.code_bytes,
        "relocation_bytes": tier.relocation_bytes,
        "ms": millis(tier.time),
        "piece_micros": histogram(&tier.piece_micros),
        "kilobytes_per_second": histogram(&tier.kilobytes_per_second),
    })
}

impl fmt::Display for RunStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Times { instantiate, run, .. } = self.times;
        for (title, time) in [("compile", self.compile()), ("instantiate", instantiate), ("run", run)] {
            writeln!(f, "{title:<18} {:.3} ms", millis(time))?;
        }
        if let Some(bytes) = self.peak_bytes {
            writeln!(f, "{:<18} {bytes} bytes", "peak memory")?;
        }
        self.metrics.fmt(f)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The most resident memory that this process has had.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
