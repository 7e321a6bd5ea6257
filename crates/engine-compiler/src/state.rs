//! The state of one module's compilation: what is still to be compiled, by which tier, and what came of it.
//!
//! Units are queued in batches ([`CompilationUnitBuilder`]) and taken in pieces of some 64 KiB of bodies, in the order in which they
//! came, so that each piece is published as one. Any number of threads may take and compile them at once.
//!
//! **Modules that are still arriving.** Code depends on what stands before the code section and on the body alone. So a state can be made when the first
//! body is there; the bytes of bodies come along with their units, and are dropped when these are compiled. What needs the whole module, the second tier and functions compiled
//! at their first call, waits until [`CompilationState::complete`] is told of it.
//!
//! **Which error is reported.** Units of the baseline tier are queued in the order of their bodies, and taken in that order. When a function
//! fails, nothing behind it is begun any more, but everything before it has been taken already and is finished. So the failure
//! with the lowest offset is found whatever the number of threads.
//!
//! **Events.** Every callback hears of each event once, in order, also if it comes late ([`events`](crate::events)). Callbacks are called without locks
//! held, by whoever caused the event or registered the callback.

use crate::counters::{Counters, PieceFigures};
use crate::events::{CompilationEvent, Events};
use crate::lazy::{FirstCalls, Start, Validation};
use crate::queue::{Bodies, CompilationUnit, Queue, Segment, Unit};
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use crate::tier::{FunctionCompiler, Tier};
use crate::tier_up::TierUp;
use crate::unit::Units;
use crate::{BATCH_BYTES, CompileError, FuncName};
use core::sync::atomic::AtomicU32;
use engine_baseline::ModuleEnv;
use engine_codemanager::NativeModule;
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{CodeBatch, Entry};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock, PoisonError};

/// How a module is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompileMode {
    /// Once, by the first tier.
    Regular,
    /// By the first tier, then by the second.
    Tiering,
    /// By the first tier, and by the second what turns out to be hot.
    Dynamic,
}

/// Which of the tiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The first: code to start with.
    Baseline,
    /// The second: code to stay with.
    Top,
}

/// Collects units and queues them at once.
#[derive(Debug)]
pub struct CompilationUnitBuilder<'s> {
    state: &'s CompilationState,
    units: Vec<CompilationUnit>,
    /// What the bodies of the first tier's units are in, with the offset of its first byte, if the module is not whole yet.
    bytes: Option<(usize, Box<[u8]>)>,
}

impl CompilationUnitBuilder<'_> {
    /// Adds a unit. Those of the first tier come in ascending order.
    pub fn add(&mut self, unit: CompilationUnit) {
        self.units.push(unit);
    }

    /// Says which bytes of the module, from `offset` on, the bodies of this batch are in. Needed as long as the state does not have the whole
    /// module.
    pub fn add_bytes(&mut self, offset: usize, bytes: Box<[u8]>) {
        self.bytes = Some((offset, bytes));
    }

    /// Queues what was added. Returns whether there was anything.
    ///
    /// # Panics
    /// If a unit's body is not in the bytes added, and the state does not have the whole module.
    pub fn commit(&mut self) -> bool {
        let known = match &self.bytes {
            Some((offset, bytes)) => *offset..offset + bytes.len(),
            None => 0..self.state.decoded().bytes.len(),
        };
        let within = |unit: &CompilationUnit| known.start <= unit.body.start && unit.body.end <= known.end;
        assert!(self.units.iter().all(within), "bodies are compiled when they are there");
        let bytes = self.bytes.take();
        let mut inner = self.state.lock();
        if inner.stopped() {
            self.units.clear();
        }
        let any = !self.units.is_empty();
        if let (true, Some((offset, bytes))) = (any, bytes) {
            inner.baseline.segments.push_back(Arc::new(Segment { offset, bytes }));
        }
        for CompilationUnit { func, level, entry, body } in self.units.drain(..) {
            inner.queue(level).push(Unit { func, entry, body });
        }
        inner.baseline.count();
        inner.top.count();
        any
    }

    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = None;
    }
}

/// The compilation of one module for one set of flags.
pub struct CompilationState {
    /// What is known of the module from the start: at least all that stands before the code section.
    environment: DecodedModule,
    /// The whole module, once it is there.
    whole: OnceLock<DecodedModule>,
    env: ModuleEnv,
    native: Arc<NativeModule>,
    tiers: [Arc<dyn Tier>; 2],
    start: Start,
    mode: CompileMode,
    first_calls: FirstCalls,
    tier_up: TierUp,
    counters: Arc<Counters>,
    /// Proposals that the module is known to use, as bits.
    features: AtomicU32,
    inner: Mutex<Inner>,
    /// Signalled when a piece is done, when compilation stops, and then when callbacks return.
    progress: Condvar,
    aborted: AtomicBool,
}

