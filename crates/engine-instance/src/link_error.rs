//! Why a module could not be linked.

use core::fmt;
use engine_decoder::{FuncType, GlobalType, RefType};

/// Why a module could not be instantiated before any of its code ran.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// An import is missing or of the wrong type.
    Import {
        /// Position in the module's list of imports.
        index: usize,
        /// Module part of its name.
        module: Box<str>,
        /// Field part of its name.
        field: Box<str>,
        /// What is wrong.
        problem: ImportProblem,
    },
    /// The host would not give the memory for a table, a memory or the instance itself.
    OutOfMemory {
        /// What the memory was for.
        what: Box<str>,
    },
}

/// What is wrong with an import.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImportProblem {
    /// Nothing has that name.
    NotFound,
    /// A function is needed; what was given is the thing named.
    NotAFunction(&'static str),
    /// A table is needed.
    NotATable(&'static str),
    /// A memory is needed.
    NotAMemory(&'static str),
    /// A global is needed.
    NotAGlobal(&'static str),
    /// A function of another type is needed.
    FunctionType {
        /// The type that the module declares.
        expected: FuncType,
        /// The type of what was given, if it is still known.
        found: Option<FuncType>,
    },
    /// A table with elements of another type is needed.
    TableElement {
        /// The type that the module declares.
        expected: RefType,
        /// The type of what was given.
        found: RefType,
    },
    /// The table is smaller than its declared minimum.
    TableTooSmall {
        /// Declared minimum, in elements.
        minimum: u64,
        /// Present size, in elements.
        size: u64,
    },
    /// The module declares a maximum and the table has none.
    TableWithoutMaximum {
        /// Declared maximum, in elements.
        maximum: u64,
    },
    /// The table's maximum is above the one the module declares.
    TableMaximumTooLarge {
        /// Declared maximum, in elements.
        maximum: u64,
        /// The table's maximum.
        found: u64,
    },
    /// The memory is smaller than its declared minimum.
    MemoryTooSmall {
        /// Declared minimum, in pages.
        minimum: u64,
        /// Present size, in pages.
        size: u64,
    },
    /// The module declares a maximum and the memory has none.
    MemoryWithoutMaximum {
        /// Declared maximum, in pages.
        maximum: u64,
    },
    /// The memory's maximum is above the one the module declares.
    MemoryMaximumTooLarge {
        /// Declared maximum, in pages.
        maximum: u64,
        /// The memory's maximum.
        found: u64,
    },
    /// One is shared, the other is not.
    MemoryShared {
        /// Whether the module declares the memory shared.
        expected: bool,
    },
    /// One is a 64-bit memory, the other is not.
    MemoryIndexType,
    /// A global of another value type is needed.
    GlobalType {
        /// The type that the module declares.
        expected: GlobalType,
        /// The type of what was given.
        found: GlobalType,
    },
    /// One is mutable, the other is not.
    GlobalMutability {
        /// Whether the module declares the global mutable.
        expected: bool,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Import { index, module, field, problem: ImportProblem::NotFound } => {
                write!(f, "unknown import: `{module}::{field}` (import {index}) has not been defined")
            }
            LinkError::Import { index, module, field, problem } => {
                write!(f, "incompatible import type for `{module}::{field}` (import {index}): {problem}")
            }
            LinkError::OutOfMemory { what } => write!(f, "out of memory: cannot allocate {what}"),
        }
    }
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportProblem::NotFound => f.write_str("not found"),
            ImportProblem::NotAFunction(found) => write!(f, "expected a function, found a {found}"),
            ImportProblem::NotATable(found) => write!(f, "expected a table, found a {found}"),
            ImportProblem::NotAMemory(found) => write!(f, "expected a memory, found a {found}"),
            ImportProblem::NotAGlobal(found) => write!(f, "expected a global, found a {found}"),
            ImportProblem::FunctionType { expected, found: Some(found) } => {
                write!(f, "expected a function of type {expected}, found one of type {found}")
            }
            ImportProblem::FunctionType { expected, found: None } => {
                write!(f, "expected a function of type {expected}, found one of another type")
            }
            ImportProblem::TableElement { expected, found } => {
                write!(f, "expected a table of {expected}, found one of {found}")
            }
            ImportProblem::TableTooSmall { minimum, size } => {
                write!(f, "the table has {size} elements, fewer than its declared minimum of {minimum}")
            }
            ImportProblem::TableWithoutMaximum { maximum } => {
                write!(f, "the table has no maximum, the module declares one of {maximum} elements")
            }
            ImportProblem::TableMaximumTooLarge { maximum, found } => {
                write!(f, "the table's maximum of {found} elements is above the declared one of {maximum}")
            }
            ImportProblem::MemoryTooSmall { minimum, size } => {
                write!(f, "the memory has {size} pages, fewer than its declared minimum of {minimum}")
            }
            ImportProblem::MemoryWithoutMaximum { maximum } => {
                write!(f, "the memory has no maximum, the module declares one of {maximum} pages")
            }
            ImportProblem::MemoryMaximumTooLarge { maximum, found } => {
                write!(f, "the memory's maximum of {found} pages is above the declared one of {maximum}")
            }
            ImportProblem::MemoryShared { expected: true } => f.write_str("expected a shared memory"),
            ImportProblem::MemoryShared { expected: false } => f.write_str("expected an unshared memory"),
            ImportProblem::MemoryIndexType => f.write_str("the memory has another index type"),
            ImportProblem::GlobalType { expected, found } => {
                write!(
                    f,
                    "expected a global of type {}, found one of type {}",
                    expected.content, found.content
                )
            }
            ImportProblem::GlobalMutability { expected } => {
                let [mutable, immutable] = ["a mutable", "an immutable"];
                let (expected, found) = if *expected { (mutable, immutable) } else { (immutable, mutable) };
                write!(f, "expected {expected} global, found {found} one")
            }
        }
    }
}

impl std::error::Error for LinkError {}
