//! Modules compiled in the background.

use crate::engine::from_compile_error;
use crate::{Engine, Module, Result};
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use engine_compiler::{CompilationEvent, Compiled};

/// A module that is being decoded, validated and compiled in the background ([`Module::compile_async`]).
///
/// It is a future under any executor, and [`wait`](CompileJob::wait) is for threads. Dropping it before it is done cancels it.
///
/// ```
/// use engine_instance::{Engine, Module};
/// let engine = Engine::default();
/// let job = Module::compile_async(&engine, wat::parse_str("(module (func (export \"f\")))")?);
/// // Something else meanwhile.
/// let module = job.wait()?;
/// assert!(module.get_export("f").is_some());
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping the job cancels it"]
pub struct CompileJob {
    engine: Engine,
    job: engine_compiler::CompileJob,
}

impl CompileJob {
    pub(crate) fn new(engine: &Engine, bytes: Bytes) -> CompileJob {
        let config = engine.config();
        let (features, start) = (config.features, config.start());
        let mode = engine.preferred_mode();
        let job =
            engine_compiler::CompileJob::new(engine.compiler(), bytes, features, mode, start, engine.cache());
        CompileJob { engine: engine.clone(), job }
    }

    /// Waits until the module is ready. This thread compiles, too.
    ///
    /// # Errors
    /// As [`Module::new`].
    pub fn wait(self) -> Result<Module> {
        let compiled = self.job.wait().map_err(from_compile_error)?;
        Ok(module(&self.engine, compiled))
    }

    /// Calls `callback` for every [`CompilationEvent`], those that have happened already included, each once and in order, on the thread
    /// that causes it. A module that cannot be decoded has failed. Nothing is told of a job that was cancelled.
    pub fn on_event(&self, callback: impl Fn(CompilationEvent) + Send + Sync + 'static) {
        self.job.on_event(callback);
    }

    /// Cancels: nothing new is begun, functions that are being compiled are waited for, and everything is freed. The same as dropping the job.
    pub fn abort(self) {
        self.job.abort();
    }
}

impl Future for CompileJob {
    type Output = Result<Module>;

    /// If nothing is compiled in the background ([`Config::compile_tasks`](crate::Config::compile_tasks) 0 or 1), the module is compiled here.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Module>> {
        let result = core::task::ready!(Pin::new(&mut self.job).poll(context));
        Poll::Ready(match result {
            Ok(compiled) => Ok(module(&self.engine, compiled)),
            Err(error) => Err(from_compile_error(error)),
        })
    }
}

fn module(engine: &Engine, compiled: Compiled) -> Module {
    let Compiled { decoded, state, wrappers } = compiled;
    Module::from_compiled(engine, decoded, state, wrappers)
}
