//! `cargo xtask programs`: the programs of the run corpus exit and print as its manifest says, with guard pages and, under a limit
//! on addresses, without; and the same bytes always give the same code.

use crate::process::{self, Measured};
use crate::repo;
use crate::table;
use crate::tally::Tally;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Kilobytes of address space under which no memory gets its guard pages.
const ADDRESS_SPACE: u64 = 2_000_000;

/// Arguments of `cargo xtask programs`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Only programs whose name contains this
    pub filter: Option<String>,
}

/// A program of a run corpus.
pub struct Program {
    /// Its name.
    pub name: String,
    /// The WASI command.
    pub wasm: PathBuf,
    /// The command that runs the same program for this machine, if there is one.
    pub native: Option<Vec<String>>,
    /// Arguments after the program's name.
    pub args: Vec<String>,
    stdin: Option<PathBuf>,
    mask: Option<regex_lite::Regex>,
    exit: i32,
    stdout_sha256: String,
}

/// The programs of a folder's `manifest.json`.
pub fn load(dir: &Path) -> Result<Vec<Program>> {
    let file = dir.join("manifest.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let manifest: Vec<Value> = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    manifest
        .iter()
        .map(|entry| program(dir, entry).with_context(|| format!("{}: {entry}", file.display())))
        .collect()
}

fn program(dir: &Path, entry: &Value) -> Result<Program> {
    let text = |key: &str| entry[key].as_str().with_context(|| format!("no `{key}`"));
    let args = entry["args"].as_array().context("no `args`")?;
    Ok(Program {
        name: text("name")?.to_owned(),
        wasm: dir.join(text("wasm")?),
        native: entry["native"].as_str().map(|name| vec![dir.join(name).display().to_string()]),
        args: args
            .iter()
            .map(|arg| Ok(arg.as_str().context("an argument is no text")?.to_owned()))
            .collect::<Result<_>>()?,
        stdin: entry["stdin"].as_str().map(|name| dir.join(name)),
        mask: entry["mask"].as_str().map(regex_lite::Regex::new).transpose()?,
        exit: entry["exit"].as_i64().context("no `exit`")? as i32,
        stdout_sha256: text("stdout_sha256")?.to_owned(),
    })
}

impl Program {
    /// A program without arguments and input that ends with 0 and prints this. No words mean that there is no native form.
    pub fn printing(name: &str, wasm: PathBuf, native: Vec<String>, stdout: &str) -> Program {
        Program {
            name: name.to_owned(),
            wasm,
            native: Some(native).filter(|words| !words.is_empty()),
            args: Vec::new(),
            stdin: None,
            mask: None,
            exit: 0,
            stdout_sha256: sha256(stdout.as_bytes()),
        }
    }

    /// Runs the program by a command to which its arguments are added, and checks how it ends and what it prints.
    pub fn run(&self, command: &mut Command) -> Result<Measured> {
        let measured = process::measure(command.args(&self.args), self.stdin.as_deref())?;
        let shown = || process::show(command);
        ensure!(
            measured.status.code() == Some(self.exit),
            "`{}`: {}, expected the exit code {}",
            shown(),
            measured.status,
            self.exit
        );
        let digest = match &self.mask {
            Some(mask) => {
                sha256(mask.replace_all(&String::from_utf8_lossy(&measured.stdout), "T").as_bytes())
            }
            None => sha256(&measured.stdout),
        };
        if digest != self.stdout_sha256 {
            bail!("`{}`: {} bytes of output, and not those expected", shown(), measured.stdout.len());
        }
        Ok(measured)
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `cargo xtask programs`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    let dir = repo::run_corpus_dir();
    if !dir.join("manifest.json").is_file() {
        println!("programs: skipped, as there is no run corpus (ENGINE_RUN_CORPUS names its folder)");
        return Ok(Tally::skipped_one());
    }
    let engine = process::build_engine()?;
    let mut tally = Tally::default();
    let mut rows = Vec::new();
    for program in load(&dir)? {
        if args.filter.as_ref().is_some_and(|filter| !program.name.contains(filter)) {
            continue;
        }
        let mut row = vec![program.name.clone()];
        let checks: [(&str, &dyn Fn() -> Result<String>); 5] = [
            ("baseline", &|| run(&engine, &program, "baseline", None)),
            ("optimized", &|| run(&engine, &program, "optimized", None)),
            ("dynamic", &|| run(&engine, &program, "dynamic", None)),
            ("ulimit -v", &|| run(&engine, &program, "optimized", Some(ADDRESS_SPACE))),
            ("same code", &|| same_code(&engine, &program)),
        ];
        for (check, run) in checks {
            let result = run();
            tally += Tally::one(result.is_ok());
            if json {
                println!("{}", json!({ "program": program.name, "check": check, "passed": result.is_ok() }));
            }
            row.push(result.unwrap_or_else(|error| {
                eprintln!("{}, {check}: {error:#}", program.name);
                eprintln!("    to run it alone: cargo xtask programs {}", program.name);
                "FAILED".to_owned()
            }));
        }
        rows.push(row);
    }
    if json {
        println!("{}", json!({ "summary": true, "passed": tally.passed, "failed": tally.failed }));
    } else {
        table::print(&["program", "baseline", "optimized", "dynamic", "ulimit -v", "code"], &rows);
        println!("programs: {tally}");
    }
    Ok(tally)
}

fn run(engine: &Path, program: &Program, tier: &str, limit: Option<u64>) -> Result<String> {
    let mut command = Command::new(engine);
    command.args(["run", "--tier", tier]).arg(&program.wasm);
    if let Some(kilobytes) = limit {
        process::limit_address_space(&mut command, kilobytes);
    }
    Ok(format!("{:.2} s", program.run(&mut command)?.cpu.as_secs_f64()))
}

fn same_code(engine: &Path, program: &Program) -> Result<String> {
    let digest = |tier| -> Result<String> {
        let mut command = Command::new(engine);
        command.args(["compile", "--tier", tier, "--stats", "json"]).arg(&program.wasm);
        let stats: Value =
            serde_json::from_slice(&process::output(&mut command)?).context("the statistics are no JSON")?;
        Ok(stats["code_sha256"].as_str().context("no `code_sha256`")?.to_owned())
    };
    let mut digests = Vec::new();
    for tier in ["baseline", "optimized"] {
        let (first, second) = (digest(tier)?, digest(tier)?);
        ensure!(first == second, "two {tier} compilations give different code: {first} and {second}");
        digests.push(first[..12].to_owned());
    }
    Ok(digests.join(" "))
}
