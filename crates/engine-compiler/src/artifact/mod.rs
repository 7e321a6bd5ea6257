//! Compiled modules as bytes: what serialisation gives, and what the cache keeps.
//!
//! ```text
//!  header    what the code is for, where the table is, checksums of the table and of itself        header.rs
//!  wasm      the module's bytes (not in the cache, which is asked with them in hand)
//!  code      one record for each function, position-independent                                    record.rs
//!  index     where each function's record is, and its checksum
//!  table     kind, level, place and checksum of each section
//! ```
//! All numbers are little-endian. The table comes last and the header is written last, so that records can be written while functions
//! are being compiled (`writer.rs`), and a file that is cut off has no header. A section of a kind that is not known is passed over: other
//! levels' code and profiles have their place beside what is there.
//!
//! **Nothing is used before it is checked.** Each byte is covered by exactly one checksum: those of the header, the table, the index and the Wasm
//! bytes are checked when an artifact is opened, those of records when a function is called for the first time. Checked is always a
//! copy that nobody else can change, and it is the copy that is used (`reader.rs`). Only the Wasm bytes of a mapped file are used as they
//! are, unchecked: whoever maps a file vouches for it.
//!
//! A checksum is the first half of a BLAKE3 hash. It guards against damage, not against someone who can write the file.

mod header;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod tier;
mod writer;

pub(crate) use header::Identity;
pub use header::{ArtifactError, BUILD, MAGIC};
pub use reader::Artifact;
pub(crate) use reader::{Loaded, Source, WasmBytes};
pub(crate) use record::{decode, encode};
pub(crate) use tier::ArtifactTier;
pub(crate) use writer::{Writer, serialize};

/// A checksum.
pub(crate) type Checksum = [u8; 16];

pub(crate) fn checksum(bytes: &[u8]) -> Checksum {
    *blake3::hash(bytes).as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// What a section holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Kind {
    /// The module's bytes.
    Wasm = 1,
    /// Records of functions.
    Code = 2,
    /// [`IndexEntry`]s of the records, sorted by function.
    Index = 3,
}

/// An entry of the table. What belongs to code says to which: level 0 is the code to start with. A code section's checksum is zero: its records have their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Section {
    kind: u32,
    level: u32,
    offset: u64,
    len: u64,
    checksum: Checksum,
}

impl Section {
    /// The level of code that functions start with.
    const FIRST: u32 = 0;
    const SIZE: usize = 40;
    /// Most sections of an artifact.
    const MAX: u32 = 64;

    fn to_bytes(self) -> [u8; Section::SIZE] {
        let mut bytes = [0; Section::SIZE];
        bytes[0..4].copy_from_slice(&self.kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.level.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.len.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.checksum);
        bytes
    }

    fn from_bytes(bytes: &[u8; Section::SIZE]) -> Section {
        Section {
            kind: u32_at(bytes, 0),
            level: u32_at(bytes, 4),
            offset: u64_at(bytes, 8),
            len: u64_at(bytes, 16),
            checksum: array_at(bytes, 24),
        }
    }
}

/// Where a function's record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IndexEntry {
    /// Function index.
    pub func: u32,
    pub len: u32,
    /// From the artifact's first byte.
    pub offset: u64,
    pub checksum: Checksum,
}

impl IndexEntry {
    const SIZE: usize = 32;

    fn to_bytes(self) -> [u8; IndexEntry::SIZE] {
        let mut bytes = [0; IndexEntry::SIZE];
        bytes[0..4].copy_from_slice(&self.func.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.checksum);
        bytes
    }

    fn from_bytes(bytes: &[u8; IndexEntry::SIZE]) -> IndexEntry {
        IndexEntry {
            func: u32_at(bytes, 0),
            len: u32_at(bytes, 4),
            offset: u64_at(bytes, 8),
            checksum: array_at(bytes, 16),
        }
    }
}

/// Part of an array whose size says that it is there.
fn array_at<const N: usize, const OF: usize>(bytes: &[u8; OF], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the fields of a structure lie in it")
}
fn u32_at<const OF: usize>(bytes: &[u8; OF], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}
fn u64_at<const OF: usize>(bytes: &[u8; OF], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}