struct Inner {
    baseline: Queue,
    top: Queue,
    /// Threads that are compiling units now.
    running: usize,
    /// The failure with the lowest offset so far, with that offset.
    failure: Option<(u64, CompileError)>,
    aborted: bool,
    events: Events,
}

impl Inner {
    fn queue(&mut self, level: Level) -> &mut Queue {
        match level {
            Level::Baseline => &mut self.baseline,
            Level::Top => &mut self.top,
        }
    }

    fn stopped(&self) -> bool {
        self.aborted || self.failure.is_some()
    }

    /// Notes what has happened by now.
    fn advance(&mut self, mode: CompileMode) {
        if self.aborted {
            return;
        }
        if self.failure.is_some() {
            // Lower offsets may still be compiling.
            if self.running == 0 {
                self.events.happens(CompilationEvent::Failed);
            }
            return;
        }
        if self.baseline.open || self.baseline.outstanding > 0 {
            return;
        }
        self.events.happens(CompilationEvent::FinishedBaseline);
        let finished = match mode {
            CompileMode::Regular => true,
            CompileMode::Tiering => !self.top.open && self.top.outstanding == 0,
            CompileMode::Dynamic => false,
        };
        if finished {
            self.events.happens(CompilationEvent::FinishedTopTier);
        }
    }
}

impl CompilationState {
    /// A compilation with nothing queued yet. `native` is where the code goes; `tiers` are the first and the second. With a lazy start, units of the
    /// first tier are validated only. `decoded` is the module, or the environment of one that is still arriving
    /// ([`ModuleDecoder::environment`](engine_decoder::ModuleDecoder::environment)).
    pub fn new(
        decoded: DecodedModule,
        env: ModuleEnv,
        native: Arc<NativeModule>,
        tiers: [Arc<dyn Tier>; 2],
        mode: CompileMode,
        start: Start,
    ) -> CompilationState {
        let counted = if mode == CompileMode::Dynamic { native.module().num_defined_functions() } else { 0 };
        let tier_up = TierUp::new(counted);
        let queue = || Queue { open: true, ..Queue::default() };
        let inner = Inner {
            baseline: queue(),
            top: queue(),
            running: 0,
            failure: None,
            aborted: false,
            events: Events::default(),
        };
        let features = AtomicU32::new(decoded.detected().bits());
        let whole = OnceLock::new();
        // An environment has no bytes, and no module that is whole is without any.
        if !decoded.bytes.is_empty() {
            let _ = whole.set(decoded.clone());
        }
        CompilationState {
            environment: decoded,
            whole,
            env,
            native,
            tiers,
            start,
            mode,
            first_calls: FirstCalls::default(),
            tier_up,
            counters: Arc::default(),
            features,
            inner: Mutex::new(inner),
            progress: Condvar::new(),
            aborted: AtomicBool::new(false),
        }
    }

    /// Counts in an engine's metrics.
    pub(crate) fn counted_by(mut self, counters: &Arc<Counters>) -> CompilationState {
        counters.add_features(self.features_used());
        self.counters = Arc::clone(counters);
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        for queue in [&mut inner.baseline, &mut inner.top] {
            queue.shares = counters.queue_shares();
        }
        self
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The proposals beyond WebAssembly 1.0 that the module uses, in its structure and in the bodies that have been compiled or validated so far.
    pub fn features_used(&self) -> Features {
        Features::from_bits(self.features.load(Ordering::Relaxed))
    }

    /// Adds what was found in bodies, or behind them.
    pub(crate) fn add_features(&self, features: Features) {
        if !self.features_used().contains(features) {
            self.features.fetch_or(features.bits(), Ordering::Relaxed);
            self.counters.add_features(features);
        }
    }

    /// Where the code goes.
    pub fn native(&self) -> &Arc<NativeModule> {
        &self.native
    }

    /// Says what the whole module is that the units so far belong to.
    pub fn complete(&self, whole: DecodedModule) {
        self.native.complete(Arc::clone(&whole.module));
        self.add_features(whole.detected());
        let _ = self.whole.set(whole);
    }

    /// The module, as far as it is there.
    pub(crate) fn decoded(&self) -> &DecodedModule {
        self.whole.get().unwrap_or(&self.environment)
    }
    /// When its functions are compiled.
    pub fn start(&self) -> Start {
        self.start
    }
    pub(crate) fn env(&self) -> &ModuleEnv {
        &self.env
    }
    pub(crate) fn tier(&self, level: Level) -> &dyn Tier {
        &*self.tiers[level as usize]
    }
    pub(crate) fn mode(&self) -> CompileMode {
        self.mode
    }
    pub(crate) fn tier_up_state(&self) -> &TierUp {
        &self.tier_up
    }
    pub(crate) fn first_calls(&self) -> &FirstCalls {
        &self.first_calls
    }

    /// To add units with.
    pub fn builder(&self) -> CompilationUnitBuilder<'_> {
        CompilationUnitBuilder { state: self, units: Vec::new(), bytes: None }
    }

