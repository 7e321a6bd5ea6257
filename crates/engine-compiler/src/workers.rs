//! Who compiles in the background: threads of our own, or an executor of the embedder's; shared by all modules of an engine.
//!
//! Threads are started when there is work for them, up to a limit, and sleep when there is none. On an executor the same work is done by jobs
//! of about a millisecond, each of which hands in the next. A thread that waits for a module compiles its units itself meanwhile
//! ([`CompilationState::finish_baseline`]), so that a limit of 0 is no special case.
//!
//! **Turns.** A worker does a turn's work of one module, then of the next. Modules of which only the second tier is left stand in a line of their own, and
//! have every eighth turn: baseline code, for which somebody waits, comes first, and optimised code still arrives.

use crate::state::{CompilationState, Level};
use crate::sync::{Condvar, Mutex, MutexGuard, thread};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

/// Pieces of one module that a thread compiles before it looks at the others: about 10 ms.
const TURN: usize = 16;

/// Every which turn belongs to modules of which only the second tier is left, if there are any.
const TIERING_TURN: u32 = 8;

/// Something to be done once, in the background.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Runs an engine's compile jobs on threads of the embedder's.
///
/// ```
/// use engine_compiler::Executor;
/// struct Pool(std::sync::mpsc::Sender<Box<dyn FnOnce() + Send>>);
/// impl Executor for Pool {
///     fn execute(&self, job: Box<dyn FnOnce() + Send>) {
///         // A job that is lost delays nobody who waits for a module on a thread: that thread compiles, too.
///         let _ = self.0.send(job);
///     }
/// }
/// ```
pub trait Executor: Send + Sync {
    /// Runs a job, some time after it returns. A job works for about a millisecond; when there is more to do, it hands in another one before it
    /// ends. It never waits for another job.
    fn execute(&self, job: Box<dyn FnOnce() + Send>);
}

impl core::fmt::Debug for dyn Executor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Executor")
    }
}

/// The workers of an engine. Threads end when it is dropped.
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    work: Condvar,
    /// Whose threads; if nobody's, our own.
    executor: Option<Arc<dyn Executor>>,
    /// Threads or jobs at the same time, at most.
    limit: usize,
}

#[derive(Default)]
struct Inner {
    tasks: VecDeque<Task>,
    /// Modules that may have units of the first tier, in the order of their turns.
    modules: VecDeque<Arc<CompilationState>>,
    /// Modules that may have units of the second tier alone.
    tiering: VecDeque<Arc<CompilationState>>,
    /// Turns taken.
    turns: u32,
    /// Threads, or jobs handed in.
    running: usize,
    asleep: usize,
    stop: bool,
}

/// What a worker takes off the lines.
enum Turn {
    Task(Task),
    Module(Arc<CompilationState>),
}

impl Inner {
    fn contains(&self, state: &Arc<CompilationState>) -> bool {
        self.modules.iter().chain(&self.tiering).any(|other| Arc::ptr_eq(other, state))
    }

    /// Takes a module out of the turns.
    fn withdraw(&mut self, state: &Arc<CompilationState>) {
        self.modules.retain(|other| !Arc::ptr_eq(other, state));
        self.tiering.retain(|other| !Arc::ptr_eq(other, state));
    }

    /// Puts a module at the end of the line that is its own.
    fn line_up(&mut self, state: Arc<CompilationState>) {
        match state.next_level() {
            Some(Level::Baseline) => self.modules.push_back(state),
            Some(Level::Top) => self.tiering.push_back(state),
            None => {}
        }
    }

    /// What to do next. A module stays in line, as others may work on it too.
    fn next(&mut self) -> Option<Turn> {
        if let Some(task) = self.tasks.pop_front() {
            return Some(Turn::Task(task));
        }
        self.turns = self.turns.wrapping_add(1);
        // Where it stands may not be its line any more, and then it is not its turn.
        for _ in 0..=self.modules.len() + self.tiering.len() {
            let tiering_first = self.turns.is_multiple_of(TIERING_TURN);
            let state = match tiering_first {
                true => self.tiering.pop_front().or_else(|| self.modules.pop_front()),
                false => self.modules.pop_front().or_else(|| self.tiering.pop_front()),
            }?;
            if state.has_work() {
                self.line_up(Arc::clone(&state));
                return Some(Turn::Module(state));
            }
        }
        None
    }
}

