//! A progress bar while a module is compiled.

use engine_instance::{Engine, Metrics};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a module may take until there is a bar.
const DELAY: Duration = Duration::from_millis(500);
/// How often it moves.
const INTERVAL: Duration = Duration::from_millis(50);

/// A bar on standard error that shows how far compilation has come, if it takes long and standard error is a terminal. It goes when this is dropped.
#[must_use = "dropping it ends it"]
pub(crate) struct Progress {
    stop: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Watches what an engine compiles from now on.
    pub fn watch(engine: &Engine) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { stop: None };
        }
        let engine = engine.clone();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().spawn(move || {
            let goes_on = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if goes_on(DELAY) {
                show(&engine, || goes_on(INTERVAL));
            }
        });
        // Without a thread there is no bar.
        Progress { stop: thread.ok().map(|thread| (stop, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.stop.take() {
            drop(stop);
            // What comes next on the terminal comes after the bar is gone.
            let _ = thread.join();
        }
    }
}

fn show(engine: &Engine, goes_on: impl Fn() -> bool) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("compiling [{bar:40}] {bytes} of {total_bytes}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let mut state = State::default();
    loop {
        state.update(&engine.metrics());
        bar.set_length(state.total);
        bar.set_position(state.done);
        if !goes_on() {
            break;
        }
    }
    bar.finish_and_clear();
}

/// How far compilation has come, in bytes of function bodies.
#[derive(Default, PartialEq, Eq, Debug)]
struct State {
    done: u64,
    total: u64,
}

impl State {
    fn update(&mut self, metrics: &Metrics) {
        self.done = metrics.wasm_bytes();
        // What a thread has taken is neither waiting nor done: the sum may shrink for a while.
        self.total = self.total.max(self.done + metrics.queued_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_instance::Module;

    #[test]
    fn a_compiled_module_is_the_whole_bar() {
        let engine = Engine::default();
        let text = "(module (func (drop (i32.const 1))) (func))";
        let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let bodies = &module.decoded().module.bodies;
        let mut state = State::default();
        state.update(&engine.metrics());
        let bytes = bodies.iter().map(|body| body.len() as u64).sum();
        assert_eq!(state, State { done: bytes, total: bytes });
    }

    #[test]
    fn the_end_never_comes_nearer() {
        let mut state = State { done: 10, total: 100 };
        state.update(&Metrics::default());
        assert_eq!(state, State { done: 0, total: 100 });
    }
}
