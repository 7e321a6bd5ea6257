//! `cargo xtask`: every habit of this project as a command. Each prints a table for people and, with `--json`, lines for
//! machines; a failure names the case and how to run it alone.

mod aarch64;
mod bench;
mod ci;
mod corpus;
mod disas;
mod fuzz;
mod packages;
mod process;
mod programs;
mod repo;
mod rng;
mod spec;
mod table;
mod tally;
mod test;
mod tidy;
mod yosys;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

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
}

fn main() -> ExitCode {
    let Cli { command, json } = Cli::parse();
    let result = match command {
        Command::Test(args) => test::main(&args, json).and_then(|tally| tally.check("test")),
        Command::Spec(args) => spec::main(&args, json).and_then(|tally| tally.check("spec")),
        Command::Disas(args) => disas::main(&args, json).and_then(|tally| tally.check("disas")),
        Command::Tidy => tidy::main(json).and_then(|tally| tally.check("tidy")),
        Command::Ci(args) => ci::main(&args, json),
        Command::Corpus(args) => corpus::main(&args, json).and_then(|tally| tally.check("corpus")),
        Command::Programs(args) => programs::main(&args, json).and_then(|tally| tally.check("programs")),
        Command::Yosys(args) => yosys::main(&args, json).and_then(|tally| tally.check("yosys")),
        Command::Fuzz(command) => fuzz::main(&command, json).and_then(|tally| tally.check("fuzz")),
        Command::Aarch64(args) => aarch64::main(&args, json).and_then(|tally| tally.check("aarch64")),
        Command::Bench(command) => bench::main(&command, json),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
