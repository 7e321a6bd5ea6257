//! Lines on standard output and standard error, whose reader may have seen enough and gone: that is no error, and stops nothing.

use engine_instance::{Error, Result};
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Writes a line to standard output.
///
/// # Errors
/// If it cannot be written, though somebody reads.
pub(crate) fn say_line(line: Arguments<'_>) -> Result<()> {
    say_all(format_args!("{line}\n"))
}

/// Writes text to standard output.
///
/// # Errors
/// As [`say_line`].
pub(crate) fn say_all(text: Arguments<'_>) -> Result<()> {
    match std::io::stdout().lock().write_fmt(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error, if it can be written.
pub(crate) fn tell_line(line: Arguments<'_>) {
    // What cannot be said there has nowhere to go. One write, so that lines of several threads do not mix.
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// [`say_line`] with a format.
macro_rules! say {
    ($($line:tt)*) => { $crate::lines::say_line(format_args!($($line)*)) };
}
/// [`tell_line`] with a format.
macro_rules! tell {
    ($($line:tt)*) => { $crate::lines::tell_line(format_args!($($line)*)) };
}
pub(crate) use {say, tell};
