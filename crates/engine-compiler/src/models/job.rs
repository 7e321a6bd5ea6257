//! Modules compiled in the background, for which somebody waits, polls, listens or stops asking at any moment.

use super::*;
use crate::lazy::LazyValidation;
use crate::workers::Executor;
use crate::{CompileJob, Compiled, Compiler, StreamingCompiler};
use CompilationEvent::{Failed, FinishedBaseline, FinishedTopTier};
use bytes::Bytes;
use shuttle::future::block_on;
use shuttle::sync::mpsc;

const GOOD: &str = r#"(module (func (export "f") (result i32) i32.const 1) (func))"#;
const INVALID: &str = r#"(module (func (export "f") (result i32) i32.const 1) (func i32.add))"#;

fn bytes(text: &str) -> Bytes {
    wat::parse_str(text).expect("well formed").into()
}

/// A compiler with a worker, or without. Code memory is the same for all.
fn compiler(background: bool) -> Arc<Compiler> {
    Compiler::with_manager(config(if background { 2 } else { 1 }), Arc::clone(manager()), None)
        .expect("stubs")
}

fn job(compiler: &Arc<Compiler>, bytes: Bytes, start: Start) -> CompileJob {
    CompileJob::new(compiler, bytes, Default::default(), AccessMode::Guarded, start, None)
}

/// What comes of a job, in short.
fn outcome(result: Result<Compiled, CompileError>) -> Vec<CompilationEvent> {
    match result {
        Ok(compiled) => {
            assert_eq!(compiled.wrappers.len(), 1);
            vec![FinishedBaseline, FinishedTopTier]
        }
        Err(CompileError::Decode(_)) => vec![Failed],
        Err(error) => panic!("{error}"),
    }
}

/// A module, one that is invalid, and one that is no module, with what is told of them.
fn modules() -> [(Bytes, Vec<CompilationEvent>); 3] {
    [
        (bytes(GOOD), vec![FinishedBaseline, FinishedTopTier]),
        (bytes(INVALID), vec![Failed]),
        (Bytes::from_static(b"none"), vec![Failed]),
    ]
}

#[test]
fn whoever_waits_gets_the_result() {
    for (bytes, expected) in modules() {
        exhaustive(2, move || {
            let compiler = compiler(true);
            let job = job(&compiler, bytes.clone(), Start::Eager);
            assert_eq!(outcome(job.wait()), expected);
        });
    }
}

#[test]
fn whoever_polls_is_woken() {
    for (bytes, expected) in modules() {
        exhaustive(2, move || {
            let compiler = compiler(true);
            let job = job(&compiler, bytes.clone(), Start::Eager);
            assert_eq!(outcome(block_on(job)), expected);
        });
    }
}

#[test]
fn without_threads_polling_compiles() {
    exhaustive(0, || {
        for (bytes, expected) in modules() {
            let compiler = compiler(false);
            let job = job(&compiler, bytes, Start::Eager);
            assert_eq!(outcome(block_on(job)), expected);
        }
    });
}

#[test]
fn a_lazy_job_is_done_when_its_module_is_validated() {
    for validation in [LazyValidation::AtLoad, LazyValidation::AtFirstCall] {
        exhaustive(2, move || {
            let compiler = compiler(true);
            let job = job(&compiler, bytes(GOOD), Start::Lazy(validation));
            let compiled = block_on(job).unwrap();
            assert_eq!(compiled.state.lazy_stats().functions, 0);
            compiled.state.compile_now(DefinedFuncIndex(1)).unwrap();
        });
    }
}

#[test]
fn listeners_hear_everything_whenever_they_come() {
    for (bytes, expected) in modules() {
        exhaustive(2, move || {
            let compiler = compiler(true);
            let job = job(&compiler, bytes.clone(), Start::Eager);
            let (sender, heard) = mpsc::channel();
            job.on_event(move |event| sender.send(event).unwrap());
            let result = job.wait();
            let late = Heard::default();
            if let Ok(compiled) = &result {
                compiled.state.on_event(late.callback());
                assert_eq!(late.get(), expected);
            }
            assert_eq!(outcome(result), expected);
            // The events may still be on their way. After them, the channel ends with the module.
            assert_eq!(heard.iter().collect::<Vec<_>>(), expected);
        });
    }
}

