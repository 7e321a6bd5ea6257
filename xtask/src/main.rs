//! `cargo xtask`: every habit of this project as a command. Each prints a table for people and, with `--json`, lines for
//! machines; a failure names the case and how to run it alone.

mod aarch64;
mod bench;
mod ci;
mod corpus;
mod disas;
mod fuzz;
mod kernels;
mod models;
mod packages;
mod process;
mod programs;
mod repo;
mod rng;
mod sanitize;
mod spec;
mod table;
mod tally;
mod test;
mod tidy;
mod yosys;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tally::Tally;

#[derive(Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// All tests that need no second CPU: unit, documentation, WASI and command tests, golden code, the specification in every
    /// tier, and the programs of the run corpus where it exists
    Test(test::Args),
    /// The specification's test suite: version 2 and latest
    Spec(spec::Args),
    /// Concurrent code under model checkers: every order of few threads, many orders of more
    Models,
    /// The tests that use many threads under ThreadSanitizer, where a nightly toolchain is; ten minutes the first time
    Sanitize,
    /// Golden tests of machine code (`BLESS=1` rewrites what is expected)
    Disas(disas::Args),
    /// House rules that a machine can check
    Tidy,
    /// Everything that must hold before a change is merged
    Ci(ci::Args),
    /// Real modules from npm: fetched, checked and compiled
    Corpus(corpus::Args),
    /// The programs of the run corpus: exit code and output in both memory modes
    Programs(programs::Args),
    /// Yosys on a design of ours, with the output of Node's WASI for comparison
    Yosys(yosys::Args),
    /// Random and mutated modules
    #[command(subcommand)]
    Fuzz(fuzz::Command),
    /// AArch64 tests under an emulator, which is set up first if need be
    Aarch64(aarch64::Args),
    /// Speed, as ratios within one run
    #[command(subcommand)]
    Bench(bench::Command),
    /// Runs the native form of one of our kernels, for `bench run`
    #[command(hide = true)]
    Kernel(kernels::Args),
}

fn main() -> ExitCode {
    let Cli { command, json } = Cli::parse();
    let checked = |name: &str, tally: anyhow::Result<Tally>| tally.and_then(|tally| tally.check(name));
    let result = match command {
        // These two have said what failed, and end with their sums.
        Command::Test(args) => return test::main(&args, json).map_or_else(report, Tally::exit_code),
        Command::Ci(args) => return ci::main(&args, json).map_or_else(report, Tally::exit_code),
        Command::Spec(args) => checked("spec", spec::main(&args, json)),
        Command::Sanitize => checked("sanitize", sanitize::main()),
        Command::Models => checked("models", models::main()),
        Command::Disas(args) => checked("disas", disas::main(&args, json)),
        Command::Tidy => checked("tidy", tidy::main(json)),
        Command::Corpus(args) => checked("corpus", corpus::main(&args, json)),
        Command::Programs(args) => checked("programs", programs::main(&args, json)),
        Command::Yosys(args) => checked("yosys", yosys::main(&args, json)),
        Command::Fuzz(command) => checked("fuzz", fuzz::main(&command, json)),
        Command::Aarch64(args) => checked("aarch64", aarch64::main(&args, json)),
        Command::Bench(command) => bench::main(&command, json),
        Command::Kernel(args) => kernels::main(&args),
    };
    result.map_or_else(report, |()| ExitCode::SUCCESS)
}

fn report(error: anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
