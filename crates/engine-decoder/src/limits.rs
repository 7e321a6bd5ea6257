//! The limits that all browsers share.

/// Implementation limits (WebAssembly JavaScript Interface, "Implementation-defined Limits"): what runs in a browser
/// decodes here, and what is refused there is refused here, with an error that names the limit.
///
/// All of them are checked while decoding or validating, except [`Limits::TABLE_SIZE`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Limits;

impl Limits {
    /// Bytes in a module: 1 GiB.
    pub const MODULE_SIZE: usize = 1 << 30;
    /// Types in the type section.
    pub const TYPES: u32 = 1_000_000;
    /// Functions, imported ones included.
    pub const FUNCTIONS: u32 = 1_000_000;
    /// Imports.
    pub const IMPORTS: u32 = 1_000_000;
    /// Exports.
    pub const EXPORTS: u32 = 1_000_000;
    /// Globals, imported ones included.
    pub const GLOBALS: u32 = 1_000_000;
    /// Data segments.
    pub const DATA_SEGMENTS: u32 = 100_000;
    /// Element segments.
    pub const ELEMENT_SEGMENTS: u32 = 100_000;
    /// Elements in one element segment.
    pub const SEGMENT_ELEMENTS: u32 = 10_000_000;
    /// Tables, imported ones included (one without the `reference-types` proposal).
    pub const TABLES: u32 = 100_000;
    /// Elements in a table. Not checked while decoding: as in a browser, a module that declares more is valid, and
    /// creating or growing the table fails.
    pub const TABLE_SIZE: u64 = 10_000_000;
    /// Memories, imported ones included (one without the `multi-memory` proposal).
    pub const MEMORIES: u32 = 100;
    /// Pages in a memory with 32-bit addresses.
    pub const MEMORY_PAGES: u64 = 65_536;
    /// Bytes in the body of a function, local declarations included.
    pub const FUNCTION_SIZE: usize = 7_654_321;
    /// Locals of a function, parameters included.
    pub const FUNCTION_LOCALS: u32 = 50_000;
    /// Parameters of a function or block.
    pub const PARAMS: usize = 1_000;
    /// Results of a function or block.
    pub const RESULTS: usize = 1_000;
    /// Bytes in the name of an import, export or custom section.
    pub const NAME_SIZE: usize = 100_000;
}
