//! `cargo xtask yosys`: a WASI command of 34,000 functions works on a design of ours, and prints what it prints under Node.

use crate::packages::PACKAGES;
use crate::tally::Tally;
use crate::{process, repo};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::process::Command;

const DESIGN: &str = "soc.v";

/// Arguments of `cargo xtask yosys`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Fetch the package if it is not there, instead of skipping
    #[arg(long)]
    pub fetch: bool,
}

/// `cargo xtask yosys`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    let package =
        PACKAGES.iter().find(|package| package.name == "@yowasp/yosys").context("yosys is in the corpus")?;
    if args.fetch {
        package.fetch()?;
    }
    if !package.dir().is_dir() {
        println!("yosys: skipped, as its package is not there (`cargo xtask corpus --fetch` fetches it)");
        return Ok(Tally::skipped_one());
    }
    let Some(node) = process::find_on_path("node") else {
        println!("yosys: skipped, as there is no `node` on PATH to compare with");
        return Ok(Tally::skipped_one());
    };
    let module = package.dir().join("package/gen/yosys.core.wasm");
    let designs = repo::root().join("examples/verilog");
    let script = format!("read_verilog /{DESIGN}; proc; opt; fsm; memory; opt; stat");
    let engine = process::build_engine()?;

    let mut ours = Command::new(&engine);
    ours.arg("run").arg("--dir").arg(format!("{}::/", designs.display())).arg(&module).args(["-p", &script]);
    let ours = process::measure(&mut ours, None)?;
    ensure!(ours.status.success(), "yosys: {}", ours.status);
    let runner = repo::root().join("xtask/src/wasi.mjs");
    let mut theirs = Command::new(node);
    theirs
        .arg("--no-warnings")
        .arg(runner)
        .arg(format!("--root={}", designs.display()))
        .arg(&module)
        .args(["-p", &script]);
    let theirs = process::measure(&mut theirs, None)?;
    ensure!(theirs.status.success(), "yosys under Node: {}", theirs.status);

    let (found, expected) = (statistics(&ours.stdout)?, statistics(&theirs.stdout)?);
    let passed = found == expected;
    if !passed {
        eprintln!("yosys: the statistics differ from Node's:\n{found}\n--- Node's:\n{expected}");
        eprintln!("    to run it alone: cargo xtask yosys");
    }
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "passed": u8::from(passed), "failed": u8::from(!passed),
                "seconds": ours.cpu.as_secs_f64(), "node_seconds": theirs.cpu.as_secs_f64(),
            })
        );
    } else {
        let lines = found.lines().count();
        println!(
            "yosys: {lines} lines of statistics {}, {:.1} s of CPU time (Node {:.1} s)",
            if passed { "as under Node" } else { "NOT as under Node" },
            ours.cpu.as_secs_f64(),
            theirs.cpu.as_secs_f64()
        );
    }
    Ok(Tally::one(passed))
}

/// From the heading of the statistics to the line with the run's times.
fn statistics(output: &[u8]) -> Result<String> {
    let text = String::from_utf8_lossy(output);
    let (_, after) = text.split_once("Printing statistics.").context("yosys printed no statistics")?;
    let (statistics, _) =
        after.split_once("End of script.").context("yosys did not reach the end of the script")?;
    Ok(statistics.to_owned())
}