/// A thread or job that counts as running, until it ends or a compiler panics in it.
struct Running<'s>(&'s Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a turn's work. `inner` is released meanwhile.
    fn take_turn<'s>(
        &'s self,
        mut inner: MutexGuard<'s, Inner>,
        pieces: usize,
    ) -> (MutexGuard<'s, Inner>, bool) {
        let Some(turn) = inner.next() else { return (inner, false) };
        drop(inner);
        match turn {
            // What panics, a callback of the embedder's perhaps, has told whoever waits for it; this thread still serves other modules.
            Turn::Task(task) => drop(catch_unwind(AssertUnwindSafe(task))),
            Turn::Module(state) => {
                drop(catch_unwind(AssertUnwindSafe(|| state.work(pieces))));
                // Our reference may be the last one, and what it frees is not freed under the lock.
                drop(state);
            }
        }
        (self.lock(), true)
    }

    /// What a thread of our own does.
    fn run(&self) {
        let _running = Running(self);
        let mut inner = self.lock();
        while !inner.stop {
            let worked;
            (inner, worked) = self.take_turn(inner, TURN);
            if !worked && !inner.stop {
                inner.asleep += 1;
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.asleep -= 1;
            }
        }
        drop(inner);
    }

    /// What a job on an executor does: one piece, and the next job.
    fn run_job(self: Arc<Shared>, executor: &Arc<dyn Executor>) {
        let running = Running(&self);
        let (mut inner, worked) = self.take_turn(self.lock(), 1);
        // The next job goes on in its place. If there is none, that is settled before anybody can offer more work and count on this one.
        core::mem::forget(running);
        if !worked || inner.stop {
            inner.running -= 1;
            return;
        }
        drop(inner);
        Arc::clone(&self).hand_in(executor);
    }

    fn hand_in(self: Arc<Shared>, executor: &Arc<dyn Executor>) {
        let this = Arc::clone(executor);
        executor.execute(Box::new(move || self.run_job(&this)));
    }
}

impl Workers {
    /// At most `limit` threads, or jobs on an executor, at the same time; there are none yet.
    pub fn new(limit: usize, executor: Option<Arc<dyn Executor>>) -> Workers {
        let shared = Shared { inner: Mutex::default(), work: Condvar::new(), executor, limit };
        Workers { shared: Arc::new(shared) }
    }

    /// Whether anything is done in the background at all.
    pub fn any(&self) -> bool {
        self.shared.limit > 0
    }

    /// Offers the units queued in a module to at most `helpers` workers.
    pub fn offer(&self, state: &Arc<CompilationState>, helpers: usize) {
        let helpers = helpers.min(self.shared.limit);
        if helpers == 0 {
            return;
        }
        let mut inner = self.shared.lock();
        if !inner.contains(state) {
            inner.line_up(Arc::clone(state));
        }
        self.wake(inner, helpers);
    }

    /// Does something in the background. Gives it back if there is nobody to do it.
    pub fn spawn(&self, task: Task) -> Result<(), Task> {
        if !self.any() {
            return Err(task);
        }
        let mut inner = self.shared.lock();
        inner.tasks.push_back(task);
        self.wake(inner, 1);
        if self.shared.executor.is_some() {
            return Ok(());
        }
        // There may be no thread at all, if the host gives none.
        let mut inner = self.shared.lock();
        if inner.running == 0
            && let Some(task) = inner.tasks.pop_back()
        {
            return Err(task);
        }
        Ok(())
    }

    /// Makes sure that as many workers look for work.
    fn wake(&self, mut inner: MutexGuard<'_, Inner>, helpers: usize) {
        let wanted = helpers.saturating_sub(inner.asleep);
        let new = wanted.min(self.shared.limit - inner.running);
        match &self.shared.executor {
            Some(executor) => {
                inner.running += new;
                // Not under the lock: this is the embedder's code.
                drop(inner);
                for _ in 0..new {
                    Arc::clone(&self.shared).hand_in(executor);
                }
            }
            None => {
                for _ in 0..new {
                    let shared = Arc::clone(&self.shared);
                    let name = format!("wasm-compile-{}", inner.running + 1);
                    let thread = thread::Builder::new().name(name);
                    // Without a thread the others do the work, in the end the one that waits.
                    if thread.spawn(move || shared.run()).is_ok() {
                        inner.running += 1;
                    }
                }
                drop(inner);
                for _ in 0..helpers {
                    self.shared.work.notify_one();
                }
            }
        }
    }

    /// Takes a module out of the turns.
    pub fn withdraw(&self, state: &Arc<CompilationState>) {
        self.shared.lock().withdraw(state);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.stop = true;
        let left = (
            core::mem::take(&mut inner.tasks),
            core::mem::take(&mut inner.modules),
            core::mem::take(&mut inner.tiering),
        );
        drop(inner);
        self.shared.work.notify_all();
        // Not under the lock: what goes here may be large.
        drop(left);
    }
}
