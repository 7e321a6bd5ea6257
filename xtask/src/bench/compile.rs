//! `cargo xtask bench compile`: what compiling a module costs, in multiples of what validating it costs.
//!
//! Each module is measured in a process of its own (`engine compile --stats json`), in which validation and compilation alternate.

use super::statistics::{geometric_mean, rounded};
use crate::packages::PACKAGES;
use crate::{process, repo, table};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of `cargo xtask bench compile`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Take the least time of this many runs
    #[arg(long, value_name = "N", default_value_t = 9)]
    repeat: u32,
    /// Which compiler makes the code
    #[arg(long, value_name = "TIER", default_value = "baseline")]
    tier: String,
    /// Only modules whose path contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// These modules instead of the corpus
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `cargo xtask bench compile`
pub fn main(args: &Args, json: bool) -> Result<()> {
    let mut files = args.files.clone();
    if files.is_empty() {
        for package in &PACKAGES {
            package.fetch()?;
            files.extend(package.modules());
        }
    }
    if let Some(filter) = &args.filter {
        files.retain(|file| file.to_string_lossy().contains(filter.as_str()));
    }
    let engine = process::build_release_engine()?;
    let mut rows = Vec::new();
    let mut ratios = Vec::new();
    for file in &files {
        let name = file.strip_prefix(repo::corpus_dir()).unwrap_or(file).display().to_string();
        let Some(stats) = measure(&engine, file, args, &name)? else { continue };
        let number = |key: &str| stats[key].as_f64().with_context(|| format!("no `{key}`"));
        let (validate, compile) = (number("validate_ms")?, number("compile_ms")?);
        let (section, code) = (number("code_section_bytes")?, number("machine_code_bytes")?);
        let ratio = compile / validate;
        let mb_per_s = section / 1e3 / compile;
        ratios.push(ratio);
        if json {
            println!(
                "{}",
                json!({
                    "module": name, "tier": args.tier, "code_section_bytes": section, "validate_ms": validate,
                    "compile_ms": compile, "ratio": rounded(ratio), "mb_per_s": rounded(mb_per_s),
                    "machine_code_bytes": code, "peak_bytes": number("peak_bytes")?,
                })
            );
        }
        rows.push(vec![
            name,
            format!("{section:.0}"),
            format!("{validate:.2}"),
            format!("{compile:.2}"),
            format!("{ratio:.2}"),
            format!("{mb_per_s:.1}"),
            format!("{:.2}", code / section.max(1.0)),
            format!("{:.2}", number("peak_bytes")? / section.max(1.0)),
        ]);
    }
    ensure!(!ratios.is_empty(), "no module of the corpus could be measured");
    let mean = geometric_mean(ratios.iter().copied());
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "tier": args.tier, "modules": ratios.len(), "geomean_ratio": rounded(mean),
                "worst_ratio": rounded(worst),
            })
        );
    } else {
        let header = [
            "module",
            "code section",
            "validate ms",
            "compile ms",
            "ratio",
            "MB/s",
            "code / section",
            "peak / section",
        ];
        table::print(&header, &rows);
        println!("compile / validate: geometric mean {mean:.2}, worst {worst:.2}");
    }
    Ok(())
}

/// The statistics of a module; `None`, with a line that says why, if it does not compile.
fn measure(engine: &Path, file: &Path, args: &Args, name: &str) -> Result<Option<Value>> {
    let mut command = Command::new(engine);
    command.args(["compile", "--stats", "json", "--tier", &args.tier, "--repeat", &args.repeat.to_string()]);
    let output = command.arg(file).output().context("starting the engine")?;
    if !output.status.success() {
        eprintln!("{name}: skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&output.stdout).context("the statistics are no JSON")?))
}
