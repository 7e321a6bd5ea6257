//! `cargo xtask fuzz`: seeded, bounded runs over random modules. Case `n` of seed `s` is the same module on every machine.
//!
//! Cases run in worker processes, so that one that crashes or never ends is named like any other failure and the rest still
//! runs. A worker writes the number of the case it is at to a file that its supervisor watches.

mod decode;
mod differential;
mod modules;
mod structured;

use crate::tally::Tally;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

/// A case that takes longer than this hangs. The slowest known take a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a supervisor looks.
const LOOK: Duration = Duration::from_millis(50);

/// What to look for.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Mutated modules: no panic, no crash, no hang, and the same answer for any way of cutting the bytes
    Decode(Args),
    /// Valid modules: the same results and traps as `wasmi`
    Differential(Args),
    /// Programs made for the baseline compiler: the same results and traps as `wasmi`, in all configurations
    Structured(Args),
    /// Makes a case that `structured` failed as small as it can be
    Reduce(structured::reduce::Args),
}

/// Arguments of each kind of run.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// How many cases
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub runs: u64,
    /// Which cases
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Run only this case, in this process
    #[arg(long, value_name = "N")]
    pub case: Option<u64>,
    /// Write the module of `--case` to this file
    #[arg(long, value_name = "FILE", requires = "case")]
    pub save: Option<PathBuf>,
    /// Run from this case on, and report to a supervisor (used internally)
    #[arg(long, hide = true, requires = "progress")]
    pub from: Option<u64>,
    /// File for the number of the case under way (used internally)
    #[arg(long, hide = true)]
    pub progress: Option<PathBuf>,
}

/// A kind of run.
trait Fuzzer {
    /// What the command is called.
    fn name(&self) -> &'static str;
    /// The module of a case.
    fn module(&self, seed: u64, case: u64) -> Vec<u8>;
    /// Runs a case. `Ok(false)`: the module says nothing about what is being looked for.
    fn run(&self, seed: u64, case: u64) -> Result<bool, String>;
}

/// `cargo xtask fuzz`
pub fn main(command: &Command, json: bool) -> Result<Tally> {
    match command {
        Command::Decode(args) => drive(&decode::Decode::new()?, args, json),
        Command::Differential(args) => drive(&differential::Differential::new()?, args, json),
        Command::Structured(args) => drive(&structured::Structured::new()?, args, json),
        Command::Reduce(args) => structured::reduce::main(args).map(|failed| Tally::one(!failed)),
    }
}

fn drive(fuzzer: &dyn Fuzzer, args: &Args, json: bool) -> Result<Tally> {
    if let Some(case) = args.case {
        if let Some(file) = &args.save {
            std::fs::write(file, fuzzer.module(args.seed, case)).context("writing the module")?;
        }
        let result = run_case(fuzzer, args.seed, case);
        match &result {
            Ok(true) => println!("case {case} passed"),
            Ok(false) => println!("case {case} says nothing"),
            Err(reason) => eprintln!("case {case}: {reason}"),
        }
        return Ok(Tally::one(result.is_ok()));
    }
    if let (Some(from), Some(progress)) = (args.from, &args.progress) {
        return work(fuzzer, args, from..args.runs, progress);
    }

    let start = Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get()) as u64;
    let share = args.runs.div_ceil(workers);
    let name = fuzzer.name();
    let tally = std::thread::scope(|scope| {
        let supervisors: Vec<_> = (0..workers)
            .map(|i| {
                scope.spawn(move || supervise(name, args, i, i * share..(i * share + share).min(args.runs)))
            })
            .collect();
        let mut tally = Tally::default();
        for supervisor in supervisors {
            tally += supervisor.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        anyhow::Ok(tally)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "fuzzer": fuzzer.name(), "seed": args.seed, "runs": args.runs,
                "passed": tally.passed, "failed": tally.failed, "without_meaning": tally.skipped,
            })
        );
    } else {
        println!(
            "fuzz {}: {} cases of seed {} in {seconds:.0} s: {} passed, {} failed, {} without meaning",
            fuzzer.name(),
            args.runs,
            args.seed,
            tally.passed,
            tally.failed,
            tally.skipped
        );
    }
    // Cases without meaning have been run, too.
    Ok(Tally { skipped: 0, ..tally })
}

