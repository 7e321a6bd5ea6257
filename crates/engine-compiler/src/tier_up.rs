//! Functions and loops that are optimised because they turn out to be hot.
//!
//! Baseline code counts what it executes ([`VmLayout::counter`](engine_machine::VmLayout::counter)) and asks from time to time: at a function's entry for
//! better code of the function, at a loop's header for code that goes on there. The first question queues a unit; each further one makes it hotter. Counters belong to
//! instances; what is known here belongs to the module, so that all instances profit.
//!
//! ```text
//!  cold ──► queued ──► optimised
//!                └───► declined: it keeps its baseline code
//! ```
//! Code for each loop is code of the whole function, entered there. So a function with thousands of hot loops would be compiled thousands of
//! times: a function has only as many loop entries as its size allows ([`max_loops`]), and its first hot loops get them.

use crate::queue::{CompilationUnit, Unit};
use crate::state::{CompilationState, CompileMode, Level};
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use engine_decoder::DefinedFuncIndex;
use engine_machine::{CallTargets, Entry};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::Level as LogLevel;

/// The target under which `tracing` is told of functions and loops that turn out to be hot, at trace level: events with
/// the `step` taken: `hot` (it is queued), `optimized` (its code is in place), `declined`, or `entered` (a frame goes on in a loop's optimised code); with the function's index in the module (`func`), its `name` in the name section or an empty one, and for
/// loops the operator's offset in the body (`loop_offset`).
pub const TIER_UP_TARGET: &str = "engine_compiler::tier_up";

/// How often a loop of a function that has been optimised asks before it gets an entry. Most frames that ask once return soon, and the next call is
/// of the new code: an entry costs as much to compile as the function.
const LOOP_QUESTIONS: u32 = 2;

/// What has come of a function or loop that was hot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Status {
    Cold,
    Queued,
    Optimized,
    Declined,
}

/// How often an inner loop asks (less often with a small budget, as tests have it) before it is not taken for one whose outermost loop has a turn
/// soon.
const PATIENCE: u32 = 256;

/// A hot loop: what has come of it, and how often it was asked for.
#[derive(Clone, Copy, Debug)]
struct HotLoop {
    status: Status,
    heat: u32,
}

/// Figures of a module's tiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TierStats {
    /// Functions with optimised code.
    pub optimized_functions: u32,
    /// Loops that baseline code leaves for optimised code.
    pub optimized_loops: u32,
    /// Functions and loops that are waiting to be optimised or being so.
    pub queued: u32,
    /// Functions and loops that were too large or too complex to optimise.
    pub declined: u32,
}

/// Adds what the calls of an instance have called to what is known of its module.
pub type Note<'a> = &'a dyn Fn(&CallTargets);

/// The hot functions and loops of a module.
pub(crate) struct TierUp {
    /// [`Status`], by defined function. Empty if nothing is counted.
    functions: Box<[AtomicU8]>,
    /// How often code of the function asked.
    heat: Box<[AtomicU32]>,
    loops: Mutex<Loops>,
}

#[derive(Default)]
struct Loops {
    /// By function and the loop operator's offset in its body.
    hot: HashMap<(u32, u32), HotLoop>,
    /// By function: how many of its loops have been queued.
    queued: HashMap<u32, u32>,
}

/// Loop entries that every function may have.
const MAX_LOOPS: u32 = 8;
/// Bytes of bodies that may be compiled for further loop entries of one function.
const MAX_LOOP_BYTES: u32 = 256 << 10;

/// How many loop entries a function with a body of this many bytes may have.
fn max_loops(body_len: usize) -> u32 {
    let body_len = u32::try_from(body_len.max(1)).unwrap_or(u32::MAX);
    MAX_LOOPS + MAX_LOOP_BYTES / body_len
}

impl TierUp {
    pub fn new(functions: u32) -> TierUp {
        TierUp {
            functions: (0..functions).map(|_| AtomicU8::new(Status::Cold as u8)).collect(),
            heat: (0..functions).map(|_| AtomicU32::new(0)).collect(),
            loops: Mutex::default(),
        }
    }

    fn loops(&self) -> MutexGuard<'_, Loops> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much a unit counts. A loop that is running now comes before functions, which can wait for their next call.
    pub fn heat(&self, unit: &Unit) -> u64 {
        match unit.entry {
            Entry::Function => {
                self.heat.get(unit.func.index()).map_or(0, |heat| u64::from(heat.load(Ordering::Relaxed)))
            }
            Entry::Loop { wasm_offset } => {
                let heat = self.loops().hot.get(&(unit.func.0, wasm_offset)).map_or(0, |hot| hot.heat);
                1 << 32 | u64::from(heat)
            }
        }
    }

