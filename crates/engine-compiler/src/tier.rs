//! Tiers: whoever compiles functions registers here.

use crate::CompileError;
use engine_baseline::{BaselineCompiler, ModuleEnv};
use engine_decoder::{DecodedModule, DefinedFuncIndex};
use engine_machine::{CodeBatch, CodeFlags};
use engine_optimizer::{Entry, OptimizingCompiler, Passes};
use std::sync::Arc;

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
    fn compile(&mut self, decoded: &'a DecodedModule, func: DefinedFuncIndex) -> Result<(), CompileError>;
    /// The functions compiled so far.
    fn batch(&mut self) -> &CodeBatch;
    /// Takes the functions compiled so far and goes on with `replacement`, whose allocations are reused.
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch;
}

/// Which tiers compile a module, and when.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Tiering {
    /// One tier compiles everything.
    Off(engine_machine::Tier),
}

impl Default for Tiering {
    fn default() -> Tiering {
        Tiering::Off(engine_machine::Tier::Baseline)
    }
}

impl Tiering {
    /// Whoever compiles a function first.
    pub fn first(self) -> Arc<dyn Tier> {
        match self {
            Tiering::Off(engine_machine::Tier::Baseline) => Arc::new(Baseline),
            Tiering::Off(engine_machine::Tier::Optimized) => Arc::new(Optimized::default()),
        }
    }
}

/// Compiles all functions of a module on this thread, in order: for tools and tests.
///
/// # Errors
/// That of the first function that does not compile.
pub fn compile_all(
    decoded: &DecodedModule,
    tier: &dyn Tier,
    flags: CodeFlags,
) -> Result<CodeBatch, CompileError> {
    let env = ModuleEnv::new(decoded.module.clone(), flags);
    let mut functions = tier.functions(&env);
    for func in 0..decoded.module.num_defined_functions() {
        functions.compile(decoded, DefinedFuncIndex(func))?;
    }
    Ok(functions.take_batch(CodeBatch::default()))
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
    fn compile(&mut self, decoded: &'a DecodedModule, func: DefinedFuncIndex) -> Result<(), CompileError> {
        Ok(BaselineCompiler::compile(self, decoded, func)?)
    }
    fn batch(&mut self) -> &CodeBatch {
        BaselineCompiler::batch(self)
    }
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        BaselineCompiler::take_batch(self, replacement)
    }
}

/// The optimising compiler as a tier. What it declines, the single-pass compiler compiles.
#[derive(Clone, Copy, Default, Debug)]
pub struct Optimized {
    /// The passes that run.
    pub passes: Passes,
}

impl Tier for Optimized {
    fn name(&self) -> &'static str {
        "optimized"
    }
    fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        let mut optimizing = OptimizingCompiler::new(env);
        optimizing.set_passes(self.passes);
        Box::new(OptimizedOrBaseline {
            optimizing,
            baseline: BaselineCompiler::new(env),
            empty: CodeBatch::default(),
        })
    }
}

struct OptimizedOrBaseline<'a> {
    optimizing: OptimizingCompiler<'a>,
    baseline: BaselineCompiler<'a>,
    /// Of the two compilers, the optimising one has the batch, except while the other one needs it.
    empty: CodeBatch,
}

impl<'a> FunctionCompiler<'a> for OptimizedOrBaseline<'a> {
    fn compile(&mut self, decoded: &'a DecodedModule, func: DefinedFuncIndex) -> Result<(), CompileError> {
        if self.optimizing.compile(decoded, func, Entry::Function).is_ok() {
            return Ok(());
        }
        self.optimizing.exchange_batch(&mut self.empty);
        self.baseline.exchange_batch(&mut self.empty);
        let result = self.baseline.compile(decoded, func);
        self.baseline.exchange_batch(&mut self.empty);
        self.optimizing.exchange_batch(&mut self.empty);
        Ok(result?)
    }
    fn batch(&mut self) -> &CodeBatch {
        self.optimizing.batch()
    }
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        self.optimizing.take_batch(replacement)
    }
}
