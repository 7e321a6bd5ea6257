//! The error type of the embedding API.

use crate::trap::{Trap, WasmBacktrace};
use core::fmt;
use std::error::Error as StdError;

/// What goes wrong in the embedding API: one boxed error of any type, with context and, if it passed through Wasm on
/// its way, the Wasm frames it passed.
///
/// Any [`std::error::Error`] turns into an `Error` with `?`; what it was is found again with
/// [`downcast_ref`](Error::downcast_ref). The engine's own causes are [`Trap`], [`LinkError`](crate::LinkError),
/// [`DecodeError`](crate::DecodeError), [`CompileError`](crate::CompileError).
///
/// `Display` prints the outermost message; `{:#}` all of them, separated by colons; `Debug` prints the causes on lines
/// of their own and the Wasm backtrace.
///
/// ```
/// use engine_instance::{Error, Result};
///
/// fn parse(text: &str) -> Result<u32> {
///     text.parse::<u32>().map_err(|error| Error::new(error).context("reading the level"))
/// }
///
/// let error = parse("x").unwrap_err();
/// assert_eq!(error.to_string(), "reading the level");
/// assert_eq!(format!("{error:#}"), "reading the level: invalid digit found in string");
/// assert!(error.is::<std::num::ParseIntError>());
/// ```
pub struct Error(Box<ErrorData>);

struct ErrorData {
    cause: Box<dyn StdError + Send + Sync>,
    /// Added messages, innermost first.
    context: Vec<Box<str>>,
    backtrace: Option<WasmBacktrace>,
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// An error that is only a message.
#[derive(Debug)]
struct Message(Box<str>);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Message {}

impl Error {
    /// Wraps an error.
    pub fn new(error: impl StdError + Send + Sync + 'static) -> Error {
        Error::from_boxed(Box::new(error))
    }

    /// Wraps an error that is boxed already.
    pub fn from_boxed(cause: Box<dyn StdError + Send + Sync>) -> Error {
        Error(Box::new(ErrorData { cause, context: Vec::new(), backtrace: None }))
    }

    /// An error that is only a message.
    pub fn msg(message: impl fmt::Display) -> Error {
        Error::new(Message(message.to_string().into()))
    }

    /// The same error with a message put in front.
    #[must_use]
    pub fn context(mut self, message: impl fmt::Display) -> Error {
        self.0.context.push(message.to_string().into());
        self
    }

    /// Whether the cause, or an error it names as its source, is an `E`.
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The cause, or an error it names as its source, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let mut error: Option<&(dyn StdError + 'static)> = Some(&*self.0.cause);
        while let Some(current) = error {
            if let Some(found) = current.downcast_ref::<E>() {
                return Some(found);
            }
            error = current.source();
        }
        None
    }

    /// Takes the cause out, if it is an `E`; gives the error back otherwise.
    pub fn downcast<E: StdError + 'static>(self) -> Result<E, Error> {
        let ErrorData { cause, context, backtrace } = *self.0;
        match cause.downcast::<E>() {
            Ok(cause) => Ok(*cause),
            Err(cause) => Err(Error(Box::new(ErrorData { cause, context, backtrace }))),
        }
    }

    /// The innermost error: the cause's last source.
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        let mut error: &(dyn StdError + 'static) = &*self.0.cause;
        while let Some(source) = error.source() {
            error = source;
        }
        error
    }

    /// The Wasm frames that the error passed through, innermost first.
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.0.backtrace.as_ref().or_else(|| self.downcast_ref::<Trap>().and_then(Trap::backtrace))
    }

    /// Notes the frames that the error passed through; the first note stays, as it goes deepest.
    pub(crate) fn set_backtrace(&mut self, backtrace: impl FnOnce() -> WasmBacktrace) {
        if self.backtrace().is_none() {
            self.0.backtrace = Some(backtrace());
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = &*self.0;
        if !f.alternate() {
            return match data.context.last() {
                Some(message) => f.write_str(message),
                None => data.cause.fmt(f),
            };
        }
        for message in data.context.iter().rev() {
            write!(f, "{message}: ")?;
        }
        write!(f, "{}", data.cause)?;
        let mut source = data.cause.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = &*self.0;
        write!(f, "{self}")?;
        let mut causes: Vec<String> = Vec::new();
        if let Some((_, inner)) = data.context.split_last() {
            causes.extend(inner.iter().rev().map(|message| message.to_string()));
            causes.push(data.cause.to_string());
        }
        let mut source = data.cause.source();
        while let Some(error) = source {
            causes.push(error.to_string());
            source = error.source();
        }
        if !causes.is_empty() {
            f.write_str("\n\nCaused by:")?;
            for (i, cause) in causes.iter().enumerate() {
                write!(f, "\n    {i}: {cause}")?;
            }
        }
        if let Some(backtrace) = self.backtrace().filter(|backtrace| !backtrace.frames().is_empty()) {
            write!(f, "\n\n{backtrace}")?;
        }
        Ok(())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Error {
        Error::new(error)
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        Box::new(Opaque(error))
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::new(Opaque(error))
    }
}

/// An [`Error`] as a [`std::error::Error`], which it cannot be itself while every error converts into it.
struct Opaque(Error);

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Opaque {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.0.cause.source()
    }
}

/// Adds context to the error of a `Result`, or an error to a `None`.
pub trait Context<T> {
    /// Puts a message in front of the error.
    fn context(self, message: impl fmt::Display) -> Result<T>;
    /// Puts a message, made only if there is an error, in front of it.
    fn with_context<D: fmt::Display>(self, message: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for core::result::Result<T, E> {
    fn context(self, message: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(message))
    }
    fn with_context<D: fmt::Display>(self, message: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(message()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, message: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::msg(message))
    }
    fn with_context<D: fmt::Display>(self, message: impl FnOnce() -> D) -> Result<T> {
        self.ok_or_else(|| Error::msg(message()))
    }
}

/// Returns early with an [`Error`] made of a formatted message.
#[macro_export]
macro_rules! bail {
    ($($arg:tt)*) => { return Err($crate::Error::msg(format_args!($($arg)*))) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_machine::TrapCode;

    #[test]
    fn causes_are_found_by_type() {
        let error = Error::from(Trap::new(TrapCode::Unreachable)).context("outer").context("outermost");
        assert_eq!(error.downcast_ref::<Trap>().map(Trap::code), Some(TrapCode::Unreachable));
        assert_eq!(format!("{error}"), "outermost");
        assert_eq!(format!("{error:#}"), "outermost: outer: unreachable");
        assert!(format!("{error:?}").contains("Caused by:\n    0: outer\n    1: unreachable"));
        assert!(!error.is::<std::io::Error>());
        let error = error.downcast::<std::io::Error>().unwrap_err();
        assert_eq!(error.downcast::<Trap>().unwrap().code(), TrapCode::Unreachable);
    }

    #[test]
    fn converts_to_a_standard_error() {
        let boxed: Box<dyn StdError + Send + Sync> = Error::msg("plain").context("more").into();
        assert_eq!(boxed.to_string(), "more");
    }
}
