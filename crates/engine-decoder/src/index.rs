//! Index newtypes, one per index space of the core specification (section "Modules", "Indices").
//!
//! An index counts imported entities first, then those the module defines.

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a `usize`, for indexing slices.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

index! {
    /// Index into a module's type section.
    TypeIndex;
    /// Index into a module's function index space (imports first).
    FuncIndex;
    /// Index of a function that the module defines: its function index less the number of imported functions.
    DefinedFuncIndex;
    /// Index into a module's table index space (imports first).
    TableIndex;
    /// Index into a module's memory index space (imports first).
    MemoryIndex;
    /// Index into a module's global index space (imports first).
    GlobalIndex;
    /// Index into a module's element segments.
    ElemIndex;
    /// Index into a module's data segments.
    DataIndex;
    /// Index into a function's locals (parameters first).
    LocalIndex;
    /// Position of a function in a module's list of escaping functions, those that may become a `funcref` (see
    /// `Module::escaped`).
    EscapedIndex;
    /// A function type's identity across all modules of one engine (see `TypeRegistry`).
    SignatureId;
}
