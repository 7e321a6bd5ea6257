//! The making of an entry.
//!
//! Functions are noted as they are compiled, and written in portions, so that little is left to do at the end. What an earlier, incomplete
//! entry has is copied, and what is still missing compiled, on a thread in the background ([`Background`](super::background)).
//!
//! The entry takes its place when it is complete, or else when the module goes: then with what there is, if that is more than before. A
//! process that ends does not wait for the background, and does not copy an old entry that is large; what it compiled is lost then, to be
//! compiled again.

use super::{Cache, evict};
use crate::artifact::{Artifact, Checksum, Identity, Writer, checksum, encode};
use crate::tier::Tier;
use core::sync::atomic::Ordering::Relaxed;
use engine_baseline::ModuleEnv;
use engine_decoder::{DecodedModule, DefinedFuncIndex, FuncIndex};
use engine_machine::{CodeBatch, Entry};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are collected before they are written.
const PORTION: usize = 128 << 10;

/// An old entry up to this size is copied while the process waits: a few milliseconds.
const COPIED_AT_END: u64 = 8 << 20;

/// The making of one entry. It takes functions from any thread until it is closed.
pub(crate) struct Recording {
    cache: Arc<Cache>,
    path: PathBuf,
    identity: Identity,
    decoded: DecodedModule,
    compiler: Arc<dyn Tier>,
    /// An incomplete entry that is to be replaced.
    old: Option<Arc<Artifact>>,
    /// The process whose recording it is. A child made by `fork` shares the file, and leaves it alone.
    process: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// No more functions are taken.
    closed: bool,
    /// Every body is known to be valid.
    validated: bool,
    /// Everything of the old entry has been copied.
    old_copied: bool,
    /// Functions that the old entry does not have.
    new: usize,
    /// By defined index, whether it has been written.
    present: Vec<bool>,
    /// Made with the first function.
    output: Option<Output>,
}

struct Output {
    writer: Writer<BufWriter<File>>,
    temporary: evict::Temporary,
}

impl Recording {
    pub fn new(
        cache: Arc<Cache>,
        path: PathBuf,
        identity: Identity,
        decoded: DecodedModule,
        compiler: Arc<dyn Tier>,
        old: Option<Arc<Artifact>>,
    ) -> Recording {
        let state = State {
            validated: old.as_ref().is_some_and(|old| old.header().validated),
            old_copied: old.is_none(),
            ..State::default()
        };
        Recording {
            cache,
            path,
            identity,
            decoded,
            compiler,
            old,
            process: std::process::id(),
            state: Mutex::new(state),
        }
    }

