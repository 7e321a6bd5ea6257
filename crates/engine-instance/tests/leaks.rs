//! Compilations and modules that are dropped at any moment leave nothing behind. Alone in its process, whose resources it counts.

use engine_instance::*;
use std::hint::spin_loop;

const ROUNDS: usize = 10_000;
/// Most workers of each of the two engines.
const TASKS: usize = 4;

/// A xorshift generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

/// What the process has of things that could leak.
#[derive(Clone, Copy, Debug)]
struct Resources {
    /// Proportional set size, in KiB.
    memory: usize,
    mappings: usize,
    threads: usize,
    files: usize,
}

impl Resources {
    fn now() -> Resources {
        let read = |path| std::fs::read_to_string(path).expect("the kernel tells of this process");
        let entries = |path| std::fs::read_dir(path).expect("the kernel tells of this process").count();
        #[allow(unsafe_code)]
        // SAFETY: plain library call. What is counted must not be the allocator's own free memory.
        unsafe {
            libc::malloc_trim(0)
        };
        let rollup = read("/proc/self/smaps_rollup");
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line with it");
        Resources {
            memory: pss.trim().trim_end_matches("kB").trim().parse().expect("a number"),
            mappings: read("/proc/self/maps").lines().count(),
            threads: entries("/proc/self/task"),
            files: entries("/proc/self/fd"),
        }
    }

    /// Whether there is no more than before, but for what an allocator and the kernel keep: much less than a byte for each mapping, and 200 bytes of
    /// memory, for each round.
    fn flat_since(&self, before: &Resources) -> bool {
        self.memory <= before.memory + 2048
            && self.mappings <= before.mappings + 40
            && self.threads <= before.threads
            && self.files <= before.files
    }
}

/// Begins to compile a module in one of the ways, and drops it at some moment.
fn begin_and_drop(engine: &Engine, bytes: &Bytes, random: &mut Random) {
    match random.below(5) {
        0 => {
            let job = Module::compile_async(engine, bytes.clone());
            (0..random.below(20_000)).for_each(|_| spin_loop());
            drop(job);
        }
        1 => {
            let job = Module::compile_async(engine, bytes.clone());
            job.on_event(|_| {});
            drop(job.wait().expect("a valid module"));
        }
        2 => {
            let mut streaming = StreamingCompiler::new(engine);
            let end = random.below(bytes.len());
            for chunk in bytes[..end].chunks(1 + random.below(bytes.len())) {
                streaming.push(chunk).expect("a valid prefix");
            }
            drop(streaming);
        }
        3 => {
            let mut streaming = StreamingCompiler::new(engine);
            // Invalid from some byte on, mostly.
            let mut damaged = bytes.to_vec();
            damaged[random.below(bytes.len())] ^= 1 << random.below(8);
            for chunk in damaged.chunks(1 + random.below(bytes.len())) {
                if streaming.push(chunk).is_err() {
                    break;
                }
            }
            drop(streaming.finish());
        }
        _ => {
            let module = Module::new(engine, bytes).expect("a valid module");
            if random.below(2) == 0 {
                let mut store = Store::new(engine, ());
                let instance = Instance::new(&mut store, &module, &[]).expect("instantiation");
                drop(module);
                let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("the export");
                assert_eq!(run.call(&mut store, 2).expect("no trap"), 6);
            }
        }
    }
}

#[test]
#[cfg_attr(target_arch = "aarch64", ignore = "emulators have memory of their own")]
fn ten_thousand_compilations_dropped_at_any_moment_leave_nothing_behind() {
    let function = "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))";
    let text = format!(r#"(module {} (export "run" (func 0)))"#, function.repeat(400));
    let bytes = Bytes::from(wat::parse_str(text).expect("text format"));
    let mut config = Config::new();
    config.compile_tasks(TASKS);
    let eager = Engine::new(&config).expect("an engine");
    let lazy = Engine::new(config.compilation_mode(CompilationMode::Lazy)).expect("an engine");
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut rounds = |count| {
        for _ in 0..count {
            let engine = if random.below(2) == 0 { &eager } else { &lazy };
            begin_and_drop(engine, &bytes, &mut random);
        }
    };
    // Until the allocator has its pools.
    rounds(ROUNDS / 10);
    let mut before = Resources::now();
    let mut after = before;
    // Workers are started when they are wanted, which the last of them may be late. What they bring stays: then it is measured again.
    for _ in 0..=2 * TASKS {
        rounds(ROUNDS);
        // Workers may be about to let go of the last ones.
        for _ in 0..1_000 {
            after = Resources::now();
            if after.flat_since(&before) {
                break;
            }
            std::thread::yield_now();
        }
        if after.threads <= before.threads {
            break;
        }
        before = after;
    }
    println!("{before:?}\n{after:?}");
    assert!(after.flat_since(&before), "{before:?} became {after:?}");
}
