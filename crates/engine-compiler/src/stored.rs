//! Compiling with a cache, and modules that are compiled already.

use crate::artifact::{self, Artifact, ArtifactError, ArtifactTier, Identity};
use crate::cache::{Cache, CachedTier, ModuleHash, Recording};
use crate::{CompilationState, CompileError, Compiler, LazyValidation, Start, Tier, Tiering};
use engine_baseline::ModuleEnv;
use engine_decoder::{DecodedModule, Features};
use engine_machine::AccessMode;
use std::sync::Arc;

/// Functions come from an artifact when they are first called, and what it says is valid need not be validated.
const FROM_ARTIFACT: Start = Start::Lazy(LazyValidation::AtFirstCall);

/// How a module is compiled when there is a cache.
pub(crate) struct Plan {
    /// The first tier. Kept until the plan is settled, as the recording is closed with it.
    pub tier: Arc<dyn Tier>,
    /// What the start is to be.
    pub start: Start,
    /// The making of an entry.
    recording: Option<Arc<Recording>>,
    /// Whether a thread may complete it.
    background: bool,
}

impl Plan {
    /// Notes that the module has come as far as `start` says, or that it is not to be stored.
    pub fn settle(self, good: bool) {
        let Some(recording) = &self.recording else { return };
        match self.start {
            _ if !good => recording.discard(),
            Start::Eager => {
                recording.validated();
                recording.complete();
            }
            Start::Lazy(validation) => {
                if validation == LazyValidation::AtLoad {
                    recording.validated();
                }
                if self.background {
                    recording.complete_in_background();
                }
            }
        }
    }
}

impl Compiler {
    fn identity(&self, features: Features, mode: AccessMode, module: ModuleHash) -> Identity {
        // What is stored is what the first tier makes.
        let tier = self.config.tiering.first_tier();
        Identity { flags: self.config.flags(mode), tier, features, module }
    }

    /// [`compile`](Compiler::compile), with functions taken from a cache if it has them, and put there if not. `hash` is that of the module's bytes.
    /// What is in the cache is not compiled at the start, but taken when it is first called, whatever `start` says.
    ///
    /// # Errors
    /// As those of [`compile`](Compiler::compile). A cache that does not work is none.
    pub fn compile_cached(
        &self,
        cache: &Arc<Cache>,
        hash: ModuleHash,
        decoded: &DecodedModule,
        mode: AccessMode,
        start: Start,
    ) -> Result<Arc<CompilationState>, CompileError> {
        let plan = self.plan(Some(cache), Some(hash), decoded, mode, start);
        let result = self.compile_by(Arc::clone(&plan.tier), decoded, mode, plan.start);
        plan.settle(result.is_ok());
        result
    }

    /// How a module is to be compiled, considering what is in the cache.
    pub(crate) fn plan(
        &self,
        cache: Option<&Arc<Cache>>,
        hash: Option<ModuleHash>,
        decoded: &DecodedModule,
        mode: AccessMode,
        start: Start,
    ) -> Plan {
        let Some(cache) = cache else {
            return Plan { tier: self.config.first_tier(), start, recording: None, background: false };
        };
        let hash = hash.unwrap_or_else(|| ModuleHash::of(&decoded.bytes));
        let identity = self.identity(decoded.features(), mode, hash);
        let CachedTier { tier, validated, complete, recording } =
            cache.tier(decoded, identity, self.config.first_tier());
        let start = match start {
            // Where everything is to be optimised, everything is loaded.
            Start::Eager if !complete || self.config.tiering == Tiering::Eager => start,
            Start::Lazy(_) if !validated => start,
            _ => FROM_ARTIFACT,
        };
        // With fewer tasks, no thread is to be started.
        Plan { tier, start, recording, background: self.config.compile_tasks > 1 }
    }

    /// Whether code from an artifact can run here, for modules whose memories are accessed in `mode` and that may use `features`.
    ///
    /// # Errors
    /// What differs.
    pub fn check(
        &self,
        artifact: &Artifact,
        features: Features,
        mode: AccessMode,
    ) -> Result<(), ArtifactError> {
        artifact.header().identity.check(&self.config.flags(mode), features)
    }

    /// A module whose functions come from an artifact that has passed the [check](Compiler::check), each at its first call. `decoded` are the artifact's own
    /// Wasm bytes.
    ///
    /// # Errors
    /// When code memory is used up.
    pub fn load(
        &self,
        artifact: Artifact,
        decoded: &DecodedModule,
        mode: AccessMode,
    ) -> Result<Arc<CompilationState>, CompileError> {
        let tier = ArtifactTier::new(Some(Arc::new(artifact)), None, None, self.config.first_tier());
        let start = if self.config.tiering == Tiering::Eager { Start::Eager } else { FROM_ARTIFACT };
        self.compile_by(Arc::new(tier), decoded, mode, start)
    }

    /// Compiles all functions of a module, without placing their code, to an artifact. The bytes are the same for any number of threads.
    ///
    /// # Errors
    /// The error with the lowest byte offset, if a body is invalid or refused.
    pub fn serialize(&self, decoded: &DecodedModule, mode: AccessMode) -> Result<Vec<u8>, CompileError> {
        let threads = self.config.compile_tasks;
        let hash = ModuleHash::of(&decoded.bytes);
        let identity = self.identity(decoded.features(), mode, hash);
        let env = ModuleEnv::new(Arc::clone(&decoded.module), identity.flags);
        artifact::serialize(decoded, &env, &*self.config.first_tier(), identity, threads)
            .map_err(|error| error.with_name(&decoded.module))
    }
}
