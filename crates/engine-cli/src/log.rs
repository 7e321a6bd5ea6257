//! What the engine tells while it works, on standard error: its log, and a line for each function compiled or found hot.

use crate::trace_compilation::{Lines, TierUpLines, UnitFilter};
use std::str::FromStr as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where a filter is looked for if none is given.
const VARIABLE: &str = "ENGINE_LOG";

/// A filter as written: `debug`, or `engine_compiler=debug,engine_instance=trace`.
pub fn parse_filter(text: &str) -> Result<Targets, String> {
    const USAGE: &str = "write a level (error, warn, info, debug, trace), or TARGET=LEVEL,TARGET=LEVEL";
    Targets::from_str(text).map_err(|error| format!("{error}; {USAGE}"))
}

/// Listens from now on, unless there is nothing to listen for; nobody listening costs nothing. A second call in a process changes nothing.
///
/// # Errors
/// When the environment's filter is malformed.
pub(crate) fn start(
    log: Option<Targets>,
    units: Option<UnitFilter>,
    tier_up: Option<UnitFilter>,
) -> Result<(), String> {
    let from_environment = || match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => {
            parse_filter(&text).map(Some).map_err(|error| format!("{VARIABLE}: {error}"))
        }
        _ => Ok(None),
    };
    let log = log.map_or_else(from_environment, |log| Ok(Some(log)))?;
    if log.is_none() && units.is_none() && tier_up.is_none() {
        return Ok(());
    }
    let log = log.map(|filter| {
        let layer = tracing_subscriber::fmt::layer().with_timer(uptime()).with_writer(std::io::stderr);
        layer.with_filter(filter)
    });
    let units = units.map(|filter| Lines::new(filter).with_filter(Lines::targets()));
    let tier_up = tier_up.map(|filter| TierUpLines::new(filter).with_filter(TierUpLines::targets()));
    // There is one already if this process has come by here before.
    let _ = tracing_subscriber::registry().with(log).with(units).with(tier_up).try_init();
    Ok(())
}
