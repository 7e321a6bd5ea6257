//! `--trace-compilation`: a line for each function that is compiled. `--trace-tier-up`: a line for each step of what turns out to be hot.

use crate::lines::tell;
use core::fmt;
use core::ops::RangeInclusive;
use engine_compiler::{TIER_UP_TARGET, UNIT_TARGET};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer};

/// Which functions are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnitFilter {
    /// Those whose names contain this; all if it is empty.
    Name(String),
    /// Those with these indices.
    Indices(RangeInclusive<u64>),
}

impl UnitFilter {
    /// A filter as written: an index, a range `FIRST-LAST` of indices, or else a part of a name.
    pub fn parse(text: &str) -> Result<UnitFilter, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Ok(match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => UnitFilter::Indices(first..=last),
            _ => UnitFilter::Name(text.to_owned()),
        })
    }

    fn shows(&self, unit: &Unit) -> bool {
        match self {
            UnitFilter::Name(part) => unit.name.contains(part.as_str()),
            UnitFilter::Indices(range) => range.contains(&unit.func),
        }
    }
}

/// Writes the lines.
pub(crate) struct Lines {
    filter: UnitFilter,
}

impl Lines {
    pub fn new(filter: UnitFilter) -> Lines {
        Lines { filter }
    }

    /// What it listens to.
    pub fn targets() -> Targets {
        Targets::new().with_target(UNIT_TARGET, Level::TRACE)
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut unit = Unit::default();
        event.record(&mut unit);
        // Functions that are only validated have no code, and neither have those that fail.
        if unit.code_bytes > 0 && self.filter.shows(&unit) {
            let thread = std::thread::current();
            tell!("{unit} thread={}", thread.name().unwrap_or("unnamed"));
        }
    }
}

/// Writes the lines of tier-up.
pub(crate) struct TierUpLines {
    filter: UnitFilter,
}

impl TierUpLines {
    pub fn new(filter: UnitFilter) -> TierUpLines {
        TierUpLines { filter }
    }

    /// What it listens to.
    pub fn targets() -> Targets {
        Targets::new().with_target(TIER_UP_TARGET, Level::TRACE)
    }
}

impl<S: Subscriber> Layer<S> for TierUpLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut unit = Unit::default();
        event.record(&mut unit);
        if self.filter.shows(&unit) {
            tell!("{}", unit.tier_up_line());
        }
    }
}

/// A function that was compiled, or that has taken a step of tier-up.
#[derive(Default, Debug)]
struct Unit {
    func: u64,
    name: String,
    tier: String,
    wasm_bytes: u64,
    code_bytes: u64,
    micros: u64,
    step: String,
    loop_offset: Option<u64>,
}

impl Visit for Unit {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "func" => self.func = value,
            "wasm_bytes" => self.wasm_bytes = value,
            "code_bytes" => self.code_bytes = value,
            "micros" => self.micros = value,
            "loop_offset" => self.loop_offset = Some(value),
            _ => {}
        }
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => value.clone_into(&mut self.name),
            "tier" => value.clone_into(&mut self.tier),
            "step" => value.clone_into(&mut self.step),
            _ => {}
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl Unit {
    /// Its index, and its name if it has one.
    fn identity(&self) -> String {
        let Unit { func, name, .. } = self;
        if name.is_empty() { format!("func={func}") } else { format!("func={func} name={name:?}") }
    }

    fn tier_up_line(&self) -> String {
        let at = self.loop_offset.map_or(String::new(), |offset| format!(" loop=0x{offset:x}"));
        format!("tier-up {} {}{at}", self.step, self.identity())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unit { tier, wasm_bytes, code_bytes, micros, .. } = self;
        let identity = self.identity();
        write!(
            f,
            "compiled {identity} tier={tier} wasm_bytes={wasm_bytes} code_bytes={code_bytes} micros={micros}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(filter: &str, func: u64, name: &str) -> bool {
        UnitFilter::parse(filter).unwrap().shows(&Unit { func, name: name.to_owned(), ..Unit::default() })
    }

    #[test]
    fn functions_are_chosen_by_name_index_or_range() {
        assert!(shows("", 0, "") && shows("", 1, "main"));
        assert!(shows("ai", 0, "main") && !shows("ai", 0, "start"));
        assert!(shows("7", 7, "") && !shows("7", 17, "7"));
        assert!(shows("7-9", 9, "") && !shows("7-9", 10, ""));
        assert!(shows("a-b", 0, "xa-by") && !shows("a-b", 0, "ab"));
    }

    #[test]
    fn a_line_has_the_name_if_there_is_one() {
        let mut unit = Unit { func: 3, tier: "baseline".into(), code_bytes: 16, ..Unit::default() };
        assert_eq!(unit.to_string(), "compiled func=3 tier=baseline wasm_bytes=0 code_bytes=16 micros=0");
        unit.name = "a b".into();
        assert!(unit.to_string().starts_with("compiled func=3 name=\"a b\" tier=baseline "), "{unit}");
    }

    #[test]
    fn a_step_of_a_loop_has_its_offset() {
        let mut unit = Unit { func: 3, step: "hot".into(), ..Unit::default() };
        assert_eq!(unit.tier_up_line(), "tier-up hot func=3");
        unit.loop_offset = Some(16);
        unit.name = "a".into();
        assert_eq!(unit.tier_up_line(), "tier-up hot func=3 name=\"a\" loop=0x10");
    }
}
