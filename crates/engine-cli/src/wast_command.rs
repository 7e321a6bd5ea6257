//! `engine wast`: runs specification scripts from files.

use crate::lines::{say, tell};
use crate::options::EngineOptions;
use crate::wast::{self, Verdict};
use clap::Args;
use engine_instance::{Context as _, Features, Result};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `engine wast`.
#[derive(Clone, Debug, Args)]
pub struct WastArgs {
    #[command(flatten)]
    engine: EngineOptions,
    /// Fail modules that need proposals which are not enabled, instead of leaving them out
    #[arg(long)]
    strict: bool,
    /// Print a JSON object for each file, and a last one with the sums
    #[arg(long)]
    json: bool,
    /// Scripts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs every script; fails if a command of any failed.
pub(crate) fn run(args: &WastArgs) -> Result<ExitCode> {
    let options =
        wast::Options { engine: args.engine, features: Features::default(), leave_out: !args.strict };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for file in &args.files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let report = wast::run(&name, &text, &options)?;
        for (command, reason) in report.failures() {
            tell!("{name}:{}:{}: {}: {reason}", command.line, command.column, command.kind);
        }
        let left_out = report.commands.iter().filter(|c| matches!(c.verdict, Verdict::LeftOut(_))).count();
        let fails = report.failures().count();
        if args.json {
            let by_feature = report.left_out();
            say!(
                "{}",
                json!({
                    "file": name, "passed": report.passed(), "failed": fails, "skipped": left_out,
                    "left_out": by_feature,
                })
            )?;
        }
        passed += report.passed();
        failed += fails;
        skipped += left_out;
    }
    if args.json {
        say!("{}", json!({ "summary": true, "passed": passed, "failed": failed, "skipped": skipped }))?;
    } else {
        say!("{passed} passed, {failed} failed, {skipped} skipped")?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