#[test]
fn nothing_is_told_after_a_job_was_dropped() {
    for (bytes, _) in modules() {
        exhaustive(2, move || {
            let compiler = compiler(true);
            let job = job(&compiler, bytes.clone(), Start::Eager);
            let heard = Heard::default();
            job.on_event(heard.callback());
            drop(job);
            let told = heard.get();
            // The worker comes to its end.
            for _ in 0..3 {
                thread::yield_now();
            }
            drop(compiler);
            assert_eq!(heard.get(), told);
        });
    }
}

#[test]
fn a_dropped_job_leaves_nothing_behind() {
    random(300, || {
        let compiler = compiler(true);
        let ended = {
            let job = job(&compiler, bytes(GOOD), Start::Eager);
            let (sender, ended) = mpsc::channel();
            job.on_event(move |event| sender.send(event).unwrap());
            ended
        };
        drop(compiler);
        // The channel ends when nobody holds the callback any more.
        while ended.recv().is_ok() {}
    });
}

#[test]
fn a_job_may_be_dropped_where_it_is_woken() {
    // The waker of a future that was polled once drops the job on the thread that wakes.
    struct Drops(Mutex<Option<CompileJob>>, mpsc::Sender<()>);
    impl std::task::Wake for Drops {
        fn wake(self: Arc<Self>) {
            let job = self.0.lock().unwrap().take();
            drop(job);
            let _ = self.1.send(());
        }
    }
    exhaustive(2, || {
        let compiler = compiler(true);
        let mut job = job(&compiler, bytes(GOOD), Start::Eager);
        let (sender, woken) = mpsc::channel();
        let drops = Arc::new(Drops(Mutex::new(None), sender));
        let waker = std::task::Waker::from(Arc::clone(&drops));
        let mut context = std::task::Context::from_waker(&waker);
        if std::pin::Pin::new(&mut job).poll(&mut context).is_pending() {
            *drops.0.lock().unwrap() = Some(job);
            woken.recv().unwrap();
        }
    });
}

#[test]
fn jobs_of_many_threads_come_to_their_ends() {
    random(200, || {
        let compiler = compiler(true);
        let threads = [0, 1, 2].map(|i| {
            let compiler = Arc::clone(&compiler);
            thread::spawn(move || {
                let (bytes, expected) = modules()[i].clone();
                let job = job(&compiler, bytes, Start::Eager);
                match i {
                    0 => assert_eq!(outcome(block_on(job)), expected),
                    1 => assert_eq!(outcome(job.wait()), expected),
                    _ => drop(job),
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn an_executor_that_forgets_its_jobs_holds_up_nobody_who_waits() {
    struct Forgets;
    impl Executor for Forgets {
        fn execute(&self, _: Box<dyn FnOnce() + Send>) {}
    }
    exhaustive(0, || {
        let compiler =
            Compiler::with_manager(config(2), Arc::clone(manager()), Some(Arc::new(Forgets))).expect("stubs");
        for (bytes, expected) in modules() {
            assert_eq!(outcome(job(&compiler, bytes, Start::Eager).wait()), expected);
        }
    });
}

#[test]
fn a_module_that_arrives_in_chunks_is_finished_or_dropped() {
    let good = pieces(2).bytes.clone();
    // The last byte of a module of such functions is the last function's `end`.
    let invalid: Bytes = [&good[..good.len() - 2], &[0x1a, 0x0b]].concat().into();
    let modules = [(good, true), (invalid, false)];
    random(50, move || {
        let compiler = compiler(true);
        for (bytes, valid) in &modules {
            let mut streaming =
                StreamingCompiler::new(&compiler, Default::default(), AccessMode::Guarded, Start::Eager);
            let pushed = bytes.chunks(50_000).try_for_each(|chunk| streaming.push(chunk));
            assert!(*valid <= pushed.is_ok());
            assert_eq!(streaming.finish().is_ok(), *valid);
            let mut dropped =
                StreamingCompiler::new(&compiler, Default::default(), AccessMode::Guarded, Start::Eager);
            let _ = dropped.push(&bytes[..bytes.len() - 10]);
            dropped.abort();
        }
    });
}
