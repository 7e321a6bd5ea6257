//! `cargo xtask ci`: everything that must hold before a change is merged.

use crate::tally::Tally;
use crate::{aarch64, corpus, fuzz, models, process, test, tidy, yosys};
use anyhow::Result;
use engine_cli::options::Tier;

/// Cases of each fuzzer: a tenth of what a release asks for.
const DECODE_RUNS: u64 = 20_000;
const DIFFERENTIAL_RUNS: u64 = 2_000;
const STRUCTURED_RUNS: u64 = 20_000;

/// Arguments of `cargo xtask ci`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Leave out what needs the network: the corpus and the AArch64 tests
    #[arg(long)]
    pub offline: bool,
}

/// `cargo xtask ci`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    let fuzz = |command: fn(fuzz::Args) -> fuzz::Command, runs| {
        move || fuzz::main(&command(fuzz::Args { runs, seed: 1, ..Default::default() }), json)
    };
    let corpus = || {
        if process::find_on_path("npm").is_none() {
            println!("corpus: skipped, as there is no `npm` on PATH to fetch it");
            return Ok(Tally::skipped_one());
        }
        let mut tally = corpus::main(&corpus::Args::default(), json)?;
        tally += corpus::main(&corpus::Args { tier: Tier::Optimized, ..Default::default() }, json)?;
        tally += yosys::main(&yosys::Args { fetch: true }, json)?;
        Ok(tally)
    };
    let (decode, differential) =
        (fuzz(fuzz::Command::Decode, DECODE_RUNS), fuzz(fuzz::Command::Differential, DIFFERENTIAL_RUNS));
    let structured = fuzz(fuzz::Command::Structured, STRUCTURED_RUNS);
    let tidy = || tidy::main(json);
    let tests = || test::main(&test::Args::default(), json);
    let aarch64 = || aarch64::main(&aarch64::Args::default(), json);
    let mut steps: Vec<test::Step<'_>> = vec![
        ("formatting", &formatting),
        ("clippy", &clippy),
        ("tidy", &tidy),
        ("tests", &tests),
        ("fuzz decode", &decode),
        ("fuzz differential", &differential),
        ("fuzz structured", &structured),
    ];
    if !args.offline {
        steps.push(("corpus", &corpus));
        steps.push(("AArch64 under an emulator", &aarch64));
    }
    test::run(&steps, json)
}

fn formatting() -> Result<Tally> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Tally::one(true))
}

fn clippy() -> Result<Tally> {
    process::run(process::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    models::clippy()?;
    Ok(Tally::one(true))
}
