//! `cargo xtask bench streaming`: modules that are compiled while they arrive, at the speed of a network and as fast as they are taken, against
//! modules that are there as a whole.

use super::compile;
use super::engine_error;
use super::statistics::{Measure, Samples, alternate, geometric_mean, rounded, worst};
use super::stats::Stats;
use crate::{process, repo, table};
use anyhow::{Context as _, Result, ensure};
use engine_instance::{Engine, StreamingCompiler};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that arrive at a time.
const CHUNK: usize = 64 << 10;

/// Arguments of `cargo xtask bench streaming`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Speed of the network, in millions of bytes a second
    #[arg(long, value_name = "MB", default_value_t = 40.0)]
    speed: f64,
    /// Samples
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Only modules whose path contains this
    #[arg(long, value_name = "TEXT", default_value = "esbuild.wasm")]
    filter: String,
    /// These modules instead of the corpus
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What has been measured of a module.
struct Row {
    name: String,
    bytes: usize,
    /// Milliseconds from the last byte to the module, when it comes at the network's speed.
    after: Samples,
    /// Ratio of time when it comes as fast as it is taken, to the time for the whole.
    unthrottled: f64,
    /// Ratio of peak memory to that of the whole and its bytes.
    memory: f64,
}

/// `cargo xtask bench streaming`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let release = process::build_release_engine()?;
    let files = compile::modules(&args.files, |name| !args.files.is_empty() || name.contains(&args.filter))?;
    let mut rows = Vec::new();
    for file in &files {
        let name = file.strip_prefix(repo::corpus_dir()).unwrap_or(file).display().to_string();
        let row = measure(&release, file, &name, args).with_context(|| name.clone())?;
        if json {
            println!(
                "{}",
                json!({
                    "module": row.name, "bytes": row.bytes, "after_last_byte_ms": rounded(row.after.median()),
                    "after_spread_percent": rounded(row.after.spread()),
                    "unthrottled_ratio": rounded(row.unthrottled), "memory_ratio": rounded(row.memory),
                })
            );
        }
        rows.push(row);
    }
    ensure!(!rows.is_empty(), "no module is named so");
    let worst_after = worst(rows.iter().map(|row| row.after.median()));
    let ratio = geometric_mean(rows.iter().map(|row| row.unthrottled));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "speed_mb": args.speed, "threads": threads,
                "worst_after_last_byte_ms": rounded(worst_after), "geomean_unthrottled_ratio": rounded(ratio),
            })
        );
        return Ok(());
    }
    let cells = |row: &Row| {
        vec![
            row.name.clone(),
            row.bytes.to_string(),
            format!("{:.1}", row.after.median()),
            format!("{:.0}", row.after.spread()),
            format!("{:.2}", row.unthrottled),
            format!("{:.2}", row.memory),
        ]
    };
    let head = ["module", "bytes", "after last byte ms", "± %", "unthrottled / whole", "memory / whole"];
    table::print(&head, &rows.iter().map(cells).collect::<Vec<_>>());
    println!("{} MB/s, {threads} threads; worst {worst_after:.1} ms after the last byte", args.speed);
    Ok(())
}

fn measure(release: &Path, file: &Path, name: &str, args: &Args) -> Result<Row> {
    let bytes = std::fs::read(file)?;
    let engine = Engine::default();
    let mut throttled: [Measure<'_>; 1] = [Box::new(|| after_last_byte(&engine, &bytes, args.speed))];
    let [after] = <[Samples; 1]>::try_from(alternate(args.samples, &mut throttled)?).expect("one contestant");

    // In processes of their own, as memory is told best there.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let stats = |mode| Stats::of_mode(release, file, &["--mode", mode], 3, threads);
    let (mut whole, mut streamed) = (stats("eager")?, stats("streaming")?);
    for _ in 1..args.samples.div_ceil(3) {
        whole.merge(&stats("eager")?);
        streamed.merge(&stats("streaming")?);
    }
    Ok(Row {
        name: name.to_owned(),
        bytes: bytes.len(),
        after,
        unthrottled: streamed.compile_ms / whole.compile_ms,
        // The whole was there before anything was measured; what streams in is not.
        memory: streamed.peak_bytes / (whole.peak_bytes + bytes.len() as f64),
    })
}

/// Milliseconds from the last byte's arrival to the module.
fn after_last_byte(engine: &Engine, bytes: &[u8], speed: f64) -> Result<f64> {
    let mut compiler = StreamingCompiler::new(engine);
    compiler.expect_size(bytes.len());
    let start = Instant::now();
    let mut arrived = 0;
    for chunk in bytes.chunks(CHUNK) {
        arrived += chunk.len();
        let due = Duration::from_secs_f64(arrived as f64 / (speed * 1e6));
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        compiler.push(chunk).map_err(engine_error)?;
    }
    let last = Duration::from_secs_f64(bytes.len() as f64 / (speed * 1e6));
    let module = compiler.finish().map_err(engine_error)?;
    let after = start.elapsed().saturating_sub(last);
    drop(module);
    Ok(after.as_secs_f64() * 1e3)
}
