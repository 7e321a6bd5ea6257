//! What `engine compile --stats json` says about a module.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What one process that compiled a module found.
pub struct Stats {
    /// Bytes of the code section.
    pub code_section_bytes: f64,
    /// Least time of validation.
    pub validate_ms: f64,
    /// Least time of compilation, validation included.
    pub compile_ms: f64,
    /// Least CPU time of compilation, of all threads.
    pub compile_cpu_ms: f64,
    /// Bytes of machine code.
    pub machine_code_bytes: f64,
    /// Largest memory while compiling.
    pub peak_bytes: f64,
}

impl Stats {
    /// Compiles a module in a process of its own, `repeat` times, by `threads` threads.
    ///
    /// # Errors
    /// If the module does not compile: the engine's message, and the command.
    pub fn of(engine: &Path, file: &Path, tier: &str, repeat: u32, threads: usize) -> Result<Stats> {
        Stats::of_mode(engine, file, &["--tier", tier], repeat, threads)
    }

    /// The same with more options of the engine's.
    pub fn of_mode(
        engine: &Path,
        file: &Path,
        options: &[&str],
        repeat: u32,
        threads: usize,
    ) -> Result<Stats> {
        let mut command = Command::new(engine);
        command.args(["compile", "--stats", "json", "--repeat", &repeat.to_string()]).args(options);
        command.args(["--compile-tasks", &threads.to_string()]);
        let output = command.arg(file).output().context("starting the engine")?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("{} (`{}`: {})", message.trim(), crate::process::show(&command), output.status);
        }
        let stats: Value = serde_json::from_slice(&output.stdout).context("the statistics are no JSON")?;
        let number = |key: &str| stats[key].as_f64().with_context(|| format!("no `{key}`"));
        Ok(Stats {
            code_section_bytes: number("code_section_bytes")?,
            validate_ms: number("validate_ms")?,
            compile_ms: number("compile_ms")?,
            compile_cpu_ms: number("compile_cpu_ms")?,
            machine_code_bytes: number("machine_code_bytes")?,
            peak_bytes: number("peak_bytes")?,
        })
    }

    /// Keeps the least times of these and of those of another process, and the larger memory.
    pub fn merge(&mut self, other: &Stats) {
        self.validate_ms = self.validate_ms.min(other.validate_ms);
        self.compile_ms = self.compile_ms.min(other.compile_ms);
        self.compile_cpu_ms = self.compile_cpu_ms.min(other.compile_cpu_ms);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}
