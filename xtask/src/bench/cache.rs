//! `cargo xtask bench cache`: what starting a large program takes when its code is there already.

use super::peers::Contestant;
use super::startup;
use super::statistics::{Samples, rounded};
use crate::packages::PACKAGES;
use crate::programs::Program;
use crate::{process, repo, table};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Arguments of `cargo xtask bench cache`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Samples of each way to start
    #[arg(long, value_name = "N", default_value_t = 11)]
    samples: u32,
}

/// `cargo xtask bench cache`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let engine = process::build_release_engine()?;
    let dir = repo::root().join("target").join("bench").join("cache");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("emptying {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir)?;
    let program = program(&engine, &dir)?;

    let (partial, complete) = (option(&dir, "partial"), option(&dir, "complete"));
    let ways = [
        Contestant::ours("eager", &engine, &["--mode=eager"]),
        Contestant::ours("lazy", &engine, &["--mode=lazy"]),
        Contestant::ours("cache, what was called", &engine, &[&partial]),
        Contestant::ours("cache, all", &engine, &["--mode=eager", &complete]),
        Contestant::ours("compiled file", &engine, &[]),
    ];
    let compiled = dir.join("program.cwasm");
    process::run(Command::new(&engine).args(["compile", "-o"]).arg(&compiled).arg(&program.wasm))?;

    let mut times = vec![Samples::default(); ways.len()];
    // The first round fills the caches and does not count.
    for round in 0..=args.samples {
        for (i, (way, times)) in ways.iter().zip(&mut times).enumerate() {
            let file = if i + 1 == ways.len() { &compiled } else { &program.wasm };
            let measured = program.run(&mut way.command(file))?;
            if round > 0 {
                times.push(measured.wall.as_secs_f64() * 1e3);
            }
        }
    }
    let mut rows = Vec::new();
    for (way, samples) in ways.iter().zip(&times) {
        let ratio = samples.over(&times[0]);
        if json {
            let line = json!({
                "program": program.name, "start": way.name, "wall_ms": rounded(samples.median()),
                "ratio_to_eager": rounded(ratio.median()), "spread_percent": rounded(ratio.spread()),
            });
            println!("{line}");
        }
        let of = |value: f64| format!("{value:.3}");
        rows.push(vec![way.name.clone(), of(samples.median()), of(ratio.median()), of(ratio.spread())]);
    }
    if !json {
        table::print(&["start", "wall ms", "ratio to eager", "spread %"], &rows);
        println!("{}: medians of whole processes", program.name);
    }
    Ok(())
}

fn option(dir: &Path, name: &str) -> String {
    format!("--cache={}", dir.join(name).display())
}

/// Yosys, which is asked for its version; or our own large module, if its package is not there.
fn program(engine: &Path, dir: &Path) -> Result<Program> {
    let package =
        PACKAGES.iter().find(|package| package.name == "@yowasp/yosys").context("yosys is in the corpus")?;
    let wasm = package.dir().join("package/gen/yosys.core.wasm");
    if !wasm.is_file() {
        return startup::large(dir);
    }
    let version = process::output(Command::new(engine).arg("run").arg(&wasm).arg("-V"))?;
    let mut program = Program::printing("yosys -V", wasm, Vec::new(), &String::from_utf8_lossy(&version));
    program.args.push("-V".to_owned());
    Ok(program)
}
