//! `cargo xtask bench startup`: whole processes that do almost nothing, as time that passes and as CPU time, against other engines.

use super::bodies::{self, Export, Plan};
use super::peers::{Contestant, PeerArgs};
use super::statistics::{Samples, rounded, turns};
use crate::programs::Program;
use crate::{process, repo, table};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Bytes of code in the large module.
const LARGE: usize = 14_000_000;
/// Bytes of its functions.
const FUNCTION: usize = 400;

/// Arguments of `cargo xtask bench startup`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Samples of each contestant; the large module gets a seventh
    #[arg(long, value_name = "N", default_value_t = 21)]
    samples: u32,
    /// Only cases whose name contains this (hello, large)
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    peers: PeerArgs,
}

/// Makes a program in a folder.
type Make = fn(&Path) -> Result<Program>;

/// Time that passes and CPU time of a contestant, in milliseconds.
#[derive(Clone, Default)]
struct Times {
    wall: Samples,
    cpu: Samples,
}

/// `cargo xtask bench startup`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let engine = process::build_release_engine()?;
    let mut contestants = vec![
        Contestant::ours("dynamic", &engine, &[]),
        Contestant::ours("baseline", &engine, &["--tier", "baseline"]),
    ];
    contestants.extend(args.peers.find()?);
    let dir = repo::root().join("target").join("bench").join("startup");
    let cases: [(&str, Make, u32); 2] =
        [("hello", hello, args.samples), ("large", large, (args.samples / 7).max(3))];
    let mut rows = Vec::new();
    let mut summary = json!({ "summary": true, "tier": "dynamic" });
    for (name, program, samples) in cases {
        if args.filter.as_ref().is_some_and(|filter| !name.contains(filter)) {
            continue;
        }
        let all = sample(&program(&dir)?, &contestants, samples).with_context(|| {
            format!("{name} (to run it alone: cargo xtask bench startup --filter {name})")
        })?;
        for (contestant, times) in contestants.iter().zip(&all) {
            let Some(times) = times else { continue };
            let Some(ours) = &all[0] else { continue };
            let ratios = [ours.wall.over(&times.wall), ours.cpu.over(&times.cpu)];
            if json {
                println!("{}", line(name, contestant, times, &ratios));
            }
            if contestant.name != contestants[0].name {
                summary[format!("{name}_wall_ratio_to_{}", contestant.name)] =
                    json!(rounded(ratios[0].median()));
                summary[format!("{name}_cpu_ratio_to_{}", contestant.name)] =
                    json!(rounded(ratios[1].median()));
            }
            rows.push(row(name, contestant, times, &ratios));
        }
    }
    ensure!(!rows.is_empty(), "no case is named so");
    if json {
        println!("{summary}");
    } else {
        let header = [
            "module",
            "engine",
            "wall ms",
            "spread %",
            "CPU ms",
            "spread %",
            "ours / wall",
            "spread %",
            "ours / CPU",
            "spread %",
        ];
        table::print(&header, &rows);
        println!(
            "medians of whole processes; spread: distance between the quartiles; large: {} MB of code",
            LARGE / 1_000_000
        );
    }
    Ok(())
}

fn hello(dir: &Path) -> Result<Program> {
    let wasm = repo::binary_of(&repo::root().join("examples").join("hello.wat"), dir)?;
    Ok(Program::printing("hello", wasm, Vec::new(), "hello\n"))
}

/// A module of 14 MB of code that does nothing.
pub fn large(dir: &Path) -> Result<Program> {
    let plan = Plan { code_bytes: LARGE, function_bytes: FUNCTION, export: Export::Command };
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let wasm: PathBuf = dir.join("large.wasm");
    std::fs::write(&wasm, bodies::module(plan)).with_context(|| format!("writing {}", wasm.display()))?;
    Ok(Program::printing("large", wasm, Vec::new(), ""))
}

/// Times of each contestant; `None`, with a line that says why, for another engine that does not run the program.
fn sample(program: &Program, contestants: &[Contestant], samples: u32) -> Result<Vec<Option<Times>>> {
    let mut all = vec![Some(Times::default()); contestants.len()];
    // The first round fills the host's caches and does not count.
    for round in 0..=samples {
        for i in turns(round, contestants.len()) {
            let (contestant, slot) = (&contestants[i], &mut all[i]);
            let Some(times) = slot else { continue };
            match program.run(&mut contestant.command(&program.wasm)) {
                Ok(measured) if round > 0 => {
                    times.wall.push(measured.wall.as_secs_f64() * 1e3);
                    times.cpu.push(measured.cpu.as_secs_f64() * 1e3);
                }
                Ok(_) => {}
                Err(error) if i == 0 => return Err(error),
                Err(error) => {
                    eprintln!("{}, {}: {error:#}", program.name, contestant.name);
                    *slot = None;
                }
            }
        }
    }
    Ok(all)
}

fn line(name: &str, contestant: &Contestant, times: &Times, ratios: &[Samples; 2]) -> serde_json::Value {
    json!({
        "module": name, "engine": contestant.name, "wall_ms": rounded(times.wall.median()),
        "wall_spread_percent": rounded(times.wall.spread()), "cpu_ms": rounded(times.cpu.median()),
        "cpu_spread_percent": rounded(times.cpu.spread()), "wall_ratio": rounded(ratios[0].median()),
        "wall_ratio_spread_percent": rounded(ratios[0].spread()), "cpu_ratio": rounded(ratios[1].median()),
        "cpu_ratio_spread_percent": rounded(ratios[1].spread()),
    })
}

fn row(name: &str, contestant: &Contestant, times: &Times, ratios: &[Samples; 2]) -> Vec<String> {
    let mut row = vec![name.to_owned(), contestant.name.clone()];
    for samples in [&times.wall, &times.cpu] {
        row.extend([format!("{:.2}", samples.median()), format!("{:.1}", samples.spread())]);
    }
    for ratio in ratios {
        row.extend([format!("{:.3}", ratio.median()), format!("{:.1}", ratio.spread())]);
    }
    row
}
