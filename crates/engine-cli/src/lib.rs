//! The `engine` command as a library: one module for each command. Nothing here is needed to embed the engine
//! (`engine-instance` is for that); it is for tools that want the commands without a process, such as a runner for
//! specification scripts.

mod arrival;
mod compile;
mod input;
mod invoke;
mod lines;
mod log;
pub mod objdump;
pub mod options;
mod progress;
mod run;
mod run_stats;
mod settings;
pub mod stats;
mod trace_compilation;
mod validate;
pub mod wast;
mod wast_command;

use crate::lines::tell;
use clap::{Parser, Subcommand};
use engine_instance::{Error, Trap};
use engine_wasi::ExitStatus;
use std::ffi::OsString;
use std::process::ExitCode;
use trace_compilation::UnitFilter;
use tracing_subscriber::filter::Targets;

/// Exit code after a trap: that of a process that has aborted.
pub const TRAP_EXIT_CODE: u8 = 134;

/// Exit code when the arguments, or the environment, are wrong.
const USAGE_EXIT_CODE: u8 = 2;

/// Runs, checks and takes apart WebAssembly modules.
#[derive(Debug, Parser)]
#[command(name = "engine", version, arg_required_else_help = true)]
struct Cli {
    /// Log on standard error what the engine does: a level (error, warn, info, debug, trace), or TARGET=LEVEL,... (default: ENGINE_LOG)
    #[arg(long, global = true, value_name = "FILTER", value_parser = log::parse_filter)]
    log: Option<Targets>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a WASI command, or one exported function
    Run(run::RunArgs),
    /// Check that modules are valid
    Validate(validate::ValidateArgs),
    /// Compile a module to a file; with --stats, tell what it took
    Compile(compile::CompileArgs),
    /// Show machine code beside the WebAssembly operators that it was made for
    Objdump(objdump::ObjdumpArgs),
    /// Run specification scripts
    Wast(wast_command::WastArgs),
    /// Show what the engine knows about this machine, and its defaults
    Settings(settings::SettingsArgs),
}

impl Command {
    /// The functions of which a line is written when they are compiled.
    fn trace_compilation(&self) -> Option<UnitFilter> {
        match self {
            Command::Run(args) => args.trace_compilation.clone(),
            Command::Compile(args) => args.trace_compilation.clone(),
            _ => None,
        }
    }

    /// The functions of which a line is written for each step of tier-up.
    fn trace_tier_up(&self) -> Option<UnitFilter> {
        match self {
            Command::Run(args) => args.trace_tier_up.clone(),
            _ => None,
        }
    }
}

/// Runs the command with these arguments (the program's name first) and returns the exit code of the process: a guest's
/// own, 134 after a trap, 1 after any other error, 2 if the arguments are wrong.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // What cannot be printed has nowhere to go.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    if let Err(message) = log::start(cli.log, cli.command.trace_compilation(), cli.command.trace_tier_up()) {
        tell!("error: {message}");
        return ExitCode::from(USAGE_EXIT_CODE);
    }
    let result = match &cli.command {
        Command::Run(args) => run::run(args).map(|()| ExitCode::SUCCESS),
        Command::Validate(args) => validate::run(args),
        Command::Compile(args) => compile::run(args).map(|()| ExitCode::SUCCESS),
        Command::Objdump(args) => objdump::run(args).map(|()| ExitCode::SUCCESS),
        Command::Wast(args) => wast_command::run(args),
        Command::Settings(args) => settings::run(args).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| exit_code(&error))
}

/// Reports an error and gives the exit code that goes with it.
fn exit_code(error: &Error) -> ExitCode {
    if let Some(status) = error.downcast_ref::<ExitStatus>() {
        // The system keeps the lower eight bits of any process's status.
        return ExitCode::from(status.code() as u8);
    }
    tell!("error: {error:#}");
    if let Some(backtrace) = error.backtrace().filter(|backtrace| !backtrace.frames().is_empty()) {
        tell!("{backtrace}");
    }
    if error.is::<Trap>() { ExitCode::from(TRAP_EXIT_CODE) } else { ExitCode::FAILURE }
}

/// The examples of the repository's README, which are tested with this crate's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
