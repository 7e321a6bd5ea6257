//! Valid modules against `wasmi` 2: every exported function called with random arguments, then memories and globals
//! compared. A module in which either side runs out of stack is given up at that point, as the depth may differ.
//!
//! `wasmi` 2.0.0 gets about one module in 20000 wrong; now and then it computes with memory that it never wrote, and then gives
//! another answer each time. So where it differs from us, `wasmi` 0.31, a machine of another kind, is the referee: a case fails
//! unless the referee agrees with us in everything that is compared.

use super::observe::{Latest, Observed, Ours, Script, Stack};
use super::{Fuzzer, Verdict, modules};
use crate::rng::Rng;
use anyhow::{Result, anyhow};
use engine_instance::{CompilationMode, Config, Engine, Module, Tier, Tiering};

/// Valid modules, in several configurations by turns.
pub struct Differential {
    engines: Vec<(String, Engine)>,
}

impl Differential {
    /// With an engine for each configuration.
    pub fn new() -> Result<Differential> {
        let host = engine_machine::Arch::host().ok_or_else(|| anyhow!("this CPU is not supported"))?;
        let floor = engine_machine::TargetFeatures::floor(host);
        let mut engines = Vec::new();
        for (name, tier) in [("baseline", Tier::Baseline), ("optimized", Tier::Optimized)] {
            for mode in ["guarded", "checked", "floor", "lazy"] {
                let mut config = Config::new();
                config.tiering(Tiering::Off(tier));
                match mode {
                    "checked" => config.memory_guard(false),
                    "floor" => config.target(floor),
                    "lazy" => config.compilation_mode(CompilationMode::Lazy),
                    _ => &mut config,
                };
                let engine = Engine::new(&config).map_err(|error| anyhow!("{error:#}"))?;
                engines.push((format!("{name}, {mode}"), engine));
            }
        }
        engines.extend(super::dynamic_engines()?);
        Ok(Differential { engines })
    }
}

impl Fuzzer for Differential {
    fn name(&self) -> &'static str {
        "differential"
    }

    fn module(&self, seed: u64, case: u64) -> Vec<u8> {
        modules::deterministic(&mut Rng::new(seed, case))
    }

    fn run(&self, seed: u64, case: u64) -> Result<Verdict, String> {
        let bytes = &self.module(seed, case);
        // A configuration is chosen by the case, so that all get their share.
        let (name, engine) = &self.engines[case as usize % self.engines.len()];
        let module = &Module::new(engine, bytes).map_err(|error| format!("{name}: {error:#}"))?;
        let script = Script::new(module, &mut Rng::new(seed ^ 0x5eed, case));
        let ours = Observed::new(&Ours { module, imports: &[] }, &script);
        let theirs = Observed::new(&Latest { bytes }, &script);
        judge(&script, &ours, &theirs, || Observed::new(&Stack { bytes, imports: &[] }, &script))
            .map_err(|reason| format!("{name}: {reason}"))
    }
}

