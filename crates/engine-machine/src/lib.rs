//! The contract between compiled code and runtime, and the macro-assemblers both tiers emit through.
//!
//! Nothing in this crate maps memory or knows a value at run time.

mod aarch64;
pub mod abi;
mod call_targets;
mod compiled;
pub mod emitter;
mod entries;
mod env;
pub mod masm;
mod operators;
mod reg;
pub mod stubs;
mod target;
mod trap;
mod vmctx;
mod x64;

pub use aarch64::Aarch64;
pub use call_targets::CallTargets;
pub use compiled::*;
pub use entries::RuntimeEntry;
pub use env::{Kinds, ModuleEnv};
pub use reg::{Reg, RegSet};
pub use target::*;
pub use trap::TrapCode;
pub use vmctx::*;
pub use x64::X64;
