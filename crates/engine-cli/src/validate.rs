//! `engine validate`: checks modules without compiling them.

use crate::input;
use crate::lines::tell;
use clap::Args;
use engine_instance::{Config, Context as _, Engine, Module, Result};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `engine validate`.
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// Modules, binary or text (`-` for standard input)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Checks every file and reports all that are not valid.
pub(crate) fn run(args: &ValidateArgs) -> Result<ExitCode> {
    let engine = Engine::new(&Config::new())?;
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        let result = input::load(file)
            .and_then(|bytes| Module::validate(&engine, bytes).with_context(|| input::display_name(file)));
        if let Err(error) = result {
            tell!("error: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
