//! `cargo xtask bench run`: whole processes, user and system time, compilation included, against the native program and against
//! other engines. The least of several samples, the contestants taking turns.

use super::statistics::{geometric_mean, rounded};
use crate::programs::{self, Program};
use crate::{process, repo, table};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Arguments of `cargo xtask bench run`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Samples of each contestant
    #[arg(long, value_name = "N", default_value_t = 9)]
    samples: u32,
    /// Only programs whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Folder with `manifest.json` and the programs
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Another engine: a name, and the command to which module and arguments are added. Without any, those found on PATH
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    peers: Vec<String>,
    /// Measure no other engine
    #[arg(long)]
    no_peers: bool,
}

/// Who runs the programs.
struct Contestant {
    name: String,
    /// Program and first arguments; empty for the native program.
    command: Vec<String>,
}

/// The engine in its tiers, by name.
const TIERS: [&str; 1] = ["baseline"];

/// `cargo xtask bench run`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let dir = args.corpus.clone().unwrap_or_else(repo::run_corpus_dir);
    let mut all = programs::load(&dir)?;
    all.retain(|program| args.filter.as_ref().is_none_or(|filter| program.name.contains(filter)));
    ensure!(!all.is_empty(), "no program is named so");
    let engine = process::build_release_engine()?;
    let mut contestants = vec![Contestant { name: "native".to_owned(), command: Vec::new() }];
    for tier in TIERS {
        let command =
            vec![engine.display().to_string(), "run".to_owned(), "--tier".to_owned(), tier.to_owned()];
        contestants.push(Contestant { name: tier.to_owned(), command });
    }
    if !args.no_peers {
        contestants.extend(peers(args)?);
    }

    let mut rows = Vec::new();
    // By contestant and program.
    let mut times: Vec<Vec<Option<Duration>>> = vec![Vec::new(); contestants.len()];
    for program in &all {
        let best = sample(program, &contestants, args.samples)?;
        let mut row = vec![program.name.clone()];
        for (i, time) in best.iter().enumerate() {
            times[i].push(*time);
            row.push(match (time, i, best[0]) {
                (None, ..) => "failed".to_owned(),
                (Some(time), 0, _) | (Some(time), _, None) => format!("{:.3} s", time.as_secs_f64()),
                (Some(time), _, Some(native)) => format!("{:.2}", ratio(*time, native)),
            });
        }
        if json {
            for (i, tier) in TIERS.iter().enumerate() {
                print_json(program, tier, best[1 + i], &contestants, &best);
            }
        }
        rows.push(row);
    }

    let mut summary = vec!["geometric mean".to_owned(), String::new()];
    for (i, contestant) in contestants.iter().enumerate().skip(1) {
        summary.push(format!("{:.2}", geometric_mean(pairs(&times[i], &times[0]))));
        if json && i <= TIERS.len() {
            let worst = pairs(&times[i], &times[0]).fold(0.0, f64::max);
            let mut line = json!({
                "summary": true, "tier": contestant.name,
                "geomean_to_native": rounded(geometric_mean(pairs(&times[i], &times[0]))),
                "worst_to_native": rounded(worst),
            });
            for (j, peer) in contestants.iter().enumerate().skip(1 + TIERS.len()) {
                let mean = geometric_mean(pairs(&times[i], &times[j]));
                line[format!("geomean_to_{}", peer.name)] = json!(rounded(mean));
            }
            println!("{line}");
        }
    }
    if !json {
        rows.push(summary);
        let mut header = vec!["program"];
        header.extend(contestants.iter().map(|contestant| contestant.name.as_str()));
        table::print(&header, &rows);
        println!("native: CPU time of the whole process; the others: multiples of it");
    }
    Ok(())
}

/// The least time of each contestant; `None` for one that does not give the right answer.
fn sample(program: &Program, contestants: &[Contestant], samples: u32) -> Result<Vec<Option<Duration>>> {
    let mut best = vec![Some(Duration::MAX); contestants.len()];
    for round in 0..samples.max(1) {
        for (contestant, best) in contestants.iter().zip(&mut best) {
            let Some(least) = *best else { continue };
            let mut command = match contestant.command.split_first() {
                Some((program, args)) => {
                    let mut command = Command::new(program);
                    command.args(args);
                    command
                }
                None => match &program.native {
                    Some(native) => Command::new(native),
                    None => {
                        *best = None;
                        continue;
                    }
                },
            };
            if !contestant.command.is_empty() {
                command.arg(&program.wasm);
            }
            match program.run(&mut command) {
                Ok(measured) => *best = Some(least.min(measured.cpu)),
                Err(error) => {
                    eprintln!("{}, {}, round {round}: {error:#}", program.name, contestant.name);
                    *best = None;
                }
            }
        }
    }
    Ok(best)
}

fn print_json(
    program: &Program,
    tier: &str,
    ours: Option<Duration>,
    contestants: &[Contestant],
    best: &[Option<Duration>],
) {
    let mut line = json!({ "program": program.name, "tier": tier });
    for (contestant, time) in contestants.iter().zip(best) {
        if TIERS.contains(&contestant.name.as_str()) {
            continue;
        }
        if let (Some(ours), Some(theirs)) = (ours, time) {
            line[format!("ratio_to_{}", contestant.name)] = json!(rounded(ratio(ours, *theirs)));
        }
    }
    println!("{line}");
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(1e-6)
}

fn pairs<'a>(a: &'a [Option<Duration>], b: &'a [Option<Duration>]) -> impl Iterator<Item = f64> + 'a {
    a.iter().zip(b).filter_map(|(a, b)| Some(ratio((*a)?, (*b)?)))
}

/// The engines that were asked for, or those on `PATH`.
fn peers(args: &Args) -> Result<Vec<Contestant>> {
    if !args.peers.is_empty() {
        return args
            .peers
            .iter()
            .map(|peer| {
                let (name, command) = peer.split_once('=').context("a peer is written NAME=COMMAND")?;
                let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
                ensure!(!command.is_empty(), "a peer is written NAME=COMMAND");
                Ok(Contestant { name: name.to_owned(), command })
            })
            .collect();
    }
    let runner = repo::root().join("xtask/src/wasi.mjs").display().to_string();
    let known: [(&str, &[&str]); 3] = [
        ("wasmtime", &["run", "-C", "cache=n"]),
        ("node", &["--no-warnings", &runner]),
        ("wasmer", &["run"]),
    ];
    let mut found = Vec::new();
    for (name, first) in known {
        match process::find_on_path(name) {
            Some(path) => {
                let mut command = vec![path.display().to_string()];
                command.extend(first.iter().map(|arg| (*arg).to_owned()));
                found.push(Contestant { name: name.to_owned(), command });
            }
            None => eprintln!("{name}: skipped, not on PATH"),
        }
    }
    Ok(found)
}
