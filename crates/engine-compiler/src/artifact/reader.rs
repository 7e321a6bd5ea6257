//! Reading an artifact: what it is for, and the functions one by one.

use super::header::{HEADER_SIZE, Header};
use super::{ArtifactError, IndexEntry, Kind, Section, checksum, decode};
use bytes::Bytes;
use core::ops::Range;
use engine_decoder::FuncIndex;
use engine_machine::CodeBatch;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Where an artifact's bytes are.
///
/// A file is read and not mapped: what is read is private at once, a file that has become shorter is an error and not a signal, and for
/// a record of a few kilobytes a system call costs no more than the page faults of a mapping.
#[derive(Debug)]
pub(crate) enum Source {
    File(File),
    Bytes(Bytes),
}

impl Source {
    fn len(&self) -> io::Result<u64> {
        match self {
            Source::File(file) => Ok(file.metadata()?.len()),
            Source::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Copies bytes to the end of `out`. That there are so many has been checked, but a file may have become shorter.
    fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Source::File(file) => {
                let start = out.len();
                out.resize(start + (range.end - range.start) as usize, 0);
                file.read_exact_at(&mut out[start..], range.start)
            }
            Source::Bytes(bytes) => {
                let range = range.start as usize..range.end as usize;
                out.extend_from_slice(bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

/// What came of looking for a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loaded {
    /// It is in the batch now.
    Yes,
    /// The artifact does not have it.
    Absent,
    /// What the artifact has is not what was written.
    Damaged,
}

/// A compiled module whose functions can be had one by one. Header and index have been checked, and the Wasm bytes unless the file that they
/// are mapped from is trusted.
#[derive(Debug)]
pub struct Artifact {
    source: Source,
    header: Header,
    wasm: Option<Range<u64>>,
    /// Where the records are.
    code: Range<u64>,
    /// [`IndexEntry`]s, sorted by function.
    index: Vec<u8>,
}

/// Whether the Wasm bytes are read and checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WasmBytes {
    Check,
    Trust,
}

impl Artifact {
    /// Opens an artifact that is in memory.
    ///
    /// # Errors
    /// When it is none, is damaged, or was made by another build.
    pub fn from_bytes(bytes: Bytes) -> Result<Artifact, ArtifactError> {
        Artifact::open(Source::Bytes(bytes), WasmBytes::Check)
    }

    /// Opens an artifact that is mapped from a trusted file: its Wasm bytes are not looked at.
    ///
    /// # Errors
    /// When it is none, its header or index is damaged, or it was made by another build.
    pub fn from_trusted(bytes: Bytes) -> Result<Artifact, ArtifactError> {
        Artifact::open(Source::Bytes(bytes), WasmBytes::Trust)
    }

    pub(crate) fn open(source: Source, wasm_bytes: WasmBytes) -> Result<Artifact, ArtifactError> {
        let len = source.len()?;
        let mut bytes = Vec::with_capacity(HEADER_SIZE);
        source.read(0..len.min(HEADER_SIZE as u64), &mut bytes)?;
        let header = Header::from_bytes(&bytes)?;
        let table = &header.table;
        let within = |offset: u64, size: u64| match offset.checked_add(size) {
            Some(end) if end <= len => Ok(offset..end),
            _ => Err(ArtifactError::Damaged("it is cut off")),
        };
        let sections = u32::from(table.sections);
        if sections > Section::MAX {
            return Err(ArtifactError::Damaged("it has too many sections"));
        }
        bytes.clear();
        source.read(within(table.offset, u64::from(sections) * Section::SIZE as u64)?, &mut bytes)?;
        if checksum(&bytes) != table.checksum {
            return Err(ArtifactError::Damaged("its table of sections has changed"));
        }

        let mut artifact = Artifact { source, header, wasm: None, code: 0..0, index: Vec::new() };
        for section in bytes.chunks_exact(Section::SIZE) {
            let section = Section::from_bytes(section.first_chunk().expect("chunks have this size"));
            let range = within(section.offset, section.len)?;
            let first = section.level == Section::FIRST;
            if section.kind == Kind::Wasm as u32 {
                if wasm_bytes == WasmBytes::Check && artifact.checksum_of(range.clone())? != section.checksum
                {
                    return Err(ArtifactError::Damaged("its Wasm bytes have changed"));
                }
                artifact.wasm = Some(range);
            } else if section.kind == Kind::Code as u32 && first {
                artifact.code = range;
            } else if section.kind == Kind::Index as u32 && first {
                let mut index = Vec::new();
                artifact.source.read(range, &mut index)?;
                if checksum(&index) != section.checksum {
                    return Err(ArtifactError::Damaged("its index has changed"));
                }
                artifact.index = index;
            }
        }
        Ok(artifact)
    }

    fn checksum_of(&self, range: Range<u64>) -> Result<super::Checksum, ArtifactError> {
        match &self.source {
            Source::Bytes(bytes) => Ok(checksum(&bytes[range.start as usize..range.end as usize])),
            Source::File(_) => {
                let mut bytes = Vec::new();
                self.source.read(range, &mut bytes)?;
                Ok(checksum(&bytes))
            }
        }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The module's bytes, if the artifact holds them.
    pub fn wasm(&self) -> Option<Bytes> {
        let range = self.wasm.clone()?;
        match &self.source {
            Source::Bytes(bytes) => Some(bytes.slice(range.start as usize..range.end as usize)),
            Source::File(_) => None,
        }
    }

    /// Number of functions that it holds.
    pub(crate) fn len(&self) -> usize {
        self.index.len() / IndexEntry::SIZE
    }

    /// Bytes of all records.
    pub(crate) fn code_bytes(&self) -> u64 {
        self.code.end - self.code.start
    }

    fn entry(&self, i: usize) -> IndexEntry {
        let bytes = &self.index[i * IndexEntry::SIZE..];
        IndexEntry::from_bytes(bytes.first_chunk().expect("there are so many entries"))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = IndexEntry> {
        (0..self.len()).map(|i| self.entry(i))
    }

    fn find(&self, func: FuncIndex) -> Option<IndexEntry> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let entry = self.entry(middle);
            match entry.func.cmp(&func.0) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return Some(entry),
            }
        }
        None
    }

    /// Copies a record to `out`, which is emptied first. Returns whether it is what was written.
    pub(crate) fn record(&self, entry: &IndexEntry, out: &mut Vec<u8>) -> bool {
        out.clear();
        let end = entry.offset.checked_add(u64::from(entry.len));
        let Some(end) = end.filter(|&end| entry.offset >= self.code.start && end <= self.code.end) else {
            return false;
        };
        self.source.read(entry.offset..end, out).is_ok() && checksum(out) == entry.checksum
    }

    /// Adds a function to a batch. `buffer` is there to be reused.
    pub(crate) fn load(&self, func: FuncIndex, buffer: &mut Vec<u8>, batch: &mut CodeBatch) -> Loaded {
        let Some(entry) = self.find(func) else { return Loaded::Absent };
        if !self.record(&entry, buffer) || u32_le(buffer) != Some(func.0) {
            return Loaded::Damaged;
        }
        match decode(buffer, batch) {
            Some(_) => Loaded::Yes,
            None => Loaded::Damaged,
        }
    }
}

fn u32_le(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|first| u32::from_le_bytes(*first))
}
