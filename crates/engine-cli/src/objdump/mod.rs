//! `engine objdump`: machine code beside the WebAssembly operators that it was made for.
//!
//! [`dump`] is what golden tests of machine code print, too: code is shown with labels instead of addresses, so that a change
//! in one place is a difference in one place.

mod aarch64;
mod listing;
mod tables;
mod x64;

use crate::input;
use crate::lines::say;
use crate::options::{Cpu, EngineOptions, MemoryMode, PassOptions, Tier, parse_pass};
use crate::stats::compile_batch;
use clap::{Args, ValueEnum};
use engine_compiler::{Optimized, Tier as _};
use engine_decoder::{DecodedModule, DefinedFuncIndex, Features, FuncIndex};
use engine_instance::{Context as _, Result};
use engine_machine::{AccessMode, Arch, CodeBatch, CodeFlags, Entry, ModuleEnv, TargetFeatures};
use engine_optimizer::{OptimizingCompiler, Pass, Passes};
pub use listing::{Line, Listing};
use std::path::PathBuf;

/// For which CPU code is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TargetArch {
    /// x86-64.
    #[value(name = "x86_64", alias = "x64")]
    X64,
    /// AArch64.
    #[value(name = "aarch64")]
    Aarch64,
}

impl From<TargetArch> for Arch {
    fn from(arch: TargetArch) -> Arch {
        match arch {
            TargetArch::X64 => Arch::X64,
            TargetArch::Aarch64 => Arch::Aarch64,
        }
    }
}

/// Arguments of `engine objdump`.
#[derive(Clone, Debug, Args)]
pub struct ObjdumpArgs {
    #[command(flatten)]
    engine: EngineOptions,
    /// For which CPU; this machine's if left out. Another machine's code is made for its least CPU
    #[arg(long, value_name = "ARCH")]
    arch: Option<TargetArch>,
    /// Show the graph after this pass of the optimiser instead of code
    #[arg(long, value_name = "PASS", value_parser = parse_pass)]
    pass: Option<Pass>,
    #[command(flatten)]
    passes: PassOptions,
    /// With `--tier optimized`, show the code with which baseline code is left at the loop whose operator is at this offset of the function's body
    #[arg(long = "loop", value_name = "OFFSET")]
    loop_offset: Option<u32>,
    /// Show code whose loops look whether they are to stop, as `engine run --timeout` makes it
    #[arg(long)]
    interruptible: bool,
    /// Only this function: an index or a name
    #[arg(long, value_name = "N|NAME")]
    func: Option<String>,
    /// A module, binary or text (`-` for standard input)
    file: PathBuf,
}

/// How code is made that is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct DumpOptions {
    /// Which compiler makes it.
    pub tier: Tier,
    /// How it is made.
    pub flags: CodeFlags,
    /// Passes of the optimising compiler.
    pub passes: Passes,
    /// Where optimised code is entered.
    pub entry: Entry,
}

impl DumpOptions {
    /// Code for the least CPU of an architecture, with guarded memories and without masking: what golden tests show
    /// unless they say otherwise.
    pub fn floor(arch: Arch) -> DumpOptions {
        DumpOptions {
            tier: Tier::Baseline,
            passes: Passes::ALL,
            entry: Entry::Function,
            flags: CodeFlags {
                target: TargetFeatures::floor(arch),
                memory_access: AccessMode::Guarded,
                spectre: true,
                interruptible: true,
                canonicalize_nans: false,
                tier_up_budget: 0,
            },
        }
    }
}

/// Compiles a module and shows the code of its functions, or of one of them.
///
/// # Errors
/// If the module does not compile, or `only` is no function that it defines.
pub fn dump(bytes: &[u8], options: &DumpOptions, only: Option<&str>) -> Result<Vec<Listing>> {
    let decoded = DecodedModule::decode(bytes.to_vec(), Features::default())?;
    let only = only.map(|name| find_function(&decoded, name)).transpose()?;
    // Tiers of which there are several begin with functions of the first.
    let batch = match (options.tier, options.entry) {
        (Tier::Optimized, entry @ Entry::Loop { .. }) => {
            compile_loops(&decoded, options.passes, options.flags, entry)
        }
        _ => compile_batch(&decoded, options.tier, options.passes, &options.flags)?,
    };
    let operators = listing::Operators::new(bytes)?;
    let functions = batch.functions.iter().filter(|function| only.is_none_or(|only| function.func == only));
    Ok(functions
        .map(|function| Listing::new(&decoded, &batch, function, &options.flags, &operators))
        .collect())
}

