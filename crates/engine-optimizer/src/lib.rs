//! The optimising tier: from a body through an SSA graph to machine code.
//!
//! ```text
//!  build/         the graph, from the body's operators
//!  ir.rs          the graph: blocks with parameters, pinned instructions, pure operations that float
//!  fold.rs        what a pure operation is equal to; division.rs: division by constants
//!  params.rs      parameters of blocks that are another value
//!  thread.rs      branches whose outcome is known on some ways to them
//!  unroll.rs      several turns of small loops; copy.rs: copies of blocks; repair.rs: values with several definitions
//!  ranges.rs      indices that cannot be out of bounds
//!  memory.rs      loads of what is known, checks of what was checked
//!  passes.rs      which passes there are; dump.rs: the graph as text; verify.rs: what every pass may rely on
//!  dead_sets.rs   assignments to globals that nobody can see
//!  prune.rs       an entry into a loop becomes the only one
//!  dominators.rs schedule.rs arms.rs   where pure operations go
//!  spill.rs       values over calls; slots.rs: parameters of loops that live in the frame
//!  lir.rs lower.rs lower/      machine operations on virtual registers
//!  pressure.rs    how many values live at once; regalloc.rs: registers
//!  rotate.rs      the order of blocks; emit.rs: machine code
//! ```
//!
//! It is never needed for correctness: whoever calls it keeps baseline code of what it declines.
#![forbid(unsafe_code)]

mod arms;
mod build;
mod by_value;
mod copy;
mod dead_sets;
mod division;
mod dominators;
mod dump;
mod emit;
mod fold;
mod ir;
mod lir;
mod lower;
mod memory;
mod pairs;
mod params;
mod passes;
mod pressure;
mod prune;
mod ranges;
mod regalloc;
mod repair;
mod rotate;
mod schedule;
mod slots;
mod spill;
mod thread;
mod unroll;
mod verify;

pub use passes::{Pass, Passes, UnknownPass};
pub use verify::{verifies, verify_always};

