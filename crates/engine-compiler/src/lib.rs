//! The module compiler: which function is compiled, by which tier, when, and on which thread.
//!
//! One [`Compiler`] serves all modules of an engine. It owns the code manager, the worker threads, the wrappers between host and
//! Wasm (one for each signature and direction, shared by all modules) and the stubs of runtime entries.
//!
//! ```text
//!  tier.rs      who compiles functions
//!  state.rs     one module's compilation: units, queues, events, failure
//!  events.rs    what happens to a module, and who hears of it
//!  queue.rs     units and the bytes of their bodies
//!  lazy.rs      functions compiled at their first call
//!  tier_up.rs   functions and loops that turn out to be hot
//!  streaming.rs modules compiled while their bytes arrive
//!  job.rs       modules compiled in the background
//!  workers.rs   threads, shared by all modules
//!  wrappers.rs  code between host and Wasm
//!  sync.rs      locks and threads, which a model checker may replace
//!  models/      the orders in which threads may come, all of them or many (tests)
//!  error.rs     why a module was not compiled
//!  metrics.rs   figures on all of it: counters.rs, histogram.rs
//!  unit.rs      one function, told to whoever listens
//!  artifact/    compiled modules as bytes
//!  cache/       a folder of them
//!  stored.rs    compiling with a cache; from and to artifacts
//!  in_pieces.rs all functions at once, without placing their code
//! ```
#![forbid(unsafe_code)]

pub mod artifact;
pub mod cache;
mod counters;
mod error;
mod events;
mod histogram;
mod in_pieces;
mod job;
mod lazy;
mod metrics;
#[cfg(all(test, feature = "model"))]
mod models;
mod queue;
mod state;
mod stored;
mod streaming;
mod sync;
mod tier;
mod tier_up;
mod unit;
mod workers;
mod wrappers;

pub use engine_optimizer::{Pass, Passes};
pub use error::{CompileError, FuncName};
pub use events::CompilationEvent;
pub use histogram::Histogram;
pub use job::{CompileJob, Compiled};
pub use lazy::{LazyStats, LazyValidation, Start};
pub use metrics::{Metrics, TierMetrics};
pub use queue::CompilationUnit;
pub use state::{CompilationState, CompilationUnitBuilder, CompileMode, Level};
pub use streaming::StreamingCompiler;
pub use tier::{Baseline, FunctionCompiler, Optimized, Tier, Tiering, compile_all};
pub use tier_up::{Note, TIER_UP_TARGET, TierStats};

use bytes::Bytes;
use counters::Counters;
use engine_baseline::ModuleEnv;
use engine_codemanager::{CodeConfig, CodeManager, NativeModule, StubCode, WithoutCode};
use engine_decoder::{DecodeError, DecodedModule, DefinedFuncIndex, Features, FuncType};
use engine_machine::{AccessMode, CodeFlags, Entry, RuntimeEntry, TargetFeatures, stubs};
use std::sync::Arc;
use std::time::Instant;
pub use unit::UNIT_TARGET;
pub use workers::Executor;
use workers::Workers;
use wrappers::{Direction, WrapperCache};

/// Machine code that is published at a time, in bytes: large enough that the cost of publishing (two system calls and a
/// pass over the slots) disappears, small enough to stay in the second-level cache until it is copied.
const BATCH_BYTES: usize = 256 << 10;

/// Bytes of code section for which a helper is worth waking: compiling them takes as long as starting a thread several times over.
const HELP_BYTES: usize = 32 << 10;

/// Machine code per byte of Wasm, for sizing the module's first allocation; more is allocated when it is too little.
const EXPANSION: usize = 4;

/// What a [`Compiler`] compiles for.
#[derive(Clone, Debug)]
pub struct CompilerConfig {
    /// CPU and extensions.
    pub target: TargetFeatures,
    /// Mask checked indices against misspeculation.
    pub spectre: bool,
    /// Poll for interrupts in loops.
    pub interruptible: bool,
    /// Replace NaN results by the canonical NaN.
    pub canonicalize_nans: bool,
    /// Which tiers compile, and when.
    pub tiering: Tiering,
    /// How much a function's baseline code executes before it asks to be optimised ([`CodeFlags::tier_up_budget`]), where tiers are chosen while
    /// the program runs ([`Tiering::Dynamic`]).
    pub tier_up_budget: u32,
    /// The passes of the optimising compiler that run. Code that is there already is used whatever passes it was made by.
    pub passes: Passes,
    /// Threads that compile at the same time, the one that waits for the module included; with 0 and 1 only that one.
    pub compile_tasks: usize,
}

