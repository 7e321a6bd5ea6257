//! Ending, signalling and yielding.

use crate::ctx::WasiCtx;
use crate::errno::Errno;

/// The error with which a host function ends the guest that called `proc_exit`.
///
/// It is no failure of the guest: an embedder finds it behind the error of the call into the guest and takes its code
/// as the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exited with status {0}")]
pub struct ExitStatus(pub u32);

impl ExitStatus {
    /// The code the guest gave.
    pub fn code(self) -> u32 {
        self.0
    }
}

/// What happens when a signal is raised that nothing handles, as preview 1 lists it.
enum Action {
    Ignore,
    Terminate,
    Stop,
}

fn action(signal: u32) -> Result<Action, Errno> {
    match signal {
        // none, pipe, chld, cont (of a process that is running), urg, winch
        0 | 13 | 16 | 17 | 22 | 27 => Ok(Action::Ignore),
        // stop, tstp, ttin, ttou
        18..=21 => Ok(Action::Stop),
        1..=30 => Ok(Action::Terminate),
        _ => Err(Errno::Inval),
    }
}

impl WasiCtx {
    /// `proc_exit`: makes the error that ends the guest.
    pub fn proc_exit(&mut self, code: u32) -> ExitStatus {
        ExitStatus(code)
    }

    /// `proc_raise`: does what the signal does by default, to the guest alone.
    ///
    /// A signal that terminates gives `Ok(Some(status))` with the status that shells use, 128 and the host's number of
    /// the signal. One that stops is [`Errno::Notsup`]: nothing could continue the guest.
    pub fn proc_raise(&mut self, signal: u32) -> Result<Option<ExitStatus>, Errno> {
        match action(signal)? {
            Action::Ignore => Ok(None),
            Action::Stop => Err(Errno::Notsup),
            // Linux has a signal number 16 that WASI lacks.
            Action::Terminate => Ok(Some(ExitStatus(128 + signal + u32::from(signal >= 16)))),
        }
    }

    /// `sched_yield`: lets another thread of the host run.
    pub fn sched_yield(&mut self) -> Result<(), Errno> {
        rustix::thread::sched_yield();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WasiCtxBuilder;

    #[test]
    fn exit_keeps_the_code() {
        let mut ctx = WasiCtxBuilder::new().build();
        assert_eq!(ctx.proc_exit(u32::MAX).code(), u32::MAX);
        assert_eq!(ExitStatus(3).to_string(), "exited with status 3");
    }

    #[test]
    fn signals_do_what_they_do_by_default() {
        let mut ctx = WasiCtxBuilder::new().build();
        assert_eq!(ctx.proc_raise(0), Ok(None));
        assert_eq!(ctx.proc_raise(6), Ok(Some(ExitStatus(134))));
        assert_eq!(ctx.proc_raise(30), Ok(Some(ExitStatus(128 + 31))));
        assert_eq!(ctx.proc_raise(16), Ok(None));
        assert_eq!(ctx.proc_raise(18), Err(Errno::Notsup));
        assert_eq!(ctx.proc_raise(31), Err(Errno::Inval));
    }

    #[test]
    fn yielding_succeeds() {
        assert_eq!(WasiCtxBuilder::new().build().sched_yield(), Ok(()));
    }
}
