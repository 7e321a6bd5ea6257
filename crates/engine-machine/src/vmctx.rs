//! The memory layout that compiled code and runtime share, defined once.
//!
//! ```text
//!  Store ─── StoreContext ◄──── VmContext of instance A            (first word of every vmctx)
//!              │ stack_limit      │ header (fixed)
//!              │ exit_fp          │ memory definitions, or pointers to imported ones
//!              │ activation ─┐    │ table definitions, or pointers
//!                            ▼    │ imported functions {code, vmctx}
//!                  Activation     │ globals (16 bytes each), or pointers
//!                  (one per host  │ signature ids (u32 each)
//!                  → Wasm entry)  │ FuncRefs of the escaping functions
//! ```
//!
//! All targets are 64-bit little-endian, so `offset_of!` on the host is the offset on the target. `VmContext`s,
//! `StoreContext`s and `FuncRef`s never move and live as long as their store; that is what lets compiled code, tables
//! and signal handlers hold bare pointers to them.
//!
//! A callee's vmctx is not always an instance's: a host function's is a [`HostFuncContext`]. Both begin with the
//! `StoreContext` pointer, which is all that wrappers and the trap machinery rely on.

use crate::TrapCode;
use crate::call_targets::word_of;
use core::ffi::c_void;
use core::sync::atomic::AtomicUsize;
use engine_decoder::{
    DefinedFuncIndex, EscapedIndex, FuncIndex, GlobalIndex, MemoryIndex, Module, TableIndex, TypeIndex,
};

