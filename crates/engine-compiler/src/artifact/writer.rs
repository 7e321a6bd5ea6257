//! Writing an artifact.

use super::header::{HEADER_SIZE, Header, Table};
use super::{Checksum, Identity, IndexEntry, Kind, Section, checksum, encode};
use crate::tier::Tier;
use crate::{CompileError, in_pieces};
use engine_baseline::ModuleEnv;
use engine_decoder::DecodedModule;
use engine_machine::{CodeBatch, Entry};
use std::io::{self, Cursor, Seek, SeekFrom, Write};

/// Writes an artifact: optionally the Wasm bytes, then records as they come, then everything else.
pub(crate) struct Writer<W> {
    out: W,
    position: u64,
    sections: Vec<Section>,
    index: Vec<IndexEntry>,
    /// Where the records begin.
    code: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins at the start of `out`.
    pub fn new(mut out: W) -> io::Result<Writer<W>> {
        out.write_all(&[0; HEADER_SIZE])?;
        let position = HEADER_SIZE as u64;
        Ok(Writer { out, position, sections: Vec::new(), index: Vec::new(), code: position })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn section(&mut self, kind: Kind, offset: u64, checksum: Checksum) {
        let (kind, level) = (kind as u32, Section::FIRST);
        self.sections.push(Section { kind, level, offset, len: self.position - offset, checksum });
    }

    /// Adds the module's bytes. Comes before the first record.
    pub fn wasm(&mut self, bytes: &[u8]) -> io::Result<()> {
        let offset = self.position;
        self.write(bytes)?;
        self.section(Kind::Wasm, offset, checksum(bytes));
        self.code = self.position;
        Ok(())
    }

    /// Adds a function's record. Comes once for each function.
    pub fn record(&mut self, func: u32, record: &[u8], checksum: Checksum) -> io::Result<()> {
        self.index.push(IndexEntry { func, len: record.len() as u32, offset: self.position, checksum });
        self.write(record)
    }

    /// Number of records so far.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Writes what the records do not need to be written, the header last.
    pub fn finish(mut self, identity: Identity, validated: bool, complete: bool) -> io::Result<W> {
        self.section(Kind::Code, self.code, Checksum::default());
        self.index.sort_unstable_by_key(|entry| entry.func);
        let index: Vec<u8> = self.index.iter().flat_map(|entry| entry.to_bytes()).collect();
        let offset = self.position;
        self.write(&index)?;
        self.section(Kind::Index, offset, checksum(&index));
        let table: Vec<u8> = self.sections.iter().flat_map(|section| section.to_bytes()).collect();
        let offset = self.position;
        self.write(&table)?;
        let table = Table { sections: self.sections.len() as u16, offset, checksum: checksum(&table) };
        let header = Header { identity, validated, complete, table };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.to_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Compiles all functions of a module, on `threads` threads, to an artifact that holds the module's bytes as well: the same bytes for any
/// number of threads.
///
/// # Errors
/// That with the lowest byte offset, if a body is invalid or refused.
pub(crate) fn serialize(
    decoded: &DecodedModule,
    env: &ModuleEnv,
    tier: &dyn Tier,
    identity: Identity,
    threads: usize,
) -> Result<Vec<u8>, CompileError> {
    let pieces = in_pieces::compile(decoded, threads, |funcs| {
        let mut compiler = tier.functions(env);
        let (mut spare, mut records) = (CodeBatch::default(), Vec::new());
        let mut ends = Vec::with_capacity(funcs.len());
        for func in funcs {
            compiler.compile(decoded, func, decoded.body_at(func), Entry::Function)?;
            let mut batch = compiler.take_batch(core::mem::take(&mut spare));
            for function in &batch.functions {
                encode(&batch, function, &mut records);
                ends.push((function.func.0, records.len()));
            }
            batch.clear();
            spare = batch;
        }
        Ok((records, ends))
    })?;
    let size = pieces.iter().map(|(records, _)| records.len()).sum::<usize>();
    let write = || {
        let out = Vec::with_capacity(decoded.bytes.len() + size + (64 << 10));
        let mut writer = Writer::new(Cursor::new(out))?;
        writer.wasm(&decoded.bytes)?;
        for (records, ends) in &pieces {
            let mut start = 0;
            for &(func, end) in ends {
                let record = &records[start..end];
                writer.record(func, record, checksum(record))?;
                start = end;
            }
        }
        writer.finish(identity, true, true)
    };
    let written: io::Result<_> = write();
    Ok(written.expect("a vector takes any bytes").into_inner())
}