    /// Queues every function for the first tier and, when tiering, for the second, and says that there are no more.
    pub fn queue_all(&self) {
        self.queue_functions(Level::Baseline);
        self.queue_top();
    }

    /// Queues every function for the second tier, if all are to be compiled by it, and says that there are no more units.
    pub(crate) fn queue_top(&self) {
        if self.mode == CompileMode::Tiering {
            self.queue_functions(Level::Top);
        }
        self.close();
    }

    /// Queues every function for a tier.
    fn queue_functions(&self, level: Level) {
        let mut builder = self.builder();
        for (func, body) in self.decoded().module.bodies.iter().enumerate() {
            let func = DefinedFuncIndex(func as u32);
            builder.add(CompilationUnit { func, level, entry: Entry::Function, body: body.clone() });
        }
        builder.commit();
    }

    /// Says that no more units come.
    pub fn close(&self) {
        {
            let mut inner = self.lock();
            inner.baseline.open = false;
            inner.top.open = false;
            inner.advance(self.mode);
        }
        self.tell();
    }

    /// Whether there is a unit that a thread could take now.
    pub fn has_work(&self) -> bool {
        self.next_level().is_some()
    }

    /// Wasm bytes of the bodies that are queued.
    pub(crate) fn queued_bytes(&self) -> usize {
        let inner = self.lock();
        inner.baseline.bytes + inner.top.bytes
    }

    /// Units queued for a tier or being compiled by it.
    pub fn outstanding(&self, level: Level) -> usize {
        self.lock().queue(level).outstanding
    }

    /// Calls `callback` for every event, once and in order: for those that have happened already before this returns, for the others on whichever
    /// thread causes them.
    pub fn on_event(&self, callback: impl Fn(CompilationEvent) + Send + Sync + 'static) {
        let listener = self.lock().events.listen(Box::new(callback));
        self.tell_one(listener);
        self.tell();
    }

    /// Compiles queued units until there are none, at most `pieces` pieces. Returns whether it compiled anything.
    pub fn work(&self, mut pieces: usize) -> bool {
        let mut worked = false;
        while pieces > 0
            && let Some(level) = self.next_level()
        {
            worked |= self.work_at(level, &mut pieces);
        }
        worked
    }

    /// The tier whose turn it is: the first as long as it has units.
    pub(crate) fn next_level(&self) -> Option<Level> {
        let inner = self.lock();
        if inner.stopped() {
            None
        } else if !inner.baseline.units.is_empty() {
            Some(Level::Baseline)
        } else if !inner.top.units.is_empty() && self.whole.get().is_some() {
            Some(Level::Top)
        } else {
            None
        }
    }

    /// Compiles units of one tier, as long as it is that tier's turn.
    fn work_at(&self, level: Level, pieces: &mut usize) -> bool {
        let tier = match (level, self.start) {
            (Level::Baseline, Start::Lazy(_)) => &Validation,
            _ => self.tier(level),
        };
        // One that goes from piece to piece, as long as the bodies stay.
        let mut lasting = None;
        let mut spare = CodeBatch::default();
        let mut worked = false;
        let counters = self.counters.tier(tier.name());
        while *pieces > 0 && self.next_level() == Some(level) {
            let Some(mut piece) = self.take(level) else { break };
            *pieces -= 1;
            worked = true;
            let span = tracing::debug_span!("piece", tier = tier.name(), first = piece.units[0].func.0);
            let _entered = span.enter();
            let mut work = Work {
                units: Units::new(self, tier.name()),
                spare: &mut spare,
                figures: PieceFigures::begin(),
            };
            let Piece { units, bodies, .. } = &piece;
            let attempt = AssertUnwindSafe(|| {
                if bodies.in_module() {
                    let compiler = lasting.get_or_insert_with(|| tier.functions(&self.env));
                    self.compile(level, &mut **compiler, &mut work, units, |unit| {
                        let decoded = self.decoded();
                        Body { bytes: &decoded.bytes[unit.body.clone()], offset: unit.body.start as u64 }
                    })
                } else {
                    let mut compiler = tier.functions(&self.env);
                    let body = |unit: &_| bodies.get(&self.environment, unit);
                    self.compile(level, &mut *compiler, &mut work, units, body)
                }
            });
            match catch_unwind(attempt) {
                Ok(failure) => {
                    let PieceFigures { functions, wasm_bytes, code_bytes, .. } = work.figures;
                    let micros = counters.add(&work.figures).as_micros() as u64;
                    tracing::debug!(functions, wasm_bytes, code_bytes, micros, "piece compiled");
                    piece.failure = failure;
                    piece.whole = true;
                }
                // Code of the second tier is not needed, so a defect of its compiler need stop nobody.
                Err(_) if level == Level::Top && !engine_optimizer::verifies() => {
                    tracing::error!(units = ?piece.units, "the second tier's compiler has failed; its first tier's code stays");
                    lasting = None;
                }
                Err(panic) => resume_unwind(panic),
            }
        }
        worked
    }