/// What to make of what we and `wasmi` 2 did, and the referee if need be.
fn judge(
    script: &Script,
    ours: &Observed,
    theirs: &Observed,
    referee: impl FnOnce() -> Observed,
) -> Result<Verdict, String> {
    let Some(place) = ours.difference(theirs) else {
        let complete = !ours.out_of_stack() && !theirs.out_of_stack();
        return Ok(if complete { Verdict::Passed } else { Verdict::Nothing });
    };
    let referee = referee();
    let say = |place| {
        let (ours, theirs, referee) = (ours.at(place), theirs.at(place), referee.at(place));
        format!("{}: {ours}, wasmi 2 {theirs}, wasmi 0.31 {referee}", script.describe(place))
    };
    match ours.difference(&referee) {
        None if referee.reaches(place) => Ok(Verdict::Outvoted(say(place))),
        Some(other) if other != place => Err(format!("{}; {}", say(place), say(other))),
        _ => Err(say(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::observe::{Instance, Outcome, Side, Value};
    use super::*;

    /// A function that comes to this when called for the first, second and third time.
    #[derive(Clone)]
    struct Fake(Vec<Outcome>);

    impl Side for Fake {
        type Instance = Fake;
        fn instantiate(&self) -> Result<Fake, Outcome> {
            Ok(self.clone())
        }
    }

    impl Instance for Fake {
        fn call(&mut self, _: &str, _: &[Value]) -> Option<Outcome> {
            Some(self.0.remove(0))
        }
        fn memory(&mut self, _: &str) -> Option<Vec<u8>> {
            None
        }
        fn global(&mut self, _: &str) -> Option<Value> {
            None
        }
        fn table_size(&mut self, _: &str) -> Option<u64> {
            None
        }
    }

    /// What is made of results of three calls each; 0: out of stack, 9: no trap but a failure.
    fn judged(ours: [i32; 3], theirs: [i32; 3], referee: [i32; 3]) -> Result<Verdict, String> {
        let bytes = wat::parse_str(r#"(module (func (export "f") (result i32) i32.const 1))"#).unwrap();
        let module = Module::new(&Engine::default(), bytes).unwrap();
        let script = Script::new(&module, &mut Rng::new(1, 1));
        let observed = |numbers: [i32; 3]| {
            let outcome = |number| match number {
                0 => Outcome::StackOverflow,
                9 => Outcome::Failure("no".to_owned()),
                _ => Outcome::Values(vec![Value::I32(number)]),
            };
            Observed::new(&Fake(numbers.map(outcome).to_vec()), &script)
        };
        judge(&script, &observed(ours), &observed(theirs), || observed(referee))
    }

    #[test]
    fn the_referee_decides_and_only_if_asked() {
        assert_eq!(judged([1, 2, 3], [1, 2, 3], [4, 4, 4]), Ok(Verdict::Passed));
        assert_eq!(judged([1, 2, 3], [1, 0, 0], [4, 4, 4]), Ok(Verdict::Nothing));
        let outvoted = |reason: &str| Ok(Verdict::Outvoted(reason.to_owned()));
        assert_eq!(
            judged([1, 2, 3], [1, 5, 3], [1, 2, 3]),
            outvoted("\"f\"[]: Values([I32(2)]), wasmi 2 Values([I32(5)]), wasmi 0.31 Values([I32(2)])")
        );
        assert_eq!(
            judged([1, 2, 0], [1, 9, 9], [1, 2, 3]),
            outvoted("\"f\"[]: Values([I32(2)]), wasmi 2 Failure(\"no\"), wasmi 0.31 Values([I32(2)])")
        );
        for (ours, theirs, referee) in [
            // With them, with neither, later not with us, not there, and failing like us.
            ([1, 2, 3], [1, 5, 3], [1, 5, 3]),
            ([1, 2, 3], [1, 5, 3], [1, 6, 3]),
            ([1, 2, 3], [1, 5, 3], [1, 2, 4]),
            ([1, 2, 3], [1, 5, 3], [1, 0, 0]),
            ([1, 9, 9], [1, 9, 9], [1, 9, 9]),
        ] {
            assert!(judged(ours, theirs, referee).is_err(), "{ours:?} {theirs:?} {referee:?}");
        }
        assert_eq!(
            judged([1, 2, 3], [5, 2, 3], [1, 2, 4]).unwrap_err(),
            "\"f\"[]: Values([I32(1)]), wasmi 2 Values([I32(5)]), wasmi 0.31 Values([I32(1)]); \
             \"f\"[]: Values([I32(3)]), wasmi 2 Values([I32(3)]), wasmi 0.31 Values([I32(4)])"
        );
    }

    /// It is asked so rarely that it could be unfit without anybody knowing.
    #[test]
    fn the_referee_runs_what_is_generated() {
        let fuzzer = Differential::new().unwrap();
        for case in 0..100 {
            let bytes = &fuzzer.module(1, case);
            let module = &Module::new(&fuzzer.engines[0].1, bytes).unwrap();
            let script = Script::new(module, &mut Rng::new(1, case));
            let ours = Observed::new(&Ours { module, imports: &[] }, &script);
            let referee = Observed::new(&Stack { bytes, imports: &[] }, &script);
            assert_eq!(ours.difference(&referee), None, "case {case}");
        }
    }
}
