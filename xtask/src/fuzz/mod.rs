//! `cargo xtask fuzz`: seeded, bounded runs over random modules. Case `n` of seed `s` is the same module on every machine.
//!
//! Cases run in worker processes, so that one that crashes or never ends is named like any other failure and the rest still
//! runs. A worker writes the number of the case it is at to a file that its supervisor watches.

mod decode;
mod differential;
mod modules;
mod observe;
mod structured;

use crate::tally::Tally;
use anyhow::{Context as _, Result, anyhow};
use engine_instance::{Config, Engine, Tiering};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::{AddAssign, Range};
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
    /// Valid modules: the same results and traps as `wasmi` 2, or else as the older `wasmi` 0.31
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
    /// Runs a case.
    fn run(&self, seed: u64, case: u64) -> Result<Verdict, String>;
}

/// What comes of a case that does not fail.
#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    /// All is as it should be.
    Passed,
    /// `wasmi` 2 differs in this from us, but `wasmi` 0.31 does not.
    Outvoted(String),
    /// The module says nothing about what is being looked for.
    Nothing,
}

/// Counts of cases.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// Skipped are those that say nothing.
    tally: Tally,
    /// Those that passed with `wasmi` 2 outvoted.
    outvoted: u64,
}

impl Counts {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.tally.passed += 1,
            Verdict::Outvoted(_) => {
                self.tally.passed += 1;
                self.outvoted += 1;
            }
            Verdict::Nothing => self.tally.skipped += 1,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.tally += other.tally;
        self.outvoted += other.outvoted;
    }
}

/// `cargo xtask fuzz`
pub fn main(command: &Command, json: bool) -> Result<Tally> {
    engine_optimizer::verify_always();
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
            Ok(Verdict::Passed) => println!("case {case} passed"),
            Ok(Verdict::Outvoted(reason)) => println!("case {case} passed, wasmi 2 outvoted: {reason}"),
            Ok(Verdict::Nothing) => println!("case {case} says nothing"),
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
    let counts = std::thread::scope(|scope| {
        let supervisors: Vec<_> = (0..workers)
            .map(|i| {
                scope.spawn(move || supervise(name, args, i, i * share..(i * share + share).min(args.runs)))
            })
            .collect();
        let mut counts = Counts::default();
        for supervisor in supervisors {
            counts += supervisor.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        anyhow::Ok(counts)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let Counts { tally, outvoted } = counts;
    if json {
        println!(
            "{}",
            json!({
                "summary": true, "fuzzer": fuzzer.name(), "seed": args.seed, "runs": args.runs,
                "passed": tally.passed, "failed": tally.failed, "without_meaning": tally.skipped,
                "outvoted": outvoted,
            })
        );
    } else {
        let outvoted =
            if outvoted > 0 { format!(" ({outvoted} with wasmi 2 outvoted)") } else { String::new() };
        println!(
            "fuzz {}: {} cases of seed {} in {seconds:.0} s: {} passed{outvoted}, {} failed, {} without meaning",
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

fn run_case(fuzzer: &dyn Fuzzer, seed: u64, case: u64) -> Result<Verdict, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| fuzzer.run(seed, case)))
        .unwrap_or_else(|panic| Err(observe::panic_text(&*panic)))
}

/// A worker: runs cases and prints `failed CASE REASON` for each failure and now and then `count WHAT HOW_MANY` for what else
/// there was since.
fn work(fuzzer: &dyn Fuzzer, args: &Args, cases: Range<u64>, progress: &Path) -> Result<Tally> {
    let progress = File::options().write(true).open(progress).context("opening the progress file")?;
    std::panic::set_hook(Box::new(|_| ()));
    let mut counts = Counts::default();
    let say = |Counts { tally, outvoted }: Counts| {
        for (what, count) in [("passed", tally.passed), ("skipped", tally.skipped), ("outvoted", outvoted)] {
            println!("count {what} {count}");
        }
    };
    for case in cases {
        progress.write_at(&case.to_le_bytes(), 0).context("writing the progress file")?;
        match run_case(fuzzer, args.seed, case) {
            Ok(verdict) => counts.add(&verdict),
            Err(reason) => println!("failed {case} {}", reason.replace('\n', " / ")),
        }
        if case % 64 == 63 {
            // What a crash later takes with it is at most this much of the count.
            say(std::mem::take(&mut counts));
        }
    }
    say(counts);
    Ok(Tally::default())
}

/// Runs worker processes one after another until all cases of a range have been tried.
fn supervise(name: &str, args: &Args, worker: u64, cases: Range<u64>) -> Result<Counts> {
    let progress = std::env::temp_dir().join(format!("engine-fuzz-{}-{worker}", std::process::id()));
    let result = supervise_with(name, args, cases, &progress);
    // A file left in the temporary folder does no harm.
    let _ = std::fs::remove_file(&progress);
    result
}

fn supervise_with(name: &str, args: &Args, cases: Range<u64>, progress: &Path) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut next = cases.start;
    let fail = |counts: &mut Counts, case: u64, reason: &str| {
        counts.tally.failed += 1;
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
            match *line.splitn(3, ' ').collect::<Vec<_>>() {
                ["failed", case, reason] => fail(&mut counts, case.parse()?, reason),
                ["count", what, count] => {
                    let count = count.parse::<u64>()?;
                    match what {
                        "passed" => counts.tally.passed += count,
                        "outvoted" => counts.outvoted += count,
                        _ => counts.tally.skipped += count,
                    }
                }
                _ => anyhow::bail!("a worker said {line:?}"),
            }
        }
        let at = case_under_way(progress)?;
        match ended {
            Some(status) if status.success() => return Ok(counts),
            Some(status) => fail(&mut counts, at, &format!("the process ended: {status}")),
            None => fail(&mut counts, at, &format!("no end after {PATIENCE:?}")),
        }
        next = at + 1;
    }
    Ok(counts)
}

fn case_under_way(progress: &Path) -> Result<u64> {
    let bytes = std::fs::read(progress).context("reading the progress file")?;
    Ok(u64::from_le_bytes(bytes.try_into().ok().context("the progress file is not 8 bytes")?))
}

/// Engines in which functions and loops are optimised while they run, on the thread that finds them hot: after some execution, which differs from engine to
/// engine, so that code is left at different places.
fn dynamic_engines() -> Result<Vec<(String, Engine)>> {
    let mut engines = Vec::new();
    for (budget, guarded) in [(1, true), (37, true), (300, true), (2500, true), (1, false), (700, false)] {
        let mut config = Config::new();
        config.tiering(Tiering::Dynamic).tier_up_budget(budget).compile_tasks(0).memory_guard(guarded);
        let engine = Engine::new(&config).map_err(|error| anyhow!("{error:#}"))?;
        let memory = if guarded { "guarded" } else { "checked" };
        engines.push((format!("dynamic, budget {budget}, {memory}"), engine));
    }
    Ok(engines)
}
