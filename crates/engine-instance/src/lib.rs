//! The embedding API: engines, modules, stores, linking and instances.
//!
//! An [`Engine`] compiles [`Module`]s; a [`Store`] holds what they become at run time; a [`Linker`] finds what they
//! import; an [`Instance`] exports [functions](Func), [memories](Memory), [tables](Table) and [globals](Global).
//!
//! ```
//! use engine_instance::{Engine, Linker, Module, Store};
//!
//! let engine = Engine::default();
//! let text = r#"(module (import "host" "add" (func $add (param i32 i32) (result i32)))
//!     (func (export "double") (param i32) (result i32) (call $add (local.get 0) (local.get 0))))"#;
//! let module = Module::new(&engine, wat::parse_str(text)?)?;
//!
//! let mut linker = Linker::new(&engine);
//! linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;
//! let mut store = Store::new(&engine, ());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let double = instance.get_typed_func::<i32, i32>(&mut store, "double")?;
//! assert_eq!(double.call(&mut store, 21)?, 42);
//! # Ok::<(), engine_instance::Error>(())
//! ```
//!
//! Names and shapes follow Wasmtime's API where there is no reason to differ. Guest input never panics; using an object
//! with a store it does not belong to does, since that is a mistake in the host.

mod compile_job;
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
mod serialize;
mod store;
mod streaming;
mod table;
mod trap;
mod typed;
mod val;

pub use compile_job::CompileJob;
pub use config::{CompilationMode, Config};
pub use engine::Engine;
pub use engine_codemanager::{CodeMemory, ProfilingStrategy};
pub use engine_compiler::artifact::ArtifactError;
pub use engine_compiler::cache::CacheStats;
pub use engine_compiler::{
    CompilationEvent, Executor, Histogram, LazyStats, LazyValidation, Metrics, Pass, TierMetrics, TierStats,
    Tiering,
};
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
pub use serialize::{default_cache_dir, is_serialized};
pub use store::{
    AsContext, AsContextMut, InterruptHandle, ResourceLimiter, Store, StoreContext, StoreContextMut,
    StoreLimits, StoreLimitsBuilder,
};
pub use streaming::{StreamItem, StreamingCompiler};
pub use table::Table;
pub use trap::{FrameInfo, Trap, WasmBacktrace};
pub use typed::{WasmParams, WasmResults, WasmRet, WasmTy, WasmTyList};
pub use val::{Ref, Val};

pub use bytes::Bytes;
pub use engine_compiler::CompileError;
pub use engine_decoder::{
    DecodeError, DecodedModule, ExternType, Features, FuncIndex, FuncType, GlobalType, HeapType, MemoryType,
    RefType, TableType, ValType,
};
pub use engine_machine::{Arch, TargetFeatures, Tier, TrapCode};
