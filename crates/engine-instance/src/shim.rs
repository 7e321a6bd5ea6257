//! Temporary stand-ins.
#![allow(missing_docs, unsafe_code, dead_code, unused_variables, clippy::all)]
pub mod decoder {
    pub use engine_decoder::*;
    use std::sync::Arc;
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features;
    impl Features {
        pub const WASM2: Features = Features;
    }
    #[derive(Clone, Debug, PartialEq)]
    pub struct DecodeError;
    impl std::fmt::Display for DecodeError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("x")
        }
    }
    impl std::error::Error for DecodeError {}
    pub fn decode(bytes: impl Into<Arc<[u8]>>, features: Features) -> Result<DecodedModule, DecodeError> {
        Err(DecodeError)
    }
    pub fn validate_all(m: &DecodedModule) -> Result<(), DecodeError> {
        Ok(())
    }
    #[derive(Default)]
    pub struct TypeRegistry;
    impl TypeRegistry {
        pub fn new() -> Self {
            TypeRegistry
        }
        pub fn register(&self, ty: &FuncType) -> SignatureId {
            SignatureId(1)
        }
        pub fn release(&self, id: SignatureId) {}
        pub fn get(&self, id: SignatureId) -> Option<FuncType> {
            None
        }
    }
}
pub mod codemanager {
    use engine_decoder::*;
    use engine_machine::*;
    use std::sync::Arc;
    pub struct NativeModule;
    impl NativeModule {
        pub fn slot(&self, f: DefinedFuncIndex) -> *const u8 {
            core::ptr::null()
        }
    }
    pub struct StubCode;
    impl StubCode {
        pub fn address(&self) -> *const u8 {
            core::ptr::null()
        }
    }
    pub struct CodeLocation {
        pub func: FuncIndex,
        pub site: Option<Site>,
        pub module: Arc<Module>,
    }
    pub fn lookup(pc: usize) -> Option<CodeLocation> {
        None
    }
    #[derive(Clone, Copy)]
    pub struct MemoryPlan {
        pub minimum: u64,
        pub maximum: Option<u64>,
        pub shared: bool,
        pub prefer: AccessMode,
    }
    pub struct LinearMemory;
    #[derive(Debug)]
    pub struct MemoryError;
    impl std::fmt::Display for MemoryError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("x")
        }
    }
    impl std::error::Error for MemoryError {}
    impl LinearMemory {
        pub fn new(p: MemoryPlan) -> Result<Self, MemoryError> {
            Err(MemoryError)
        }
        pub fn base(&self) -> *mut u8 {
            core::ptr::null_mut()
        }
        pub fn byte_size(&self) -> usize {
            0
        }
        pub fn access_mode(&self) -> AccessMode {
            AccessMode::Guarded
        }
        pub fn grow(&mut self, delta: usize) -> Result<usize, MemoryError> {
            Err(MemoryError)
        }
        pub fn range(&self) -> MemoryRange {
            MemoryRange { start: 0, end: 0 }
        }
    }
    pub struct TrapInfo {
        pub code: TrapCode,
        pub frames: Vec<usize>,
        pub fault_address: usize,
    }
    pub unsafe fn invoke(
        store: *mut StoreContext,
        wrapper: EntryWrapper,
        code: *const u8,
        vmctx: *mut VmContext,
        values: *mut ValRaw,
        max_stack: usize,
    ) -> Result<(), Box<TrapInfo>> {
        Ok(())
    }
    pub unsafe fn raise(store: *mut StoreContext, code: TrapCode) {}
    pub unsafe fn current_backtrace(store: *const StoreContext) -> Vec<usize> {
        Vec::new()
    }
}
pub mod compiler {
    use super::codemanager::*;
    use super::decoder::*;
    use engine_machine::*;
    use std::sync::Arc;
    #[derive(Clone, Debug)]
    pub struct CompilerConfig {
        pub target: TargetFeatures,
        pub spectre: bool,
        pub interruptible: bool,
        pub canonicalize_nans: bool,
    }
    #[derive(Debug)]
    pub enum CompileError {
        Decode(DecodeError),
        Unsupported,
    }
    impl std::fmt::Display for CompileError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("x")
        }
    }
    impl std::error::Error for CompileError {}
    pub struct Compiler;
    impl Compiler {
        pub fn new(c: CompilerConfig) -> Result<Arc<Compiler>, CompileError> {
            Ok(Arc::new(Compiler))
        }
        pub fn compile(
            &self,
            decoded: &DecodedModule,
            mode: AccessMode,
        ) -> Result<Arc<NativeModule>, CompileError> {
            Err(CompileError::Unsupported)
        }
        pub fn entry_wrapper(&self, ty: &FuncType) -> Result<Arc<StubCode>, CompileError> {
            Ok(Arc::new(StubCode))
        }
        pub fn import_wrapper(&self, ty: &FuncType) -> Result<Arc<StubCode>, CompileError> {
            Ok(Arc::new(StubCode))
        }
        pub fn runtime_entries(&self) -> *const *const u8 {
            core::ptr::null()
        }
    }
}
