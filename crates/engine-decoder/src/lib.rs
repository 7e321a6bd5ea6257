//! WebAssembly module structure, streaming decoder and validation.
#![forbid(unsafe_code)]

mod convert;
mod decode;
mod detect;
mod error;
mod features;
mod index;
mod limits;
mod missing;
mod module;
mod names;
mod push;
mod registry;
mod sections;
mod types;
mod validate;

pub use error::{DecodeError, Section};
pub use features::Features;
pub use index::*;
pub use limits::Limits;
pub use module::*;
pub use push::ModuleDecoder;
pub use registry::TypeRegistry;
pub use types::*;
/// Memory to be reused from one function's validation to the next.
pub use wasmparser::FuncValidatorAllocations;
