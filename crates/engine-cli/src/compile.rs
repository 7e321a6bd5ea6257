//! `engine compile`: compiles a module and throws the code away.

use crate::options::EngineOptions;
use crate::{arrival, input, stats};
use clap::{Args, ValueEnum};
use engine_instance::{Context as _, Engine, Result};
use std::path::PathBuf;

/// In which form statistics are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// One JSON object.
    Json,
}

/// Arguments of `engine compile`.
#[derive(Clone, Debug, Args)]
pub struct CompileArgs {
    #[command(flatten)]
    engine: EngineOptions,
    /// Print sizes, times, memory and a digest of the code
    #[arg(long, value_name = "FORMAT")]
    stats: Option<Format>,
    /// Take the least time of this many runs
    #[arg(long, value_name = "N", default_value_t = 1, requires = "stats")]
    repeat: u32,
    /// A module, binary or text (`-` for standard input)
    file: PathBuf,
}

/// Compiles the module.
pub(crate) fn run(args: &CompileArgs) -> Result<()> {
    match args.stats {
        Some(Format::Json) => {
            let bytes = input::load(&args.file)?;
            let name = || input::display_name(&args.file);
            let stats = stats::measure(&bytes, &args.engine, args.repeat).with_context(name)?;
            println!("{}", stats.to_json());
        }
        None => {
            arrival::from_file(&Engine::new(&args.engine.config())?, &args.engine, &args.file)?;
        }
    }
    Ok(())
}
