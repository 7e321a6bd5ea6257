//! Compiled modules.

use crate::engine::from_compile_error;
use crate::images::{self, CountedImage, DataImages};
use crate::{CompileJob, Engine, Error, Result, bail};
use bytes::Bytes;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use engine_codemanager::{FileBytes, NativeModule, StubCode};
use engine_compiler::cache::ModuleHash;
use engine_compiler::{CompilationState, LazyStats, Note, TierStats};
use engine_decoder::{
    DecodedModule, DefinedFuncIndex, ExternIndex, ExternType, Features, FuncIndex, SignatureId,
};
use engine_machine::{AccessMode, VmLayout};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// A compiled module. Cheap to clone; usable on any thread and in any store of its engine.
///
/// ```
/// use engine_instance::{Engine, Module};
///
/// let text = r#"(module (import "env" "log" (func (param i32))) (memory (export "memory") 1))"#;
/// let module = Module::new(&Engine::default(), wat::parse_str(text)?)?;
/// let imports: Vec<_> = module.imports().map(|import| (import.module(), import.name())).collect();
/// assert_eq!(imports, [("env", "log")]);
/// assert!(module.get_export("memory").is_some());
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Clone)]
pub struct Module {
    inner: Arc<ModuleInner>,
}

pub(crate) struct ModuleInner {
    engine: Engine,
    decoded: DecodedModule,
    /// Hash of its bytes, if it was needed.
    hash: Option<ModuleHash>,
    pub(crate) layout: VmLayout,
    /// Canonical ids of the type section's types; a reference to each is held as long as the module lives.
    pub(crate) signatures: Box<[SignatureId]>,
    /// The code, by [`AccessMode`].
    variants: [OnceLock<Variant>; 2],
    /// Initial contents of its memories, if they are worth it; looked at from the second instantiation on.
    images: OnceLock<Option<DataImages>>,
    instantiated: AtomicBool,
    /// Held while a variant is compiled, so that no one compiles it twice.
    compiling: Mutex<()>,
    /// Wrappers made with the module, kept for the first calls from the host.
    _wrappers: Vec<Arc<StubCode>>,
}

/// A module's code for one access mode.
pub(crate) struct Variant {
    pub(crate) native: Arc<NativeModule>,
    /// What compiles functions that have no code yet, or better code.
    state: Arc<CompilationState>,
}

impl Variant {
    /// Compiles, or takes from the engine's cache. `hash` is that of the module's bytes, if it is known.
    fn new(
        engine: &Engine,
        decoded: &DecodedModule,
        mode: AccessMode,
        hash: Option<ModuleHash>,
    ) -> Result<Variant> {
        let (compiler, start) = (engine.compiler(), engine.config().start());
        let state = match engine.cache() {
            None => compiler.compile(decoded, mode, start),
            Some(cache) => {
                let hash = hash.unwrap_or_else(|| ModuleHash::of(&decoded.bytes));
                compiler.compile_cached(cache, hash, decoded, mode, start)
            }
        };
        Ok(Variant::of(state.map_err(from_compile_error)?))
    }

    fn of(state: Arc<CompilationState>) -> Variant {
        let native = Arc::clone(state.native());
        Variant { native, state }
    }
}

impl Module {
    /// Decodes, validates and compiles a module from its bytes.
    ///
    /// # Errors
    /// A [`DecodeError`](crate::DecodeError) if the bytes are not a valid module; else a
    /// [`CompileError`](crate::CompileError).
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Module::from_bytes(engine, Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// [`Module::new`] with bytes that are kept instead of copied: a `Vec<u8>`, or [`Bytes`].
    pub fn from_bytes(engine: &Engine, bytes: impl Into<Bytes>) -> Result<Module> {
        let bytes = bytes.into();
        let decode = || engine.compiler().decode(bytes.clone(), engine.config().features);
        if engine.cache().is_none() {
            return Module::from_decoded(engine, decode()?);
        }
        // Modules are known by their hash, which takes longer than decoding them.
        let helper = engine.config().compile_tasks > 1;
        let (hash, decoded) = ModuleHash::meanwhile(&bytes, helper, decode);
        Module::hashed(engine, decoded?, Some(hash))
    }

    /// [`Module::new`] with the contents of a file.
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let bytes = File::open(path)
            .and_then(|file| FileBytes::read(&file))
            .map_err(|error| Error::new(error).context(format_args!("cannot read {}", path.display())))?;
        Module::from_bytes(engine, Bytes::from_owner(bytes))
    }

    /// Compiles a module that is decoded already, with the engine's features.
    pub fn from_decoded(engine: &Engine, decoded: DecodedModule) -> Result<Module> {
        Module::hashed(engine, decoded, None)
    }

