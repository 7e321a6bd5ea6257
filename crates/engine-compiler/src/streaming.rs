//! Compiling a module while its bytes arrive.
//!
//! From the code section's header on, every body that is complete becomes a unit, and the units of a chunk are queued together. Workers compile them while
//! more bytes come; when they fall behind, whoever delivers the bytes helps, so that little more than the module and its code is ever held.
//!
//! **Errors.** The decoder reports an error of structure as soon as it has seen it, after the bodies before it. An invalid body is reported once everything
//! before it is known to be good. A function that is valid but not compiled is reported at the end only, as the whole module would give an error behind it first.

use crate::queue::{CompilationUnit, PIECE_BYTES};
use crate::state::{CompilationState, Level};
use crate::{CompileError, Compiler, LazyValidation, Start};
use engine_decoder::{DecodedModule, DefinedFuncIndex, Features, ModuleDecoder};
use engine_machine::{AccessMode, Entry};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wasm bytes of bodies that may wait for the workers before whoever delivers more helps them.
const PRESSURE: usize = 4 * PIECE_BYTES;

/// A module that is compiled while its bytes arrive. Dropping it aborts.
#[derive(Debug)]
pub struct StreamingCompiler {
    compiler: Arc<Compiler>,
    decoder: ModuleDecoder,
    mode: AccessMode,
    start: Start,
    /// From the first complete body on.
    state: Option<Arc<CompilationState>>,
    /// Time spent on decoding.
    decoding: Duration,
    /// The error that was reported. It is final.
    error: Option<CompileError>,
}

impl StreamingCompiler {
    /// A compilation that has seen nothing of the module yet.
    pub fn new(
        compiler: &Arc<Compiler>,
        features: Features,
        mode: AccessMode,
        start: Start,
    ) -> StreamingCompiler {
        StreamingCompiler {
            compiler: Arc::clone(compiler),
            decoder: ModuleDecoder::new(features),
            mode,
            start,
            state: None,
            decoding: Duration::ZERO,
            error: None,
        }
    }

    /// Makes room for a module of this many bytes, if that is known beforehand. Only a hint.
    pub fn expect_size(&mut self, bytes: usize) {
        self.decoder.expect_size(bytes);
    }

    /// All bytes so far.
    pub fn bytes(&self) -> &[u8] {
        self.decoder.bytes()
    }

    /// Adds the next bytes, any number of them.
    ///
    /// # Errors
    /// The error that the whole module would give, as soon as it is certain. Final: from then on, `push` and `finish` return it again.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), CompileError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let span = tracing::trace_span!("push", bytes = chunk.len());
        let _entered = span.enter();
        let result = self.advance(chunk);
        if let Err(error) = &result {
            self.fail(error.clone());
        }
        result
    }

    fn advance(&mut self, chunk: &[u8]) -> Result<(), CompileError> {
        let start = Instant::now();
        let fed = self.decoder.feed(chunk);
        self.decoding += start.elapsed();
        fed.map_err(CompileError::Decode)?;
        self.queue_bodies()?;
        let Some(state) = &self.state else { return Ok(()) };
        let waiting = match self.compiler.workers().any() {
            true => PRESSURE,
            false => PIECE_BYTES,
        };
        while state.queued_bytes() > waiting {
            state.work(1);
        }
        match state.failure() {
            Some(error @ CompileError::Decode(_)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Queues the bodies that became complete since the last time.
    fn queue_bodies(&mut self) -> Result<(), CompileError> {
        let bodies = self.decoder.take_bodies();
        if bodies.is_empty() {
            return Ok(());
        }
        if self.state.is_none() {
            let Some(environment) = self.decoder.environment() else { return Ok(()) };
            let environment = environment.clone();
            let state =
                self.compiler.begin(&environment, self.mode, self.compiler.compile_mode(), self.start)?;
            tracing::debug!(bytes = self.decoder.bytes().len(), "the first body has arrived");
            self.state = Some(state);
        }
        let Some(state) = &self.state else { return Ok(()) };
        if self.start == Start::Lazy(LazyValidation::AtFirstCall) {
            return Ok(());
        }
        let ranges = &self.decoder.module().bodies[bodies.start as usize..bodies.end as usize];
        let mut builder = state.builder();
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return Ok(()) };
        builder.add_bytes(first.start, self.decoder.bytes()[first.start..last.end].into());
        for (func, body) in bodies.zip(ranges) {
            let func = DefinedFuncIndex(func);
            builder.add(CompilationUnit {
                func,
                level: Level::Baseline,
                entry: Entry::Function,
                body: body.clone(),
            });
        }
        builder.commit();
        tracing::trace!(functions = ranges.len(), bytes = last.end - first.start, "bodies queued");
        self.compiler.offer(state);
        Ok(())
    }

    /// Says that there is no more, waits for what is still being compiled, and returns the module with its compilation, which has come as far
    /// as `start` says.
    ///
    /// # Errors
    /// The error that the whole module would give.
    pub fn finish(mut self) -> Result<(DecodedModule, Arc<CompilationState>), CompileError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let span = tracing::debug_span!("finish", bytes = self.decoder.bytes().len());
        let _entered = span.enter();
        let start = Instant::now();
        let decoder = core::mem::replace(&mut self.decoder, ModuleDecoder::new(Features::NONE));
        let decoded = decoder.finish();
        self.compiler.counters().add_decoding(self.decoding + start.elapsed());
        let decoded = decoded.map_err(CompileError::Decode)?;
        tracing::debug!(functions = decoded.module.num_defined_functions(), "the module has arrived");
        let Some(state) = self.state.take() else {
            // No functions.
            let state = self.compiler.compile(&decoded, self.mode, self.start)?;
            return Ok((decoded, state));
        };
        state.complete(decoded.clone());
        state.queue_top();
        match self.compiler.finish(&state, &decoded) {
            Ok(()) => Ok((decoded, state)),
            Err(error) => {
                self.state = Some(state);
                Err(error)
            }
        }
    }

    /// Stops, and waits for what is being compiled.
    pub fn abort(self) {
        drop(self);
    }

    fn fail(&mut self, error: CompileError) {
        self.error = Some(error);
        self.stop();
    }

    fn stop(&mut self) {
        if let Some(state) = self.state.take() {
            state.abort();
            // Now it has nothing for which it could be lined up again.
            self.compiler.workers().withdraw(&state);
        }
    }
}

impl Drop for StreamingCompiler {
    fn drop(&mut self) {
        self.stop();
    }
}
