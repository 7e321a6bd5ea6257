//! The optimising tier: from a body through an SSA graph to machine code.
//!
//! ```text
//!  build/         the graph, from the body's operators
//!  ir.rs          the graph: blocks with parameters, pinned instructions, pure operations that float
//!  fold.rs        what a pure operation is equal to; division.rs: division by constants
//!  prune.rs       an entry into a loop becomes the only one
//!  dominators.rs schedule.rs   where pure operations go
//!  spill.rs       values over calls
//!  lir.rs lower.rs             machine operations on virtual registers
//!  regalloc.rs    registers
//!  emit.rs        machine code
//! ```
//!
//! It is never needed for correctness: whoever calls it keeps baseline code of what it declines.
#![forbid(unsafe_code)]

mod build;
mod division;
mod dominators;
mod emit;
mod fold;
mod ir;
mod lir;
mod lower;
mod prune;
mod regalloc;
mod schedule;
mod spill;

use build::Builder;
use emit::{Emit, Scratch};
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex, Features, FuncIndex, QuickValidator};
use engine_machine::masm::Masm;
use engine_machine::{Aarch64, Arch, CodeBatch, Entry, ModuleEnv, Tier, X64};
use lower::Lower;
use regalloc::Allocator;
use schedule::Schedule;
use spill::Spill;

/// A function that is not optimised: baseline code serves instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("function #{func} is not optimised: {reason}")]
pub struct Declined {
    /// The function.
    pub func: FuncIndex,
    /// Why.
    pub reason: &'static str,
}

/// Compiles functions of one module into a batch. One per thread; all allocations are reused from function to function.
pub struct OptimizingCompiler<'a> {
    inner: AnyCompiler<'a>,
}

enum AnyCompiler<'a> {
    X64(Box<Compiler<'a, X64>>),
    Aarch64(Box<Compiler<'a, Aarch64>>),
}

macro_rules! each {
    ($any:expr, $compiler:ident => $result:expr) => {
        match $any {
            AnyCompiler::X64($compiler) => $result,
            AnyCompiler::Aarch64($compiler) => $result,
        }
    };
}

impl<'a> OptimizingCompiler<'a> {
    /// A compiler for the functions of a module.
    pub fn new(env: &'a ModuleEnv) -> OptimizingCompiler<'a> {
        let inner = match env.flags.target.arch {
            Arch::X64 => AnyCompiler::X64(Box::new(Compiler::new(env))),
            Arch::Aarch64 => AnyCompiler::Aarch64(Box::new(Compiler::new(env))),
        };
        OptimizingCompiler { inner }
    }

    /// Compiles a function and adds it to the batch.
    ///
    /// # Errors
    /// If the function is invalid, too large or too complex. The batch is then as before.
    pub fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), Declined> {
        each!(&mut self.inner, compiler => compiler.compile(decoded, func, body, entry))
    }

    /// The functions compiled so far.
    pub fn batch(&mut self) -> &CodeBatch {
        each!(&mut self.inner, compiler => compiler.masm.emitter().batch())
    }

    /// Takes the functions compiled so far and goes on with `replacement`, whose allocations are reused.
    pub fn take_batch(&mut self, replacement: CodeBatch) -> CodeBatch {
        each!(&mut self.inner, compiler => compiler.masm.emitter().take_batch(replacement))
    }

    /// The proposals beyond WebAssembly 1.0 that the bodies so far use ([`QuickValidator::used`]).
    pub fn features_used(&self) -> Features {
        each!(&self.inner, compiler => compiler.validator.used())
    }

    /// Exchanges the batch for another, to which functions are added from now on.
    pub fn exchange_batch(&mut self, batch: &mut CodeBatch) {
        each!(&mut self.inner, compiler => compiler.masm.emitter().exchange_batch(batch))
    }
}

struct Compiler<'a, M> {
    env: &'a ModuleEnv,
    masm: M,
    validator: QuickValidator,
    builder: Builder<'a>,
    schedule: Schedule,
    spill: Spill,
    lower: Lower<'a>,
    allocator: Allocator,
    scratch: Scratch,
}

/// Bytes of a body beyond which a function is declined.
const MAX_BODY: usize = 1 << 20;

impl<'a, M: Masm> Compiler<'a, M> {
    fn new(env: &'a ModuleEnv) -> Compiler<'a, M> {
        Compiler {
            env,
            masm: M::new(&env.flags),
            validator: QuickValidator::default(),
            builder: Builder::new(env),
            schedule: Schedule::default(),
            spill: Spill::default(),
            lower: Lower::new::<M>(env),
            allocator: Allocator::new::<M>(),
            scratch: Scratch::default(),
        }
    }

    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), Declined> {
        let index = self.env.module.func_index(func);
        let declined = |reason| Declined { func: index, reason };
        self.optimize(decoded, func, body.bytes, entry).map_err(declined)?;
        let output = self.allocator.run(&self.lower.code).map_err(declined)?;
        for far in [false, true] {
            self.masm.set_far_branches(far);
            self.masm.emitter().begin_function();
            self.masm.emitter().set_entry(entry);
            let mut emit = Emit {
                env: self.env,
                masm: &mut self.masm,
                code: &self.lower.code,
                output,
                scratch: &mut self.scratch,
                func: index,
                foreign_slots: self.builder.foreign_slots,
                spilled_slots: self.spill.num_slots,
                enter_loop: entry != Entry::Function,
            };
            let frame_size = emit.run();
            if self.masm.emitter().end_function(index, Tier::Optimized, frame_size).is_some() {
                return Ok(());
            }
        }
        Err(declined("its code is too large for the CPU's branches"))
    }

    /// Everything up to the low-level form.
    fn optimize(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: &'a [u8],
        entry: Entry,
    ) -> Result<(), &'static str> {
        let index = self.env.module.func_index(func);
        if body.len() > MAX_BODY {
            return Err("its body is too large");
        }
        self.builder.begin(index, entry, body.len());
        if self.validator.walk(decoded, func, body, &mut self.builder).is_err() {
            return Err(match self.builder.refused {
                Some(reason) => reason,
                None if self.builder.fuel == 0 => "it takes too long to optimise",
                None => "it uses what the quick validator does not know",
            });
        }
        self.builder.finish()?;
        let graph = &mut self.builder.graph;
        self.schedule.run(graph)?;
        self.spill.run(graph, &mut self.schedule);
        self.lower.run::<M>(graph, &self.schedule, index);
        Ok(())
    }
}
