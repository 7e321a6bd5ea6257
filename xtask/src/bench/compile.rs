//! `cargo xtask bench compile`: what compiling a module costs, in multiples of what validating it costs, and the fixed cost of small
//! modules.
//!
//! Each module is measured in processes of its own (`engine compile --stats json`), in which validation and compilation alternate.

use super::callable;
use super::peers::{self, Contestant};
use super::statistics::{Samples, geometric_mean, rounded, worst};
use super::stats::Stats;
use crate::packages::PACKAGES;
use crate::{process, repo, table};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `cargo xtask bench compile`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Processes for each module; up to four times as many while their ratios disagree
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rounds: u32,
    /// Samples in each process, of which the least counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) repeat: u32,
    /// Which compiler makes the code
    #[arg(long, value_name = "TIER", default_value = "baseline")]
    pub(super) tier: String,
    /// Compare this many threads with one, instead of compilation with validation
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    threads: Option<u32>,
    /// Only modules whose path contains this; "synthetic" for the small modules alone
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// These modules instead of the corpus
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }
}

/// Modules with a smaller code section have nothing to compile, and do not count in the means.
const LEAST_CODE: f64 = 1000.0;
/// Modules with a smaller code section say little about memory, as the process itself needs some.
const LEAST_CODE_FOR_MEMORY: f64 = 500_000.0;

/// The ratio of the least times is doubted, and measured further, while it is this far from the median of the processes' ratios.
const DOUBT: f64 = 0.03;
/// In how many times as many processes at most.
const MORE: u32 = 4;

/// A module of the corpus that has been measured.
struct Row {
    name: String,
    stats: Stats,
    /// Ratio of compilation to validation in each process.
    ratios: Samples,
    /// Least CPU time of Cranelift's processes, if it was measured.
    cranelift_ms: Option<f64>,
}

/// `cargo xtask bench compile`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let engine = process::build_release_engine()?;
    if let Some(threads) = args.threads {
        return super::threads::main(&engine, &files(args)?, args, threads as usize, json);
    }
    let cranelift = if args.tier == "optimized" { peers::cranelift_compiler() } else { None };
    let mut rows = Vec::new();
    for file in files(args)? {
        let Some(row) = measure(&engine, &file, args, cranelift.as_ref())? else { continue };
        if json {
            row.print_json(&args.tier);
        }
        rows.push(row);
    }
    let small = if args.files.is_empty() && args.tier == "baseline" {
        callable::measure(|name| args.wants(name))?
    } else {
        Vec::new()
    };
    ensure!(!rows.is_empty() || !small.is_empty(), "no module could be measured");
    if json {
        small.iter().for_each(|row| println!("{}", row.json(&args.tier)));
    } else {
        print_tables(&rows, &small);
    }
    if !rows.is_empty() {
        print_summary(&rows, &args.tier, json);
    }
    Ok(())
}

/// The modules to measure.
fn files(args: &Args) -> Result<Vec<PathBuf>> {
    modules(&args.files, |name| args.wants(name))
}

/// These files, or if there are none the modules of the corpus; of them, those that are wanted.
pub(super) fn modules(files: &[PathBuf], wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = files.to_vec();
    if files.is_empty() {
        for package in &PACKAGES {
            package.fetch()?;
            files.extend(package.modules());
        }
    }
    files.retain(|file| wanted(&file.to_string_lossy()));
    Ok(files)
}

/// A module's statistics; `None`, with a line that says why, if it does not compile.
///
/// Cranelift's processes alternate with ours. Theirs are measured whole: they also read the module and write the code.
fn measure(engine: &Path, file: &Path, args: &Args, cranelift: Option<&Contestant>) -> Result<Option<Row>> {
    let name = file.strip_prefix(repo::corpus_dir()).unwrap_or(file).display().to_string();
    let mut row = match Stats::of(engine, file, &args.tier, args.repeat, 1) {
        Ok(stats) => Row {
            name,
            ratios: Samples::new(vec![stats.compile_ms / stats.validate_ms]),
            stats,
            cranelift_ms: None,
        },
        Err(error) => {
            eprintln!("{name}: skipped: {error:#}");
            return Ok(None);
        }
    };
    row.measure_cranelift(cranelift, file)?;
    let mut rounds = 1;
    while rounds < args.rounds || (row.is_doubtful() && rounds < MORE * args.rounds) {
        let stats = Stats::of(engine, file, &args.tier, args.repeat, 1).with_context(|| row.name.clone())?;
        row.ratios.push(stats.compile_ms / stats.validate_ms);
        row.stats.merge(&stats);
        row.measure_cranelift(cranelift, file)?;
        rounds += 1;
    }
    Ok(Some(row))
}

