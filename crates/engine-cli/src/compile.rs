//! `engine compile`: compiles a module, to a file or for the figures.

use crate::lines::say;
use crate::options::{EngineOptions, PassOptions, Tier};
use crate::progress::Progress;
use crate::trace_compilation::UnitFilter;
use crate::{arrival, input, stats};
use clap::{Args, ValueEnum};
use engine_instance::{Context as _, Engine, Result};
use std::path::{Path, PathBuf};
use std::{fs, io};

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
    #[command(flatten)]
    passes: PassOptions,
    /// Print sizes, times, memory and a digest of the code
    #[arg(long, value_name = "FORMAT")]
    stats: Option<Format>,
    /// Take the least time of this many runs
    #[arg(long, value_name = "N", default_value_t = 1, requires = "stats")]
    repeat: u32,
    /// Write the compiled module to this file, for `engine run` on CPUs and builds like this
    #[arg(short, long, value_name = "FILE", conflicts_with = "stats")]
    output: Option<PathBuf>,
    /// With --output, let loops look whether they are to stop, as `engine run --timeout` needs
    #[arg(long, requires = "output")]
    interruptible: bool,
    /// Write a line to standard error for each function that is compiled, or only for those that FILTER picks: an index, a range FIRST-LAST, or a
    /// part of the name
    #[arg(long, value_name = "FILTER", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = UnitFilter::parse)]
    pub(crate) trace_compilation: Option<UnitFilter>,
    /// A module, binary or text (`-` for standard input)
    file: PathBuf,
}

/// Compiles the module.
pub(crate) fn run(args: &CompileArgs) -> Result<()> {
    match args.stats {
        Some(Format::Json) => {
            let bytes = input::load(&args.file)?;
            let name = || input::display_name(&args.file);
            let stats = stats::measure(&bytes, &args.engine, &args.passes, args.repeat).with_context(name)?;
            say!("{}", stats.to_json())?;
        }
        None if let Some(output) = &args.output => {
            // A file is made once and run often.
            let options = EngineOptions { tier: args.engine.tier.or(Some(Tier::Optimized)), ..args.engine };
            let mut config = options.config();
            args.passes.apply(&mut config);
            config.interruptible(args.interruptible);
            let engine = Engine::new(&config)?;
            let compiled = engine
                .precompile_module(input::load(&args.file)?)
                .with_context(|| input::display_name(&args.file))?;
            write(output, &compiled).with_context(|| format!("cannot write {}", output.display()))?;
        }
        None => {
            let mut config = args.engine.config();
            args.passes.apply(&mut config);
            let engine = Engine::new(&config)?;
            let _progress = Progress::watch(&engine);
            arrival::from_file(&engine, &args.engine, &args.file)?;
        }
    }
    Ok(())
}

/// Writes a file under another name first, so that one that is in use is replaced and not changed.
fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return fs::write(path, contents);
    }
    let mut temporary = path.to_owned().into_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    fs::write(&temporary, contents).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // It may not have been made.
        let _ = fs::remove_file(&temporary);
    })
}
