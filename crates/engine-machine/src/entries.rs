//! Runtime entries: operators too rare or too large to compile inline call the runtime.
//!
//! Compiled code calls a *stub* (through [`VmContext::runtime_entries`](crate::VmContext)) with the vmctx register set
//! and the arguments in the host's C argument registers 2 to 6. The stub records the exit frame, calls the Rust function
//! (from [`StoreContext::host_entries`](crate::StoreContext)) with the vmctx as first argument, and returns the value in
//! the host's result register, or unwinds to the entry wrapper's landing pad. A stub preserves what the host's C
//! convention preserves.

/// Declares the entries with their arguments, all 64-bit words.
macro_rules! entries {
    ($( $(#[$doc:meta])* $name:ident ( $($arg:ident),* ); )*) => {
        /// A service of the runtime that compiled code calls. The number is the index into the entry tables.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u32)]
        pub enum RuntimeEntry { $( $(#[$doc])* $name, )* }

        impl RuntimeEntry {
            /// All entries, by number.
            pub const ALL: &'static [RuntimeEntry] = &[ $(RuntimeEntry::$name,)* ];
            /// Names of the arguments.
            pub const fn arguments(self) -> &'static [&'static str] {
                match self { $( RuntimeEntry::$name => &[$(stringify!($arg)),*], )* }
            }
        }
    };
}

entries! {
    /// `memory.grow`: old size in pages, or -1 (as 64 bits).
    MemoryGrow(memory, delta);
    /// `memory.fill`. Traps.
    MemoryFill(memory, destination, value, length);
    /// `memory.copy`. Traps.
    MemoryCopy(destination_memory, source_memory, destination, source, length);
    /// `memory.init`. Traps.
    MemoryInit(memory, segment, destination, source, length);
    /// `data.drop`.
    DataDrop(segment);
    /// `table.get`: the reference. Traps.
    TableGet(table, index);
    /// `table.set`. Traps.
    TableSet(table, index, value);
    /// `table.grow`: old size, or -1 (as 64 bits).
    TableGrow(table, value, delta);
    /// `table.fill`. Traps.
    TableFill(table, index, value, length);
    /// `table.copy`. Traps.
    TableCopy(destination_table, source_table, destination, source, length);
    /// `table.init`. Traps.
    TableInit(table, segment, destination, source, length);
    /// `elem.drop`.
    ElemDrop(segment);
    /// The address of a function's code, which is compiled now if it has not been. Called by the lazy stub only. Traps.
    CompileFunction(func);
    /// A function's code is hot, counted at its entry. Called through a stub that keeps all argument registers
    /// ([`ControlAsm::call_tier_up`](crate::masm::ControlAsm::call_tier_up)).
    TierUp(func);
    /// A loop of a function's code is hot: the address of code that goes on at its header with this frame, or 0. All locals and operands are in their
    /// canonical slots. The loop is named by the offset of its operator from the body's first byte; `outermost` is the loop around it that is in no other, or
    /// the loop itself.
    TierUpLoop(func, wasm_offset, outermost);
    /// `f32.ceil` on bits, for CPUs without the instruction; likewise the seven below.
    F32Ceil(bits);
    /// `f32.floor`.
    F32Floor(bits);
    /// `f32.trunc`.
    F32Trunc(bits);
    /// `f32.nearest`.
    F32Nearest(bits);
    /// `f64.ceil`.
    F64Ceil(bits);
    /// `f64.floor`.
    F64Floor(bits);
    /// `f64.trunc`.
    F64Trunc(bits);
    /// `f64.nearest`.
    F64Nearest(bits);
}
