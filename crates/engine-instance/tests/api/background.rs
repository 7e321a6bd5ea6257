//! Modules compiled in the background, on threads of the engine's and of the embedder's, and while they arrive.

use engine_instance::*;
use std::future::Future;
use std::io::{Cursor, Read};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes the thread that waits in [`block_on`].
struct Unpark(std::thread::Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Release);
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let unpark = Arc::new(Unpark(std::thread::current(), AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&unpark));
    let mut future = pin!(future);
    loop {
        while !unpark.1.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
    }
}

fn engine(compile_tasks: usize) -> Engine {
    Engine::new(Config::new().compile_tasks(compile_tasks)).unwrap()
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A module of many functions, the last of which is exported and calls the one before.
fn large() -> Vec<u8> {
    let filler = "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))".repeat(3000);
    wasm(&format!(r#"(module {filler} (func (export "f") (result i32) (call 2999 (i32.const 14))))"#))
}

fn answer(module: &Module) -> i32 {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    instance.get_typed_func::<(), i32>(&mut store, "f").unwrap().call(&mut store, ()).unwrap()
}

#[test]
fn a_job_is_a_future_and_can_be_waited_for() {
    let bytes = large();
    for tasks in [0, 1, 4] {
        let engine = engine(tasks);
        let job = Module::compile_async(&engine, bytes.clone());
        assert_eq!(answer(&block_on(job).unwrap()), 42);
        let job = Module::compile_async(&engine, bytes.clone());
        assert_eq!(answer(&job.wait().unwrap()), 42);
    }
}

#[test]
fn errors_are_those_of_the_synchronous_call() {
    for text in ["(module (func i32.add))", "(module (func) (func (result i32)))"] {
        for bytes in [wasm(text), wasm(text)[..20].to_vec()] {
            let expected = Module::new(&engine(0), &bytes).unwrap_err();
            let expected = expected.downcast_ref::<DecodeError>().expect("a decoding error");
            for tasks in [0, 4] {
                let engine = engine(tasks);
                let error = block_on(Module::compile_async(&engine, bytes.clone())).unwrap_err();
                assert_eq!(error.downcast_ref::<DecodeError>(), Some(expected));
                let error = Module::from_reader(&engine, &bytes[..]).unwrap_err();
                assert_eq!(error.downcast_ref::<DecodeError>(), Some(expected));
            }
        }
    }
}

#[test]
fn events_reach_early_and_late_callbacks() {
    use CompilationEvent::*;
    for (bytes, expected) in [
        (large(), vec![FinishedBaseline, FinishedTopTier]),
        (wasm("(module (func i32.add))"), vec![Failed]),
        (b"nothing".to_vec(), vec![Failed]),
    ] {
        for tasks in [0, 4] {
            // Where functions are optimised one by one there is no end of it.
            let mut config = Config::new();
            config.tiering(Tiering::Off(engine_machine::Tier::Baseline)).compile_tasks(tasks);
            let job = Module::compile_async(&Engine::new(&config).unwrap(), bytes.clone());
            let (sender, events) = mpsc::channel();
            job.on_event(move |event| sender.send(event).unwrap());
            let result = job.wait();
            assert_eq!(result.is_ok(), expected != [Failed]);
            // Another thread may still be telling of the compilation. A module that is gone is not compiled any further.
            assert_eq!(events.iter().take(expected.len()).collect::<Vec<_>>(), expected);
            drop(result);
        }
    }
}

#[test]
fn cancelled_jobs_end_at_any_moment() {
    let bytes = large();
    let engine = engine(4);
    for i in 0..200 {
        let job = Module::compile_async(&engine, bytes.clone());
        for _ in 0..i * 50 {
            std::hint::spin_loop();
        }
        if i % 2 == 0 { job.abort() } else { drop(job) }
    }
    assert_eq!(answer(&Module::new(&engine, &bytes).unwrap()), 42);
}

#[test]
fn a_lazy_job_compiles_nothing() {
    let mut config = Config::new();
    config.compilation_mode(CompilationMode::Lazy);
    for validation in [LazyValidation::AtLoad, LazyValidation::AtFirstCall] {
        let engine = Engine::new(config.lazy_validation(validation)).unwrap();
        let module = block_on(Module::compile_async(&engine, large())).unwrap();
        assert_eq!(module.lazy_stats().functions, 0);
        assert_eq!(answer(&module), 42);
        assert_eq!(module.lazy_stats().functions, 2);
    }
}

/// Runs jobs on one thread, in order, and counts them.
struct Pool {
    jobs: Mutex<mpsc::Sender<Box<dyn FnOnce() + Send>>>,
    count: AtomicUsize,
}

impl Pool {
    fn start() -> Arc<Pool> {
        let (sender, jobs) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        std::thread::spawn(move || jobs.iter().for_each(|job| job()));
        Arc::new(Pool { jobs: Mutex::new(sender), count: AtomicUsize::new(0) })
    }
}

impl Executor for Pool {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let _ = self.jobs.lock().unwrap().send(job);
    }
}

#[test]
fn jobs_run_on_the_embedders_executor_in_small_pieces() {
    let pool = Pool::start();
    let engine = Engine::new(Config::new().compile_tasks(2).executor(pool.clone())).unwrap();
    let module = block_on(Module::compile_async(&engine, large())).unwrap();
    assert_eq!(answer(&module), 42);
    // Decoding, and at least one job for 3,001 small functions.
    assert!(pool.count.load(Ordering::Relaxed) >= 2);
}

#[test]
fn an_executor_that_loses_its_jobs_hinders_no_thread_that_waits() {
    struct Loses;
    impl Executor for Loses {
        fn execute(&self, _: Box<dyn FnOnce() + Send>) {}
    }
    let engine = Engine::new(Config::new().compile_tasks(4).executor(Arc::new(Loses))).unwrap();
    assert_eq!(answer(&Module::new(&engine, large()).unwrap()), 42);
    assert_eq!(answer(&Module::compile_async(&engine, large()).wait().unwrap()), 42);
    assert_eq!(answer(&Module::from_reader(&engine, &large()[..]).unwrap()), 42);
}

/// Gives its bytes in pieces, and is not ready every other time.
struct Slow(Cursor<Vec<u8>>, bool);

impl Slow {
    fn new(bytes: Vec<u8>) -> Slow {
        Slow(Cursor::new(bytes), false)
    }

    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<std::io::Result<usize>> {
        self.1 = !self.1;
        if self.1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let len = buffer.len().min(999);
        Poll::Ready(self.0.read(&mut buffer[..len]))
    }
}

impl futures_io::AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        self.poll(context, buffer)
    }
}

impl futures_core::Stream for Slow {
    type Item = std::io::Result<Bytes>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut buffer = [0; 500];
        let read = std::task::ready!(self.poll(context, &mut buffer));
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(count) => Some(Ok(Bytes::copy_from_slice(&buffer[..count]))),
            Err(error) => Some(Err(error)),
        })
    }
}

#[test]
fn modules_are_read_from_readers_and_streams() {
    for tasks in [0, 3] {
        let engine = engine(tasks);
        assert_eq!(answer(&Module::from_reader(&engine, &large()[..]).unwrap()), 42);
        assert_eq!(answer(&block_on(Module::from_async_reader(&engine, Slow::new(large()))).unwrap()), 42);
        assert_eq!(answer(&block_on(Module::from_stream(&engine, Slow::new(large()))).unwrap()), 42);
    }
}

#[test]
fn a_reader_that_fails_says_so() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    let error = Module::from_reader(&engine(0), Cursor::new(b"\0asm").chain(Fails)).unwrap_err();
    assert_eq!(format!("{error:#}"), "cannot read the module: unplugged");
}
