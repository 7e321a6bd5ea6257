//! Why a module was not compiled.

use core::fmt;
use engine_codemanager::CodeError;
use engine_decoder::{DecodeError, FuncIndex, Module};

/// Why a module was not compiled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A body is malformed or invalid, or needs a feature that is off.
    #[error(transparent)]
    Decode(DecodeError),
    /// A function is valid, but beyond what the compiler does.
    #[error("Compiling function #{func}{name} failed: {reason} @+{offset}")]
    Unsupported {
        /// The function.
        func: FuncIndex,
        /// Its name.
        name: FuncName,
        /// Why.
        reason: &'static str,
        /// Offset of its body in the module.
        offset: u64,
    },
    /// The code could not be placed in memory.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// A function's name in a message, if the module's name section had been seen when the error was met. All names are equal: whether there is
/// one depends on how the module arrived.
#[derive(Clone, Default, Debug)]
pub struct FuncName(Option<Box<str>>);

impl PartialEq for FuncName {
    fn eq(&self, _: &FuncName) -> bool {
        true
    }
}

impl Eq for FuncName {}

impl fmt::Display for FuncName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}

impl CompileError {
    /// The error with the name that the module has for the function.
    pub(crate) fn with_name(mut self, module: &Module) -> CompileError {
        match &mut self {
            CompileError::Decode(error) => error.name_function(module),
            CompileError::Unsupported { func, name, .. } => {
                name.0 = module.func_name(*func).map(Into::into);
            }
            CompileError::Code(_) => {}
        }
        self
    }
}

impl From<engine_baseline::CompileError> for CompileError {
    fn from(error: engine_baseline::CompileError) -> CompileError {
        match error {
            engine_baseline::CompileError::Refused { func, reason, offset } => {
                CompileError::Unsupported { func, name: FuncName::default(), reason, offset }
            }
            engine_baseline::CompileError::Invalid(error) => CompileError::Decode(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_function_and_offset() {
        let bytes = wat::parse_str("(module (func) (func $large))").unwrap();
        let module = engine_decoder::DecodedModule::decode(bytes, Default::default()).unwrap().module;
        let name = FuncName::default();
        let error = CompileError::Unsupported { func: FuncIndex(1), name, reason: "it is large", offset: 31 };
        assert_eq!(error.to_string(), "Compiling function #1 failed: it is large @+31");
        let named = error.clone().with_name(&module);
        assert_eq!(named.to_string(), r#"Compiling function #1 "large" failed: it is large @+31"#);
        assert_eq!(named, error);
    }
}