impl CompilerConfig {
    /// Whoever compiles a function first.
    pub(crate) fn first_tier(&self) -> Arc<dyn Tier> {
        self.tiering.first(self.passes)
    }

    /// The flags of code for a module whose memories are accessed in this mode.
    pub fn flags(&self, memory_access: AccessMode) -> CodeFlags {
        let CompilerConfig { target, spectre, interruptible, canonicalize_nans, tiering, .. } = *self;
        let tier_up_budget = if tiering == Tiering::Dynamic { self.tier_up_budget.max(1) } else { 0 };
        CodeFlags { target, memory_access, spectre, interruptible, canonicalize_nans, tier_up_budget }
    }
}

/// Compiles modules. `Send + Sync`; one per engine.
pub struct Compiler {
    config: CompilerConfig,
    manager: Arc<CodeManager>,
    wrappers: WrapperCache,
    workers: Workers,
    counters: Arc<Counters>,
    /// Where functions without code lead that are compiled at their first call.
    lazy_stub: Arc<StubCode>,
    /// Kept for their code.
    _runtime_stubs: Vec<StubCode>,
    /// Addresses of the stubs, by entry.
    runtime_entries: Box<[usize]>,
}

impl core::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compiler").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Compiler {
    /// A compiler with default code memory.
    ///
    /// # Errors
    /// When the host does not allow generated code.
    pub fn new(config: CompilerConfig) -> Result<Arc<Compiler>, CompileError> {
        Compiler::with_code_config(config, CodeConfig::default(), None)
    }

    /// A compiler that holds its code as `code` says, and compiles in the background on `executor` if there is one, else on threads of its
    /// own.
    ///
    /// # Errors
    /// When the host does not allow generated code.
    pub fn with_code_config(
        config: CompilerConfig,
        code: CodeConfig,
        executor: Option<Arc<dyn Executor>>,
    ) -> Result<Arc<Compiler>, CompileError> {
        Compiler::with_manager(config, CodeManager::new(code)?, executor)
    }

    /// A compiler with this code memory.
    fn with_manager(
        config: CompilerConfig,
        manager: Arc<CodeManager>,
        executor: Option<Arc<dyn Executor>>,
    ) -> Result<Arc<Compiler>, CompileError> {
        let flags = config.flags(AccessMode::Guarded);
        let mut runtime_stubs = Vec::with_capacity(RuntimeEntry::ALL.len());
        for &entry in RuntimeEntry::ALL {
            let code = stubs::runtime_stub(&flags, entry);
            runtime_stubs.push(manager.publish_stub(&code, &format!("runtime entry {entry:?}"))?);
        }
        let lazy_stub = Arc::new(manager.publish_stub(&stubs::lazy_stub(&flags), "lazy compilation")?);
        let runtime_entries = runtime_stubs.iter().map(|stub| stub.address() as usize).collect();
        Ok(Arc::new(Compiler {
            workers: Workers::new(config.compile_tasks.saturating_sub(1), executor),
            config,
            manager,
            wrappers: WrapperCache::default(),
            counters: Arc::default(),
            lazy_stub,
            _runtime_stubs: runtime_stubs,
            runtime_entries,
        }))
    }

    /// What it compiles for.
    pub fn config(&self) -> &CompilerConfig {
        &self.config
    }

    /// Where its code goes.
    pub fn manager(&self) -> &Arc<CodeManager> {
        &self.manager
    }

    /// Figures on everything compiled so far. The modules alive and the cache are for others to count.
    pub fn metrics(&self) -> Metrics {
        Metrics { wrappers: self.wrappers.alive(), memory: self.manager.memory(), ..self.counters.read() }
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// [`DecodedModule::decode`], counted in the metrics.
    ///
    /// # Errors
    /// As there.
    pub fn decode(&self, bytes: Bytes, features: Features) -> Result<DecodedModule, DecodeError> {
        let span = tracing::debug_span!("decode", bytes = bytes.len());
        let _entered = span.enter();
        let start = Instant::now();
        let decoded = DecodedModule::decode(bytes, features);
        let time = start.elapsed();
        self.counters.add_decoding(time);
        match &decoded {
            Ok(decoded) => tracing::debug!(
                functions = decoded.module.num_defined_functions(),
                code_section_bytes = decoded.module.code_section.len(),
                micros = time.as_micros() as u64,
                "decoded"
            ),
            Err(error) => tracing::debug!(%error, "not decoded"),
        }
        decoded
    }

    /// Validates and compiles all functions of a module, for memories accessed in `mode`, on this thread and the workers; with a
    /// lazy start, only validates them, or not even that. The state has come as far as `start` says; a lazy one is needed as long as functions may be
    /// called.
    ///
    /// # Errors
    /// The error with the lowest byte offset, if a body is invalid or refused; or when code memory is used up.
    pub fn compile(
        &self,
        decoded: &DecodedModule,
        mode: AccessMode,
        start: Start,
    ) -> Result<Arc<CompilationState>, CompileError> {
        self.compile_by(self.config.first_tier(), decoded, mode, start)
    }

    /// [`compile`](Compiler::compile) with another first tier.
    fn compile_by(
        &self,
        tier: Arc<dyn Tier>,
        decoded: &DecodedModule,
        mode: AccessMode,
        start: Start,
    ) -> Result<Arc<CompilationState>, CompileError> {
        let state = self.begin_by(tier, decoded, mode, self.compile_mode(), start)?;
        if start == Start::Lazy(LazyValidation::AtFirstCall) {
            // Nothing is validated; the second tier, if all is to be optimised, leaves out what is invalid.
            state.queue_top();
            self.go_on(&state);
            return Ok(state);
        }
        state.queue_all();
        self.offer(&state);
        self.finish(&state, decoded)?;
        Ok(state)
    }

    /// Compiles what is left of the first tier, on this thread too.
    fn finish(&self, state: &Arc<CompilationState>, decoded: &DecodedModule) -> Result<(), CompileError> {
        let result = state.finish_baseline().map_err(|error| error.with_name(&decoded.module));
        if !state.has_work() {
            self.workers.withdraw(state);
        }
        result?;
        if state.start() == Start::Eager && state.mode() == CompileMode::Regular {
            state.native().release_unused();
        }
        self.go_on(state);
        Ok(())
    }

    /// Lets units of the second tier be compiled: in the background if there is one.
    fn go_on(&self, state: &Arc<CompilationState>) {
        if !state.has_work() {
            return;
        }
        if self.workers.any() {
            self.hand_over(state);
        } else {
            state.work(usize::MAX);
        }
    }

    /// Baseline code of a function is hot, counted at its entry: better code is to take its place.
    /// `note` adds what the calls of the instance have called.
    pub fn tier_up(&self, state: &Arc<CompilationState>, func: DefinedFuncIndex, note: Note<'_>) {
        if state.ask_function(func, note) {
            self.go_on(state);
        }
    }

    /// A loop in baseline code of a function is hot: where to go on at its header with the same frame, once there is such code. The function is to be replaced,
    /// too. `note` as above.
    pub fn tier_up_loop(
        &self,
        state: &Arc<CompilationState>,
        func: DefinedFuncIndex,
        wasm_offset: u32,
        note: Note<'_>,
    ) -> Option<*const u8> {
        let entry = self.loop_code(state, func, wasm_offset, note)?;
        state.tell_step(func, Entry::Loop { wasm_offset }, "entered");
        Some(entry)
    }

    /// Code that goes on at a loop's header, asked for if there is none yet.
    fn loop_code(
        &self,
        state: &Arc<CompilationState>,
        func: DefinedFuncIndex,
        wasm_offset: u32,
        note: Note<'_>,
    ) -> Option<*const u8> {
        let native = state.native();
        native.loop_entry(func, wasm_offset).or_else(|| {
            if state.ask_function(func, note) | state.ask_loop(func, wasm_offset, note) {
                self.go_on(state);
            }
            native.loop_entry(func, wasm_offset)
        })
    }

    /// An inner loop is hot. The way out of baseline code is best at the loop around it that is in no other: optimised code then has its loops as the source
    /// has them. Returns where to go on at the inner loop if the outermost one has been waited for in vain, and else whether the outermost one can be left.
    pub fn tier_up_inner(
        &self,
        state: &Arc<CompilationState>,
        func: DefinedFuncIndex,
        wasm_offset: u32,
        outermost: u32,
        note: Note<'_>,
    ) -> (Option<*const u8>, bool) {
        let leavable = self.loop_code(state, func, outermost, note).is_some();
        let entry = match state.waited_in_vain(func, wasm_offset) {
            true => self.tier_up_loop(state, func, wasm_offset, note),
            false => None,
        };
        (entry, leavable)
    }

    /// The module is not used any more: what is being compiled for it ends, and nothing new is begun.
    pub fn cancel(&self, state: &Arc<CompilationState>) {
        state.cancel();
        self.workers.withdraw(state);
    }

    pub(crate) fn compile_mode(&self) -> CompileMode {
        self.config.tiering.mode()
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Offers the units that are queued in a module to the workers, if there are enough of them for help to be worth while.
    pub fn offer(&self, state: &Arc<CompilationState>) {
        self.workers.offer(state, state.queued_bytes() / HELP_BYTES);
    }

    /// Hands the units that are queued in a module to the workers: nobody may wait for it.
    pub fn hand_over(&self, state: &Arc<CompilationState>) {
        self.workers.offer(state, (state.queued_bytes() / HELP_BYTES).max(1));
    }

    /// A compilation with nothing queued yet.
    ///
    /// # Errors
    /// When there is no room for the module's jump table.
    pub fn begin(
        &self,
        decoded: &DecodedModule,
        mode: AccessMode,
        compile_mode: CompileMode,
        start: Start,
    ) -> Result<Arc<CompilationState>, CompileError> {
        self.begin_by(self.config.first_tier(), decoded, mode, compile_mode, start)
    }

    fn begin_by(
        &self,
        tier: Arc<dyn Tier>,
        decoded: &DecodedModule,
        mode: AccessMode,
        compile_mode: CompileMode,
        start: Start,
    ) -> Result<Arc<CompilationState>, CompileError> {
        let flags = self.config.flags(mode);
        let hint = decoded.module.code_section.len().saturating_mul(EXPANSION);
        let without_code = match start {
            Start::Eager => WithoutCode::Stop,
            Start::Lazy(_) => WithoutCode::Call(Arc::clone(&self.lazy_stub)),
        };
        let native =
            NativeModule::new(&self.manager, Arc::clone(&decoded.module), flags, hint, without_code)?;
        let env = ModuleEnv::new(Arc::clone(&decoded.module), flags);
        let tiers: [Arc<dyn Tier>; 2] = [tier, Arc::new(Optimized::above_another(self.config.passes))];
        let state = CompilationState::new(decoded.clone(), env, native, tiers, compile_mode, start);
        Ok(Arc::new(state.counted_by(&self.counters)))
    }

    /// The wrapper through which the host calls functions of a signature: an [`EntryWrapper`](engine_machine::EntryWrapper).
    /// Compiled once, freed with its last user.
    ///
    /// # Errors
    /// When code memory is used up.
    pub fn entry_wrapper(&self, ty: &FuncType) -> Result<Arc<StubCode>, CompileError> {
        Ok(self.wrappers.get(Direction::HostToWasm, ty, || {
            let code = stubs::entry_wrapper(&self.config.flags(AccessMode::Guarded), ty);
            self.manager.publish_stub(&code, &format!("entry wrapper {ty}"))
        })?)
    }

    /// The wrapper through which Wasm calls host functions of a signature, with a
    /// [`HostFuncContext`](engine_machine::HostFuncContext) as vmctx. Compiled once, freed with its last user.
    ///
    /// # Errors
    /// When code memory is used up.
    pub fn import_wrapper(&self, ty: &FuncType) -> Result<Arc<StubCode>, CompileError> {
        Ok(self.wrappers.get(Direction::WasmToHost, ty, || {
            let code = stubs::import_wrapper(&self.config.flags(AccessMode::Guarded), ty);
            self.manager.publish_stub(&code, &format!("import wrapper {ty}"))
        })?)
    }

    /// The table of runtime-entry stubs that vmctxs point to, indexed by [`RuntimeEntry`]. Lives as long as the compiler.
    pub fn runtime_entries(&self) -> *const *const u8 {
        self.runtime_entries.as_ptr().cast()
    }
}