    /// A function is asked for. Whether it is to be queued.
    fn ask_function(&self, func: DefinedFuncIndex) -> bool {
        let Some(status) = self.functions.get(func.index()) else { return false };
        self.heat[func.index()].fetch_add(1, Ordering::Relaxed);
        let (cold, queued) = (Status::Cold as u8, Status::Queued as u8);
        status.compare_exchange(cold, queued, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A loop of a function with a body of this many bytes is asked for. Whether it is to be queued: when the function has been optimised and frames of its
    /// old code are still in the loop.
    fn ask_loop(&self, func: DefinedFuncIndex, body_len: usize, wasm_offset: u32) -> bool {
        let Some(status) = self.functions.get(func.index()) else { return false };
        if status.load(Ordering::Relaxed) != Status::Optimized as u8 {
            return false;
        }
        let loops = &mut *self.loops();
        let hot = loops.hot.entry((func.0, wasm_offset)).or_insert(HotLoop { status: Status::Cold, heat: 0 });
        hot.heat = hot.heat.saturating_add(1);
        if hot.status != Status::Cold || hot.heat < LOOP_QUESTIONS {
            return false;
        }
        let queued = loops.queued.entry(func.0).or_insert(0);
        let room = *queued < max_loops(body_len);
        *queued += u32::from(room);
        hot.status = if room { Status::Queued } else { Status::Declined };
        room
    }

    /// Counts a question of an inner loop.
    fn count_inner(&self, func: DefinedFuncIndex, wasm_offset: u32) -> u32 {
        let mut loops = self.loops();
        let hot = loops.hot.entry((func.0, wasm_offset)).or_insert(HotLoop { status: Status::Cold, heat: 0 });
        hot.heat = hot.heat.saturating_add(1);
        hot.heat
    }

    fn set(&self, unit: &Unit, status: Status) {
        match unit.entry {
            Entry::Function => {
                if let Some(function) = self.functions.get(unit.func.index()) {
                    function.store(status as u8, Ordering::Relaxed);
                }
            }
            Entry::Loop { wasm_offset } => {
                if let Some(hot) = self.loops().hot.get_mut(&(unit.func.0, wasm_offset)) {
                    hot.status = status;
                }
            }
        }
    }

    /// A unit is not optimised.
    pub fn decline(&self, unit: &Unit) {
        self.set(unit, Status::Declined);
    }

    /// A unit is done with: its code is published, unless it was declined. Whether it was published.
    pub fn finish(&self, unit: &Unit) -> bool {
        let declined = match unit.entry {
            Entry::Function => self
                .functions
                .get(unit.func.index())
                .is_none_or(|status| status.load(Ordering::Relaxed) == Status::Declined as u8),
            Entry::Loop { wasm_offset } => {
                let loops = self.loops();
                loops.hot.get(&(unit.func.0, wasm_offset)).is_none_or(|hot| hot.status == Status::Declined)
            }
        };
        if !declined {
            self.set(unit, Status::Optimized);
        }
        !declined
    }

    fn stats(&self) -> TierStats {
        let mut stats = TierStats::default();
        let mut count = |status: u8, is_loop: bool| match status {
            status if status == Status::Queued as u8 => stats.queued += 1,
            status if status == Status::Declined as u8 => stats.declined += 1,
            status if status == Status::Optimized as u8 && is_loop => stats.optimized_loops += 1,
            status if status == Status::Optimized as u8 => stats.optimized_functions += 1,
            _ => {}
        };
        self.functions.iter().for_each(|status| count(status.load(Ordering::Relaxed), false));
        self.loops().hot.values().for_each(|hot| count(hot.status as u8, true));
        stats
    }
}

impl CompilationState {
    /// Code of a function asks for better code. `note` adds what the calls of the instance have called, if it is needed. Returns whether there is a new unit
    /// to be compiled.
    pub(crate) fn ask_function(&self, func: DefinedFuncIndex, note: Note<'_>) -> bool {
        self.mode() == CompileMode::Dynamic
            && self.tier_up_state().ask_function(func)
            && self.queue_hot(func, Entry::Function, note)
    }

    /// A loop of a function's code asks for code to go on with; `note` as above. Returns whether there is a new unit to be compiled.
    pub(crate) fn ask_loop(&self, func: DefinedFuncIndex, wasm_offset: u32, note: Note<'_>) -> bool {
        let body_len = self.decoded().module.bodies[func.index()].len();
        self.mode() == CompileMode::Dynamic
            && self.tier_up_state().ask_loop(func, body_len, wasm_offset)
            && self.queue_hot(func, Entry::Loop { wasm_offset }, note)
    }

    /// An inner loop asks. Whether it has asked so often that the turn of the outermost loop is not worth waiting for.
    pub(crate) fn waited_in_vain(&self, func: DefinedFuncIndex, wasm_offset: u32) -> bool {
        let patience = self.env().flags.tier_up_budget.min(PATIENCE);
        self.tier_up_state().count_inner(func, wasm_offset) > patience
    }

    fn queue_hot(&self, func: DefinedFuncIndex, entry: Entry, note: Note<'_>) -> bool {
        note(&self.env().call_targets);
        let body = self.decoded().module.bodies[func.index()].clone();
        let mut builder = self.builder();
        builder.add(CompilationUnit { func, level: Level::Top, entry, body });
        self.tell_step(func, entry, "hot");
        builder.commit()
    }

    /// Tells whoever listens what has come of a hot function or loop.
    pub(crate) fn tell_step(&self, func: DefinedFuncIndex, entry: Entry, step: &'static str) {
        if !tracing::enabled!(target: TIER_UP_TARGET, LogLevel::TRACE) {
            return;
        }
        let module = self.native().module();
        let index = module.func_index(func);
        let name = module.names.functions.get(index).unwrap_or_default();
        match entry {
            Entry::Function => tracing::trace!(target: TIER_UP_TARGET, func = index.0, name, step),
            Entry::Loop { wasm_offset } => {
                tracing::trace!(target: TIER_UP_TARGET, func = index.0, name, loop_offset = wasm_offset, step);
            }
        }
    }

    /// A unit of the second tier is not optimised.
    pub(crate) fn decline(&self, unit: &Unit) {
        self.tier_up_state().decline(unit);
        self.tell_step(unit.func, unit.entry, "declined");
    }

    /// What has come of hot functions and loops so far.
    pub fn tier_stats(&self) -> TierStats {
        self.tier_up_state().stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a module whose only function has been optimised.
    fn optimized() -> TierUp {
        let tier_up = TierUp::new(1);
        tier_up.functions[0].store(Status::Optimized as u8, Ordering::Relaxed);
        tier_up
    }

    /// How many of a function's loops are queued when all of very many are hot.
    fn queued(body_len: usize) -> usize {
        let tier_up = optimized();
        (0..100_000).filter(|&at| is_queued(&tier_up, body_len, at)).count()
    }

    /// Whether a loop is queued that asks until it should be.
    fn is_queued(tier_up: &TierUp, body_len: usize, at: u32) -> bool {
        (0..LOOP_QUESTIONS).any(|_| tier_up.ask_loop(DefinedFuncIndex(0), body_len, at))
    }

    #[test]
    fn a_loop_is_queued_once() {
        let tier_up = optimized();
        let queued = (0..10).filter(|_| tier_up.ask_loop(DefinedFuncIndex(0), 100, 7)).count();
        assert_eq!((queued, tier_up.stats().queued), (1, 1));
    }

    #[test]
    fn a_loop_waits_for_its_function() {
        let tier_up = TierUp::new(1);
        assert!((0..10).all(|_| !tier_up.ask_loop(DefinedFuncIndex(0), 100, 7)));
    }

    #[test]
    fn a_large_function_has_few_loop_entries() {
        assert_eq!(queued(1 << 20), MAX_LOOPS as usize);
        for body_len in [1000, 10_000, 100_000, 1_000_000] {
            assert!(queued(body_len) * body_len <= MAX_LOOP_BYTES as usize + MAX_LOOPS as usize * body_len);
        }
    }

    #[test]
    fn loops_beyond_the_limit_are_declined() {
        let tier_up = optimized();
        let asked = (0..20).filter(|&at| is_queued(&tier_up, 1 << 20, at)).count();
        assert_eq!(asked, MAX_LOOPS as usize);
        assert_eq!((tier_up.stats().queued, tier_up.stats().declined), (MAX_LOOPS, 20 - MAX_LOOPS));
    }
}
