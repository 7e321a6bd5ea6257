//! Functions that are compiled when they are first called.
//!
//! The slot of a function without code leads to a stub that ends up in [`CompilationState::compile_now`], on the thread that called the
//! function. Of several threads that call it at once, one compiles it and the others wait. Whether the bodies are validated beforehand is
//! decided when the module is loaded ([`LazyValidation`]).

use crate::CompileError;
use crate::counters::PieceFigures;
use crate::state::{CompilationState, Level};
use crate::sync::{Condvar, Mutex};
use crate::tier::{FunctionCompiler, Tier};
use crate::unit::Units;
use engine_baseline::ModuleEnv;
use engine_decoder::{Body, BodyValidator, DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{CodeBatch, Entry};
use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

/// When the bodies of functions that are compiled at their first call are validated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LazyValidation {
    /// All of them when the module is loaded, so that an invalid module is refused.
    #[default]
    AtLoad,
    /// Each at its function's first call: loading is faster, and calling an invalid function fails.
    AtFirstCall,
}

/// When functions are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Start {
    /// All of them when the module is loaded.
    #[default]
    Eager,
    /// Each at its first call.
    Lazy(LazyValidation),
}

/// How much has been compiled at first calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LazyStats {
    /// Functions.
    pub functions: u32,
    /// Wasm bytes of their bodies.
    pub bytes: u64,
    /// Time that the first calls took for it, all threads together.
    pub time: Duration,
}

/// Functions that are being compiled at their first call.
#[derive(Default)]
pub(crate) struct FirstCalls {
    inner: Mutex<Inner>,
    done: Condvar,
}

#[derive(Default)]
struct Inner {
    running: HashSet<u32>,
    stats: LazyStats,
}

/// Takes a function out of those being compiled, also if the compiler panics.
struct Running<'c> {
    calls: &'c FirstCalls,
    func: u32,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut inner = self.calls.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.running.remove(&self.func);
        self.calls.done.notify_all();
    }
}

impl CompilationState {
    /// Validates and compiles a function now, unless it has code, and leads its slot to the code. If another thread is at it, waits for that
    /// one.
    ///
    /// # Errors
    /// When the function is invalid or not compiled for another reason; the next call tries again.
    pub fn compile_now(&self, func: DefinedFuncIndex) -> Result<(), CompileError> {
        let calls = self.first_calls();
        {
            let mut inner = calls.inner.lock().unwrap_or_else(PoisonError::into_inner);
            while inner.running.contains(&func.0) {
                inner = calls.done.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            if self.native().tier(func).is_some() {
                return Ok(());
            }
            inner.running.insert(func.0);
        }
        let _running = Running { calls, func: func.0 };
        let decoded = self.decoded();
        let span = tracing::debug_span!("lazy_compile", func = decoded.module.func_index(func).0);
        let _entered = span.enter();
        let mut figures = PieceFigures::begin();
        let tier = self.tier(Level::Baseline);
        let mut compiler = tier.functions(self.env());
        let body = decoded.body_at(func);
        Units::new(self, tier.name()).compile(&mut *compiler, decoded, func, body, Entry::Function)?;
        figures.add_function(body.bytes.len());
        figures.add_batch(compiler.batch());
        self.add_features(compiler.features_used());
        self.native().publish(compiler.batch())?;
        let time = self.counters().tier(tier.name()).add(&figures);
        self.counters().add_lazy(body.bytes.len(), time);
        tracing::debug!(
            wasm_bytes = body.bytes.len(),
            micros = time.as_micros() as u64,
            "compiled at its first call"
        );
        let mut inner = calls.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.stats.functions += 1;
        inner.stats.bytes += body.bytes.len() as u64;
        inner.stats.time += time;
        Ok(())
    }

    /// What has been compiled at first calls so far.
    pub fn lazy_stats(&self) -> LazyStats {
        self.first_calls().inner.lock().unwrap_or_else(PoisonError::into_inner).stats
    }
}

/// Validates functions and makes no code: what a module that is compiled lazily goes through when it is loaded.
pub(crate) struct Validation;

impl Tier for Validation {
    fn name(&self) -> &'static str {
        "validation"
    }
    fn functions<'a>(&self, _: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        Box::new(Validator::default())
    }
}

#[derive(Default)]
struct Validator {
    validator: BodyValidator,
    empty: CodeBatch,
}

impl<'a> FunctionCompiler<'a> for Validator {
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        _: Entry,
    ) -> Result<(), CompileError> {
        self.validator.validate_body(decoded, func, body).map_err(CompileError::Decode)
    }
    fn batch(&mut self) -> &CodeBatch {
        &self.empty
    }
    fn take_batch(&mut self, _: CodeBatch) -> CodeBatch {
        CodeBatch::default()
    }
    fn features_used(&self) -> Features {
        self.validator.used()
    }
}