/// Compiles the functions of a module that have the loop in which `entry` is.
fn compile_loops(decoded: &DecodedModule, passes: Passes, flags: CodeFlags, entry: Entry) -> CodeBatch {
    let env = ModuleEnv::new(decoded.module.clone(), flags);
    let mut functions = Optimized { alone: false, passes }.functions(&env);
    for func in (0..decoded.module.num_defined_functions()).map(DefinedFuncIndex) {
        // Functions that have no such loop are declined.
        let _ = functions.compile(decoded, func, decoded.body_at(func), entry);
    }
    functions.take_batch(CodeBatch::default())
}

/// The graphs of a module's functions, or of one of them, after a pass of the optimising compiler.
///
/// # Errors
/// If the module is invalid, or `only` is no function that it defines.
pub fn graphs(bytes: &[u8], options: &DumpOptions, only: Option<&str>, pass: Pass) -> Result<String> {
    let decoded = DecodedModule::decode(bytes.to_vec(), Features::default())?;
    let only = only.map(|name| find_function(&decoded, name)).transpose()?;
    let env = ModuleEnv::new(decoded.module.clone(), options.flags);
    let mut compiler = OptimizingCompiler::new(&env);
    compiler.set_passes(options.passes);
    let mut text = String::new();
    for func in (0..decoded.module.num_defined_functions()).map(DefinedFuncIndex) {
        let index = decoded.module.func_index(func);
        if only.is_some_and(|only| only != index) {
            continue;
        }
        let graph =
            compiler.graph_after(&decoded, func, pass).unwrap_or_else(|declined| format!("{declined}\n"));
        text.push_str(&format!("function {index}:\n{graph}\n"));
    }
    Ok(text)
}

fn find_function(decoded: &DecodedModule, name: &str) -> Result<FuncIndex> {
    let module = &decoded.module;
    let defined = (0..module.num_defined_functions()).map(|i| FuncIndex(i + module.num_imported_functions));
    let by_index = name.parse().ok().map(FuncIndex);
    let mut found = defined.filter(|func| Some(*func) == by_index || module.func_name(*func) == Some(name));
    found.next().with_context(|| format!("the module defines no function {name:?}"))
}

/// Prints the listings.
pub(crate) fn run(args: &ObjdumpArgs) -> Result<()> {
    let bytes = input::load(&args.file)?;
    let host = TargetFeatures::detect();
    let arch =
        args.arch.map(Arch::from).or(Arch::host()).context("this CPU architecture is not supported")?;
    let mut options = DumpOptions::floor(arch);
    options.flags.interruptible = args.interruptible;
    options.tier = args.engine.tier();
    if let Some(wasm_offset) = args.loop_offset {
        options.entry = Entry::Loop { wasm_offset };
    }
    options.passes = args.passes.passes();
    if let (Cpu::Native, Some(features)) = (args.engine.cpu, host)
        && features.arch == arch
    {
        options.flags.target = features;
    }
    if args.engine.memory_mode == MemoryMode::Checked {
        options.flags.memory_access = AccessMode::Checked;
    }
    if let Some(pass) = args.pass {
        let text = graphs(&bytes, &options, args.func.as_deref(), pass)
            .with_context(|| input::display_name(&args.file))?;
        return crate::lines::say_all(format_args!("{text}"));
    }
    let listings =
        dump(&bytes, &options, args.func.as_deref()).with_context(|| input::display_name(&args.file))?;
    listings.iter().try_for_each(|listing| say!("{}", listing.with_offsets()))
}
