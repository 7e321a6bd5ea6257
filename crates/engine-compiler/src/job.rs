//! Compiling a module in the background: decode, compile, make the wrappers of its exports, done.
//!
//! ```text
//!  Waiting ──► Decoding ──► Compiling ──► Finishing ──► Done ──► Over
//!                 └─────────────┴── an error ───┴─────────┘        │
//!  any ──── aborted: nobody asks any more ─────────────────────────┘
//! ```
//! Each step is done by whoever comes first: a worker, or the thread that waits. The job belongs to its handle: workers hold it weakly, and what they are
//! in the middle of ends by itself.

use crate::cache::Cache;
use crate::events::{Callback, CompilationEvent};
use crate::state::CompilationState;
use crate::stored::Plan;
use crate::sync::thread::{self, ThreadId};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::{CompileError, Compiler, LazyValidation, Start};
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use engine_codemanager::StubCode;
use engine_decoder::{DecodedModule, ExternType, Features};
use engine_machine::AccessMode;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, PoisonError};

/// A module that was compiled in the background.
#[derive(Debug)]
pub struct Compiled {
    /// The module.
    pub decoded: DecodedModule,
    /// Its compilation.
    pub state: Arc<CompilationState>,
    /// The wrappers through which the host calls its exports, so that the first calls find them.
    pub wrappers: Vec<Arc<StubCode>>,
}

/// A module that is being compiled in the background. A future under any executor; [`wait`](CompileJob::wait) for threads. Dropping it before the
/// result was taken aborts it.
#[derive(Debug)]
pub struct CompileJob {
    job: Arc<Job>,
    /// Whether somebody works on it in the background.
    background: bool,
}

struct Job {
    compiler: Arc<Compiler>,
    features: Features,
    mode: AccessMode,
    start: Start,
    cache: Option<Arc<Cache>>,
    inner: Mutex<Inner>,
    /// Signalled when the compilation has begun, when the job is done, and when a callback returns.
    progress: Condvar,
}

struct Inner {
    phase: Phase,
    /// Whoever polled last.
    waker: Option<Waker>,
    /// Those that wait for the state to be there.
    callbacks: VecDeque<Callback>,
    /// The thread that is in one of these.
    teller: Option<ThreadId>,
}

enum Phase {
    Waiting(Bytes),
    Decoding,
    Compiling(DecodedModule, Arc<CompilationState>, Plan),
    /// The first tier is done; its wrappers are being made, or its failure is on its way.
    Finishing(Arc<CompilationState>),
    Done(Box<Result<Compiled, CompileError>>),
    /// The result was taken, or the job aborted.
    Over,
}

impl core::fmt::Debug for Job {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let phase = match self.lock().phase {
            Phase::Waiting(_) => "waiting",
            Phase::Decoding => "decoding",
            Phase::Compiling(..) => "compiling",
            Phase::Finishing(_) => "finishing",
            Phase::Done(_) => "done",
            Phase::Over => "over",
        };
        f.debug_struct("Job").field("phase", &phase).finish_non_exhaustive()
    }
}

impl Job {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decodes the module and lets its functions be compiled, unless somebody else has begun.
    fn begin(self: &Arc<Job>) {
        let bytes = {
            let mut inner = self.lock();
            match core::mem::replace(&mut inner.phase, Phase::Decoding) {
                Phase::Waiting(bytes) => bytes,
                other => {
                    inner.phase = other;
                    return;
                }
            }
        };
        let decoded = self.compiler.decode(bytes, self.features);
        let begun = decoded.map_err(CompileError::Decode).and_then(|decoded| {
            let plan = self.compiler.plan(self.cache.as_ref(), None, &decoded, self.mode, self.start);
            let (tier, start) = (Arc::clone(&plan.tier), plan.start);
            let mode = self.compiler.compile_mode();
            let state = self.compiler.begin_by(tier, &decoded, self.mode, mode, start)?;
            Ok((decoded, state, plan))
        });
        let (decoded, state, plan) = match begun {
            Ok(begun) => begun,
            Err(error) => return self.settle(Err(error)),
        };
        {
            let mut inner = self.lock();
            // Aborted meanwhile?
            let Phase::Decoding = inner.phase else { return };
            inner.phase = Phase::Compiling(decoded, Arc::clone(&state), plan);
            for callback in inner.callbacks.drain(..) {
                state.on_event(callback);
            }
            self.progress.notify_all();
        }
        let job = Arc::downgrade(self);
        state.on_event(move |event| {
            if let Some(job) = job.upgrade()
                && matches!(event, CompilationEvent::FinishedBaseline | CompilationEvent::Failed)
            {
                job.compiled();
            }
        });
        if state.start() == Start::Lazy(LazyValidation::AtFirstCall) {
            state.queue_top();
        } else {
            state.queue_all();
            self.compiler.hand_over(&state);
        }
    }

    /// The first tier is finished, or has failed.
    fn compiled(&self) {
        let (decoded, state, plan) = {
            let mut inner = self.lock();
            match core::mem::replace(&mut inner.phase, Phase::Over) {
                Phase::Compiling(decoded, state, plan) => {
                    inner.phase = Phase::Finishing(Arc::clone(&state));
                    (decoded, state, plan)
                }
                other => {
                    inner.phase = other;
                    return;
                }
            }
        };
        let result = self.compiler.finish(&state, &decoded).and_then(|()| {
            let wrappers = self.export_wrappers(&decoded)?;
            Ok(Compiled { decoded, state, wrappers })
        });
        plan.settle(result.is_ok());
        self.settle(result);
    }

