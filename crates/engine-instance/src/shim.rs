//! Temporary stand-ins.
#![allow(missing_docs, unsafe_code, dead_code, unused_variables, clippy::all)]
pub mod compiler {
    use engine_codemanager::*;
    use engine_decoder::*;
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
            Err(CompileError::Unsupported)
        }
        pub fn import_wrapper(&self, ty: &FuncType) -> Result<Arc<StubCode>, CompileError> {
            Err(CompileError::Unsupported)
        }
        pub fn runtime_entries(&self) -> *const *const u8 {
            core::ptr::null()
        }
    }
}
