//! The code cache: a folder with one artifact for each module, build, CPU and set of flags.
//!
//! ```text
//!  DIR/<64 hex digits>.cwasm    an entry, named by the hash of everything that decides what is in it (`Identity::key`)
//!  DIR/tmp-<process>-<number>   an entry that is being written; its writer holds an advisory lock on it
//! ```
//! Processes share a folder without waiting for each other. An entry is written under another name and renamed when it is whole, so whoever
//! opens an entry sees a whole one, and keeps it when it is replaced. The lock tells a temporary file whose writer lives from one
//! whose writer was killed; nobody waits for it. A machine that stops may lose what it had not written yet: checksums find that out.
//!
//! An entry need not hold every function: what a lazy start compiled before the process ended is what the next one needs first
//! ([`recording`]). Entries are never trusted: what is damaged is compiled, and the entry made anew. The folder itself is: whoever may write to it
//! may put code into this process.
//!
//! ```text
//!  hash.rs       what a module is known by
//!  recording.rs  the making of an entry: at first calls, in the background, at the end
//!  background.rs the thread that completes entries
//!  evict.rs      the folder's size
//! ```

mod background;
mod evict;
mod hash;
mod recording;

pub use hash::ModuleHash;
pub(crate) use recording::Recording;

use crate::artifact::{Artifact, ArtifactError, ArtifactTier, Identity, Source, WasmBytes};
use crate::tier::Tier;
use background::Background;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use engine_decoder::DecodedModule;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What happened to a cache since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheStats {
    /// Modules for which there was an entry.
    pub hits: u64,
    /// Modules for which there was none.
    pub misses: u64,
    /// Entries that were damaged, in whole or in part, or not what their name says.
    pub rejected: u64,
    /// Entries written.
    pub stored: u64,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    rejected: AtomicU64,
    stored: AtomicU64,
}

/// A folder with the code of modules.
pub struct Cache {
    dir: PathBuf,
    /// Most bytes of all entries together.
    limit: u64,
    counters: Counters,
    background: Background,
}

impl core::fmt::Debug for Cache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cache").field("dir", &self.dir).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// An entry found in the cache.
pub(crate) struct Found {
    pub artifact: Arc<Artifact>,
    pub path: PathBuf,
}

impl Cache {
    /// Opens the cache in a folder, which is made if need be, for its owner alone. Entries are removed, those first that were not used for
    /// the longest time, when they are larger than `limit` bytes together.
    ///
    /// # Errors
    /// When the folder cannot be made, or any user of the machine may write to it.
    pub fn open(dir: &Path, limit: u64) -> io::Result<Arc<Cache>> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // Whoever may write there may have this process run any code.
        if dir.metadata()?.permissions().mode() & 0o002 != 0 {
            let reason =
                "every user may write to this folder, and so put code into processes that use it as a cache";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        Ok(Arc::new(Cache {
            dir: dir.to_owned(),
            limit,
            counters: Counters::default(),
            background: Background::default(),
        }))
    }

    /// Where a user's cache is: `engine` in `$XDG_CACHE_HOME`, else in `~/.cache` (XDG Base Directory Specification). `None` if neither
    /// is known.
    pub fn default_dir() -> Option<PathBuf> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(base.join("engine"))
    }

    /// What has happened so far.
    pub fn stats(&self) -> CacheStats {
        let Counters { hits, misses, rejected, stored } = &self.counters;
        CacheStats {
            hits: hits.load(Relaxed),
            misses: misses.load(Relaxed),
            rejected: rejected.load(Relaxed),
            stored: stored.load(Relaxed),
        }
    }

    /// Waits until the entries of all modules that are loaded are complete.
    pub fn finish(&self) {
        self.background.finish();
    }

    /// Removes an entry that turned out to be damaged while it was used.
    pub(crate) fn reject(&self, path: &Path) {
        self.counters.rejected.fetch_add(1, Relaxed);
        tracing::warn!(entry = %path.display(), "a cache entry is damaged, and removed");
        // If it cannot be removed, whoever uses it next finds the same damage.
        let _ = std::fs::remove_file(path);
    }

    fn path(&self, identity: &Identity) -> PathBuf {
        self.dir.join(identity.key()).with_extension(evict::EXTENSION)
    }

    /// Opens an entry, without noting that.
    fn read(path: &Path, identity: &Identity) -> Result<Artifact, ArtifactError> {
        let artifact = Artifact::open(Source::File(File::open(path)?), WasmBytes::Check)?;
        if artifact.header().identity != *identity {
            return Err(ArtifactError::Damaged("it belongs to another module"));
        }
        Ok(artifact)
    }

    /// Looks for a module's entry.
    fn find(&self, identity: &Identity) -> Option<Found> {
        let path = self.path(identity);
        match Cache::read(&path, identity) {
            Ok(artifact) => {
                self.counters.hits.fetch_add(1, Relaxed);
                if let Source::File(file) = artifact.source() {
                    // Used now, for those who remove what is not. A cache that cannot be written to is not cleaned either.
                    let _ = file.set_modified(SystemTime::now());
                }
                tracing::debug!(entry = %path.display(), functions = artifact.len(), "cache hit");
                return Some(Found { artifact: Arc::new(artifact), path });
            }
            Err(_) if !path.exists() => {
                self.counters.misses.fetch_add(1, Relaxed);
                tracing::debug!(entry = %path.display(), "cache miss");
            }
            Err(error) => {
                self.counters.rejected.fetch_add(1, Relaxed);
                tracing::warn!(entry = %path.display(), %error, "a cache entry is ignored, and will be replaced");
            }
        }
        None
    }

    /// The tier that takes a module's functions from the cache, and compiles and stores those that are not there.
    pub(crate) fn tier(
        self: &Arc<Cache>,
        decoded: &DecodedModule,
        identity: Identity,
        compiler: Arc<dyn Tier>,
    ) -> CachedTier {
        let found = self.find(&identity);
        let known = found.as_ref().map(|found| *found.artifact.header());
        let (validated, complete) =
            known.map_or((false, false), |header| (header.validated, header.complete));
        let (artifact, entry) =
            found.map(|Found { artifact, path }| (artifact, (Arc::clone(self), path))).unzip();
        let recording = (!complete).then(|| {
            let path = self.path(&identity);
            Arc::new(Recording::new(
                Arc::clone(self),
                path,
                identity,
                decoded.clone(),
                Arc::clone(&compiler),
                artifact.clone(),
            ))
        });
        let tier = Arc::new(ArtifactTier::new(artifact, entry, recording.clone(), compiler));
        CachedTier { tier, validated, complete, recording }
    }
}

/// What the cache has for a module.
pub(crate) struct CachedTier {
    pub tier: Arc<dyn Tier>,
    /// Every body is known to be valid.
    pub validated: bool,
    /// No function needs to be compiled.
    pub complete: bool,
    /// The making of an entry, unless there is a complete one.
    pub recording: Option<Arc<Recording>>,
}
