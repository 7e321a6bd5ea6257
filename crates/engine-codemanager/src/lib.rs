//! Code memory, jump tables, guard-page memories and trap handling: everything that deals with pages.
//!
//! * [`CodeManager`] owns regions of code memory; a [`NativeModule`] places a module's code there and gives every function one
//!   lasting address; [`StubCode`] is a piece of code of no module.
//! * [`invoke`] enters Wasm and comes back with its results or a [`TrapInfo`]; the signal handlers are installed on the
//!   way.
//! * [`lookup`](lookup()) and [`symbolize`] turn code addresses into functions and byte offsets.
//! * [`FileBytes`] are the contents of a file.
//! * [`LinearMemory`] holds a memory's bytes, [`DataImage`] initial contents that instances map copy on write.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("engine-codemanager supports Linux on x86-64 and AArch64");

mod append_list;
mod arch;
mod backtrace;
mod epochs;
mod error;
mod execmem;
mod file;
mod fork;
mod free_list;
mod grace;
mod icache;
mod image;
mod invoke;
mod jit_dump;
mod jump_table;
mod lookup;
mod manager;
mod memory;
#[cfg(all(test, feature = "model"))]
mod models;
mod module_cell;
mod native_module;
mod os;
mod perf_map;
mod profiling;
mod region;
mod signals;
#[cfg(target_arch = "aarch64")]
mod signals_aarch64;
#[cfg(target_arch = "x86_64")]
mod signals_x64;
mod sync;
mod thread;
mod traps;

pub use backtrace::{MAX_BACKTRACE, current_backtrace, symbolize};
pub use error::{CodeError, MemoryError, OsError, Refusal};
pub use execmem::Strategy;
pub use file::FileBytes;
pub use image::DataImage;
pub use invoke::{HOST_STACK_RESERVE, TrapInfo, invoke};
pub use lookup::{CodeLocation, lookup};
pub use manager::{CodeConfig, CodeManager, CodeMemory, StubCode};
pub use memory::{LinearMemory, MAX_MEMORY_BYTES, MemoryPlan};
pub use native_module::{NativeModule, WithoutCode};
pub use profiling::ProfilingStrategy;
pub use signals::trap_handlers_in_place;
pub use thread::init_thread;
pub use traps::{raise, record_host_failure};
