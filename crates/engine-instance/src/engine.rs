//! The engine: what all modules and stores share.

use crate::bail;

use crate::{Config, Error, Result};
use core::fmt;
use engine_compiler::{CompileError, Compiler, CompilerConfig};
use engine_decoder::TypeRegistry;
use engine_machine::{AccessMode, Arch, TargetFeatures};
use std::sync::Arc;

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
    types: TypeRegistry,
}

impl Engine {
    /// An engine with these settings.
    ///
    /// # Errors
    /// If the CPU is not supported or lacks features that [`Config::target`] asks for, or if the host does not allow
    /// executable memory.
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
        let compiler = Compiler::new(CompilerConfig {
            target,
            spectre: config.spectre,
            interruptible: config.interruptible,
            canonicalize_nans: config.canonicalize_nans,
        })
        .map_err(from_compile_error)?;
        let inner = EngineInner { config: config.clone(), compiler, types: TypeRegistry::new() };
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

    pub(crate) fn compiler(&self) -> &Arc<Compiler> {
        &self.inner.compiler
    }

    pub(crate) fn types(&self) -> &TypeRegistry {
        &self.inner.types
    }

    /// The access mode that memories get if the host allows it.
    pub(crate) fn preferred_mode(&self) -> AccessMode {
        if self.inner.config.memory_guard { AccessMode::Guarded } else { AccessMode::Checked }
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
