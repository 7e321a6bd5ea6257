//! WebAssembly module structure, streaming decoder and validation.
#![forbid(unsafe_code)]

mod index;
mod module;
mod types;

pub use index::*;
pub use module::*;
pub use types::*;
