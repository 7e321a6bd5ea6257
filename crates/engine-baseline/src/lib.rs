//! The single-pass compiler: one pass over each body, validated and compiled together.
//!
//! ```text
//!  visitor.rs    each operator from the validator to the generator
//!  lookahead.rs  what a body does with its locals and loops, from a scan of its bytes
//!  function.rs   a function from prologue to side tables
//!  numeric.rs compare.rs memory.rs call.rs control.rs   the operators
//!  hot.rs        counting, and asking for better code
//!  moves.rs      parallel moves
//!  generator.rs  registers, slots, operands, locals
//!  value.rs      operands
//! ```
//!
//! Code depends on nothing but the sections before the code section, the body, and the [`CodeFlags`]: the same on every
//! thread, in every order.
#![forbid(unsafe_code)]

mod call;
mod compare;
mod control;
mod function;
mod generator;
mod hot;
mod lookahead;
mod memory;
mod moves;
mod numeric;
mod value;
mod visitor;

pub use engine_machine::ModuleEnv;

use engine_decoder::{
    Body, DecodeError, DecodedModule, DefinedFuncIndex, Features, FuncIndex, QuickValidator,
};
use engine_machine::{Aarch64, Arch, CodeBatch, CodeFlags, X64};
use generator::Generator;
use wasmparser::FuncValidatorAllocations;

/// Why a function was not compiled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompileError {
    /// The body is malformed or invalid, or needs a feature that is off.
    #[error(transparent)]
    Invalid(#[from] DecodeError),
    /// The body is valid, but beyond what this compiler does.
    #[error("Compiling function #{func} failed: {reason} @+{offset}")]
    Refused {
        /// The function.
        func: FuncIndex,
        /// Why.
        reason: &'static str,
        /// Offset of the body in the module.
        offset: u64,
    },
}

/// Compiles functions of one module into a batch. One per thread; all allocations are reused from function to function.
pub struct BaselineCompiler<'a> {
    generator: AnyGenerator<'a>,
    validators: Validators,
}

/// The validators' memory.
#[derive(Default)]
pub(crate) struct Validators {
    pub quick: QuickValidator,
    pub slow: FuncValidatorAllocations,
}

enum AnyGenerator<'a> {
    X64(Box<Generator<'a, X64>>),
    Aarch64(Box<Generator<'a, Aarch64>>),
}

macro_rules! each {
    ($any:expr, $generator:ident => $result:expr) => {
        match $any {
            AnyGenerator::X64($generator) => $result,
            AnyGenerator::Aarch64($generator) => $result,
        }
    };
}

impl<'a> BaselineCompiler<'a> {
    /// A compiler for the functions of a module.
    pub fn new(env: &'a ModuleEnv) -> BaselineCompiler<'a> {
        let generator = match env.flags.target.arch {
            Arch::X64 => AnyGenerator::X64(Box::new(Generator::new(env))),
            Arch::Aarch64 => AnyGenerator::Aarch64(Box::new(Generator::new(env))),
        };
        BaselineCompiler { generator, validators: Validators::default() }
    }

    /// Validates and compiles a function, and adds it to the batch. After an error the batch is as before. Of `decoded`, only what stands
    /// before the code section is looked at.
    pub fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
    ) -> Result<(), CompileError> {
        each!(&mut self.generator, generator => {
            if !generator.compile(decoded, func, body, false, &mut self.validators)? {
                let reached = generator.compile(decoded, func, body, true, &mut self.validators)?;
                debug_assert!(reached, "far branches reach, or the function is refused");
            }
        });
        Ok(())
    }

    /// The proposals beyond WebAssembly 1.0 that the bodies so far use ([`QuickValidator::used`]).
    pub fn features_used(&self) -> Features {
        self.validators.quick.used()
    }

    /// The functions compiled so far.
    pub fn batch(&mut self) -> &CodeBatch {
        use engine_machine::masm::Masm;
        each!(&mut self.generator, generator => generator.masm.emitter().batch())
    }

    /// Takes the functions compiled so far and goes on with `replacement`, whose allocations are reused.
    pub fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        use engine_machine::masm::Masm;
        each!(&mut self.generator, generator => generator.masm.emitter().take_batch(replacement))
    }

    /// Exchanges the batch for another, to which functions are added from now on.
    pub fn exchange_batch(&mut self, batch: &mut CodeBatch) {
        use engine_machine::masm::Masm;
        each!(&mut self.generator, generator => generator.masm.emitter().exchange_batch(batch))
    }
}

/// Compiles all functions of a module on this thread, in order: for tools and tests. `flags` decide the code.
pub fn compile_all(decoded: &DecodedModule, flags: CodeFlags) -> Result<CodeBatch, CompileError> {
    let env = ModuleEnv::new(decoded.module.clone(), flags);
    let mut compiler = BaselineCompiler::new(&env);
    for func in 0..decoded.module.num_defined_functions() {
        let func = DefinedFuncIndex(func);
        compiler.compile(decoded, func, decoded.body_at(func))?;
    }
    Ok(compiler.take_batch(CodeBatch::default()))
}
