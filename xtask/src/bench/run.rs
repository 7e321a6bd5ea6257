//! `cargo xtask bench run`: whole processes, compilation included, against the native program and against other engines. The
//! contestants take turns; the least sample of each counts.

use super::peers::{self, Contestant, PeerArgs};
use super::statistics::{Samples, geometric_mean, rounded, turns, worst};
use crate::programs::{self, Program};
use crate::{kernels, process, repo, table};
use anyhow::{Result, ensure};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `cargo xtask bench run`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Samples of each contestant
    #[arg(long, value_name = "N", default_value_t = 9)]
    samples: u32,
    /// Only programs whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Folder with `manifest.json` and the programs. Without it, the run corpus, or else the kernels of this repository
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Only these tiers of the engine's
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = TIERS.map(|tier| tier.name))]
    tiers: Vec<String>,
    /// Measure the time that passes instead of the CPU time of the process
    #[arg(long)]
    wall: bool,
    #[command(flatten)]
    peers: PeerArgs,
}

/// A way of running the engine.
#[derive(Clone, Copy)]
struct Tier {
    name: &'static str,
    /// Options of `engine run` and `engine compile`.
    options: &'static [&'static str],
    /// Whether modules are compiled beforehand.
    precompiled: bool,
}

/// The engine's tiers and memory modes.
const TIERS: [Tier; 4] = [
    Tier { name: GUARDED, options: &["--tier", "baseline"], precompiled: false },
    Tier {
        name: "baseline-checked",
        options: &["--tier", "baseline", "--memory-mode", "checked"],
        precompiled: false,
    },
    Tier { name: "dynamic", options: &["--tier", "dynamic"], precompiled: false },
    Tier { name: "optimized-precompiled", options: &["--tier", "optimized"], precompiled: true },
];
/// The tier to which checked memories are compared.
const GUARDED: &str = "baseline";

/// Seconds of a contestant in each program; `None` for one that did not give the right answer.
type Times = Vec<Option<Samples>>;

/// `cargo xtask bench run`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let mut all = corpus(args)?;
    all.retain(|program| args.filter.as_ref().is_none_or(|filter| program.name.contains(filter)));
    ensure!(!all.is_empty(), "no program is named so");
    let engine = process::build_release_engine()?;
    let mut tiers = TIERS.to_vec();
    tiers.retain(|tier| args.tiers.is_empty() || args.tiers.iter().any(|name| name == tier.name));
    let ours = |tier: &Tier| match tier.precompiled {
        true => Contestant::ours_precompiled(tier.name, &engine, tier.options),
        false => Contestant::ours(tier.name, &engine, tier.options),
    };
    let mut contestants: Vec<Contestant> = tiers.iter().map(ours).collect();
    contestants.extend(args.peers.find()?);
    if !args.peers.no_peers && tiers.iter().any(|tier| tier.precompiled) {
        contestants.extend(peers::wasmtime_precompiled());
    }

    // The native program comes first, then the contestants.
    let mut names = vec!["native"];
    names.extend(contestants.iter().map(|contestant| contestant.name.as_str()));
    let mut table = Table { names, times: Vec::new() };
    let mut rows = Vec::new();
    for program in &all {
        table.times.push(sample(program, &contestants, args)?);
        if json {
            (0..tiers.len()).for_each(|tier| table.print_program(program, 1 + tier));
        }
        rows.push(table.row(program));
    }
    if json {
        (0..tiers.len()).for_each(|tier| table.print_summary(1 + tier));
    } else {
        rows.push(table.means());
        let mut header = vec!["program"];
        header.extend(&table.names);
        table::print(&header, &rows);
        let what = if args.wall { "time that passes" } else { "CPU time of the whole process" };
        println!(
            "native: {what}; the others: multiples of it, least against least; ±: distance between the quartiles"
        );
    }
    let failed: Vec<&str> = all
        .iter()
        .zip(&table.times)
        .filter(|(_, times)| times[1..=tiers.len()].iter().any(Option::is_none))
        .map(|(program, _)| program.name.as_str())
        .collect();
    ensure!(failed.is_empty(), "wrong or no answer from the engine: {}", failed.join(", "));
    Ok(())
}

/// The programs of the folder that was asked for, of the run corpus, or our own.
fn corpus(args: &Args) -> Result<Vec<Program>> {
    if let Some(dir) = &args.corpus {
        return programs::load(dir);
    }
    let dir = repo::run_corpus_dir();
    if dir.join("manifest.json").is_file() {
        return programs::load(&dir);
    }
    eprintln!("no run corpus (ENGINE_RUN_CORPUS names its folder): measuring tests/kernels instead");
    kernels::programs()
}

