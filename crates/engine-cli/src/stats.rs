//! What compiling a module takes: time against validation alone, memory, and a digest of the code.

use crate::options::{EngineOptions, Mode, PassOptions, Tier};
use bytes::Bytes;
use engine_compiler::{CompileError, Passes};
use engine_decoder::{DecodedModule, Features};
use engine_instance::{CompilationMode, Engine, Error, Module, Result, StreamingCompiler};
use engine_machine::{AccessMode, CodeBatch, CodeFlags, TargetFeatures};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use wasmparser::{FuncValidatorAllocations, Parser, ValidPayload, Validator};

/// What compiling a module took.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Bytes of the module.
    pub bytes: usize,
    /// Bytes of its code section.
    pub code_section_bytes: usize,
    /// Functions that it defines.
    pub functions: u32,
    /// Time that wasmparser needs to validate the same bytes on one thread, allocations reused.
    pub validate: Duration,
    /// Time from bytes to published code, validation included.
    pub compile: Duration,
    /// CPU time of all threads meanwhile.
    pub compile_cpu: Duration,
    /// Bytes of machine code.
    pub machine_code_bytes: usize,
    /// Largest proportional set size while compiling, less what stood before.
    pub peak_bytes: u64,
    /// SHA-256 of the machine code before relocation, function by function.
    pub code_sha256: String,
}

impl Stats {
    /// As one JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        json!({
            "bytes": self.bytes,
            "code_section_bytes": self.code_section_bytes,
            "functions": self.functions,
            "validate_ms": milliseconds(self.validate),
            "compile_ms": milliseconds(self.compile),
            "compile_cpu_ms": milliseconds(self.compile_cpu),
            "machine_code_bytes": self.machine_code_bytes,
            "peak_bytes": self.peak_bytes,
            "code_sha256": self.code_sha256,
        })
    }
}

/// Bytes in which a module is delivered in streaming mode.
const CHUNK: usize = 64 << 10;

/// Measures a module, compiled eagerly, in the background or while it arrives. Times are the least of `repeat` runs, which alternate between validation and compilation; memory is
/// measured once before, as nothing is warm then.
///
/// # Errors
/// If the module does not compile.
pub fn measure(bytes: &[u8], options: &EngineOptions, passes: &PassOptions, repeat: u32) -> Result<Stats> {
    // One thread, like validation, unless more are asked for.
    let mut config = options.config();
    passes.apply(&mut config);
    config.compile_tasks(options.compile_tasks.unwrap_or(1)).compilation_mode(CompilationMode::Eager);
    let engine = Engine::new(&config)?;
    let bytes = Bytes::copy_from_slice(bytes);
    let compile = || match options.mode {
        Some(Mode::Streaming) => {
            let mut compiler = StreamingCompiler::new(&engine);
            compiler.expect_size(bytes.len());
            bytes.chunks(CHUNK).try_for_each(|chunk| compiler.push(chunk))?;
            compiler.finish()
        }
        Some(Mode::Async) => Module::compile_async(&engine, bytes.clone()).wait(),
        _ => Module::from_bytes(&engine, bytes.clone()),
    };

    let (module, peak_bytes) = with_peak_memory(compile)?;
    let decoded = module.decoded().clone();
    drop(module);
    let batch = compile_batch(&decoded, options.tier(), passes.passes(), &code_flags(options)?)?;
    let (machine_code_bytes, code_sha256) = digest(&batch);
    drop(batch);

    let mut validator = Validation::new();
    let (mut best_validate, mut best_compile, mut best_cpu) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..repeat.max(1) {
        let start = Instant::now();
        validator.run(&bytes)?;
        best_validate = best_validate.min(start.elapsed());

        let (start, cpu) = (Instant::now(), cpu_time());
        let module = compile()?;
        best_compile = best_compile.min(start.elapsed());
        best_cpu = best_cpu.min(cpu_time().saturating_sub(cpu));
        drop(module);
    }
    Ok(Stats {
        bytes: bytes.len(),
        code_section_bytes: decoded.module.code_section.len(),
        functions: decoded.module.num_defined_functions(),
        validate: best_validate,
        compile: best_compile,
        compile_cpu: best_cpu,
        machine_code_bytes,
        peak_bytes,
        code_sha256,
    })
}

