//! The `engine` command. See `engine --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    engine_cli::main(std::env::args_os())
}
