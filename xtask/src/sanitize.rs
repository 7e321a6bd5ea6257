//! `cargo xtask sanitize`: the tests that use many threads under ThreadSanitizer.
//!
//! The Rust code and its standard library are instrumented, compiled code is not: accesses that it makes to memories, tables and vmctxs are invisible, and so are
//! instruction fetches from a slot that is being patched. What is checked is everything that compiles, publishes, looks up and frees code.

use crate::tally::Tally;
use crate::{repo, test};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Tests of `engine-instance` in which threads meet.
const TESTS: [&str; 3] = ["concurrency::", "background::", "lazy::"];

/// `cargo xtask sanitize`
pub fn main() -> Result<Tally> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) || !has_sources() {
        println!(
            "sanitize: skipped, as there is no nightly toolchain with `rust-src` (`rustup component add rust-src --toolchain nightly`)"
        );
        return Ok(Tally::skipped_one());
    }
    let mut command = Command::new("cargo");
    // Its own compiler, whichever runs us.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").env("RUSTFLAGS", "-Zsanitizer=thread");
    command.current_dir(repo::root()).args(["+nightly", "test", "-Zbuild-std", "--target", TARGET]);
    // What is built for it serves nobody else.
    command.args(["--target-dir", "target/sanitize", "--package", "engine-instance", "--test", "api", "--"]);
    test::cargo_test(command.args(TESTS))
}

/// Whether the standard library can be built with instrumentation.
fn has_sources() -> bool {
    let sysroot = Command::new("rustc")
        .env_remove("RUSTUP_TOOLCHAIN")
        .args(["+nightly", "--print", "sysroot"])
        .output();
    sysroot.is_ok_and(|output| {
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        output.status.success() && path.join("lib/rustlib/src/rust/library/Cargo.lock").is_file()
    })
}
