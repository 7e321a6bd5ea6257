//! Tiers: whoever compiles functions registers here.

use crate::CompileError;
use engine_baseline::{BaselineCompiler, ModuleEnv};
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex};
use engine_machine::CodeBatch;

/// A compiler for functions. Registered once for an engine; used by all its threads.
pub trait Tier: Send + Sync {
    /// Its name, for messages and figures.
    fn name(&self) -> &'static str;
    /// A compiler for some functions of a module, for the use of one thread. Its memory is reused from function to function.
    fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a>;
}

/// Compiles functions of one module into a batch, on one thread.
pub trait FunctionCompiler<'a> {
    /// Validates and compiles a function, and adds it to the batch.
    ///
    /// # Errors
    /// When the body is invalid, or the tier does not compile such a function. The batch is then as before.
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
    ) -> Result<(), CompileError>;
    /// The functions compiled so far.
    fn batch(&mut self) -> &CodeBatch;
    /// Takes the functions compiled so far and goes on with `replacement`, whose allocations are reused.
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch;
}

/// The single-pass compiler as a tier.
#[derive(Clone, Copy, Debug)]
pub struct Baseline;

impl Tier for Baseline {
    fn name(&self) -> &'static str {
        "baseline"
    }
    fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        Box::new(BaselineCompiler::new(env))
    }
}

impl<'a> FunctionCompiler<'a> for BaselineCompiler<'a> {
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
    ) -> Result<(), CompileError> {
        Ok(BaselineCompiler::compile(self, decoded, func, body)?)
    }
    fn batch(&mut self) -> &CodeBatch {
        BaselineCompiler::batch(self)
    }
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        BaselineCompiler::take_batch(self, replacement)
    }
}
