//! An artifact as the first tier: functions come out of it, and those that it lacks from the compiler behind it.

use super::{Artifact, Loaded, checksum, decode, encode};
use crate::CompileError;
use crate::cache::{Cache, Recording};
use crate::tier::{FunctionCompiler, Tier};
use core::sync::atomic::{AtomicBool, Ordering};
use engine_baseline::ModuleEnv;
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{CodeBatch, Entry};
use std::path::PathBuf;
use std::sync::Arc;

/// A tier that takes functions from an artifact, and notes in a recording those that had to be compiled. When it is dropped, the recording is
/// closed.
pub(crate) struct ArtifactTier {
    shared: Arc<Shared>,
}

struct Shared {
    artifact: Option<Arc<Artifact>>,
    /// The cache's file that the artifact is, if it is one: damage removes it, so that it is made anew.
    entry: Option<(Arc<Cache>, PathBuf)>,
    /// Whether damage has been seen.
    damaged: AtomicBool,
    recording: Option<Arc<Recording>>,
    compiler: Arc<dyn Tier>,
}

impl ArtifactTier {
    pub fn new(
        artifact: Option<Arc<Artifact>>,
        entry: Option<(Arc<Cache>, PathBuf)>,
        recording: Option<Arc<Recording>>,
        compiler: Arc<dyn Tier>,
    ) -> ArtifactTier {
        let damaged = AtomicBool::new(false);
        ArtifactTier { shared: Arc::new(Shared { artifact, entry, damaged, recording, compiler }) }
    }
}

impl Drop for ArtifactTier {
    fn drop(&mut self) {
        if let Some(recording) = &self.shared.recording {
            recording.close();
        }
    }
}

impl Tier for ArtifactTier {
    fn name(&self) -> &'static str {
        match self.shared.artifact {
            Some(_) => "artifact",
            None => self.shared.compiler.name(),
        }
    }
    fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        Box::new(Functions {
            shared: Arc::clone(&self.shared),
            env,
            compiler: None,
            batch: CodeBatch::default(),
            spare: CodeBatch::default(),
            record: Vec::new(),
        })
    }
}

struct Functions<'a> {
    shared: Arc<Shared>,
    env: &'a ModuleEnv,
    /// Made when a function has to be compiled.
    compiler: Option<Box<dyn FunctionCompiler<'a> + 'a>>,
    batch: CodeBatch,
    spare: CodeBatch,
    record: Vec<u8>,
}

impl Functions<'_> {
    /// Takes a function from the artifact, if it has it undamaged.
    fn load(&mut self, decoded: &DecodedModule, func: DefinedFuncIndex) -> bool {
        let Some(artifact) = &self.shared.artifact else { return false };
        let index = decoded.module.func_index(func);
        match artifact.load(index, &mut self.record, &mut self.batch) {
            Loaded::Yes => true,
            Loaded::Absent => false,
            Loaded::Damaged => {
                tracing::warn!(func = index.0, "stored code is damaged: the function is compiled");
                if !self.shared.damaged.swap(true, Ordering::Relaxed)
                    && let Some((cache, path)) = &self.shared.entry
                {
                    cache.reject(path);
                }
                false
            }
        }
    }
}

impl<'a> FunctionCompiler<'a> for Functions<'a> {
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), CompileError> {
        if self.load(decoded, func) {
            return Ok(());
        }
        let compiler = self.compiler.get_or_insert_with(|| self.shared.compiler.functions(self.env));
        compiler.compile(decoded, func, body, entry)?;
        self.spare = compiler.take_batch(core::mem::take(&mut self.spare));
        for function in &self.spare.functions {
            self.record.clear();
            encode(&self.spare, function, &mut self.record);
            if let Some(recording) = &self.shared.recording {
                recording.record(function.func, &self.record, || checksum(&self.record));
            }
            let added = decode(&self.record, &mut self.batch);
            debug_assert_eq!(added, Some(function.func), "what is written can be read");
        }
        self.spare.clear();
        Ok(())
    }
    fn batch(&mut self) -> &CodeBatch {
        &self.batch
    }
    fn take_batch(&mut self, mut replacement: CodeBatch) -> CodeBatch {
        replacement.clear();
        core::mem::replace(&mut self.batch, replacement)
    }
    fn features_used(&self) -> Features {
        self.compiler.as_ref().map_or(Features::NONE, |compiler| compiler.features_used())
    }
}
