//! The engine: what all modules and stores share.

use crate::bail;
use crate::{Config, Error, Result};
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use engine_codemanager::{CodeConfig, LinearMemory, StubCode};
use engine_compiler::cache::{Cache, CacheStats};
use engine_compiler::{CompileError, Compiler, CompilerConfig, Metrics, Passes};
use engine_decoder::{Features, FuncType, TypeRegistry};
use engine_machine::{AccessMode, Arch, TargetFeatures};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// An engine: compiler, code memory and type identities, shared by all its modules and stores. Cheap to clone; usable
/// on any thread.
///
/// ```
/// let engine = engine_instance::Engine::default();
/// let same = engine.clone();
/// assert!(engine.same(&same));
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    config: Config,
    compiler: Arc<Compiler>,
    cache: Option<Arc<Cache>>,
    types: TypeRegistry,
    /// Modules alive.
    modules: AtomicU64,
    /// The access mode that memories get, and that modules are compiled for at once.
    preferred_mode: AccessMode,
    /// Entry wrappers used lately. The compiler frees a wrapper with its last user; these outlive the stores that use
    /// them, so that a program that makes a store for each request does not make the same wrappers each time.
    entry_wrappers: Mutex<HashMap<FuncType, Arc<StubCode>>>,
}

/// How many entry wrappers are kept for stores to come. A wrapper is a few hundred bytes.
const KEPT_WRAPPERS: usize = 256;

impl Engine {
    /// An engine with these settings.
    ///
    /// # Errors
    /// If the CPU is not supported or lacks features that [`Config::target`] asks for, or if the host does not allow
    /// executable memory; if the folder of [`Config::cache`] cannot be made, or every user may write to it.
    pub fn new(config: &Config) -> Result<Engine> {
        let Some(host) = TargetFeatures::detect() else {
            bail!("this CPU architecture is not supported");
        };
        let target = config.target.unwrap_or(host);
        if Some(target.arch) != Arch::host() {
            bail!("cannot run code for {} on this CPU", target.arch);
        }
        let missing = target.list().into_iter().zip(host.list()).find(|(wanted, has)| wanted.1 && !has.1);
        if let Some(((name, _), _)) = missing {
            bail!("this CPU has no {name}, which the configuration asks for");
        }
        let unsupported = config.features.without(Features::supported());
        if !unsupported.is_empty() {
            bail!("this engine does not support {unsupported}");
        }
        let compiler_config = CompilerConfig {
            target,
            spectre: config.spectre,
            interruptible: config.interruptible,
            canonicalize_nans: config.canonicalize_nans,
            compile_tasks: config.compile_tasks,
            tiering: config.tiering,
            tier_up_budget: config.tier_up_budget,
            passes: config.passes,
        };
        let code_config = CodeConfig { profiler: config.profiler, ..CodeConfig::default() };
        let compiler = Compiler::with_code_config(compiler_config, code_config, config.executor.clone())
            .map_err(from_compile_error)?;
        let open = |dir: &PathBuf| {
            Cache::open(dir, config.cache_limit).map_err(|error| {
                Error::new(error).context(format_args!("cannot use {} as a cache", dir.display()))
            })
        };
        // Code in a cache was made by all passes, and is to stay so.
        let cached = config.cache.as_ref().filter(|_| config.passes == Passes::ALL);
        let cache = cached.map(open).transpose()?;
        // Where address space is short, modules would otherwise be compiled twice.
        let guarded = config.memory_guard && LinearMemory::guarded_available();
        let inner = EngineInner {
            config: config.clone(),
            preferred_mode: if guarded { AccessMode::Guarded } else { AccessMode::Checked },
            compiler,
            cache,
            types: TypeRegistry::new(),
            modules: AtomicU64::new(0),
            entry_wrappers: Mutex::default(),
        };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// The engine's settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Whether both are the same engine.
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Figures on everything that the engine has compiled: functions, bytes and times of each tier, what waits, the proposals used, memory. Takes
    /// microseconds.
    ///
    /// ```
    /// use engine_instance::{Engine, Module};
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, wat::parse_str("(module (func))")?)?;
    /// let metrics = engine.metrics();
    /// assert_eq!((metrics.modules, metrics.tiers[0].functions), (1, 1));
    /// println!("{metrics}");
    /// # Ok::<(), engine_instance::Error>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.inner.compiler.metrics();
        metrics.modules = self.inner.modules.load(Relaxed);
        metrics.cache = self.cache_stats();
        metrics
    }

    pub(crate) fn module_made(&self) {
        self.inner.modules.fetch_add(1, Relaxed);
    }

    pub(crate) fn module_dropped(&self) {
        self.inner.modules.fetch_sub(1, Relaxed);
    }

    pub(crate) fn compiler(&self) -> &Arc<Compiler> {
        &self.inner.compiler
    }

    pub(crate) fn cache(&self) -> Option<&Arc<Cache>> {
        self.inner.cache.as_ref()
    }

    /// What has happened to the [cache](Config::cache) so far; nothing if there is none.
    pub fn cache_stats(&self) -> CacheStats {
        self.cache().map_or(CacheStats::default(), |cache| cache.stats())
    }

    /// Waits until the cache entries of all modules that are loaded are complete. A program that ends without this loses nothing but
    /// time: its entries have what was compiled until then.
    pub fn finish_cache(&self) {
        if let Some(cache) = self.cache() {
            cache.finish();
        }
    }

    pub(crate) fn types(&self) -> &TypeRegistry {
        &self.inner.types
    }

    /// The wrapper to enter functions of a type with.
    pub(crate) fn entry_wrapper(&self, ty: &FuncType) -> Result<Arc<StubCode>> {
        // Nothing panics while the lock is held but for want of memory.
        let mut wrappers = self.inner.entry_wrappers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wrapper) = wrappers.get(ty) {
            return Ok(wrapper.clone());
        }
        let wrapper = self.inner.compiler.entry_wrapper(ty).map_err(from_compile_error)?;
        if wrappers.len() >= KEPT_WRAPPERS {
            wrappers.clear();
        }
        wrappers.insert(ty.clone(), wrapper.clone());
        Ok(wrapper)
    }

    /// The access mode that memories get if the host allows it.
    pub(crate) fn preferred_mode(&self) -> AccessMode {
        self.inner.preferred_mode
    }
}

impl Default for Engine {
    /// An engine with the default settings. Panics where [`Engine::new`] reports an error.
    fn default() -> Engine {
        Engine::new(&Config::new()).expect("an engine with the default configuration")
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

/// A decoding error stands for itself, so that hosts find it by its own type.
pub(crate) fn from_compile_error(error: CompileError) -> Error {
    match error {
        CompileError::Decode(error) => Error::new(error),
        other => Error::new(other),
    }
}
