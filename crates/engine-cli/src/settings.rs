//! `engine settings`: what the engine knows about this machine, and its defaults.

use crate::lines::say;
use clap::Args;
use engine_instance::{Config, Engine, Error, Features, Result};
use engine_machine::TargetFeatures;
use serde_json::json;

/// Arguments of `engine settings`.
#[derive(Clone, Debug, Args)]
pub struct SettingsArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the settings.
pub(crate) fn run(args: &SettingsArgs) -> Result<()> {
    let target =
        TargetFeatures::detect().ok_or_else(|| Error::msg("this CPU architecture is not supported"))?;
    let features = target.list();
    let enabled: Vec<&str> = Features::default().names().collect();
    // Whether code can be placed here at all shows only when an engine is made.
    let engine = Engine::new(&Config::new());
    if args.json {
        let cpu: serde_json::Map<String, serde_json::Value> =
            features.iter().map(|(name, on)| ((*name).to_owned(), json!(on))).collect();
        say!(
            "{}",
            json!({
                "version": env!("CARGO_PKG_VERSION"),
                "arch": target.arch.to_string(),
                "cpu_features": cpu,
                "wasm_features": enabled,
                "tiers": ["baseline", "optimized"],
                "executable_memory": engine.is_ok(),
            })
        )?;
        return Ok(());
    }
    say!("version          {}", env!("CARGO_PKG_VERSION"))?;
    say!("architecture     {}", target.arch)?;
    for (i, (name, on)) in features.iter().enumerate() {
        let title = if i == 0 { "CPU features" } else { "" };
        say!("{title:<16} {name}: {}", if *on { "yes" } else { "no" })?;
    }
    say!("proposals        {}", enabled.join(", "))?;
    say!("tiers            baseline, optimized")?;
    match engine {
        Ok(_) => say!("executable code  allowed")?,
        Err(error) => say!("executable code  not possible: {error:#}")?,
    }
    Ok(())
}
