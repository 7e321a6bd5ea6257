//! `cargo xtask bench compile --threads N`: what more threads bring, against one.

use super::compile::Args;
use super::statistics::{geometric_mean, rounded};
use super::stats::Stats;
use crate::{repo, table};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Compiles each module by one thread and by `threads`, in processes that take turns; the least times count.
pub fn main(engine: &Path, files: &[PathBuf], args: &Args, threads: usize, json: bool) -> Result<()> {
    let mut rows = Vec::new();
    let (mut speedups, mut costs) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.strip_prefix(repo::corpus_dir()).unwrap_or(file).display().to_string();
        let measure = |threads| Stats::of(engine, file, &args.tier, args.repeat, threads);
        let mut one = match measure(1) {
            Ok(stats) => stats,
            Err(error) => {
                eprintln!("{name}: skipped: {error:#}");
                continue;
            }
        };
        let mut many = measure(threads).with_context(|| name.clone())?;
        for _ in 1..args.rounds {
            one.merge(&measure(1)?);
            many.merge(&measure(threads)?);
        }
        let speedup = one.compile_ms / many.compile_ms;
        let cost = many.compile_cpu_ms / one.compile_cpu_ms;
        speedups.push(speedup);
        costs.push(cost);
        if json {
            println!(
                "{}",
                json!({
                    "module": name, "tier": args.tier, "threads": threads, "compile_ms_1": one.compile_ms,
                    "compile_ms": many.compile_ms, "speedup": rounded(speedup), "cpu_ratio": rounded(cost),
                    "peak_bytes_1": one.peak_bytes, "peak_bytes": many.peak_bytes,
                })
            );
        }
        rows.push(vec![
            name,
            format!("{:.2}", one.compile_ms),
            format!("{:.2}", many.compile_ms),
            format!("{speedup:.2}"),
            format!("{cost:.2}"),
            format!("{:.2}", many.peak_bytes / one.peak_bytes),
        ]);
    }
    ensure!(!rows.is_empty(), "no module could be measured");
    let (speedup, cost) = (geometric_mean(speedups), geometric_mean(costs));
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "tier": args.tier, "threads": threads, "geomean_speedup": rounded(speedup),
                "geomean_cpu_ratio": rounded(cost),
            })
        );
    } else {
        table::print(&["module", "1 thread ms", "ms", "speedup", "CPU time", "peak memory"], &rows);
        println!(
            "{threads} threads against one: {speedup:.2} times as fast, {cost:.2} times the CPU time (geometric means)"
        );
    }
    Ok(())
}
