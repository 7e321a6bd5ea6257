//! Register allocation, by `regalloc2`.

use crate::lir::Code;
use crate::lower::{allocatable, preg};
use crate::pressure::Pressure;
use engine_machine::masm::Masm;
use regalloc2::{Algorithm, Ctx, MachineEnv, Output, PRegSet, RegallocOptions};

/// Operations of a function beyond which a faster allocator is used, which makes slower code.
const LARGE: usize = 200_000;

/// Borders of blocks that values may cross, for each operation and for every function; beyond, it is declined. At most 16 for
/// each in functions of `esbuild.wasm`, `sqlite3.wasm`, `yosys.core.wasm` and `canvaskit.wasm` (with `engine compile --tier optimized`).
const CROSSINGS_PER_OPERATION: u64 = 64;
const CROSSINGS: u64 = 200_000;

/// The allocator; its memory is reused.
pub(crate) struct Allocator {
    env: MachineEnv,
    context: Ctx,
    pressure: Pressure,
}

impl Allocator {
    pub fn new<M: Masm>() -> Allocator {
        let mut preferred = [PRegSet::empty(); 3];
        for reg in allocatable::<M>() {
            preferred[usize::from(reg.is_fpr())].add(preg(reg));
        }
        let env = MachineEnv {
            preferred_regs_by_class: preferred,
            non_preferred_regs_by_class: [PRegSet::empty(); 3],
            scratch_by_class: [Some(preg(M::SCRATCH)), Some(preg(M::FLOAT_SCRATCH)), None],
            fixed_stack_slots: Vec::new(),
        };
        Allocator { env, context: Ctx::default(), pressure: Pressure::default() }
    }

    /// Where all values are.
    pub fn run(&mut self, code: &Code) -> Result<&Output, &'static str> {
        if self.pressure.of(code) > CROSSINGS + CROSSINGS_PER_OPERATION * code.insts.len() as u64 {
            return Err("it has too many values at once");
        }
        let algorithm = if code.insts.len() > LARGE { Algorithm::Fastalloc } else { Algorithm::Ion };
        let options = RegallocOptions { verbose_log: false, validate_ssa: cfg!(debug_assertions), algorithm };
        if let Err(error) = regalloc2::run_with_ctx(code, &self.env, &options, &mut self.context) {
            debug_assert!(false, "register allocation failed: {error:?}");
            return Err("its registers could not be allocated");
        }
        #[cfg(debug_assertions)]
        {
            let mut checker = regalloc2::checker::Checker::new(code, &self.env);
            checker.prepare(&self.context.output);
            if let Err(error) = checker.run() {
                panic!("wrong register allocation: {error:?}");
            }
        }
        Ok(&self.context.output)
    }
}