    fn hashed(engine: &Engine, decoded: DecodedModule, hash: Option<ModuleHash>) -> Result<Module> {
        let variant = Variant::new(engine, &decoded, engine.preferred_mode(), hash)?;
        Ok(Module::with_variant(engine, decoded, hash, variant, Vec::new()))
    }

    /// Begins to decode, validate and compile a module in the background. See [`CompileJob`].
    pub fn compile_async(engine: &Engine, bytes: impl Into<Bytes>) -> CompileJob {
        CompileJob::new(engine, bytes.into())
    }

    /// A module that has been compiled for the engine's preferred mode.
    pub(crate) fn from_compiled(
        engine: &Engine,
        decoded: DecodedModule,
        state: Arc<CompilationState>,
        wrappers: Vec<Arc<StubCode>>,
    ) -> Module {
        Module::with_variant(engine, decoded, None, Variant::of(state), wrappers)
    }

    fn with_variant(
        engine: &Engine,
        decoded: DecodedModule,
        hash: Option<ModuleHash>,
        variant: Variant,
        wrappers: Vec<Arc<StubCode>>,
    ) -> Module {
        engine.module_made();
        let layout = VmLayout::new(&decoded.module, variant.native.flags().tier_up_budget > 0);
        let signatures = engine.types().register_all(&decoded.module.types).into();
        let inner = ModuleInner {
            engine: engine.clone(),
            decoded,
            hash,
            layout,
            signatures,
            variants: [OnceLock::new(), OnceLock::new()],
            images: OnceLock::new(),
            instantiated: AtomicBool::new(false),
            compiling: Mutex::new(()),
            _wrappers: wrappers,
        };
        let _ = inner.variants[engine.preferred_mode() as usize].set(variant);
        Module { inner: Arc::new(inner) }
    }

    /// Decodes and validates a module, and compiles nothing.
    pub fn validate(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<()> {
        let decoded =
            DecodedModule::decode(Bytes::copy_from_slice(bytes.as_ref()), engine.config().features)?;
        Ok(decoded.validate_all()?)
    }

    /// Compiles functions, given by their indices in the module, that would otherwise be compiled when they are first called
    /// ([`CompilationMode::Lazy`](crate::CompilationMode)). Imported functions and those with code are passed over.
    ///
    /// # Errors
    /// When there is no such function, or one does not compile.
    pub fn warm(&self, functions: impl IntoIterator<Item = u32>) -> Result<()> {
        let decoded = &*self.decoded().module;
        for func in functions {
            if func as usize >= decoded.functions.len() {
                bail!("there is no function {func}: the module has {}", decoded.functions.len());
            }
            let Some(func) = decoded.defined(FuncIndex(func)) else { continue };
            for variant in self.inner.variants.iter().filter_map(OnceLock::get) {
                variant.state.compile_now(func).map_err(from_compile_error)?;
            }
        }
        Ok(())
    }

    /// How much has been compiled, or taken from a cache or a serialized module, when functions were first called (or
    /// [warmed](Module::warm)).
    pub fn lazy_stats(&self) -> LazyStats {
        self.inner.states().fold(LazyStats::default(), |sum, state| {
            let LazyStats { functions, bytes, time } = state.lazy_stats();
            LazyStats {
                functions: sum.functions + functions,
                bytes: sum.bytes + bytes,
                time: sum.time + time,
            }
        })
    }

    /// What has come of functions and loops that turned out to be hot ([`Tiering::Dynamic`](crate::Tiering::Dynamic)).
    pub fn tier_stats(&self) -> TierStats {
        self.inner.states().fold(TierStats::default(), |sum, state| {
            let TierStats { optimized_functions, optimized_loops, queued, declined } = state.tier_stats();
            TierStats {
                optimized_functions: sum.optimized_functions + optimized_functions,
                optimized_loops: sum.optimized_loops + optimized_loops,
                queued: sum.queued + queued,
                declined: sum.declined + declined,
            }
        })
    }

    /// The proposals beyond WebAssembly 1.0 that it uses: in its structure, and in the function bodies that have been compiled or validated so far.
    pub fn features_used(&self) -> Features {
        let states = self.inner.states();
        states.fold(self.decoded().detected(), |found, state| found.with(state.features_used()))
    }

    /// The engine that compiled it.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Its name, from the name section.
    pub fn name(&self) -> Option<&str> {
        self.decoded().module.names.module.as_deref()
    }

    /// What it imports, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let module = &*self.decoded().module;
        module.imports.iter().map(|import| ImportType {
            module: &import.module,
            name: &import.name,
            ty: module.extern_type(import.index),
        })
    }