    /// The wrappers for the types of the functions that the module exports.
    fn export_wrappers(&self, decoded: &DecodedModule) -> Result<Vec<Arc<StubCode>>, CompileError> {
        let mut seen = HashSet::new();
        let mut wrappers = Vec::new();
        for export in &decoded.module.exports {
            if let ExternType::Func(ty) = decoded.module.extern_type(export.index)
                && !seen.contains(&ty)
            {
                wrappers.push(self.compiler.entry_wrapper(&ty)?);
                seen.insert(ty);
            }
        }
        Ok(wrappers)
    }

    /// Says what has come of it, unless nobody asks any more.
    fn settle(&self, result: Result<Compiled, CompileError>) {
        let mut inner = self.lock();
        // Only of a module that was not decoded, or they would have moved to its state.
        while let (Err(_), false) = (&result, matches!(inner.phase, Phase::Over))
            && let Some(callback) = inner.callbacks.pop_front()
        {
            inner.teller = Some(thread::current().id());
            drop(inner);
            let telling = Telling(self);
            callback(CompilationEvent::Failed);
            drop(telling);
            inner = self.lock();
        }
        if let Phase::Over = inner.phase {
            drop(inner);
            return;
        }
        inner.phase = Phase::Done(Box::new(result));
        let waker = inner.waker.take();
        drop(inner);
        self.progress.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Does what there is to do on this thread.
    fn work(self: &Arc<Job>) {
        self.begin();
        let state = self.lock().compiling();
        if let Some(state) = state {
            // Its outcome comes through the state's events.
            let _ = state.finish_baseline();
        }
    }
}

/// A callback being told by a job, until it returns or panics.
struct Telling<'j>(&'j Job);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.lock().teller = None;
        self.0.progress.notify_all();
    }
}

impl Inner {
    /// The result, once.
    fn take(&mut self) -> Option<Result<Compiled, CompileError>> {
        match core::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Done(result) => Some(*result),
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn compiling(&self) -> Option<Arc<CompilationState>> {
        match &self.phase {
            Phase::Compiling(_, state, _) => Some(Arc::clone(state)),
            _ => None,
        }
    }
}

impl CompileJob {
    /// Begins to compile a module in the background; what is in `cache` is taken from there.
    pub fn new(
        compiler: &Arc<Compiler>,
        bytes: Bytes,
        features: Features,
        mode: AccessMode,
        start: Start,
        cache: Option<&Arc<Cache>>,
    ) -> CompileJob {
        let phase = Phase::Waiting(bytes);
        let inner = Inner { phase, waker: None, callbacks: VecDeque::new(), teller: None };
        let job = Arc::new(Job {
            compiler: Arc::clone(compiler),
            features,
            mode,
            start,
            cache: cache.cloned(),
            inner: Mutex::new(inner),
            progress: Condvar::new(),
        });
        let weak = Arc::downgrade(&job);
        let task = move || {
            if let Some(job) = weak.upgrade() {
                job.begin();
            }
        };
        // If there is nobody to do it, whoever waits or polls does.
        let background = compiler.workers().spawn(Box::new(task)).is_ok();
        CompileJob { job, background }
    }

    /// Waits until the module is compiled, and compiles it on this thread, too.
    ///
    /// # Errors
    /// As [`Compiler::compile`]; an error of decoding is [`CompileError::Decode`].
    pub fn wait(self) -> Result<Compiled, CompileError> {
        self.job.begin();
        let mut helped = false;
        let mut inner = self.job.lock();
        loop {
            if let Some(result) = inner.take() {
                return result;
            }
            if let (false, Some(state)) = (helped, inner.compiling()) {
                drop(inner);
                let _ = state.finish_baseline();
                helped = true;
                inner = self.job.lock();
                continue;
            }
            inner = self.job.progress.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls `callback` for every event of the compilation, those that have happened already included. A module that cannot be decoded has
    /// failed. No event is told after the job was aborted.
    pub fn on_event(&self, callback: impl Fn(CompilationEvent) + Send + Sync + 'static) {
        let mut inner = self.job.lock();
        let state = match &inner.phase {
            Phase::Waiting(_) | Phase::Decoding => {
                inner.callbacks.push_back(Box::new(callback));
                return;
            }
            Phase::Compiling(_, state, _) | Phase::Finishing(state) => Arc::clone(state),
            Phase::Done(result) => match &**result {
                Ok(compiled) => Arc::clone(&compiled.state),
                Err(_) => {
                    drop(inner);
                    return callback(CompilationEvent::Failed);
                }
            },
            Phase::Over => return,
        };
        drop(inner);
        state.on_event(callback);
    }

    /// Stops: nothing new is begun, and functions being compiled are waited for.
    pub fn abort(self) {
        drop(self);
    }
}

impl Future for CompileJob {
    type Output = Result<Compiled, CompileError>;

    /// Where no thread compiles in the background, this one does.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.background {
            self.job.work();
        }
        let mut inner = self.job.lock();
        match inner.take() {
            Some(result) => Poll::Ready(result),
            None => {
                inner.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for CompileJob {
    fn drop(&mut self) {
        let me = thread::current().id();
        let mut inner = self.job.lock();
        let phase = core::mem::replace(&mut inner.phase, Phase::Over);
        while inner.teller.is_some_and(|teller| teller != me) {
            inner = self.job.progress.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        drop(inner);
        let state = match phase {
            Phase::Compiling(_, state, _) | Phase::Finishing(state) => Some(state),
            // A module that nobody has taken.
            Phase::Done(result) => result.ok().map(|compiled| compiled.state),
            Phase::Waiting(_) | Phase::Decoding | Phase::Over => None,
        };
        if let Some(state) = state {
            state.abort();
            // Now it has nothing for which it could be lined up again.
            self.job.compiler.workers().withdraw(&state);
        }
    }
}
