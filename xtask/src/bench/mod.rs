//! `cargo xtask bench`: speed, always as ratios within one run, the contestants alternating.

mod compile;
mod run;

use anyhow::Result;

/// What to measure.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Compilation against validation, for the modules of the corpus
    Compile(compile::Args),
    /// The programs of the run corpus against native code and other engines
    Run(run::Args),
}

/// `cargo xtask bench`
pub fn main(command: &Command, json: bool) -> Result<()> {
    let steal = crate::process::steal_ticks();
    match command {
        Command::Compile(args) => compile::main(args, json)?,
        Command::Run(args) => run::main(args, json)?,
    }
    let steal = crate::process::steal_ticks() - steal;
    if !json {
        println!("time taken by the hypervisor meanwhile: {steal} ticks");
    }
    Ok(())
}

/// The geometric mean; 0 of nothing.
fn geometric_mean(ratios: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for ratio in ratios {
        sum += ratio.ln();
        count += 1;
    }
    if count == 0 { 0.0 } else { (sum / f64::from(count)).exp() }
}

/// Three decimals, for JSON.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_mean_of_ratios() {
        assert!((geometric_mean([2.0, 8.0]) - 4.0).abs() < 1e-9);
        assert_eq!(geometric_mean([]), 0.0);
    }
}
