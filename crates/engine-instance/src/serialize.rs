//! Modules as bytes: compiled once, loaded often.
#![allow(unsafe_code)]

use crate::engine::from_compile_error;
use crate::{Engine, Error, Module, Result};
use bytes::Bytes;
use engine_codemanager::FileBytes;
use engine_compiler::artifact::{self, Artifact, ArtifactError};
use engine_compiler::cache::Cache;
use engine_decoder::DecodedModule;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Whether bytes start as a [serialized](Module::serialize) module does. A Wasm module, binary or text, never does.
pub fn is_serialized(bytes: impl AsRef<[u8]>) -> bool {
    bytes.as_ref().starts_with(&artifact::MAGIC)
}

/// Where a user's own cache belongs: `engine` in `$XDG_CACHE_HOME`, else in `~/.cache`. `None` if neither is known.
pub fn default_cache_dir() -> Option<PathBuf> {
    Cache::default_dir()
}

impl Engine {
    /// Compiles a module to the bytes that [`Module::deserialize`] takes, without loading it.
    ///
    /// # Errors
    /// As those of [`Module::new`].
    pub fn precompile_module(&self, bytes: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        let bytes = Bytes::copy_from_slice(bytes.as_ref());
        serialize(self, &self.compiler().decode(bytes, self.config().features)?)
    }
}

fn serialize(engine: &Engine, decoded: &DecodedModule) -> Result<Vec<u8>> {
    engine.compiler().serialize(decoded, engine.preferred_mode()).map_err(from_compile_error)
}

impl Module {
    /// The module with all its code as bytes, the same whenever and wherever the same build of the engine makes them with the same settings.
    /// Modules keep no second copy of their code for this: it is compiled anew, on all the engine's threads.
    ///
    /// ```
    /// use engine_instance::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let text = r#"(module (func (export "f") (result i32) i32.const 42))"#;
    /// let bytes = Module::new(&engine, wat::parse_str(text)?)?.serialize()?;
    ///
    /// // SAFETY: the bytes were made just now.
    /// let module = unsafe { Module::deserialize(&engine, bytes)? };
    /// let mut store = Store::new(&engine, ());
    /// let f = Instance::new(&mut store, &module, &[])?.get_typed_func::<(), i32>(&mut store, "f")?;
    /// assert_eq!(f.call(&mut store, ())?, 42);
    /// # Ok::<(), engine_instance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a function does not compile, which can only be in a module whose functions are validated at their first call.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        serialize(self.engine(), self.decoded())
    }

    /// Loads what [`Module::serialize`] gave. Nothing is compiled or validated; each function's code is copied when it is first called, whatever the
    /// engine's [`CompilationMode`](crate::CompilationMode) says, after its checksum.
    ///
    /// # Safety
    /// The bytes come from [`Module::serialize`] or [`Engine::precompile_module`]. Damage is found by checksums, but someone who makes up such bytes
    /// can have any code run.
    ///
    /// # Errors
    /// An [`ArtifactError`] that says what differs, if another build made the bytes, or the engine's settings or CPU are not those they were made for, or they are
    /// damaged.
    pub unsafe fn deserialize(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        load(engine, Artifact::from_bytes(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// [`Module::deserialize`] with the contents of a file, which is mapped: what is not used is not read. Header and index are checked, and each
    /// function's code when it is first called; the Wasm bytes are not.
    ///
    /// # Safety
    /// As for [`Module::deserialize`]. And nobody changes or shortens the file as long as the module, or anything made from it, lives.
    /// Renaming, replacing and removing it is allowed.
    ///
    /// # Errors
    /// If the file cannot be mapped; and as those of [`Module::deserialize`].
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        // SAFETY: the caller's promise.
        let bytes = File::open(path).and_then(|file| unsafe { FileBytes::map(&file) });
        let bytes = bytes
            .map_err(|error| Error::new(error).context(format_args!("cannot read {}", path.display())))?;
        load(engine, Artifact::from_trusted(Bytes::from_owner(bytes)))
    }
}

fn load(engine: &Engine, artifact: Result<Artifact, ArtifactError>) -> Result<Module> {
    let artifact = artifact.map_err(Error::new)?;
    let (features, mode) = (engine.config().features, engine.preferred_mode());
    engine.compiler().check(&artifact, features, mode).map_err(Error::new)?;
    let wasm = artifact.wasm().ok_or_else(|| Error::new(ArtifactError::NoModule))?;
    let decoded = engine.compiler().decode(wasm, features)?;
    let state = engine.compiler().load(artifact, &decoded, mode).map_err(from_compile_error)?;
    Ok(Module::from_compiled(engine, decoded, state, Vec::new()))
}