/// CPU time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The flags under which the engine compiles with these options.
fn code_flags(options: &EngineOptions) -> Result<CodeFlags> {
    use crate::options::{Cpu, MemoryMode};
    let mut target =
        TargetFeatures::detect().ok_or_else(|| Error::msg("this CPU architecture is not supported"))?;
    if options.cpu == Cpu::Floor {
        target = TargetFeatures::floor(target.arch);
    }
    let memory_access = match options.memory_mode {
        MemoryMode::Guarded => AccessMode::Guarded,
        MemoryMode::Checked => AccessMode::Checked,
    };
    Ok(CodeFlags {
        target,
        memory_access,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        tier_up_budget: 0,
    })
}

/// Compiles every function that a module defines, in order, without placing the code anywhere.
///
/// # Errors
/// That of the first function that does not compile.
pub fn compile_batch(
    decoded: &DecodedModule,
    tier: Tier,
    passes: Passes,
    flags: &CodeFlags,
) -> Result<CodeBatch> {
    engine_compiler::compile_all(decoded, &*tier.tiering().first(passes), *flags).map_err(|error| match error
    {
        // A decoding error stands for itself, so that callers find it by its own type.
        CompileError::Decode(error) => Error::new(error),
        other => Error::new(other),
    })
}

/// Bytes of a batch's code, and its digest. Padding between functions does not count.
fn digest(batch: &CodeBatch) -> (usize, String) {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    for function in &batch.functions {
        let code = batch.code_of(function);
        bytes += code.len();
        hash.update(function.func.0.to_le_bytes());
        hash.update((code.len() as u64).to_le_bytes());
        hash.update(code);
    }
    (bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Validation alone, with the allocations of the last run.
struct Validation {
    allocations: Option<FuncValidatorAllocations>,
}

impl Validation {
    fn new() -> Validation {
        Validation { allocations: Some(FuncValidatorAllocations::default()) }
    }

    fn run(&mut self, bytes: &[u8]) -> Result<()> {
        let mut validator = Validator::new_with_features(Features::default().to_wasmparser());
        for payload in Parser::new(0).parse_all(bytes) {
            if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
                let mut function = function.into_validator(self.allocations.take().unwrap_or_default());
                function.validate(&body)?;
                self.allocations = Some(function.into_allocations());
            }
        }
        Ok(())
    }
}

/// How often memory is looked at.
const SAMPLING: Duration = Duration::from_millis(1);

/// Does some work and watches this process's memory meanwhile: the largest proportional set size less that before. The result
/// of the work still exists when memory is looked at for the last time.
fn with_peak_memory<R>(work: impl FnOnce() -> Result<R>) -> Result<(R, u64)> {
    let before = proportional_set_size()?;
    let done = &AtomicBool::new(false);
    let (started, watching) = mpsc::channel();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            // The other side waits for this; it cannot have gone.
            let _ = started.send(());
            let mut peak = 0;
            while !done.load(Ordering::Acquire) {
                peak = peak.max(proportional_set_size().unwrap_or(0));
                std::thread::sleep(SAMPLING);
            }
            peak
        });
        let _ = watching.recv();
        let result = work();
        let last = proportional_set_size();
        done.store(true, Ordering::Release);
        let peak = watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((result?, peak.max(last?).saturating_sub(before)))
    })
}

/// Memory of this process, in bytes, in which a page that is mapped twice counts once.
fn proportional_set_size() -> Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| Error::msg("/proc/self/smaps_rollup names no Pss"))
}
