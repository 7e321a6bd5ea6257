//! Settings of an engine.

use engine_codemanager::ProfilingStrategy;
use engine_compiler::{Executor, LazyValidation, Pass, Passes, Start, Tiering};
use engine_decoder::Features;
use engine_machine::TargetFeatures;
use std::path::PathBuf;
use std::sync::Arc;

/// When a module's functions are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CompilationMode {
    /// All of them when the module is loaded: calls never wait.
    #[default]
    Eager,
    /// Each when it is first called: loading a large module takes the time of validating it.
    Lazy,
}

/// Default of [`Config::tier_up_budget`].
const TIER_UP_BUDGET: u32 = 2_000_000;

/// Settings of an [`Engine`](crate::Engine). The defaults are right for most programs.
///
/// ```
/// use engine_instance::{Config, Engine};
///
/// let mut config = Config::new();
/// config.max_wasm_stack(256 << 10).canonicalize_nans(true);
/// let engine = Engine::new(&config)?;
/// # let _ = engine;
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) features: Features,
    pub(crate) max_wasm_stack: usize,
    pub(crate) memory_guard: bool,
    pub(crate) spectre: bool,
    pub(crate) interruptible: bool,
    pub(crate) canonicalize_nans: bool,
    pub(crate) target: Option<TargetFeatures>,
    pub(crate) profiler: ProfilingStrategy,
    pub(crate) compile_tasks: usize,
    pub(crate) executor: Option<Arc<dyn Executor>>,
    pub(crate) compilation_mode: CompilationMode,
    pub(crate) lazy_validation: LazyValidation,
    pub(crate) tiering: Tiering,
    pub(crate) tier_up_budget: u32,
    pub(crate) passes: Passes,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) cache_limit: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

impl Config {
    /// The default settings.
    pub fn new() -> Config {
        Config {
            features: Features::WASM2,
            max_wasm_stack: 1 << 20,
            memory_guard: true,
            spectre: true,
            interruptible: true,
            canonicalize_nans: false,
            target: None,
            profiler: ProfilingStrategy::None,
            compile_tasks: std::thread::available_parallelism().map_or(1, usize::from),
            executor: None,
            compilation_mode: CompilationMode::Eager,
            lazy_validation: LazyValidation::AtLoad,
            tiering: Tiering::default(),
            tier_up_budget: TIER_UP_BUDGET,
            passes: Passes::ALL,
            cache: None,
            cache_limit: 1 << 30,
        }
    }

    /// The WebAssembly proposals that modules may use. Default: WebAssembly 2.0 without SIMD.
    pub fn wasm_features(&mut self, features: Features) -> &mut Config {
        self.features = features;
        self
    }

    /// The most bytes of native stack that Wasm may use, the host functions it calls included. Default: 1 MiB. The
    /// limit is lower on a thread whose stack is smaller: 256 KiB of it always stay for the host.
    pub fn max_wasm_stack(&mut self, bytes: usize) -> &mut Config {
        self.max_wasm_stack = bytes;
        self
    }

    /// Whether memories are placed, where the host allows, in reservations with guard pages, which make bounds checks
    /// free (default), or always checked explicitly.
    pub fn memory_guard(&mut self, enable: bool) -> &mut Config {
        self.memory_guard = enable;
        self
    }

    /// Whether checked indices are masked, so that a mispredicted check reads nothing it should not. Default: on.
    pub fn spectre(&mut self, enable: bool) -> &mut Config {
        self.spectre = enable;
        self
    }

    /// Whether loops poll for [`InterruptHandle::interrupt`](crate::InterruptHandle::interrupt). Function entries always
    /// do. Default: on.
    pub fn interruptible(&mut self, enable: bool) -> &mut Config {
        self.interruptible = enable;
        self
    }

    /// Whether a float result that is NaN is always the canonical NaN, for the same bits on every CPU. Default: off.
    pub fn canonicalize_nans(&mut self, enable: bool) -> &mut Config {
        self.canonicalize_nans = enable;
        self
    }

