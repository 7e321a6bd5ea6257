//! `jit-PID.dump`: generated code for Linux `perf inject --jit` (tools/perf/Documentation/jitdump-specification.txt).
//!
//! ```text
//!  header, 40 bytes:  magic │ version │ size │ ELF machine │ padding │ pid │ time (8) │ flags (8)
//!  record:            id │ size │ time (8) │ body
//!  code load (id 0):  pid │ tid │ vma (8) │ address (8) │ length (8) │ number (8) │ name, 0 │ code
//!  debug info (id 2): address (8) │ count (8) │ count × (address (8) │ line │ discriminator │ file, 0)
//! ```
//! Fields have four bytes unless noted, in the machine's byte order. Debug information comes before the code that it belongs to; its lines are
//! byte offsets in the module. `perf` finds the file because its first page is mapped as executable while `perf` records.
//!
//! There is one file for each process, shared by all engines in it, because `perf` knows it by the process's number.

use crate::os;
use crate::profiling::NamedCode;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER_SIZE: u32 = 40;
/// ELF's name for this machine (`EM_X86_64`, `EM_AARCH64`).
const MACHINE: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
const CODE_LOAD: u32 = 0;
const DEBUG_INFO: u32 = 2;
/// What offsets in the module are said to be lines of.
const FILE: &[u8] = b"module.wasm\0";

/// The process's file, and the process it belongs to: a forked child starts its own.
static DUMP: Mutex<Option<(u32, Option<File>)>> = Mutex::new(None);
/// Numbers of pieces of code, unique in a process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writer of the process's file.
#[derive(Debug)]
pub(crate) struct JitDump;

impl JitDump {
    /// Adds pieces of code, with one write.
    pub(crate) fn add<'c>(&self, pieces: impl IntoIterator<Item = NamedCode<'c>>) {
        let pid = std::process::id();
        let mut dump = DUMP.lock().unwrap_or_else(PoisonError::into_inner);
        if dump.as_ref().is_none_or(|(owner, _)| *owner != pid) {
            let file = open(pid).inspect_err(|error| tracing::warn!(%error, "no jitdump"));
            *dump = Some((pid, file.ok()));
        }
        let Some((_, Some(file))) = &mut *dump else { return };
        let mut records = Vec::new();
        for piece in pieces {
            debug_info(&mut records, &piece);
            code_load(&mut records, pid, &piece);
        }
        let _ = file.write_all(&records);
    }
}

/// Makes the process's file, with its header, and maps it.
fn open(pid: u32) -> std::io::Result<File> {
    let mut path = std::env::var_os("JITDUMPDIR").map_or_else(PathBuf::new, PathBuf::from);
    path.push(format!("jit-{pid}.dump"));
    // A file of that name is one of an earlier process's.
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let mut header = Vec::with_capacity(HEADER_SIZE as usize);
    for field in [MAGIC, VERSION, HEADER_SIZE, MACHINE, 0, pid] {
        header.extend(field.to_ne_bytes());
    }
    header.extend(os::monotonic_nanos().to_ne_bytes());
    header.extend(0_u64.to_ne_bytes());
    file.write_all(&header)?;
    // It stays mapped as long as the process lives: that it is mapped is all that matters.
    let fd = OwnedFd::from(file.try_clone()?);
    os::map_private_rx(os::page_size(), &fd).map_err(std::io::Error::other)?;
    Ok(file)
}

/// Begins a record. Its size is filled in by [`end`].
fn begin(records: &mut Vec<u8>, id: u32) -> usize {
    let start = records.len();
    records.extend(id.to_ne_bytes());
    records.extend(0_u32.to_ne_bytes());
    records.extend(os::monotonic_nanos().to_ne_bytes());
    start
}

fn end(records: &mut [u8], start: usize) {
    let size = (records.len() - start) as u32;
    records[start + 4..start + 8].copy_from_slice(&size.to_ne_bytes());
}

fn code_load(records: &mut Vec<u8>, pid: u32, piece: &NamedCode<'_>) {
    let start = begin(records, CODE_LOAD);
    records.extend(pid.to_ne_bytes());
    records.extend(os::thread_id().to_ne_bytes());
    let address = piece.address as u64;
    for field in [address, address, piece.code.len() as u64, NEXT.fetch_add(1, Relaxed)] {
        records.extend(field.to_ne_bytes());
    }
    // A name ends at the first zero.
    records.extend(piece.name.bytes().filter(|&byte| byte != 0));
    records.push(0);
    records.extend(piece.code);
    end(records, start);
}

fn debug_info(records: &mut Vec<u8>, piece: &NamedCode<'_>) {
    if piece.places.is_empty() {
        return;
    }
    let start = begin(records, DEBUG_INFO);
    records.extend((piece.address as u64).to_ne_bytes());
    records.extend((piece.places.len() as u64).to_ne_bytes());
    for &(offset, place) in &piece.places {
        records.extend((piece.address as u64 + u64::from(offset)).to_ne_bytes());
        // A module is smaller than 4 GiB.
        records.extend((place as u32).to_ne_bytes());
        records.extend(0_u32.to_ne_bytes());
        records.extend(FILE);
    }
    end(records, start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    #[test]
    fn records_are_laid_out_as_specified() {
        let code = [1, 2, 3];
        let piece =
            NamedCode { address: 0x1000, code: &code, name: "a\0b".into(), places: vec![(0, 70), (2, 80)] };
        let mut records = Vec::new();
        debug_info(&mut records, &piece);
        let debug_size = records.len();
        code_load(&mut records, 7, &piece);

        assert_eq!((u32_at(&records, 0), u32_at(&records, 4) as usize), (DEBUG_INFO, debug_size));
        assert_eq!((u64_at(&records, 16), u64_at(&records, 24)), (0x1000, 2));
        let entry = 16 + FILE.len();
        assert_eq!(debug_size, 32 + 2 * entry);
        assert_eq!((u64_at(&records, 32 + entry), u32_at(&records, 40 + entry)), (0x1002, 80));

        let load = &records[debug_size..];
        assert_eq!((u32_at(load, 0), u32_at(load, 4) as usize), (CODE_LOAD, load.len()));
        assert!(u64_at(load, 8) >= u64_at(&records, 8) && u64_at(load, 8) > 0);
        assert_eq!(u32_at(load, 16), 7);
        assert_eq!((u64_at(load, 24), u64_at(load, 32), u64_at(load, 40)), (0x1000, 0x1000, 3));
        assert_eq!(&load[56..], b"ab\0\x01\x02\x03");
    }

    #[test]
    fn code_without_places_has_no_debug_information() {
        let mut records = Vec::new();
        debug_info(&mut records, &NamedCode { address: 0, code: &[], name: "".into(), places: Vec::new() });
        assert!(records.is_empty());
    }
}