/// Declares `#[repr(C)]` structs and, for each field, an associated constant with its byte offset in capitals.
macro_rules! vm_struct {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident {
            $( $(#[$fdoc:meta])* pub $field:ident @ $offset:ident : $ty:ty, )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        #[repr(C)]
        pub struct $name {
            $( $(#[$fdoc])* pub $field: $ty, )*
        }
        impl $name {
            $(
                #[doc = concat!("Byte offset of `", stringify!($field), "`.")]
                pub const $offset: i32 = core::mem::offset_of!($name, $field) as i32;
            )*
        }
    )*};
}

vm_struct! {
    /// Fixed head of every instance's context; the module-dependent part follows (see [`VmLayout`]).
    pub struct VmContext {
        /// The store's context.
        pub store @ STORE: *mut StoreContext,
        /// Base of memory 0. Right for code compiled with [`AccessMode::Guarded`](crate::AccessMode) only, whose
        /// memories never move; checked code goes through the definition.
        pub memory0_base @ MEMORY0_BASE: *mut u8,
        /// Addresses of the runtime-entry stubs, indexed by [`RuntimeEntry`](crate::RuntimeEntry).
        pub runtime_entries @ RUNTIME_ENTRIES: *const *const u8,
        /// The runtime's own record of the instance. Compiled code does not touch it.
        pub instance @ INSTANCE: *mut c_void,
        /// Reservations in which a fault of this instance's code is a guest trap: pointers, because checked memories move.
        /// Read by the signal handler.
        pub memory_ranges @ MEMORY_RANGES: *const *const MemoryRange,
        /// Number of `memory_ranges`.
        pub memory_range_count @ MEMORY_RANGE_COUNT: usize,
    }

    /// One per store; every vmctx of the store points to it.
    pub struct StoreContext {
        /// Lowest stack pointer Wasm frames may have. `usize::MAX` is a pending interrupt: entry and exit move the
        /// limit by compare-and-swap from the value they know, so they never overwrite it. Relaxed is enough: the flag
        /// carries no data.
        pub stack_limit @ STACK_LIMIT: AtomicUsize,
        /// Frame pointer of the newest wrapper or stub frame that left Wasm for the host: where a walk of this
        /// store's newest Wasm frames starts. The frame's return address is the Wasm code that called.
        pub exit_fp @ EXIT_FP: usize,
        /// The newest entry from the host into Wasm on this store, or null.
        pub activation @ ACTIVATION: *mut Activation,
        /// Rust functions behind the runtime-entry stubs, indexed by [`RuntimeEntry`](crate::RuntimeEntry).
        pub host_entries @ HOST_ENTRIES: *const HostEntry,
        /// The runtime's own record of the store.
        pub store @ STORE: *mut c_void,
        /// What `stack_limit` is, apart from interrupts, since the store's outermost entry last moved it.
        pub entry_limit @ ENTRY_LIMIT: usize,
        /// What stopped the newest activation. Its `invoke` takes it before anything else of the store can trap, so
        /// that one record is enough, and an entry need not prepare one.
        pub trap @ TRAP: TrapRecord,
    }

    /// One entry from the host into Wasm. Lives on the entering thread's stack; the entry wrapper fills the first
    /// three words, the Rust side that calls the wrapper the rest.
    pub struct Activation {
        /// Stack pointer to restore before jumping to the landing pad.
        pub entry_sp @ ENTRY_SP: usize,
        /// Frame pointer of the entry wrapper's frame, where walks of this activation's frames end.
        pub entry_fp @ ENTRY_FP: usize,
        /// Where a trap resumes: the wrapper returns 1 from here.
        pub landing_pad @ LANDING_PAD: usize,
        /// `StoreContext::activation` before this entry.
        pub previous_in_store @ PREVIOUS_IN_STORE: *mut Activation,
        /// `StoreContext::exit_fp` before this entry, to continue walks in older activations.
        pub previous_exit_fp @ PREVIOUS_EXIT_FP: usize,
    }

    /// What the signal handler (or a failing host call) leaves for the Rust side of an entry.
    pub struct TrapRecord {
        /// Why; `None` if nothing has trapped.
        pub code @ CODE: Option<TrapCode>,
        /// Number of `frames` in use.
        pub frame_count @ FRAME_COUNT: u32,
        /// The address that faulted, for memory faults; else 0.
        pub fault_address @ FAULT_ADDRESS: usize,
        /// Code addresses, innermost first: the trapping instruction, then return addresses, of this activation only.
        pub frames @ FRAMES: [usize; MAX_TRAP_FRAMES],
    }

    /// Identity of a function as a value: what a `funcref` points to.
    pub struct FuncRef {
        /// The callee's jump-table slot (or a host function's wrapper).
        pub code @ CODE: *const u8,
        /// What the callee expects as vmctx.
        pub vmctx @ VMCTX: *mut VmContext,
        /// Canonical signature id.
        pub signature @ SIGNATURE: u32,
        /// The store's number for what entering the function takes; 0 until the host first asks. Only the runtime's.
        pub entry @ ENTRY: u32,
    }

    /// An imported function, for direct calls.
    pub struct ImportedFunction {
        /// Where to call.
        pub code @ CODE: *const u8,
        /// What to pass as vmctx.
        pub vmctx @ VMCTX: *mut VmContext,
        /// The function's identity, for `ref.func` and exports.
        pub funcref @ FUNCREF: *mut FuncRef,
    }

    /// Head of a host function's context, its vmctx. The runtime's data may follow.
    pub struct HostFuncContext {
        /// The store's context (at the same offset as in [`VmContext`]).
        pub store @ STORE: *mut StoreContext,
        /// The Rust function that the Wasm-to-host wrapper calls.
        pub call @ CALL: HostCall,
        /// The runtime's data for `call`.
        pub data @ DATA: *mut c_void,
    }

    /// A linear memory, as compiled code sees it.
    pub struct MemoryDefinition {
        /// First byte.
        pub base @ BASE: *mut u8,
        /// Current length in bytes.
        pub length @ LENGTH: usize,
    }

    /// A table, as compiled code sees it.
    pub struct TableDefinition {
        /// First element: [`TableEntry`] for function tables, a 64-bit word for others.
        pub base @ BASE: *mut u8,
        /// Current length in elements.
        pub length @ LENGTH: usize,
    }

    /// Element of a function table. All zero is null: no signature has the id 0.
    pub struct TableEntry {
        /// As in [`FuncRef`].
        pub code @ CODE: *const u8,
        /// As in [`FuncRef`].
        pub vmctx @ VMCTX: *mut VmContext,
        /// As in [`FuncRef`]; 0 for null.
        pub signature @ SIGNATURE: u32,
        /// Padding.
        pub _pad @ PAD: u32,
        /// The reference itself, or null.
        pub funcref @ FUNCREF: *mut FuncRef,
    }

    /// A reservation of address space that belongs to a linear memory, guards included.
    pub struct MemoryRange {
        /// First address.
        pub start @ START: usize,
        /// Address after the last.
        pub end @ END: usize,
    }
}

impl TrapRecord {
    /// Nothing has trapped.
    pub const EMPTY: TrapRecord =
        TrapRecord { code: None, frame_count: 0, fault_address: 0, frames: [0; MAX_TRAP_FRAMES] };
}

/// Frames that a [`TrapRecord`] can hold. The innermost are kept.
pub const MAX_TRAP_FRAMES: usize = 64;

/// Bytes of a global's cell, aligned to as much.
pub const GLOBAL_SIZE: u32 = 16;

const _: () = assert!(VmContext::STORE == 0 && HostFuncContext::STORE == 0);
const _: () = assert!(size_of::<TableEntry>() == 32);

/// Entry to a host function: its context, the calling instance's vmctx, and one [`ValRaw`] for each parameter, which the
/// function overwrites with its results. Returns 0, or 1 when it failed and left its error with the store.
pub type HostCall =
    unsafe extern "C" fn(context: *mut HostFuncContext, caller: *mut VmContext, values: *mut ValRaw) -> u64;

/// Rust function behind a runtime entry: vmctx and up to five words. A non-zero status unwinds to the host.
pub type HostEntry = unsafe extern "C" fn(*mut VmContext, u64, u64, u64, u64, u64) -> EntryResult;

/// Host-to-Wasm entry wrapper, one per signature: calls `code` with `vmctx` and the parameters in `values`, stores the
/// results there. Returns 0, or 1 after a trap (then `values` is unspecified).
pub type EntryWrapper = unsafe extern "C" fn(
    activation: *mut Activation,
    code: *const u8,
    vmctx: *mut VmContext,
    values: *mut ValRaw,
) -> u64;

/// What a runtime entry returns, in two registers.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct EntryResult {
    /// The entry's result.
    pub value: u64,
    /// 0 if it succeeded; else the entry has left the error in the store's activation.
    pub status: u64,
}

impl EntryResult {
    /// Success.
    pub const fn ok(value: u64) -> EntryResult {
        EntryResult { value, status: 0 }
    }
    /// Failure. The entry has recorded the trap or error in the activation before it returned.
    pub const FAILED: EntryResult = EntryResult { value: 0, status: 1 };
}

/// An untyped value in an argument array. Integers of 32 bits are zero-extended when compiled code reads them.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub union ValRaw {
    /// `i32`.
    pub i32: i32,
    /// `i64`.
    pub i64: i64,
    /// `f32`, as bits, so that NaN payloads survive.
    pub f32: u32,
    /// `f64`, as bits.
    pub f64: u64,
    /// `v128`.
    pub v128: u128,
    /// A `funcref`.
    pub funcref: *mut FuncRef,
    /// Any other reference: an index into the store's heap, zero-extended; 0 is null.
    pub externref: u64,
}

impl core::fmt::Debug for ValRaw {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ValRaw(..)")
    }
}