fn run_case(fuzzer: &dyn Fuzzer, seed: u64, case: u64) -> Result<bool, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| fuzzer.run(seed, case))).unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without a message")))
    })
}

/// A worker: runs cases and prints `failed CASE REASON` for each failure and `done PASSED SKIPPED` at the end.
fn work(fuzzer: &dyn Fuzzer, args: &Args, cases: Range<u64>, progress: &Path) -> Result<Tally> {
    let progress = File::options().write(true).open(progress).context("opening the progress file")?;
    std::panic::set_hook(Box::new(|_| ()));
    let (mut passed, mut skipped) = (0, 0);
    for case in cases {
        progress.write_at(&case.to_le_bytes(), 0).context("writing the progress file")?;
        match run_case(fuzzer, args.seed, case) {
            Ok(true) => passed += 1,
            Ok(false) => skipped += 1,
            Err(reason) => println!("failed {case} {}", reason.replace('\n', " / ")),
        }
        if case % 64 == 63 {
            // What a crash later takes with it is at most this much of the count.
            println!("count {passed} {skipped}");
            (passed, skipped) = (0, 0);
        }
    }
    println!("count {passed} {skipped}");
    Ok(Tally::default())
}

/// Runs worker processes one after another until all cases of a range have been tried.
fn supervise(name: &str, args: &Args, worker: u64, cases: Range<u64>) -> Result<Tally> {
    let progress = std::env::temp_dir().join(format!("engine-fuzz-{}-{worker}", std::process::id()));
    let result = supervise_with(name, args, cases, &progress);
    // A file left in the temporary folder does no harm.
    let _ = std::fs::remove_file(&progress);
    result
}

fn supervise_with(name: &str, args: &Args, cases: Range<u64>, progress: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut next = cases.start;
    let fail = |tally: &mut Tally, case: u64, reason: &str| {
        tally.failed += 1;
        eprintln!("fuzz {name}: case {case}: {reason}");
        eprintln!(
            "    to run it alone: cargo xtask fuzz {name} --seed {} --case {case} --save case.wasm",
            args.seed
        );
    };
    while next < cases.end {
        std::fs::write(progress, next.to_le_bytes()).context("creating the progress file")?;
        let mut child = Process::new(std::env::current_exe()?)
            .args(["fuzz", name, "--seed", &args.seed.to_string(), "--runs", &cases.end.to_string()])
            .args(["--from", &next.to_string(), "--progress"])
            .arg(progress)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting a worker")?;
        let stdout = child.stdout.take().context("a worker's output is piped")?;
        let reader = std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>()
        });

        let (mut at, mut since) = (next, Instant::now());
        let ended = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            let case = case_under_way(progress)?;
            if case != at {
                (at, since) = (case, Instant::now());
            } else if since.elapsed() > PATIENCE {
                child.kill().context("stopping a worker that hangs")?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(LOOK);
        };
        for line in reader.join().unwrap_or_default() {
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("failed"), Some(case), Some(reason)) => fail(&mut tally, case.parse()?, reason),
                (Some("count"), Some(passed), Some(skipped)) => {
                    tally.passed += passed.parse::<u64>()?;
                    tally.skipped += skipped.parse::<u64>()?;
                }
                _ => anyhow::bail!("a worker said {line:?}"),
            }
        }
        let at = case_under_way(progress)?;
        match ended {
            Some(status) if status.success() => return Ok(tally),
            Some(status) => fail(&mut tally, at, &format!("the process ended: {status}")),
            None => fail(&mut tally, at, &format!("no end after {PATIENCE:?}")),
        }
        next = at + 1;
    }
    Ok(tally)
}

fn case_under_way(progress: &Path) -> Result<u64> {
    let bytes = std::fs::read(progress).context("reading the progress file")?;
    Ok(u64::from_le_bytes(bytes.try_into().ok().context("the progress file is not 8 bytes")?))
}