use build::Builder;
use emit::{Emit, Scratch};
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex, Features, FuncIndex, QuickValidator};
use engine_machine::masm::Masm;
use engine_machine::{Aarch64, AccessMode, Arch, CodeBatch, Entry, ModuleEnv, Tier, X64};
use lower::Lower;
use memory::Memory;
use params::Params;
use regalloc::Allocator;
use rotate::Rotate;
use schedule::Schedule;
use spill::Spill;
use thread::Thread;
use unroll::Unroll;

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

    /// Runs only these passes from now on.
    pub fn set_passes(&mut self, passes: Passes) {
        each!(&mut self.inner, compiler => compiler.passes = passes)
    }

    /// The graph of a function after a pass, as text for people.
    ///
    /// # Errors
    /// If the function is declined.
    pub fn graph_after(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        pass: Pass,
    ) -> Result<String, Declined> {
        each!(&mut self.inner, compiler => {
            compiler.watched = Some(pass);
            let result = compiler.graph(decoded, func);
            compiler.watched = None;
            result
        })
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
    params: Params,
    thread: Thread,
    unroll: Unroll,
    memory: Memory,
    passes: Passes,
    /// Those that run for the function being compiled.
    wanted: Passes,
    /// After which pass the graph is wanted as text, and the text.
    watched: Option<Pass>,
    text: String,
    lower: Lower<'a>,
    allocator: Allocator,
    rotate: Rotate,
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
            params: Params::default(),
            thread: Thread::default(),
            unroll: Unroll::default(),
            memory: Memory::default(),
            passes: Passes::ALL,
            wanted: Passes::ALL,
            watched: None,
            text: String::new(),
            lower: Lower::new::<M>(env),
            allocator: Allocator::new::<M>(),
            rotate: Rotate::default(),
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
        self.wanted = self.passes;
        let result = loop {
            let result = self.generate(decoded, func, body.bytes, entry);
            // What is too much with copies of loops or the bodies of others may be possible without them.
            let inlined = !self.builder.graph.inlined.is_empty();
            self.wanted = match self.wanted {
                _ if result.is_ok() => break result,
                wanted if wanted.contains(Pass::Unroll) && self.unroll.fired => wanted.without(Pass::Unroll),
                wanted if wanted.contains(Pass::Inline) && inlined => wanted.without(Pass::Inline),
                _ => break result,
            };
        };
        result.map_err(declined)
    }

    /// Compiles a function, once.
    fn generate(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: &'a [u8],
        entry: Entry,
    ) -> Result<(), &'static str> {
        let index = self.env.module.func_index(func);
        self.optimize(decoded, func, body, entry)?;
        let output = self.allocator.run(&self.lower.code)?;
        for far in [false, true] {
            self.masm.set_far_branches(far);
            self.masm.emitter().begin_function();
            self.masm.emitter().set_entry(entry);
            self.masm.emitter().set_inlined(&self.builder.graph.inlined);
            let mut emit = Emit {
                env: self.env,
                masm: &mut self.masm,
                code: &self.lower.code,
                order: &self.rotate.order,
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
        Err("its code is too large for the CPU's branches")
    }

    /// The text of the graph after the pass that is watched.
    fn graph(&mut self, decoded: &'a DecodedModule, func: DefinedFuncIndex) -> Result<String, Declined> {
        let index = self.env.module.func_index(func);
        self.text.clear();
        self.wanted = self.passes;
        let result = self.optimize(decoded, func, decoded.body(func), Entry::Function);
        result.map_err(|reason| Declined { func: index, reason })?;
        Ok(core::mem::take(&mut self.text))
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
        let wanted = self.wanted;
        self.unroll.fired = false;
        let bodies = wanted.contains(Pass::Inline).then_some(decoded);
        self.builder.begin(index, entry, body.len(), bodies);
        if self.validator.walk(decoded, func, body, &mut self.builder).is_err() {
            return Err(match self.builder.refused {
                Some(reason) => reason,
                None if self.builder.fuel == 0 => "it takes too long to optimise",
                None => "it uses what the quick validator does not know",
            });
        }
        self.builder.finish()?;
        self.after(Pass::Inline);
        if wanted.contains(Pass::Params) {
            self.params.run(&mut self.builder.graph);
        }
        self.after(Pass::Params);
        if wanted.contains(Pass::Thread) {
            match self.thread.run(&mut self.builder.graph) {
                Ok(false) => {}
                Ok(true) => self.params.run(&mut self.builder.graph),
                Err(_) => {
                    self.wanted = wanted.without(Pass::Thread);
                    return self.optimize(decoded, func, body, entry);
                }
            }
        }
        self.after(Pass::Thread);
        if wanted.contains(Pass::Unroll) {
            self.unroll.run(&mut self.builder.graph)?;
        }
        self.after(Pass::Unroll);
        if wanted.contains(Pass::Ranges) && self.env.flags.memory_access == AccessMode::Checked {
            ranges::run(&mut self.builder.graph, self.env);
        }
        self.after(Pass::Ranges);
        if wanted.contains(Pass::Memory) {
            self.memory.run(&mut self.builder.graph, self.env);
        }
        self.after(Pass::Memory);
        if wanted.contains(Pass::DeadSets) {
            dead_sets::run(&mut self.builder.graph, self.env);
        }
        self.after(Pass::DeadSets);
        self.schedule.run(&mut self.builder.graph)?;
        self.spill.clear();
        verify::check(&self.builder.graph, self.env, Some(&self.schedule), "the schedule");
        if wanted.contains(Pass::Spill) {
            self.spill.run(&mut self.builder.graph, &mut self.schedule);
        }
        self.after(Pass::Spill);
        self.lower.run::<M>(&self.builder.graph, &self.schedule, index);
        self.rotate.run(&self.lower.code, wanted.contains(Pass::Rotate));
        if self.watched == Some(Pass::Rotate) {
            self.text = self.lower.order_text(&self.builder.graph, &self.rotate.order);
        }
        Ok(())
    }

    /// After a pass: the graph is verified, and becomes text if somebody wants to see it.
    fn after(&mut self, pass: Pass) {
        let graph = &self.builder.graph;
        let schedule = (pass >= Pass::Spill).then_some(&self.schedule);
        verify::check(graph, self.env, schedule, pass.name());
        if self.watched == Some(pass) {
            self.text = graph.text(schedule);
        }
    }
}
