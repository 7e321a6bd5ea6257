//! The module compiler: which function is compiled, by which tier, when, and on which thread.
//!
//! One [`Compiler`] serves all modules of an engine. It owns the code manager, the worker threads, the wrappers between host and
//! Wasm (one for each signature and direction, shared by all modules) and the stubs of runtime entries.
//!
//! ```text
//!  tier.rs      who compiles functions
//!  state.rs     one module's compilation: units, queues, events, failure
//!  lazy.rs      functions compiled at their first call
//!  workers.rs   threads, shared by all modules
//!  wrappers.rs  code between host and Wasm
//! ```
#![forbid(unsafe_code)]

mod lazy;
mod state;
mod tier;
mod workers;
mod wrappers;

pub use lazy::{LazyStats, LazyValidation, Start};
pub use state::{
    CompilationEvent, CompilationState, CompilationUnit, CompilationUnitBuilder, CompileMode, Level,
};
pub use tier::{Baseline, FunctionCompiler, Optimized, Tier, Tiering, compile_all};

use engine_baseline::ModuleEnv;
use engine_codemanager::{CodeConfig, CodeError, CodeManager, NativeModule, StubCode, WithoutCode};
use engine_decoder::{DecodeError, DecodedModule, FuncIndex, FuncType};
use engine_machine::{AccessMode, CodeFlags, RuntimeEntry, TargetFeatures, stubs};
use std::sync::Arc;
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
    /// Threads that compile at the same time, the one that waits for the module included; with 0 and 1 only that one.
    pub compile_tasks: usize,
}

impl CompilerConfig {
    /// The flags of code for a module whose memories are accessed in this mode.
    pub fn flags(&self, memory_access: AccessMode) -> CodeFlags {
        let CompilerConfig { target, spectre, interruptible, canonicalize_nans, .. } = *self;
        CodeFlags { target, memory_access, spectre, interruptible, canonicalize_nans }
    }
}

/// Why a module was not compiled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A body is malformed or invalid, or needs a feature that is off.
    #[error(transparent)]
    Decode(DecodeError),
    /// A function is valid, but beyond what the compiler does.
    #[error("function #{func} cannot be compiled: {reason} (body at offset {offset:#x})")]
    Unsupported {
        /// The function.
        func: FuncIndex,
        /// Why.
        reason: &'static str,
        /// Offset of its body in the module.
        offset: u64,
    },
    /// The code could not be placed in memory.
    #[error(transparent)]
    Code(#[from] CodeError),
}

impl From<engine_baseline::CompileError> for CompileError {
    fn from(error: engine_baseline::CompileError) -> CompileError {
        match error {
            engine_baseline::CompileError::Refused { func, reason, offset } => {
                CompileError::Unsupported { func, reason, offset }
            }
            engine_baseline::CompileError::Invalid(error) => CompileError::Decode(error),
        }
    }
}

/// Compiles modules. `Send + Sync`; one per engine.
pub struct Compiler {
    config: CompilerConfig,
    manager: Arc<CodeManager>,
    wrappers: WrapperCache,
    workers: Workers,
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
        Compiler::with_code_config(config, CodeConfig::default())
    }

    /// A compiler that holds its code as `code` says.
    ///
    /// # Errors
    /// When the host does not allow generated code.
    pub fn with_code_config(config: CompilerConfig, code: CodeConfig) -> Result<Arc<Compiler>, CompileError> {
        let manager = CodeManager::new(code)?;
        let flags = config.flags(AccessMode::Guarded);
        let mut runtime_stubs = Vec::with_capacity(RuntimeEntry::ALL.len());
        for &entry in RuntimeEntry::ALL {
            let code = stubs::runtime_stub(&flags, entry);
            runtime_stubs.push(manager.publish_stub(&code, &format!("runtime entry {entry:?}"))?);
        }
        let lazy_stub = Arc::new(manager.publish_stub(&stubs::lazy_stub(&flags), "lazy compilation")?);
        let runtime_entries = runtime_stubs.iter().map(|stub| stub.address() as usize).collect();
        Ok(Arc::new(Compiler {
            workers: Workers::new(config.compile_tasks.saturating_sub(1)),
            config,
            manager,
            wrappers: WrapperCache::default(),
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
        let state = self.begin(decoded, mode, CompileMode::Regular, start)?;
        if start == Start::Lazy(LazyValidation::AtFirstCall) {
            state.close();
            return Ok(state);
        }
        state.queue_all();
        self.offer(&state);
        let result = state.finish_baseline();
        self.workers.withdraw(&state);
        result?;
        if start == Start::Eager {
            state.native().release_unused();
        }
        Ok(state)
    }

    /// Offers the units that are queued in a module to the worker threads.
    pub fn offer(&self, state: &Arc<CompilationState>) {
        self.workers.offer(state, state.queued_bytes() / HELP_BYTES);
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
        let flags = self.config.flags(mode);
        let hint = decoded.module.code_section.len().saturating_mul(EXPANSION);
        let without_code = match start {
            Start::Eager => WithoutCode::Stop,
            Start::Lazy(_) => WithoutCode::Call(Arc::clone(&self.lazy_stub)),
        };
        let native =
            NativeModule::new(&self.manager, Arc::clone(&decoded.module), flags, hint, without_code)?;
        let env = ModuleEnv::new(Arc::clone(&decoded.module), flags);
        let tiers: [Arc<dyn Tier>; 2] = [self.config.tiering.first(), Arc::new(Optimized::default())];
        Ok(Arc::new(CompilationState::new(decoded.clone(), env, native, tiers, compile_mode, start)))
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
