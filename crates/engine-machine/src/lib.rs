//! The contract between compiled code and runtime, and the macro-assemblers both tiers emit through.
//!
//! Nothing in this crate maps memory or knows a value at run time.

pub mod abi;
mod compiled;
mod entries;
mod reg;
mod target;
mod trap;
mod vmctx;

pub use compiled::*;
pub use entries::RuntimeEntry;
pub use reg::{Reg, RegSet};
pub use target::*;
pub use trap::TrapCode;
pub use vmctx::*;
