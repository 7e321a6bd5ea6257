//! `cargo xtask bench`: speed, always as ratios within one run, the contestants alternating.

mod bodies;
mod cache;
mod callable;
mod calls;
mod compile;
mod families;
mod instantiate;
mod maps;
mod peers;
mod run;
mod scaling;
mod startup;
mod statistics;
mod stats;
mod streaming;
mod threads;

use anyhow::{Result, ensure};

/// What to measure.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Compilation against validation, for the modules of the corpus
    Compile(compile::Args),
    /// The programs of the run corpus against native code and other engines
    Run(run::Args),
    /// Whole processes that do almost nothing, against other engines
    Startup(startup::Args),
    /// Making and dropping instances, against the bare system calls that their memories need
    Instantiate(instantiate::Args),
    /// Calls between host and Wasm, against indirect C calls
    Calls(calls::Args),
    /// Modules compiled while they arrive, against the whole
    Streaming(streaming::Args),
    /// Starting a large program whose code is there already, against compiling it
    Cache(cache::Args),
    /// Growth of compile time and memory with a module's size, for synthetic families
    Scaling(scaling::Args),
}

impl Command {
    /// Whether our own process is measured, besides others or alone.
    fn measures_own_process(&self) -> bool {
        matches!(
            self,
            Command::Compile(_) | Command::Instantiate(_) | Command::Calls(_) | Command::Streaming(_)
        )
    }
}

/// `cargo xtask bench`
pub fn main(command: &Command, json: bool) -> Result<()> {
    if command.measures_own_process()
        && let Some(status) = crate::process::rerun_measurable()?
    {
        ensure!(status.success(), "the benchmark failed: {status}");
        return Ok(());
    }
    let steal = crate::process::steal_ticks();
    match command {
        Command::Compile(args) => compile::main(args, json)?,
        Command::Run(args) => run::main(args, json)?,
        Command::Startup(args) => startup::main(args, json)?,
        Command::Instantiate(args) => instantiate::main(args, json)?,
        Command::Calls(args) => calls::main(args, json)?,
        Command::Streaming(args) => streaming::main(args, json)?,
        Command::Cache(args) => cache::main(args, json)?,
        Command::Scaling(args) => scaling::main(args, json)?,
    }
    let steal = crate::process::steal_ticks() - steal;
    if !json {
        println!("time taken by the hypervisor meanwhile: {steal} ticks");
    }
    Ok(())
}

/// An error of the engine's own, which is not a [`std::error::Error`], with all its causes.
fn engine_error(error: engine_instance::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
