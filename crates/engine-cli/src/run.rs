//! `engine run`: runs a WASI command, or one exported function.

use crate::lines::{say, tell};
use crate::options::{EngineOptions, Mode, PassOptions, Perf, Tier, parse_bytes, parse_duration};
use crate::progress::Progress;
use crate::run_stats::{RunFormat, RunStats, Times};
use crate::trace_compilation::UnitFilter;
use crate::{arrival, input, invoke};
use clap::Args;
use engine_instance::{
    Context as _, Engine, Error, Instance, InterruptHandle, Linker, Module, Result, Store, StoreLimits,
    StoreLimitsBuilder, default_cache_dir,
};
use engine_wasi::{Perms, WasiCtx, WasiCtxBuilder};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a guest that has been interrupted may stay in a host call before the process ends without it.
const GRACE: Duration = Duration::from_secs(1);
/// Stack for the host beside that of the guest.
const HOST_STACK: usize = 1 << 20;
/// Up to this much stack the main thread has.
const MAIN_STACK: usize = 4 << 20;

/// Arguments of `engine run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    passes: PassOptions,
    /// A directory that the guest may use, and the path under which it sees it
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,
    /// An environment variable for the guest; without a value, the host's own
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Call this export with ARGS and print its results, instead of running the command
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Largest size of each memory, as 65536, 64k or 512M
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_memory: Option<usize>,
    /// Largest size of each table
    #[arg(long, value_name = "N")]
    max_table_elements: Option<usize>,
    /// Native stack that the guest may use
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_stack: Option<usize>,
    /// Stop the guest after this long, as 5s or 100ms
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Keep compiled code for the next time, in DIR or else in ~/.cache/engine; not with --disable-pass
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    cache: Option<Option<PathBuf>>,
    /// Most bytes that the cache may have, as 512M or 2G (default: 1G)
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, requires = "cache")]
    cache_limit: Option<usize>,
    /// Write a line to standard error for each function that is compiled, or only for those that FILTER picks: an index, a range FIRST-LAST, or a
    /// part of the name
    #[arg(long, value_name = "FILTER", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = UnitFilter::parse)]
    pub(crate) trace_compilation: Option<UnitFilter>,
    /// Write a line to standard error for each function or loop that turns out to be hot: when it is queued, when its optimised code is in place or it is
    /// declined, and when a frame goes on in a loop's optimised code. Only for those that FILTER picks, as above
    #[arg(long, value_name = "FILTER", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = UnitFilter::parse)]
    pub(crate) trace_tier_up: Option<UnitFilter>,
    /// Print to standard error what the run took
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    stats: Option<RunFormat>,
    /// Tell Linux `perf` the names of compiled functions: in a map that `perf report` reads, or in a dump for `perf inject --jit`
    #[arg(long, value_name = "FORM")]
    perf: Option<Perf>,
    /// The module (`-` for standard input; binary, text, or compiled by `engine compile -o`), then the guest's arguments
    #[arg(value_names = ["FILE", "ARGS"], required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// The host's data in the store.
struct Host {
    wasi: WasiCtx,
    limits: StoreLimits,
}

/// Runs the guest. Traps and the guest's own exit come back as errors.
///
/// # Errors
/// If the module cannot be read, compiled or linked, or if the guest traps or exits.
pub fn run(args: &RunArgs) -> Result<()> {
    match args.max_stack {
        Some(bytes) if bytes > MAIN_STACK => {
            let stack = bytes.checked_add(HOST_STACK).context("--max-stack is too large")?;
            let args = args.clone();
            let thread = std::thread::Builder::new().stack_size(stack).spawn(move || run_here(&args));
            let thread = thread.context(format_args!("cannot have a stack of {bytes} bytes"))?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }
        _ => run_here(args),
    }
}