impl Row {
    fn ratio(&self) -> f64 {
        self.stats.compile_ms / self.stats.validate_ms
    }

    /// Whether the machine was faster while one of the two was at its least.
    fn is_doubtful(&self) -> bool {
        (self.ratio() / self.ratios.median() - 1.0).abs() > DOUBT
    }

    /// Compiles the module with Cranelift, if that compiles it.
    fn measure_cranelift(&mut self, cranelift: Option<&Contestant>, file: &Path) -> Result<()> {
        let Some(cranelift) = cranelift else { return Ok(()) };
        let measured = process::measure(&mut cranelift.command(file), None)?;
        if measured.status.success() {
            let cpu = measured.cpu.as_secs_f64() * 1e3;
            self.cranelift_ms = Some(self.cranelift_ms.map_or(cpu, |least| least.min(cpu)));
        }
        Ok(())
    }

    /// CPU time of Cranelift in multiples of ours.
    fn cranelift(&self) -> Option<f64> {
        Some(self.cranelift_ms? / self.stats.compile_cpu_ms)
    }

    fn mb_per_s(&self) -> f64 {
        self.stats.code_section_bytes / 1e3 / self.stats.compile_ms
    }

    /// Peak memory in multiples of the code section.
    fn peak(&self) -> f64 {
        self.stats.peak_bytes / self.stats.code_section_bytes.max(1.0)
    }

    fn print_json(&self, tier: &str) {
        let stats = &self.stats;
        println!(
            "{}",
            json!({
                "module": self.name, "tier": tier, "code_section_bytes": stats.code_section_bytes,
                "validate_ms": stats.validate_ms, "compile_ms": stats.compile_ms, "ratio": rounded(self.ratio()),
                "ratio_spread_percent": rounded(self.ratios.spread()), "mb_per_s": rounded(self.mb_per_s()),
                "machine_code_bytes": stats.machine_code_bytes, "peak_bytes": stats.peak_bytes,
                "compile_cpu_ms": stats.compile_cpu_ms, "cranelift_cpu_ms": self.cranelift_ms,
                "cranelift_ratio": self.cranelift().map(rounded),
            })
        );
    }

    fn cells(&self) -> Vec<String> {
        let stats = &self.stats;
        vec![
            self.name.clone(),
            format!("{:.0}", stats.code_section_bytes),
            format!("{:.2}", stats.validate_ms),
            format!("{:.2}", stats.compile_ms),
            format!("{:.2}", self.ratio()),
            format!("{:.1}", self.ratios.spread()),
            format!("{:.1}", self.mb_per_s()),
            format!("{:.2}", stats.machine_code_bytes / stats.code_section_bytes.max(1.0)),
            format!("{:.2}", self.peak()),
            self.cranelift().map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
        ]
    }
}

fn print_tables(rows: &[Row], small: &[callable::Row]) {
    if !rows.is_empty() {
        let header = [
            "module",
            "code section",
            "validate ms",
            "compile ms",
            "ratio",
            "spread %",
            "MB/s",
            "code / section",
            "peak / section",
            "Cranelift",
        ];
        table::print(&header, &rows.iter().map(Row::cells).collect::<Vec<_>>());
        println!("Cranelift: its CPU time in multiples of ours, both with one thread; with --tier optimized");
    }
    if !small.is_empty() {
        let header = ["module", "bytes", "validate µs", "callable µs", "spread %", "ratio", "spread %"];
        table::print(&header, &small.iter().map(callable::Row::cells).collect::<Vec<_>>());
        println!("callable: from bytes to a typed export of an instance; medians");
    }
}

fn print_summary(rows: &[Row], tier: &str, json: bool) {
    let counted = || rows.iter().filter(|row| row.stats.code_section_bytes >= LEAST_CODE);
    let large: Vec<&Row> =
        rows.iter().filter(|row| row.stats.code_section_bytes >= LEAST_CODE_FOR_MEMORY).collect();
    let (mean, worst_ratio) = (geometric_mean(counted().map(Row::ratio)), worst(counted().map(Row::ratio)));
    let peak = (!large.is_empty()).then(|| worst(large.iter().map(|row| row.peak())));
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "tier": tier, "modules": counted().count(), "geomean_ratio": rounded(mean),
                "worst_ratio": rounded(worst_ratio), "worst_peak_per_code_byte": peak.map(rounded),
            })
        );
        return;
    }
    println!("compile / validate, least against least: geometric mean {mean:.2}, worst {worst_ratio:.2}");
    if let Some(peak) = peak {
        println!("peak memory: at worst {peak:.2} bytes for each byte of a code section of 500 kB or more");
    }
    let uncounted = rows.len() - counted().count();
    if uncounted > 0 {
        println!("{uncounted} modules with less than 1 kB of code do not count");
    }
}
