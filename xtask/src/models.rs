//! `cargo xtask models`: concurrent code under model checkers, which decide in which order threads run.
//!
//! A step of its own, as the checkers replace the locks and atomics of the code under test.

use crate::tally::Tally;
use crate::{process, test};
use anyhow::Result;

/// Crates with models, in `src/models`.
const CRATES: [&str; 2] = ["engine-codemanager", "engine-compiler"];

/// `cargo xtask models`
pub fn main() -> Result<Tally> {
    let mut total = Tally::default();
    for name in CRATES {
        let tests = ["test", "--package", name, "--features", "model", "--lib", "models::"];
        total += test::cargo_test(process::cargo().args(tests).env("RUST_BACKTRACE", "0"))?;
    }
    Ok(total)
}

/// Clippy on the models, which it does not see otherwise.
pub fn clippy() -> Result<()> {
    for name in CRATES {
        let arguments =
            ["clippy", "--package", name, "--features", "model", "--tests", "--no-deps", "--quiet"];
        process::run(process::cargo().args(arguments).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}
