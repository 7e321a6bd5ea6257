//! Tiers: whoever compiles functions registers here.

use crate::{CompileError, CompileMode, FuncName};
use engine_baseline::{BaselineCompiler, ModuleEnv};
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{CodeBatch, CodeFlags, Entry};
use engine_optimizer::{OptimizingCompiler, Passes};
use std::sync::Arc;

/// A compiler for functions. Registered once for an engine; used by all its threads.
pub trait Tier: Send + Sync {
    /// Its name, for messages and figures.
    fn name(&self) -> &'static str;
    /// A compiler for some functions of a module, for the use of one thread. Its memory is reused from function to function.
    fn functions<'a>(&self, env: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a>;
}

/// Compiles functions of one module into a batch, on one thread. Code of the first tier is entered by calls only ([`Entry::Function`]).
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
        entry: Entry,
    ) -> Result<(), CompileError>;
    /// The functions compiled so far.
    fn batch(&mut self) -> &CodeBatch;
    /// Takes the functions compiled so far and goes on with `replacement`, whose allocations are reused.
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch;
    /// The proposals that the bodies so far use, if they were validated on the way.
    fn features_used(&self) -> Features {
        Features::NONE
    }
}

/// Which tiers compile a module, and when.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Tiering {
    /// One tier compiles everything.
    Off(engine_machine::Tier),
    /// The single-pass compiler compiles everything, then the optimising one does in the background.
    Eager,
    /// The single-pass compiler compiles everything, and in the background the optimising one what turns out to be hot, loops while they run.
    #[default]
    Dynamic,
}

impl Tiering {
    /// The tier of the code that functions have first.
    pub fn first_tier(self) -> engine_machine::Tier {
        match self {
            Tiering::Off(tier) => tier,
            Tiering::Eager | Tiering::Dynamic => engine_machine::Tier::Baseline,
        }
    }

    /// Whoever compiles a function first, with these passes if it is the optimising compiler.
    pub fn first(self, passes: Passes) -> Arc<dyn Tier> {
        match self {
            Tiering::Off(engine_machine::Tier::Optimized) => Arc::new(Optimized { alone: true, passes }),
            Tiering::Off(engine_machine::Tier::Baseline) | Tiering::Eager | Tiering::Dynamic => {
                Arc::new(Baseline)
            }
        }
    }

    /// How modules are compiled.
    pub(crate) fn mode(self) -> CompileMode {
        match self {
            Tiering::Off(_) => CompileMode::Regular,
            Tiering::Eager => CompileMode::Tiering,
            Tiering::Dynamic => CompileMode::Dynamic,
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
        let func = DefinedFuncIndex(func);
        functions.compile(decoded, func, decoded.body_at(func), Entry::Function)?;
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
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), CompileError> {
        debug_assert_eq!(entry, Entry::Function);
        Ok(BaselineCompiler::compile(self, decoded, func, body)?)
    }
    fn batch(&mut self) -> &CodeBatch {
        BaselineCompiler::batch(self)
    }
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        BaselineCompiler::take_batch(self, replacement)
    }
    fn features_used(&self) -> Features {
        BaselineCompiler::features_used(self)
    }
}

/// The optimising compiler as a tier.
#[derive(Clone, Copy, Debug)]
pub struct Optimized {
    /// Whether it is the only tier, so that what it declines has to be compiled by the single-pass compiler. As a second tier, it leaves that as it is.
    pub alone: bool,
    /// The passes that run.
    pub passes: Passes,
}

impl Default for Optimized {
    /// Alone, with all passes.
    fn default() -> Optimized {
        Optimized { alone: true, passes: Passes::default() }
    }
}

impl Optimized {
    /// As the second tier.
    pub(crate) fn above_another(passes: Passes) -> Optimized {
        Optimized { alone: false, passes }
    }
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
            baseline: self.alone.then(|| BaselineCompiler::new(env)),
            empty: CodeBatch::default(),
        })
    }
}

struct OptimizedOrBaseline<'a> {
    optimizing: OptimizingCompiler<'a>,
    baseline: Option<BaselineCompiler<'a>>,
    /// Of the two compilers, the optimising one has the batch, except while the other one needs it.
    empty: CodeBatch,
}

impl<'a> FunctionCompiler<'a> for OptimizedOrBaseline<'a> {
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), CompileError> {
        let Err(declined) = self.optimizing.compile(decoded, func, body, entry) else { return Ok(()) };
        let Some(baseline) = &mut self.baseline else {
            let name = FuncName::default();
            return Err(CompileError::Unsupported {
                func: declined.func,
                name,
                reason: declined.reason,
                offset: body.offset,
            });
        };
        self.optimizing.exchange_batch(&mut self.empty);
        baseline.exchange_batch(&mut self.empty);
        let result = baseline.compile(decoded, func, body);
        baseline.exchange_batch(&mut self.empty);
        self.optimizing.exchange_batch(&mut self.empty);
        Ok(result?)
    }
    fn batch(&mut self) -> &CodeBatch {
        self.optimizing.batch()
    }
    fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        self.optimizing.take_batch(replacement)
    }
    fn features_used(&self) -> Features {
        let baseline = self.baseline.as_ref().map_or(Features::NONE, BaselineCompiler::features_used);
        self.optimizing.features_used().with(baseline)
    }
}
