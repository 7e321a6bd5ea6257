//! The `engine` command as a library: one module for each command. Nothing here is needed to embed the engine
//! (`engine-instance` is for that); it is for tools that want the commands without a process, such as a runner for
//! specification scripts.

mod arrival;
mod compile;
mod input;
mod invoke;
pub mod objdump;
pub mod options;
mod run;
mod settings;
pub mod stats;
mod validate;
pub mod wast;
mod wast_command;

use clap::{Parser, Subcommand};
use engine_instance::{Error, Trap};
use engine_wasi::ExitStatus;
use std::ffi::OsString;
use std::process::ExitCode;

/// Exit code after a trap: that of a process that has aborted.
pub const TRAP_EXIT_CODE: u8 = 134;

/// Runs, checks and takes apart WebAssembly modules.
#[derive(Debug, Parser)]
#[command(name = "engine", version, arg_required_else_help = true)]
struct Cli {
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
    eprintln!("error: {error:#}");
    if let Some(backtrace) = error.backtrace().filter(|backtrace| !backtrace.frames().is_empty()) {
        eprintln!("{backtrace}");
    }
    if error.is::<Trap>() { ExitCode::from(TRAP_EXIT_CODE) } else { ExitCode::FAILURE }
}

/// The examples of the repository's README, which are tested with this crate's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
