//! Telling profilers where code is and what it is called.

use crate::jit_dump::JitDump;
use crate::perf_map::PerfMap;
use std::borrow::Cow;

/// How profilers learn the names of compiled functions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ProfilingStrategy {
    /// They do not.
    #[default]
    None,
    /// `/tmp/perf-PID.map`, which Linux `perf report` reads: names alone, and those of code that is gone may be taken for those of what came
    /// after it. Code is held under [`Strategy::SingleMapping`](crate::Strategy::SingleMapping), unless another one is asked for, because `perf` looks the map up for
    /// anonymous memory only.
    PerfMap,
    /// `jit-PID.dump`, which Linux `perf inject --jit` merges into what `perf record -k mono` recorded: names, code, and places in
    /// the module, each from the time at which the code was made. The file lies in the folder that the environment variable `JITDUMPDIR` names, or else in the
    /// current one.
    JitDump,
}

/// A piece of code for a profiler.
#[derive(Debug)]
pub(crate) struct NamedCode<'c> {
    /// Address at which it executes.
    pub(crate) address: usize,
    pub(crate) code: &'c [u8],
    pub(crate) name: Cow<'c, str>,
    /// Offsets from its first byte with the offsets in the module that they belong to, ascending; empty if there are none.
    pub(crate) places: Vec<(u32, u64)>,
}

/// Where code is announced. Failures to write are ignored: profiling never disturbs the program.
#[derive(Debug)]
pub(crate) enum Profiler {
    Map(PerfMap),
    Dump(JitDump),
}

impl Profiler {
    pub(crate) fn new(strategy: ProfilingStrategy) -> Option<Profiler> {
        match strategy {
            ProfilingStrategy::None => None,
            ProfilingStrategy::PerfMap => Some(Profiler::Map(PerfMap::new())),
            ProfilingStrategy::JitDump => Some(Profiler::Dump(JitDump)),
        }
    }

    /// Whether it wants to know the places of the module that code belongs to.
    pub(crate) fn wants_places(&self) -> bool {
        matches!(self, Profiler::Dump(_))
    }

    /// Announces code that is in place and that nobody has run yet. The caller is inside the fork gate.
    pub(crate) fn add<'c>(&self, pieces: impl IntoIterator<Item = NamedCode<'c>>) {
        match self {
            Profiler::Map(map) => map.add(pieces),
            Profiler::Dump(dump) => dump.add(pieces),
        }
    }
}
