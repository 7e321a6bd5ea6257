//! `cargo xtask test`: everything that needs no second CPU.

use crate::tally::Tally;
use crate::{disas, models, process, programs, spec, table, yosys};
use anyhow::Result;
use engine_cli::options::{Cpu, EngineOptions, MemoryMode, Mode, Tier};
use serde_json::json;
use std::process::Command;
use std::time::Instant;

/// Arguments of `cargo xtask test`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {}

/// A step: its name and what runs it.
pub type Step<'a> = (&'a str, &'a dyn Fn() -> Result<Tally>);

/// `cargo xtask test`
pub fn main(_args: &Args, json: bool) -> Result<Tally> {
    let spec = |engine| move || spec::main(&spec::Args { engine, ..Default::default() }, json);
    let default = EngineOptions::default();
    let all = || cargo_test(process::cargo().args(["test", "--workspace", "--no-fail-fast"]));
    let steps: [Step<'_>; 14] = [
        ("unit, WASI, command and documentation tests", &all),
        ("models of concurrent code", &models::main),
        ("golden code", &|| disas::main(&disas::Args::default(), json)),
        ("specification", &spec(default)),
        ("specification, SSE2 only", &spec(EngineOptions { cpu: Cpu::Floor, ..default })),
        (
            "specification, checked memories",
            &spec(EngineOptions { memory_mode: MemoryMode::Checked, ..default }),
        ),
        ("specification, optimised", &spec(EngineOptions { tier: Some(Tier::Optimized), ..default })),
        ("specification, tier-up at once", &spec(tier_up(1))),
        ("specification, tier-up soon", &spec(tier_up(3))),
        ("specification, lazy", &spec(EngineOptions { mode: Some(Mode::Lazy), ..default })),
        ("specification, in the background", &spec(EngineOptions { mode: Some(Mode::Async), ..default })),
        ("specification, streaming", &spec(EngineOptions { mode: Some(Mode::Streaming), ..default })),
        ("programs of the run corpus", &|| programs::main(&programs::Args::default(), json)),
        ("yosys", &|| yosys::main(&yosys::Args::default(), json)),
    ];
    run(&steps, json)
}

/// Functions and loops are optimised while they run, on the thread that finds them hot.
fn tier_up(budget: u32) -> EngineOptions {
    EngineOptions {
        tier: Some(Tier::Dynamic),
        tier_up_budget: Some(budget),
        compile_tasks: Some(0),
        ..EngineOptions::default()
    }
}

/// Runs steps one after another, all of them whatever fails, and prints a table at the end. The last line has the sums.
pub fn run(steps: &[Step<'_>], json: bool) -> Result<Tally> {
    let mut total = Tally::default();
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (name, step) in steps {
        if !json {
            println!("== {name}");
        }
        let start = Instant::now();
        let tally = step().unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            Tally::one(false)
        });
        total += tally;
        let Tally { passed, failed, skipped } = tally;
        let seconds = start.elapsed().as_secs();
        lines.push(json!({ "step": name, "passed": passed, "failed": failed, "skipped": skipped, "seconds": seconds }));
        rows.push(vec![
            (*name).to_owned(),
            passed.to_string(),
            failed.to_string(),
            skipped.to_string(),
            seconds.to_string(),
        ]);
    }
    if json {
        lines.iter().for_each(|line| println!("{line}"));
        println!("{}", json!({ "summary": true, "passed": total.passed, "failed": total.failed }));
    } else {
        println!();
        table::print(&["step", "passed", "failed", "skipped", "seconds"], &rows);
        println!("{} passed, {} failed", total.passed, total.failed);
    }
    Ok(total)
}

/// A `cargo test`, its results added up.
pub fn cargo_test(command: &mut Command) -> Result<Tally> {
    let mut tally = Tally::default();
    let status = process::run_watching(command, |line| {
        tally += test_result(line).unwrap_or_default();
    })?;
    // Something that did not even build has no line of its own.
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn test_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let part = counts.split(';').find_map(|part| part.trim().strip_suffix(what))?;
        part.trim().parse().ok()
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_cargo_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(test_result(line), Some(Tally { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(test_result("test a::b ... ok"), None);
    }
}