impl Default for ValRaw {
    fn default() -> ValRaw {
        ValRaw { v128: 0 }
    }
}

/// Where an entity's definition is, seen from a vmctx.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the vmctx itself, at this byte offset.
    Inline(u32),
    /// Behind the pointer at this byte offset: imported.
    Indirect(u32),
}

/// Words in which indirect calls note their targets: two for each function, within these bounds. 8,192 are 32 KiB for each instance.
const MIN_CALL_TARGETS: u32 = 16;
const MAX_CALL_TARGETS: u32 = 8192;

/// Byte offsets in the module-dependent part of a vmctx. The same module has the same layout in every instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmLayout {
    imported_functions: u32,
    imported_memories: u32,
    imported_tables: u32,
    imported_globals: u32,
    memories: u32,
    tables: u32,
    functions: u32,
    global_pointers: u32,
    globals: u32,
    signatures: u32,
    funcrefs: u32,
    counters: u32,
    call_targets: u32,
    num_call_targets: u32,
    size: u32,
}

impl VmLayout {
    /// The layout for a module's instances, with a counter for each defined function if its code counts what it executes
    /// ([`CodeFlags::tier_up_budget`](crate::CodeFlags::tier_up_budget)).
    pub fn new(module: &Module, counting: bool) -> VmLayout {
        let imported_memories = module.num_imported_memories;
        let imported_tables = module.num_imported_tables;
        let imported_globals = module.num_imported_globals;
        let defined = |all: usize, imported: u32| all as u32 - imported;
        // An imported entity takes a pointer, a defined one its definition; imports come first in each region.
        let memories = size_of::<VmContext>() as u32;
        let tables = memories
            + 8 * imported_memories
            + size_of::<MemoryDefinition>() as u32 * defined(module.memories.len(), imported_memories);
        let functions = tables
            + 8 * imported_tables
            + size_of::<TableDefinition>() as u32 * defined(module.tables.len(), imported_tables);
        let global_pointers =
            functions + size_of::<ImportedFunction>() as u32 * module.num_imported_functions;
        let globals = (global_pointers + 8 * imported_globals).next_multiple_of(GLOBAL_SIZE);
        let signatures = globals + GLOBAL_SIZE * defined(module.globals.len(), imported_globals);
        let funcrefs = (signatures + 4 * module.types.len() as u32).next_multiple_of(8);
        let counters = funcrefs + size_of::<FuncRef>() as u32 * module.escaped.len() as u32;
        let counted = if counting { module.num_defined_functions() } else { 0 };
        let call_targets = counters + 8 * counted;
        // Without a table there are no indirect calls, and without functions that escape no targets.
        let several = !module.tables.is_empty() && !module.escaped.is_empty();
        let num_call_targets = match 2 * counted {
            functions if functions > 0 && several => {
                functions.next_power_of_two().clamp(MIN_CALL_TARGETS, MAX_CALL_TARGETS)
            }
            _ => 0,
        };
        let size = (call_targets + 4 * num_call_targets).next_multiple_of(16);
        VmLayout {
            imported_functions: module.num_imported_functions,
            imported_memories,
            imported_tables,
            imported_globals,
            memories,
            tables,
            functions,
            global_pointers,
            globals,
            signatures,
            funcrefs,
            counters,
            call_targets,
            num_call_targets,
            size,
        }
    }