    /// What it exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let module = &*self.decoded().module;
        module
            .exports
            .iter()
            .map(|export| ExportType { name: &export.name, ty: module.extern_type(export.index) })
    }

    /// The type of the export with this name.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let module = &*self.decoded().module;
        module.export(name).map(|export| module.extern_type(export.index))
    }

    /// Contents of its custom sections with this name, in order.
    pub fn custom_sections<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let decoded = self.decoded();
        let sections = decoded.module.custom_sections.iter().filter(move |section| &*section.name == name);
        sections.map(|section| &decoded.bytes[section.bytes.clone()])
    }

    /// The decoded form: structure and bytes.
    pub fn decoded(&self) -> &DecodedModule {
        &self.inner.decoded
    }

    pub(crate) fn inner(&self) -> &ModuleInner {
        &self.inner
    }

    pub(crate) fn export_index(&self, name: &str) -> Option<ExternIndex> {
        self.decoded().module.export(name).map(|export| export.index)
    }

    /// Images to be mapped into the memories of a new instance, by defined index, instead of all its active data segments.
    pub(crate) fn images_for_instance(&self) -> Option<&[Option<CountedImage>]> {
        if !self.inner.instantiated.swap(true, Ordering::Relaxed) {
            return None;
        }
        self.inner.images.get_or_init(|| images::make(self.decoded())).as_deref()
    }

    /// The code for an access mode, compiled now if nobody needed it before.
    pub(crate) fn variant(&self, mode: AccessMode) -> Result<&Arc<NativeModule>> {
        let cell = &self.inner.variants[mode as usize];
        if let Some(native) = cell.get() {
            return Ok(&native.native);
        }
        // The lock guards no data: a panic while it was held has left nothing half done.
        let _guard = self.inner.compiling.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(variant) = cell.get() {
            return Ok(&variant.native);
        }
        let variant = Variant::new(&self.inner.engine, self.decoded(), mode, self.inner.hash)?;
        Ok(&cell.get_or_init(|| variant).native)
    }

    /// Compiles a function of a variant that is compiled at first calls, unless it has code.
    pub(crate) fn compile_function(&self, mode: AccessMode, func: DefinedFuncIndex) -> Result<()> {
        self.inner.state(mode).compile_now(func).map_err(from_compile_error)
    }

    /// A function of a variant is hot. `note` adds what the instance's calls have called.
    pub(crate) fn tier_up(&self, mode: AccessMode, func: DefinedFuncIndex, note: Note<'_>) {
        self.engine().compiler().tier_up(self.inner.state(mode), func, note);
    }

    /// A loop of a function of a variant is hot: where to go on at its header, if there is such code, and else whether the outermost loop around it should
    /// ask at its next turn. `note` as above.
    pub(crate) fn tier_up_loop(
        &self,
        mode: AccessMode,
        func: DefinedFuncIndex,
        wasm_offset: u32,
        outermost: u32,
        note: Note<'_>,
    ) -> (Option<*const u8>, bool) {
        let (compiler, state) = (self.engine().compiler(), self.inner.state(mode));
        match wasm_offset == outermost {
            true => (compiler.tier_up_loop(state, func, wasm_offset, note), false),
            false => compiler.tier_up_inner(state, func, wasm_offset, outermost, note),
        }
    }
}

impl ModuleInner {
    /// The compilations of the variants that there are.
    fn states(&self) -> impl Iterator<Item = &Arc<CompilationState>> {
        self.variants.iter().filter_map(OnceLock::get).map(|variant| &variant.state)
    }

    /// The compilation of a variant that an instance has.
    fn state(&self, mode: AccessMode) -> &Arc<CompilationState> {
        &self.variants[mode as usize].get().expect("an instance has it").state
    }
}

impl Drop for ModuleInner {
    fn drop(&mut self) {
        self.states().for_each(|state| self.engine.compiler().cancel(state));
        self.engine.types().release_all(&self.signatures);
        self.engine.module_dropped();
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// An import of a module.
#[derive(Clone, Debug)]
pub struct ImportType<'a> {
    module: &'a str,
    name: &'a str,
    ty: ExternType,
}

impl<'a> ImportType<'a> {
    /// Module part of its name.
    pub fn module(&self) -> &'a str {
        self.module
    }
    /// Field part of its name.
    pub fn name(&self) -> &'a str {
        self.name
    }
    /// Its type.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// An export of a module.
#[derive(Clone, Debug)]
pub struct ExportType<'a> {
    name: &'a str,
    ty: ExternType,
}

impl<'a> ExportType<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }
    /// Its type.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}