    /// Does something unless the recording is closed; closes it if that fails.
    fn with<R>(&self, work: impl FnOnce(&mut State) -> io::Result<R>) -> Option<R> {
        if self.process != std::process::id() {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        match work(&mut state) {
            Ok(result) => Some(result),
            Err(error) => {
                tracing::warn!(entry = %self.path.display(), %error, "a cache entry cannot be written");
                // The output removes its file.
                *state = State { closed: true, ..State::default() };
                None
            }
        }
    }

    /// Notes a function, unless it has been noted.
    pub fn record(&self, func: FuncIndex, record: &[u8], sum: impl FnOnce() -> Checksum) {
        let Some(index) = self.decoded.module.defined(func).map(DefinedFuncIndex::index) else { return };
        // Hashed before the lock is taken.
        let sum = sum();
        self.with(|state| {
            let was_there = state.append(self, index, func, record, sum)?;
            state.new += usize::from(!was_there);
            Ok(())
        });
    }

    /// Notes that every body is valid.
    pub fn validated(&self) {
        self.with(|state| {
            state.validated = true;
            Ok(())
        });
    }

    /// Writes nothing: the module is invalid.
    pub fn discard(&self) {
        self.with(|state| {
            *state = State { closed: true, ..State::default() };
            Ok(())
        });
    }

    /// Ends the recording; the entry takes its place if it is worth it. Quick.
    pub fn close(&self) {
        self.with(|state| {
            if state.new > 0 && !state.old_copied {
                match &self.old {
                    Some(old) if old.code_bytes() <= COPIED_AT_END => {
                        let mut failure = Ok(());
                        self.each_old(old, |index, func, record, sum| {
                            state
                                .append(self, index, func, record, sum)
                                .map_err(|error| failure = Err(error))
                                .ok()
                        });
                        failure?;
                    }
                    _ => state.output = None,
                }
            }
            if state.new == 0 {
                state.output = None;
            }
            state.finish(self)
        });
    }

    /// Has a thread of low priority add all that is missing.
    pub fn complete_in_background(self: &Arc<Recording>) {
        self.cache.background.complete(self);
    }

    /// Adds all that is missing and ends the recording. Comes back early when someone else ends it.
    pub fn complete(&self) {
        if let Some(old) = &self.old {
            // A function at a time, so that nobody who is compiling waits for long.
            let append = |index, func, record: &[u8], sum| {
                self.with(|state| state.append(self, index, func, record, sum))
            };
            let copied = self.each_old(old, append).and_then(|()| {
                self.with(|state| {
                    state.old_copied = true;
                    Ok(())
                })
            });
            if copied.is_none() {
                return;
            }
        }
        let env = ModuleEnv::new(Arc::clone(&self.decoded.module), self.identity.flags);
        let mut compiler = self.compiler.functions(&env);
        let (mut spare, mut record) = (CodeBatch::default(), Vec::new());
        for func in 0..self.decoded.module.num_defined_functions() {
            let func = DefinedFuncIndex(func);
            match self.with(|state| Ok(state.has(func.index()))) {
                None => return,
                Some(true) => continue,
                Some(false) => {}
            }
            if let Err(error) =
                compiler.compile(&self.decoded, func, self.decoded.body_at(func), Entry::Function)
            {
                // It has not been validated. What there is will do.
                tracing::debug!(entry = %self.path.display(), %error, "a cache entry stays incomplete");
                return;
            }
            let mut batch = compiler.take_batch(core::mem::take(&mut spare));
            for function in &batch.functions {
                record.clear();
                encode(&batch, function, &mut record);
                self.record(function.func, &record, || checksum(&record));
            }
            batch.clear();
            spare = batch;
        }
        self.with(|state| {
            // Compiling validates.
            state.validated = true;
            state.finish(self)
        });
    }

    /// Gives every function of the old entry to `append`, until that returns `None`. What is damaged is passed over, to be compiled.
    fn each_old(
        &self,
        old: &Artifact,
        mut append: impl FnMut(usize, FuncIndex, &[u8], Checksum) -> Option<bool>,
    ) -> Option<()> {
        let mut record = Vec::new();
        for entry in old.entries() {
            let func = FuncIndex(entry.func);
            if let Some(index) = self.decoded.module.defined(func)
                && old.record(&entry, &mut record)
            {
                append(index.index(), func, &record, entry.checksum)?;
            }
        }
        Some(())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // Neither what is buffered is written, nor the file removed.
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            core::mem::forget(state.output.take());
        }
    }
}

impl State {
    fn has(&self, index: usize) -> bool {
        self.present.get(index).copied().unwrap_or(false)
    }

    /// Adds a function; returns whether it was there.
    fn append(
        &mut self,
        recording: &Recording,
        index: usize,
        func: FuncIndex,
        record: &[u8],
        sum: Checksum,
    ) -> io::Result<bool> {
        if self.has(index) {
            return Ok(true);
        }
        let output = match &mut self.output {
            Some(output) => output,
            none => {
                let (file, temporary) = evict::Temporary::create(&recording.cache.dir)?;
                let writer = Writer::new(BufWriter::with_capacity(PORTION, file))?;
                none.insert(Output { writer, temporary })
            }
        };
        if output.writer.position() + record.len() as u64 > recording.cache.limit {
            return Err(io::Error::other("it is larger than the cache may be"));
        }
        output.writer.record(func.0, record, sum)?;
        let functions = recording.decoded.module.num_defined_functions() as usize;
        self.present.resize(functions.max(index + 1), false);
        self.present[index] = true;
        Ok(false)
    }

    /// Puts the entry in its place, unless a better one is there by now.
    fn finish(&mut self, recording: &Recording) -> io::Result<()> {
        self.closed = true;
        let Some(Output { writer, temporary }) = self.output.take() else { return Ok(()) };
        let Recording { cache, path, identity, decoded, .. } = recording;
        let functions = writer.len();
        if let Ok(other) = Cache::read(path, identity)
            && other.header().validated >= self.validated
            && other.len() >= functions
        {
            return Ok(());
        }
        let complete = self.validated && functions == decoded.module.num_defined_functions() as usize;
        // Its lock is held until it has its place.
        let _file = writer.finish(*identity, self.validated, complete)?;
        temporary.rename(path)?;
        cache.counters.stored.fetch_add(1, Relaxed);
        tracing::debug!(entry = %path.display(), functions, complete, "cache entry written");
        evict::evict(&cache.dir, cache.limit);
        Ok(())
    }
}