    /// Size of the whole vmctx in bytes; its alignment is 16.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The definition ([`MemoryDefinition`]) of a memory.
    pub fn memory(&self, index: MemoryIndex) -> Place {
        place(self.memories, self.imported_memories, size_of::<MemoryDefinition>() as u32, index.0)
    }

    /// The definition ([`TableDefinition`]) of a table.
    pub fn table(&self, index: TableIndex) -> Place {
        place(self.tables, self.imported_tables, size_of::<TableDefinition>() as u32, index.0)
    }

    /// The 16-byte cell of a global.
    pub fn global(&self, index: GlobalIndex) -> Place {
        match index.0.checked_sub(self.imported_globals) {
            None => Place::Indirect(self.global_pointers + 8 * index.0),
            Some(defined) => Place::Inline(self.globals + GLOBAL_SIZE * defined),
        }
    }

    /// Offset of the [`ImportedFunction`] of an imported function.
    pub fn imported_function(&self, index: FuncIndex) -> u32 {
        debug_assert!(index.0 < self.imported_functions);
        self.functions + size_of::<ImportedFunction>() as u32 * index.0
    }

    /// Offset of a type's canonical signature id, a `u32`.
    pub fn signature(&self, index: TypeIndex) -> u32 {
        self.signatures + 4 * index.0
    }

    /// Offset of a defined function's counter, a `u32`. There are counters only if the layout was made with them.
    ///
    /// Compiled code adds to it what it executes, in parts of its budget, and asks to be replaced when the addition carries. An instance runs on one thread at a
    /// time, so nothing is lost; if two threads ever ran it, a lost addition would only delay the question.
    pub fn counter(&self, func: DefinedFuncIndex) -> u32 {
        debug_assert!(self.counters < self.size || func.0 == 0);
        self.counters + 8 * func.0
    }

    /// Offset of a defined function's second counter, a `u32`: that of its loops that are in no other loop. The runtime sets it to its greatest value when such a
    /// loop is to ask at its next turn.
    pub fn loop_counter(&self, func: DefinedFuncIndex) -> u32 {
        self.counter(func) + 4
    }

    /// Offset of the word, a `u32`, in which the `call_indirect` at this offset of a function's body notes what it calls
    /// ([`CallTargets`](crate::CallTargets)). There are such words only if the layout was made with counters.
    pub fn call_target(&self, func: FuncIndex, wasm_offset: u32) -> Option<u32> {
        let word = word_of(func, wasm_offset, self.num_call_targets)?;
        Some(self.call_targets + 4 * word as u32)
    }

    /// Offset of the first of these words.
    pub fn call_targets(&self) -> u32 {
        self.call_targets
    }

    /// How many of these words there are: a power of two, or 0.
    pub fn num_call_targets(&self) -> u32 {
        self.num_call_targets
    }

    /// The escaping function whose [`FuncRef`] is at an offset.
    pub fn escaped_at(&self, offset: u32) -> Option<EscapedIndex> {
        let size = size_of::<FuncRef>() as u32;
        let from_first = offset.checked_sub(self.funcrefs)?;
        let inside = offset < self.counters && from_first.is_multiple_of(size);
        inside.then_some(EscapedIndex(from_first / size))
    }

    /// Offset of the [`FuncRef`] of an escaping function.
    pub fn funcref(&self, index: EscapedIndex) -> u32 {
        self.funcrefs + size_of::<FuncRef>() as u32 * index.0
    }
}

fn place(start: u32, imported: u32, definition_size: u32, index: u32) -> Place {
    match index.checked_sub(imported) {
        None => Place::Indirect(start + 8 * index),
        Some(defined) => Place::Inline(start + 8 * imported + definition_size * defined),
    }
}