    /// Compiles units and publishes their code. Returns the first failure, with its offset.
    fn compile<'a>(
        &'a self,
        level: Level,
        compiler: &mut (dyn FunctionCompiler<'a> + 'a),
        work: &mut Work<'_>,
        units: &[Unit],
        body: impl Fn(&Unit) -> Body<'a>,
    ) -> Option<(u64, CompileError)> {
        for unit in units {
            let result = work.units.compile(compiler, &self.environment, unit.func, body(unit), unit.entry);
            if level == Level::Top && result.is_err() {
                // The function keeps the code that it has.
                self.decline(unit);
                continue;
            }
            if let Err(error) = result {
                // What came before it in the batch is not needed.
                *work.spare = compiler.take_batch(core::mem::take(work.spare));
                work.spare.clear();
                return Some((offset_of(unit, &error), error));
            }
            work.figures.add_function(unit.body.len());
            if compiler.batch().code.len() >= BATCH_BYTES
                && let Err(error) = self.publish(compiler, work)
            {
                return self.unpublished(level, units, error);
            }
            if self.aborted.load(Ordering::Relaxed) {
                break;
            }
        }
        self.add_features(compiler.features_used());
        match self.publish(compiler, work) {
            Ok(()) => None,
            Err(error) => self.unpublished(level, units, error),
        }
    }

    /// Code has found no place: the module fails, but for code that is not needed.
    fn unpublished(
        &self,
        level: Level,
        units: &[Unit],
        error: (u64, CompileError),
    ) -> Option<(u64, CompileError)> {
        if level == Level::Baseline {
            return Some(error);
        }
        units.iter().for_each(|unit| self.decline(unit));
        None
    }

    /// Publishes what a compiler has compiled. It goes on with the allocations of the spare batch.
    fn publish<'a>(
        &self,
        compiler: &mut (dyn FunctionCompiler<'a> + 'a),
        work: &mut Work<'_>,
    ) -> Result<(), (u64, CompileError)> {
        *work.spare = compiler.take_batch(core::mem::take(work.spare));
        work.figures.add_batch(work.spare);
        // Not the module's fault: an invalid function anywhere is a better error.
        self.native.publish(work.spare).map_err(|error| (u64::MAX, error.into()))
    }

    /// Takes a piece of the queue.
    fn take(&self, level: Level) -> Option<Piece<'_>> {
        let mut inner = self.lock();
        if inner.stopped() {
            return None;
        }
        let (units, bodies) = match level {
            Level::Top if self.mode == CompileMode::Dynamic => {
                inner.top.take_hottest(|unit| self.tier_up.heat(unit))
            }
            _ => inner.queue(level).take(),
        };
        if units.is_empty() {
            return None;
        }
        inner.running += 1;
        Some(Piece { state: self, level, units, bodies, failure: None, whole: false })
    }

    /// Notes that a piece is done.
    fn done(&self, level: Level, units: &[Unit], failure: Option<(u64, CompileError)>) {
        let mut tiered_up = Vec::new();
        if level == Level::Top && self.mode == CompileMode::Dynamic {
            for unit in units.iter().filter(|unit| self.tier_up.finish(unit)) {
                self.tell_step(unit.func, unit.entry, "optimized");
                if unit.entry == Entry::Function {
                    tiered_up.push(self.environment.module.func_index(unit.func));
                }
            }
        }
        {
            let mut inner = self.lock();
            inner.running -= 1;
            inner.queue(level).outstanding -= units.len();
            tiered_up.into_iter().for_each(|func| inner.events.tiered_up(func));
            if let Some((offset, error)) = failure {
                if inner.failure.as_ref().is_none_or(|(lowest, _)| offset < *lowest) {
                    inner.failure = Some((offset, error));
                }
                inner.baseline.clear();
                inner.top.clear();
            }
            inner.advance(self.mode);
            self.progress.notify_all();
        }
        self.tell();
    }

    /// Compiles units on this thread too, until the first tier is done, and returns what came of it.
    ///
    /// # Errors
    /// The failure with the lowest offset.
    pub fn finish_baseline(&self) -> Result<(), CompileError> {
        let mut pieces = usize::MAX;
        while self.next_level() == Some(Level::Baseline) {
            self.work_at(Level::Baseline, &mut pieces);
        }
        let mut inner = self.lock();
        while !inner.aborted
            && (inner.baseline.outstanding > 0 || (inner.failure.is_some() && inner.running > 0))
        {
            inner = self.progress.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        match &inner.failure {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The failure, if there is one and it is final: nothing before it is being compiled any more.
    pub(crate) fn failure(&self) -> Option<CompileError> {
        let inner = self.lock();
        let (_, error) = inner.failure.as_ref().filter(|_| inner.running == 0)?;
        Some(error.clone())
    }

    /// Stops, and waits for nothing: the module is not used any more.
    pub(crate) fn cancel(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        let mut inner = self.lock();
        inner.aborted = true;
        inner.baseline.clear();
        inner.top.clear();
        self.progress.notify_all();
    }

    /// Stops: no unit is begun any more, and those being compiled are waited for. So are callbacks that are being called, unless this is called by
    /// one of them. No event is told after it returns.
    pub fn abort(&self) {
        self.cancel();
        let mut inner = self.lock();
        while inner.running > 0 || inner.events.others_tell() {
            inner = self.progress.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells callbacks what they have not heard of yet. Those that another thread is telling are its to tell.
    fn tell(&self) {
        while let Some(listener) = self.uninformed() {
            self.tell_one(listener);
        }
    }

    fn uninformed(&self) -> Option<usize> {
        let mut inner = self.lock();
        if inner.aborted { None } else { inner.events.uninformed() }
    }

    /// Tells a callback that is this thread's to tell, and leaves it to others. Something may happen in between: the caller looks once more.
    fn tell_one(&self, listener: usize) {
        let _telling = Telling { state: self, listener };
        loop {
            let mut inner = self.lock();
            if inner.aborted {
                return;
            }
            let Some((callback, event)) = inner.events.next(listener) else { return };
            drop(inner);
            callback(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an error stands in the module.
fn offset_of(unit: &Unit, error: &CompileError) -> u64 {
    match error {
        CompileError::Decode(error) => error.offset,
        CompileError::Unsupported { .. } => unit.body.start as u64,
        CompileError::Code(_) => u64::MAX,
    }
}

/// What goes along while a piece is compiled.
struct Work<'w> {
    units: Units<'w>,
    spare: &'w mut CodeBatch,
    figures: PieceFigures,
}

/// Units that a thread has taken. However it comes to an end, whoever waits for them hears of it: a compiler that panics must not leave
/// them waiting.
struct Piece<'s> {
    state: &'s CompilationState,
    level: Level,
    units: Vec<Unit>,
    bodies: Bodies,
    failure: Option<(u64, CompileError)>,
    /// Whether the units are done with, compiled or not.
    whole: bool,
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        if !self.whole && self.level == Level::Top {
            self.units.iter().for_each(|unit| self.state.decline(unit));
        } else if !self.whole {
            let module = &self.state.decoded().module;
            let Unit { func, body, .. } = self.units[0].clone();
            let offset = body.start as u64;
            let reason = "the compiler has failed on this function or one soon after it";
            let func = module.func_index(func);
            let error = CompileError::Unsupported { func, name: FuncName::default(), reason, offset };
            self.failure = Some((offset, error));
        }
        self.state.done(self.level, &self.units, self.failure.take());
    }
}

/// A callback being told, until everything is told or it panics.
struct Telling<'s> {
    state: &'s CompilationState,
    listener: usize,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let mut inner = self.state.lock();
        inner.events.told(self.listener);
        if inner.aborted {
            self.state.progress.notify_all();
        }
    }
}

impl core::fmt::Debug for CompilationState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let inner = self.lock();
        f.debug_struct("CompilationState")
            .field("mode", &self.mode)
            .field("baseline", &inner.baseline.outstanding)
            .field("top", &inner.top.outstanding)
            .field("events", &inner.events.happened())
            .finish_non_exhaustive()
    }
}
