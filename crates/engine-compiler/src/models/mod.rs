//! The module compiler under a model checker, which runs a model again and again and decides at every lock, wait, flag and yield which thread goes on.
//! `cargo xtask models` runs them.
//!
//! Small models run under every schedule with few preemptions ([`exhaustive`]), larger ones under many random schedules ([`random`]). A failure prints the
//! schedule, with which `shuttle::replay` repeats it. Threads see each other's writes in the order in which they were made: what weaker memory orders allow is
//! the matter of the code manager's models, where there are such accesses.
//!
//! The code under test is all of this crate. Tiers are models ([`Model`]) that compile nothing, unless a model needs code; publishing code is
//! one step, as nothing in the code manager is a place to switch threads.

mod abort;
mod bounded;
mod events;
mod failure;
mod job;
mod lazy;
mod workers;

use crate::events::CompilationEvent;
use crate::lazy::Start;
use crate::state::{CompilationState, CompileMode, Level};
use crate::sync::thread;
use crate::tier::{FunctionCompiler, Tier, Tiering};
use crate::{CompileError, CompilerConfig, FuncName};
use bounded::Bounded;
use engine_baseline::ModuleEnv;
use engine_codemanager::{CodeConfig, CodeManager, NativeModule, WithoutCode};
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex};
use engine_machine::{AccessMode, CodeBatch, Entry, TargetFeatures};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use std::sync::{Arc, Mutex, OnceLock};

/// Preemptions that random schedules with few of them have (Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs",
/// 2010).
const DEPTH: usize = 3;

fn check(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = shuttle::Config::new();
    // The baseline compiler's frames, in a debug build.
    config.stack_size = 256 << 10;
    config.silence_warnings = true;
    shuttle::Runner::new(scheduler, config).run(model)
}

/// Runs a model under every schedule with at most so many preemptions. The model waits for nothing by looking again and again, as one of its
/// schedules does nothing else.
fn exhaustive(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let schedules = check(Bounded::new(preemptions), model);
    println!("all {schedules} schedules with at most {preemptions} preemptions");
}

/// Runs a model under random schedules, and as many random ones with few preemptions. `MODEL_SEED` repeats a run.
fn random(schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let given = std::env::var("MODEL_SEED").ok().map(|seed| seed.parse().expect("MODEL_SEED is a number"));
    let seed = given.unwrap_or_else(|| time.map_or(0, |time| time.as_nanos() as u64));
    println!("MODEL_SEED={seed}");
    let model = Arc::new(model);
    let again = Arc::clone(&model);
    check(RandomScheduler::new_from_seed(seed, schedules), move || again());
    check(PctScheduler::new_from_seed(seed, DEPTH, schedules), move || model());
}

/// A module of `functions` functions, each of which is a piece of its own.
fn pieces(functions: usize) -> DecodedModule {
    static MODULES: [OnceLock<DecodedModule>; 16] = [const { OnceLock::new() }; 16];
    let make = || {
        let body = "nop ".repeat(crate::queue::PIECE_BYTES);
        decode(&format!("(module {})", format!("(func {body})").repeat(functions)))
    };
    MODULES[functions].get_or_init(make).clone()
}

fn decode(text: &str) -> DecodedModule {
    DecodedModule::decode(wat::parse_str(text).expect("well formed"), Default::default()).expect("decodes")
}

fn config(compile_tasks: usize) -> CompilerConfig {
    static TARGET: OnceLock<TargetFeatures> = OnceLock::new();
    let target = *TARGET.get_or_init(|| TargetFeatures::detect().expect("a supported CPU"));
    CompilerConfig {
        target,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        tiering: Tiering::Off(engine_machine::Tier::Baseline),
        tier_up_budget: 1,
        passes: crate::Passes::ALL,
        compile_tasks,
    }
}

/// Code memory of all models.
fn manager() -> &'static Arc<CodeManager> {
    static MANAGER: OnceLock<Arc<CodeManager>> = OnceLock::new();
    MANAGER.get_or_init(|| CodeManager::new(CodeConfig::default()).expect("code memory"))
}

/// A compilation by a model tier.
fn state(decoded: &DecodedModule, mode: CompileMode, tier: &Arc<Model>) -> Arc<CompilationState> {
    let tiers = [Level::Baseline, Level::Top].map(|level| Arc::new(At(level, Arc::clone(tier))) as _);
    with_tiers(decoded, mode, tiers)
}

fn with_tiers(
    decoded: &DecodedModule,
    mode: CompileMode,
    tiers: [Arc<dyn Tier>; 2],
) -> Arc<CompilationState> {
    let flags = config(0).flags(AccessMode::Guarded);
    let module = || Arc::clone(&decoded.module);
    let native = NativeModule::new(manager(), module(), flags, 0, WithoutCode::Stop).expect("code memory");
    let env = ModuleEnv::new(module(), flags);
    Arc::new(CompilationState::new(decoded.clone(), env, native, tiers, mode, Start::Eager))
}

/// Compiles nothing, takes a while for it, and remembers what it did.
#[derive(Default)]
struct Model {
    /// Functions that it refuses.
    refused: Vec<u32>,
    /// Begun, in order.
    begun: Mutex<Vec<(Level, u32)>>,
    /// Finished or refused.
    ended: Mutex<usize>,
}

impl Model {
    fn refusing(functions: &[u32]) -> Arc<Model> {
        Arc::new(Model { refused: functions.to_vec(), ..Model::default() })
    }
    fn begun(&self) -> Vec<(Level, u32)> {
        self.begun.lock().unwrap().clone()
    }
    fn ended(&self) -> usize {
        *self.ended.lock().unwrap()
    }
}

/// A model as one of the tiers.
struct At(Level, Arc<Model>);

impl Tier for At {
    fn name(&self) -> &'static str {
        "model"
    }
    fn functions<'a>(&self, _: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        Box::new(Compiling { level: self.0, model: Arc::clone(&self.1), empty: CodeBatch::default() })
    }
}

struct Compiling {
    level: Level,
    model: Arc<Model>,
    empty: CodeBatch,
}

impl<'a> FunctionCompiler<'a> for Compiling {
    fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        _: Entry,
    ) -> Result<(), CompileError> {
        self.model.begun.lock().unwrap().push((self.level, func.0));
        thread::yield_now();
        *self.model.ended.lock().unwrap() += 1;
        if !self.model.refused.contains(&func.0) {
            return Ok(());
        }
        let (func, name) = (decoded.module.func_index(func), FuncName::default());
        Err(CompileError::Unsupported { func, name, reason: "the model refuses it", offset: body.offset })
    }
    fn batch(&mut self) -> &CodeBatch {
        &self.empty
    }
    fn take_batch(&mut self, _: CodeBatch) -> CodeBatch {
        CodeBatch::default()
    }
}

/// What callbacks heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<CompilationEvent>>>);

impl Heard {
    fn get(&self) -> Vec<CompilationEvent> {
        self.0.lock().unwrap().clone()
    }
    /// A callback that takes a while.
    fn callback(&self) -> impl Fn(CompilationEvent) + Send + Sync + 'static {
        let heard = Arc::clone(&self.0);
        move |event| {
            thread::yield_now();
            heard.lock().unwrap().push(event);
        }
    }
}
