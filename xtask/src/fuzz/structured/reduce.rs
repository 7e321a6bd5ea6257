//! Makes a program that fails small, by shrinking its tape: pieces taken out, pieces set to 0, numbers made smaller.
//!
//! Each try runs in a process of its own, so that programs which crash the process shrink like others.

use super::Structured;
use super::choices::Choices;
use super::program;
use crate::rng::Rng;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A try that takes longer has gone astray.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look.
const LOOK: Duration = Duration::from_millis(1);

/// Arguments of `cargo xtask fuzz reduce`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which cases
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Case of `cargo xtask fuzz structured` to make small
    #[arg(long, value_name = "N")]
    pub case: u64,
    /// Where to write the module
    #[arg(long, value_name = "FILE")]
    pub save: PathBuf,
    /// Run this tape (used internally)
    #[arg(long, hide = true)]
    pub tape: Option<PathBuf>,
}

/// `cargo xtask fuzz reduce`: whether the case failed, and has been made small.
pub fn main(args: &Args) -> Result<bool> {
    if let Some(file) = &args.tape {
        let bytes = program::module(&mut Choices::replay(read(file)?));
        std::fs::write(&args.save, &bytes).context("writing the module")?;
        return match Structured::new()?.compare(&bytes, &mut Rng::new(args.seed ^ 0x5eed, args.case)) {
            Ok(_) => Ok(false),
            Err(reason) => bail!("{reason}"),
        };
    }
    let mut choices = Choices::random(Rng::new(args.seed, args.case));
    program::module(&mut choices);
    let mut tape = choices.into_tape();
    let mut fails = |tape: &[u64]| run(args, tape, false).map(|success| !success);
    if !fails(&tape)? {
        println!("case {} passes", args.case);
        return Ok(false);
    }
    loop {
        let before = tape.clone();
        shrink(&mut tape, &mut fails)?;
        println!("{} decisions", tape.len());
        if tape.len() == before.len() {
            break;
        }
    }
    // The last try may have been another tape.
    run(args, &tape, true)?;
    Ok(true)
}

/// One round.
fn shrink(tape: &mut Vec<u64>, fails: &mut impl FnMut(&[u64]) -> Result<bool>) -> Result<()> {
    let mut length = (tape.len() / 2).max(1);
    while length > 0 {
        let mut at = tape.len().saturating_sub(length);
        loop {
            let end = (at + length).min(tape.len());
            let mut shorter = tape.clone();
            shorter.drain(at..end);
            let mut zeroed = tape.clone();
            zeroed[at..end].fill(0);
            while zeroed.last() == Some(&0) {
                zeroed.pop();
            }
            if end > at && fails(&shorter)? {
                *tape = shorter;
            } else if zeroed != *tape && fails(&zeroed)? {
                *tape = zeroed;
            }
            if at == 0 {
                break;
            }
            at = at.min(tape.len()).saturating_sub(length);
        }
        length /= 2;
    }
    for at in (0..tape.len()).rev() {
        // Numbers at or above the bound of their choice are none that were drawn: they stand for their remainder.
        let smaller = |value: u64| [value % 2, value % 8, value / 2, value.saturating_sub(1)];
        for smaller in tape.get(at).copied().map(smaller).into_iter().flatten() {
            let mut other = tape.clone();
            other[at] = smaller;
            if smaller < tape[at] && fails(&other)? {
                *tape = other;
            }
        }
    }
    Ok(())
}

/// Whether a tape's program passes; if `aloud`, saying why not.
fn run(args: &Args, tape: &[u64], aloud: bool) -> Result<bool> {
    let file = std::env::temp_dir().join(format!("engine-tape-{}", std::process::id()));
    let bytes: Vec<u8> = tape.iter().flat_map(|choice| choice.to_le_bytes()).collect();
    std::fs::write(&file, bytes).context("writing a tape")?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["fuzz", "reduce", "--seed", &args.seed.to_string(), "--case", &args.case.to_string()])
        .arg("--save")
        .arg(&args.save)
        .arg("--tape")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(if aloud { Stdio::inherit() } else { Stdio::null() })
        .spawn()
        .context("starting a try")?;
    let start = Instant::now();
    let success = loop {
        if let Some(status) = child.try_wait()? {
            break status.success();
        }
        if start.elapsed() > PATIENCE {
            child.kill().context("stopping a try")?;
            child.wait()?;
            // Too slow is not what is being looked for.
            break true;
        }
        std::thread::sleep(LOOK);
    };
    // A file left in the temporary folder does no harm.
    let _ = std::fs::remove_file(&file);
    Ok(success)
}

fn read(file: &Path) -> Result<Vec<u64>> {
    let bytes = std::fs::read(file).context("reading a tape")?;
    Ok(bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap_or_default())).collect())
}
