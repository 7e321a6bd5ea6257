//! WebAssembly module structure, streaming decoder and validation.
//!
//! Bytes become a [`DecodedModule`], all at once ([`DecodedModule::decode`]) or as they arrive ([`ModuleDecoder`]): the
//! same code, so the same module or the same [`DecodeError`], the one with the lowest offset. The structure is validated
//! while it is decoded; function bodies are validated on their own, in any order, on any thread.
#![forbid(unsafe_code)]

mod body_features;
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
mod quick;
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
pub use quick::{BodyVisitor, QuickValidator, Undecided};
pub use registry::TypeRegistry;
pub use types::*;
pub use validate::{Body, BodyValidator};
/// Memory to be reused from one function's validation to the next.
pub use wasmparser::FuncValidatorAllocations;
