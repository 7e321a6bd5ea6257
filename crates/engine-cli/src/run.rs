//! `engine run`: runs a WASI command, or one exported function.

use crate::options::{EngineOptions, Mode, parse_bytes, parse_duration};
use crate::{input, invoke};
use clap::Args;
use engine_instance::{
    Context as _, Engine, Error, InterruptHandle, Linker, Module, Result, Store, StoreLimits,
    StoreLimitsBuilder,
};
use engine_wasi::{Perms, WasiCtx, WasiCtxBuilder};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

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
    /// The module (`-` for standard input; binary or text), then the guest's arguments
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
    let name = input::display_name(&file);

    // Programs use a part of their code, most of them a small one.
    let engine = EngineOptions { mode: args.engine.mode.or(Some(Mode::Lazy)), ..args.engine };
    let mut config = engine.config();
    // Nobody interrupts a program that may take all the time it wants.
    config.interruptible(args.timeout.is_some());
    if let Some(bytes) = args.max_stack {
        config.max_wasm_stack(bytes);
    }
    let engine = Engine::new(&config)?;
    let bytes = input::load(&file)?;
    let module = Module::new(&engine, bytes).with_context(|| name.clone())?;

    let host = Host { wasi: wasi(args, &file, guest_args)?, limits: limits(args) };
    let mut store = Store::new(&engine, host);
    store.limiter(|host| &mut host.limits);
    let mut linker = Linker::new(&engine);
    engine_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;

    let watchdog = args.timeout.map(|timeout| Watchdog::start(store.interrupt_handle(), timeout));
    let result = start(&mut store, &linker, &module, args.invoke.as_deref(), guest_args);
    drop(watchdog);
    result.with_context(|| name)
}

fn start(
    store: &mut Store<Host>,
    linker: &Linker<Host>,
    module: &Module,
    invoke: Option<&str>,
    args: &[OsString],
) -> Result<()> {
    let instance = linker.instantiate(&mut *store, module)?;
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
        println!("{result}");
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
                eprintln!("error: the time of {timeout:?} is up");
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
