//! Options that several commands share, and how their values are written.

use clap::{Args, ValueEnum};
use engine_compiler::Passes;
use engine_instance::{CompilationMode, Config, LazyValidation, Pass, ProfilingStrategy, Tiering};
use engine_machine::{Arch, TargetFeatures};
use std::fmt;
use std::time::Duration;

/// Which compiler makes the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Tier {
    /// Single-pass code.
    #[default]
    Baseline,
    /// Optimised code, and single-pass code of functions that are too large or complex to optimise.
    Optimized,
    /// Single-pass code first, and optimised code for what turns out to be hot.
    Dynamic,
    /// Single-pass code first, then optimised code of everything.
    Eager,
}

impl Tier {
    /// The engine's setting.
    pub fn tiering(self) -> Tiering {
        match self {
            Tier::Baseline => Tiering::Off(engine_machine::Tier::Baseline),
            Tier::Optimized => Tiering::Off(engine_machine::Tier::Optimized),
            Tier::Dynamic => Tiering::Dynamic,
            Tier::Eager => Tiering::Eager,
        }
    }
}

/// Which instructions code may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Cpu {
    /// All that this machine has and the engine knows.
    #[default]
    Native,
    /// Only what the engine asks of every machine of this architecture (x86-64: SSE2).
    Floor,
}

/// When functions are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Mode {
    /// All of them before anything runs.
    #[default]
    Eager,
    /// Each at its first call; all are validated before anything runs.
    Lazy,
    /// Each at its first call, validated there and then.
    LazyUnvalidated,
    /// All of them, in the background.
    Async,
    /// All of them, while the module arrives.
    Streaming,
}

/// How linear memories are protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum MemoryMode {
    /// By guard pages, where the host allows the reservation.
    #[default]
    Guarded,
    /// By explicit bounds checks.
    Checked,
}

/// How `perf` learns the names of compiled functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Perf {
    /// `/tmp/perf-PID.map`.
    Map,
    /// `jit-PID.dump` in the current folder, or that of JITDUMPDIR.
    Jitdump,
}

impl Perf {
    /// The engine's name for it.
    pub fn strategy(self) -> ProfilingStrategy {
        match self {
            Perf::Map => ProfilingStrategy::PerfMap,
            Perf::Jitdump => ProfilingStrategy::JitDump,
        }
    }
}

macro_rules! display_as_written {
    ($($ty:ty),*) => {$(
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.to_possible_value().expect("no variant is hidden");
                f.write_str(value.get_name())
            }
        }
    )*};
}
display_as_written!(Tier, Cpu, Mode, MemoryMode);

/// How code is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Args)]
pub struct EngineOptions {
    /// Which compiler makes the code (default: dynamic for `run`, optimized for `compile --output`; else baseline)
    #[arg(long, value_name = "TIER")]
    pub tier: Option<Tier>,
    /// Which instructions the code may use
    #[arg(long, value_name = "CPU", default_value_t)]
    pub cpu: Cpu,
    /// How memories are protected (for testing)
    #[arg(long, value_name = "MODE", default_value_t)]
    pub memory_mode: MemoryMode,
    /// With `--tier dynamic`, how many bytes of Wasm, by estimate, a function executes before it is optimised
    #[arg(long, value_name = "N")]
    pub tier_up_budget: Option<u32>,
    /// When functions are compiled (default: lazy for `run`, which is fastest to the first output; else eager)
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// How many threads compile at the same time (default: one for each CPU; 0 and 1: only the one that waits)
    #[arg(long, value_name = "N")]
    pub compile_tasks: Option<usize>,
    /// What the sizes of the chunks are drawn from in which a module arrives with `--mode streaming` (for testing)
    #[arg(long, value_name = "SEED", default_value_t)]
    pub chunk_seed: u64,
}

/// Which passes of the optimising compiler run.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PassOptions {
    /// Leave out this pass of the optimising compiler; may be given several times
    #[arg(long = "disable-pass", value_name = "PASS", value_parser = parse_pass)]
    disabled: Vec<Pass>,
}

impl PassOptions {
    /// The passes that run.
    pub fn passes(&self) -> Passes {
        self.disabled.iter().fold(Passes::ALL, |passes, &pass| passes.without(pass))
    }
    /// Leaves the others out.
    pub fn apply(&self, config: &mut Config) {
        self.disabled.iter().for_each(|&pass| _ = config.disable_pass(pass));
    }
}

/// A pass by its name.
pub(crate) fn parse_pass(name: &str) -> Result<Pass, String> {
    name.parse().map_err(|error| {
        let names: Vec<&str> = Pass::ALL.iter().map(|pass| pass.name()).collect();
        format!("{error}; there are {}", names.join(", "))
    })
}

impl EngineOptions {
    /// The tier that they ask for.
    pub fn tier(&self) -> Tier {
        self.tier.unwrap_or_default()
    }

    /// The engine configuration that they ask for.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        if self.cpu == Cpu::Floor
            && let Some(arch) = Arch::host()
        {
            config.target(TargetFeatures::floor(arch));
        }
        config.tiering(self.tier().tiering());
        config.memory_guard(self.memory_mode == MemoryMode::Guarded);
        match self.mode.unwrap_or_default() {
            Mode::Eager | Mode::Async | Mode::Streaming => config.compilation_mode(CompilationMode::Eager),
            Mode::Lazy => config.compilation_mode(CompilationMode::Lazy),
            Mode::LazyUnvalidated => {
                config.compilation_mode(CompilationMode::Lazy).lazy_validation(LazyValidation::AtFirstCall)
            }
        };
        if let Some(budget) = self.tier_up_budget {
            config.tier_up_budget(budget);
        }
        if let Some(threads) = self.compile_tasks {
            config.compile_tasks(threads);
        }
        config
    }
}

impl fmt::Display for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EngineOptions { cpu, memory_mode, .. } = self;
        let tier = self.tier();
        let mode = self.mode.unwrap_or_default();
        write!(f, "--tier {tier} --cpu {cpu} --mode {mode} --memory-mode {memory_mode}")?;
        self.tier_up_budget.map_or(Ok(()), |budget| write!(f, " --tier-up-budget {budget}"))?;
        self.compile_tasks.map_or(Ok(()), |threads| write!(f, " --compile-tasks {threads}"))?;
        if mode == Mode::Streaming {
            write!(f, " --chunk-seed {}", self.chunk_seed)?;
        }
        Ok(())
    }
}

/// A number of bytes: `65536`, `64k`, `512M`, `4G` (powers of 1024).
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: usize = digits.parse().map_err(|_| "write a number of bytes, as 65536, 64k or 512M")?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

/// A length of time: `5s`, `100ms`, `1.5s`, `2m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const USAGE: &str = "write a length of time, as 5s, 100ms or 2m";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(USAGE.to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| USAGE)?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| USAGE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_suffixes() {
        assert_eq!(parse_bytes("65536"), Ok(65536));
        assert_eq!(parse_bytes("64k"), Ok(65536));
        assert_eq!(parse_bytes("2G"), Ok(2 << 30));
        assert!(parse_bytes("k").is_err());
        assert!(parse_bytes("1T").is_err());
        assert!(parse_bytes("99999999999999999999").is_err());
        assert!(parse_bytes("99999999999999G").is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert!(parse_duration("5").is_err());
        assert!(parse_duration("-5s").is_err());
        assert!(parse_duration("s").is_err());
    }
}