fn run_here(args: &RunArgs) -> Result<()> {
    let (file, guest_args) = args.command.split_first().context("no FILE")?;
    let file = PathBuf::from(file);

    // Programs use a part of their code, most of them a small one.
    let options = EngineOptions {
        tier: args.engine.tier.or(Some(Tier::Dynamic)),
        mode: args.engine.mode.or(Some(Mode::Lazy)),
        ..args.engine
    };
    let mut config = options.config();
    args.passes.apply(&mut config);
    // Nobody interrupts a program that may take all the time it wants.
    config.interruptible(args.timeout.is_some());
    if let Some(bytes) = args.max_stack {
        config.max_wasm_stack(bytes);
    }
    if let Some(dir) = &args.cache {
        let default =
            || default_cache_dir().context("there is no HOME for a cache to be in: give --cache=DIR");
        config.cache(dir.clone().map_or_else(default, Ok)?);
    }
    if let Some(bytes) = args.cache_limit {
        config.cache_limit(bytes as u64);
    }
    if let Some(form) = args.perf {
        config.profiler(form.strategy());
    }
    let engine = Engine::new(&config)?;
    let mut times = Times::default();
    let progress = Progress::watch(&engine);
    let module = timed(&mut times.load, || load(&engine, &options, args.cache.is_some(), &file))?;
    drop(progress);

    let host = Host { wasi: wasi(args, &file, guest_args)?, limits: limits(args) };
    let mut store = Store::new(&engine, host);
    store.limiter(|host| &mut host.limits);
    let mut linker = Linker::new(&engine);
    engine_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;

    let watchdog = args.timeout.map(|timeout| Watchdog::start(store.interrupt_handle(), timeout));
    let result = timed(&mut times.instantiate, || linker.instantiate(&mut store, &module));
    let result = result.and_then(|instance| {
        let run = || start(&mut store, &module, instance, args.invoke.as_deref(), guest_args);
        timed(&mut times.run, run)
    });
    drop(watchdog);
    if let Some(format) = args.stats {
        // Also after a trap or the guest's own exit.
        RunStats::new(times, engine.metrics()).print(format);
    }
    result.with_context(|| input::display_name(&file))
}

/// Does something and notes how long it took.
fn timed<R>(time: &mut Duration, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    *time = start.elapsed();
    result
}

#[allow(unsafe_code)]
fn load(engine: &Engine, options: &EngineOptions, cached: bool, file: &Path) -> Result<Module> {
    if !input::is_compiled(file)? {
        // Only what is there as a whole can be looked for in the cache.
        if cached && file == Path::new("-") {
            return Module::from_bytes(engine, input::load(file)?).with_context(|| input::display_name(file));
        }
        return arrival::from_file(engine, options, file);
    }
    // SAFETY: whoever runs a compiled module trusts it as any program, and leaves it alone while it runs.
    unsafe { Module::deserialize_file(engine, file) }.with_context(|| input::display_name(file))
}

fn start(
    store: &mut Store<Host>,
    module: &Module,
    instance: Instance,
    invoke: Option<&str>,
    args: &[OsString],
) -> Result<()> {
    let initialize = instance.get_func(&mut *store, "_initialize");
    let Some(export) = invoke else {
        let Some(start) = instance.get_func(&mut *store, "_start") else {
            return Err(Error::msg(
                "exports no `_start` function: it is not a command (call an export with --invoke)",
            ));
        };
        return start.call(&mut *store, &[], &mut []);
    };
    let function = instance.get_func(&mut *store, export).with_context(|| {
        format!("exports no function {export:?} (it exports {})", invoke::exported_functions(module))
    })?;
    if let Some(initialize) = initialize {
        initialize.call(&mut *store, &[], &mut [])?;
    }
    for result in invoke::call(&mut *store, &function, args)? {
        say!("{result}")?;
    }
    Ok(())
}

fn limits(args: &RunArgs) -> StoreLimits {
    let mut limits = StoreLimitsBuilder::new();
    if let Some(bytes) = args.max_memory {
        limits = limits.memory_size(bytes);
    }
    if let Some(elements) = args.max_table_elements {
        limits = limits.table_elements(elements);
    }
    limits.build()
}

fn wasi(args: &RunArgs, file: &Path, guest_args: &[OsString]) -> Result<WasiCtx> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio();
    let text = |value: &OsString| match value.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::msg(format_args!("the argument {value:?} is not UTF-8"))),
    };
    // A guest expects its name first.
    let name = file.file_name().unwrap_or(file.as_os_str()).to_os_string();
    wasi.arg(text(&name)?);
    for arg in guest_args {
        wasi.arg(text(arg)?);
    }
    for variable in &args.env {
        match variable.split_once('=') {
            Some((name, value)) => {
                wasi.env(name, value);
            }
            None => {
                // A variable that the host does not have, the guest does not get.
                if let Some(value) = std::env::var_os(variable) {
                    wasi.env(variable, text(&value)?);
                }
            }
        }
    }
    for dir in &args.dirs {
        let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
        wasi.preopened_dir(host, guest, Perms::ReadWrite)
            .with_context(|| format!("cannot open the directory {host}"))?;
    }
    Ok(wasi.build())
}

/// A thread that stops the guest when its time is up, unless it is dropped before.
struct Watchdog {
    /// Dropped to call the thread off.
    _finished: mpsc::Sender<()>,
}

impl Watchdog {
    fn start(handle: InterruptHandle, timeout: Duration) -> Watchdog {
        let (finished, guest) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let up = |time| guest.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout);
            if up(timeout) {
                tell!("error: the time of {timeout:?} is up");
                handle.interrupt();
                // A guest that waits in a host call, for input perhaps, does not see the interrupt.
                if up(GRACE) {
                    std::process::exit(crate::TRAP_EXIT_CODE.into());
                }
            }
        });
        Watchdog { _finished: finished }
    }
}
