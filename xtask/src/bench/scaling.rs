//! `cargo xtask bench scaling`: how compile time and memory grow with a module's bytes, as fitted exponents.

use super::families::{FAMILIES, Family};
use super::statistics::{exponent, rounded, worst};
use super::stats::Stats;
use crate::{process, repo, table};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Arguments of `cargo xtask bench scaling`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Processes for each size, the sizes taking turns. The least time counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Compilations in each process
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeat: u32,
    /// Which compiler makes the code
    #[arg(long, value_name = "TIER", default_value = "baseline")]
    tier: String,
    /// Only families whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print every size, not only the largest
    #[arg(long)]
    sizes: bool,
}

/// A process that takes longer has shown enough: larger members are not tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// `cargo xtask bench scaling`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let engine = process::build_release_engine()?;
    let dir = repo::root().join("target").join("bench").join("scaling");
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let mut rows = Vec::new();
    let mut exponents = Vec::new();
    for family in &FAMILIES {
        if args.filter.as_ref().is_some_and(|filter| !family.name.contains(filter)) {
            continue;
        }
        let members = measure(family, &engine, &dir, args).with_context(|| {
            format!("to run it alone: cargo xtask bench scaling --filter '{}'", family.name)
        })?;
        let of = |value: fn(&Stats) -> f64| {
            let points: Vec<_> =
                members.iter().map(|(_, stats)| (stats.code_section_bytes, value(stats))).collect();
            exponent(&points)
        };
        let (Some(time), Some(memory), Some(validation)) =
            (of(|stats| stats.compile_ms), of(|stats| stats.peak_bytes), of(|stats| stats.validate_ms))
        else {
            eprintln!("{}: skipped, as too few sizes could be measured", family.name);
            continue;
        };
        exponents.push((family.name, time.0.max(memory.0)));
        if json {
            print_json(family, &members, time.0, memory.0, validation.0);
        }
        let shown = if args.sizes { 0 } else { members.len() - 1 };
        for (i, (size, stats)) in members.iter().enumerate().skip(shown) {
            rows.push(row(
                family,
                *size,
                stats,
                (i + 1 == members.len()).then_some([validation, time, memory]),
            ));
        }
    }
    ensure!(!exponents.is_empty(), "no family was measured");
    let worst_exponent = worst(exponents.iter().map(|(_, exponent)| *exponent));
    let worst_family = exponents.iter().find(|(_, exponent)| *exponent == worst_exponent);
    let worst_family = worst_family.map_or("", |(name, _)| name);
    if json {
        let exponent = rounded(worst_exponent);
        println!(
            "{}",
            json!({ "summary": true, "tier": args.tier, "worst_exponent": exponent, "worst_family": worst_family })
        );
    } else {
        let header = [
            "family",
            "size",
            "code section",
            "compile ms",
            "peak MB",
            "code / section",
            "validation^",
            "±",
            "compile^",
            "±",
            "memory^",
            "±",
        ];
        table::print(&header, &rows);
        println!("worst exponent: {worst_exponent:.2} ({worst_family})");
        println!(
            "^: fitted exponents of validation time, compile time and peak memory; ±: standard error of the fit"
        );
    }
    Ok(())
}

/// The members of a family, by size.
fn measure(family: &Family, engine: &Path, dir: &Path, args: &Args) -> Result<Vec<(u32, Stats)>> {
    let mut members: Vec<(u32, Stats)> = Vec::new();
    let mut sizes: Vec<u32> = family.sizes().collect();
    for round in 0..args.rounds {
        for place in 0..sizes.len() {
            let Some(&size) = sizes.get(place) else { break };
            let file = dir.join(format!("{}-{size}.wasm", family.name.replace([' ', ','], "-")));
            if round == 0 {
                let bytes = (family.build)(size);
                std::fs::write(&file, bytes).with_context(|| format!("writing {}", file.display()))?;
            }
            let start = Instant::now();
            let stats = Stats::of(engine, &file, &args.tier, args.repeat, 1)
                .with_context(|| format!("{}, {size} {}", family.name, family.counts))?;
            match members.get_mut(place) {
                Some((_, least)) => least.merge(&stats),
                None => members.push((size, stats)),
            }
            if round == 0 && start.elapsed() > PATIENCE {
                let seconds = start.elapsed().as_secs_f64();
                eprintln!("{}: {size} took {seconds:.0} s; no larger ones", family.name);
                sizes.truncate(place + 1);
            }
        }
    }
    Ok(members)
}

fn print_json(family: &Family, members: &[(u32, Stats)], time: f64, memory: f64, validation: f64) {
    let sizes: Vec<_> = members
        .iter()
        .map(|(size, stats)| {
            json!({
                "size": size, "code_section_bytes": stats.code_section_bytes,
                "validate_ms": stats.validate_ms, "compile_ms": stats.compile_ms,
                "machine_code_bytes": stats.machine_code_bytes, "peak_bytes": stats.peak_bytes,
            })
        })
        .collect();
    println!(
        "{}",
        json!({
            "family": family.name, "counts": family.counts, "exponent_time": rounded(time),
            "exponent_memory": rounded(memory), "exponent_validation": rounded(validation), "sizes": sizes,
        })
    );
}

fn row(family: &Family, size: u32, stats: &Stats, exponents: Option<[(f64, f64); 3]>) -> Vec<String> {
    let mut row = vec![
        family.name.to_owned(),
        size.to_string(),
        format!("{:.0}", stats.code_section_bytes),
        format!("{:.2}", stats.compile_ms),
        format!("{:.1}", stats.peak_bytes / 1e6),
        format!("{:.2}", stats.machine_code_bytes / stats.code_section_bytes),
    ];
    for (exponent, error) in exponents.iter().flatten() {
        row.extend([format!("{exponent:.2}"), format!("{error:.2}")]);
    }
    row.resize(12, String::new());
    row
}
