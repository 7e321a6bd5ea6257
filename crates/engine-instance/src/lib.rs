//! The embedding API: engines, modules, stores, linking and instances.
//!
//! An [`Engine`] compiles [`Module`]s; a [`Store`] holds what they become at run time; a [`Linker`] finds what they
//! import; an [`Instance`] exports [functions](Func), [memories](Memory), [tables](Table) and [globals](Global).
//!
//! ```
//! # fn main() -> engine_instance::Result<()> {
//! use engine_instance::{Engine, Func, Store, Val};
//!
//! let engine = Engine::default();
//! let mut store = Store::new(&engine, String::from("host data"));
//! # let _ = &mut store;
//! # Ok(()) }
//! ```
//!
//! Names and shapes follow Wasmtime's API where there is no reason to differ. Guest input never panics; using an object
//! with a store it does not belong to does, since that is a mistake in the host.

mod config;
mod const_expr;
mod engine;
mod error;
mod extern_;
mod externref;
mod func;
mod global;
mod host;
mod images;
mod imports;
mod instance;
mod instantiate;
mod link_error;
mod linker;
mod memory;
mod module;
mod runtime;

mod store;
mod table;
mod trap;
mod typed;
mod val;

pub use config::Config;
pub use engine::Engine;
pub use error::{Context, Error, Result};
pub use extern_::{Export, Extern};
pub use externref::ExternRef;
pub use func::{Func, TypedFunc};
pub use global::Global;
pub use host::{Caller, IntoFunc};
pub use instance::Instance;
pub use link_error::{ImportProblem, LinkError};
pub use linker::Linker;
pub use memory::{Memory, MemoryAccessError};
pub use module::{ExportType, ImportType, Module};
pub use store::{
    AsContext, AsContextMut, InterruptHandle, ResourceLimiter, Store, StoreContext, StoreContextMut,
    StoreLimits, StoreLimitsBuilder,
};
pub use table::Table;
pub use trap::{FrameInfo, Trap, WasmBacktrace};
pub use typed::{WasmParams, WasmResults, WasmRet, WasmTy, WasmTyList};
pub use val::{Ref, Val};

pub use engine_compiler::CompileError;
pub use engine_decoder::{
    DecodeError, DecodedModule, ExternType, Features, FuncIndex, FuncType, GlobalType, HeapType, MemoryType,
    RefType, TableType, ValType,
};
pub use engine_machine::{Arch, TargetFeatures, TrapCode};