/// Samples of the native program and of each contestant.
fn sample(program: &Program, contestants: &[Contestant], args: &Args) -> Result<Times> {
    let mut times = vec![Some(Samples::default()); 1 + contestants.len()];
    if program.native.is_none() {
        times[0] = None;
    }
    let prepare = |contestant: &Contestant| contestant.prepare(&program.wasm);
    let prepared: Vec<PathBuf> = contestants.iter().map(prepare).collect::<Result<_>>()?;
    for round in 0..args.samples.max(1) {
        for i in turns(round, times.len()) {
            let samples = &mut times[i];
            let Some(measured) = samples else { continue };
            let (name, mut command) = match (i.checked_sub(1), &program.native) {
                (Some(i), _) => (contestants[i].name.as_str(), contestants[i].command(&prepared[i])),
                (None, Some(native)) => ("native", peers::command(native)),
                (None, None) => continue,
            };
            match program.run(&mut command) {
                Ok(run) => measured.push(if args.wall { run.wall } else { run.cpu }.as_secs_f64()),
                Err(error) => {
                    eprintln!("{}, {name}, round {round}: {error:#}", program.name);
                    eprintln!("    to run it alone: cargo xtask bench run --filter {}", program.name);
                    *samples = None;
                }
            }
        }
    }
    Ok(times)
}

/// What has been measured so far: a line for each program, the native program and the contestants beside each other.
struct Table<'a> {
    names: Vec<&'a str>,
    times: Vec<Times>,
}

impl Table<'_> {
    /// Least time of a contestant over that of another, program by program, where both gave the right answer.
    fn ratios(&self, a: usize, b: usize) -> impl Iterator<Item = f64> {
        self.times.iter().filter_map(move |times| ratio(times[a].as_ref(), times[b].as_ref()))
    }

    /// To whom a tier is compared: the native program, the tier with guard pages if this is not it, and other engines.
    fn others(&self, tier: usize) -> impl Iterator<Item = (usize, &str)> {
        let ours = |name: &str| TIERS.iter().any(|tier| tier.name == name);
        let is_guarded = self.names[tier] == GUARDED;
        self.names.iter().enumerate().filter_map(move |(i, name)| match *name {
            GUARDED => (!is_guarded).then_some((i, "guarded")),
            name => (!ours(name)).then_some((i, name)),
        })
    }

    /// The last program as a row.
    fn row(&self, program: &Program) -> Vec<String> {
        let mut row = vec![program.name.clone()];
        let Some(times) = self.times.last() else { return row };
        for (i, samples) in times.iter().enumerate() {
            row.push(match (samples, ratio(samples.as_ref(), times[0].as_ref())) {
                (None, _) if i == 0 => String::new(),
                (None, _) => "failed".to_owned(),
                (Some(samples), Some(ratio)) if i > 0 => format!("{ratio:.2} ±{:.0} %", samples.spread()),
                (Some(samples), _) => format!("{:.3} s ±{:.0} %", samples.least(), samples.spread()),
            });
        }
        row
    }

    fn means(&self) -> Vec<String> {
        let mut row = vec!["geometric mean".to_owned(), String::new()];
        row.extend((1..self.names.len()).map(|i| format!("{:.2}", geometric_mean(self.ratios(i, 0)))));
        row
    }

    /// The last program and a tier as JSON.
    fn print_program(&self, program: &Program, tier: usize) {
        let mut line = json!({ "program": program.name, "tier": self.names[tier] });
        let Some(times) = self.times.last() else { return };
        if let Some(ours) = &times[tier] {
            line["seconds"] = json!(rounded(ours.least()));
            line["spread_percent"] = json!(rounded(ours.spread()));
        }
        for (i, other) in self.others(tier) {
            if let Some(ratio) = ratio(times[tier].as_ref(), times[i].as_ref()) {
                line[format!("ratio_to_{other}")] = json!(rounded(ratio));
            }
        }
        println!("{line}");
    }

    /// A tier's means over all programs as JSON.
    fn print_summary(&self, tier: usize) {
        let mut line = json!({ "summary": true, "tier": self.names[tier], "programs": self.times.len() });
        for (i, other) in self.others(tier) {
            line[format!("geomean_to_{other}")] = json!(rounded(geometric_mean(self.ratios(tier, i))));
            line[format!("worst_to_{other}")] = json!(rounded(worst(self.ratios(tier, i))));
        }
        println!("{line}");
    }
}

fn ratio(a: Option<&Samples>, b: Option<&Samples>) -> Option<f64> {
    // The kernel's accounts have no times below a microsecond.
    Some(a?.least() / b?.least().max(1e-6))
}