    /// The CPU features that compiled code may use. Default: all that this machine has and the engine knows.
    pub fn target(&mut self, target: TargetFeatures) -> &mut Config {
        self.target = Some(target);
        self
    }

    /// How many threads compile at the same time, shared by all modules of the engine. The thread that waits for a module counts as one,
    /// so with 0 or 1 no thread is started. Machine code is the same for any number. Default: one for each CPU available.
    pub fn compile_tasks(&mut self, threads: usize) -> &mut Config {
        self.compile_tasks = threads;
        self
    }

    /// Whose threads compile in the background. Default: the engine's own, which are started when there is work for them. The number of jobs at the
    /// same time is still that of [`Config::compile_tasks`].
    pub fn executor(&mut self, executor: Arc<dyn Executor>) -> &mut Config {
        self.executor = Some(executor);
        self
    }

    /// When a module's functions are compiled. Default: all of them when the module is loaded.
    pub fn compilation_mode(&mut self, mode: CompilationMode) -> &mut Config {
        self.compilation_mode = mode;
        self
    }

    /// When function bodies are validated that are compiled lazily. Default: when the module is loaded, so that an
    /// invalid module is refused. With [`LazyValidation::AtFirstCall`], calling an invalid function fails instead.
    pub fn lazy_validation(&mut self, validation: LazyValidation) -> &mut Config {
        self.lazy_validation = validation;
        self
    }

    /// Which compilers make a module's code, and when. Default: [`Tiering::Dynamic`].
    pub fn tiering(&mut self, tiering: Tiering) -> &mut Config {
        self.tiering = tiering;
        self
    }

    /// How many bytes of Wasm, by estimate, a function executes in an instance before it is optimised, where tiers are chosen while the program runs
    /// ([`Tiering::Dynamic`]).
    pub fn tier_up_budget(&mut self, bytes: u32) -> &mut Config {
        self.tier_up_budget = bytes;
        self
    }

    /// Leaves out a pass of the optimising compiler: code is slower without it and does the same, so that a difference is a defect of that pass. An engine that leaves
    /// out any has no use for a [`cache`](Config::cache). Code of a module that was compiled beforehand stays as it is.
    pub fn disable_pass(&mut self, pass: Pass) -> &mut Config {
        self.passes = self.passes.without(pass);
        self
    }

    /// Keeps compiled code in this folder, which is made if need be, and takes it from there when the same module is loaded again by
    /// the same build of the engine, with the same settings, on a like CPU. Any number of processes may share a folder. An entry that is damaged is made anew;
    /// but whoever can write to the folder can put code into this process. Default: no cache. [`default_cache_dir`](crate::default_cache_dir) is
    /// where a user's own cache belongs.
    ///
    /// Modules that are compiled while their bytes arrive ([`StreamingCompiler`](crate::StreamingCompiler)) do not use the cache.
    ///
    /// With [`CompilationMode::Lazy`] an entry is completed by a thread of low priority while the module is in use, if
    /// [`compile_tasks`](Config::compile_tasks) allows a second thread.
    pub fn cache(&mut self, dir: impl Into<PathBuf>) -> &mut Config {
        self.cache = Some(dir.into());
        self
    }

    /// The most bytes that the cache may have. When it has more, what was not used for the longest time is removed. Default: 1 GiB.
    pub fn cache_limit(&mut self, bytes: u64) -> &mut Config {
        self.cache_limit = bytes;
        self
    }

    pub(crate) fn start(&self) -> Start {
        match self.compilation_mode {
            CompilationMode::Eager => Start::Eager,
            CompilationMode::Lazy => Start::Lazy(self.lazy_validation),
        }
    }

    /// How profilers learn the names of compiled functions. Default: they do not.
    pub fn profiler(&mut self, strategy: ProfilingStrategy) -> &mut Config {
        self.profiler = strategy;
        self
    }
}
