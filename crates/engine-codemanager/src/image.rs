//! Initial contents of a memory, as a file that any number of instances map copy on write.

use crate::error::{MemoryError, OsError};
use crate::os;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// The data segments of a module laid out as its memory will be. Holes cost nothing.
#[derive(Debug)]
pub struct DataImage {
    file: OwnedFd,
    /// Where in the memory the file's first byte goes; whole pages.
    start: usize,
    /// Bytes of the file, whole pages; 0 if there is no data.
    len: usize,
    /// End of the last byte of data in the memory.
    end: u64,
}

impl DataImage {
    /// An image from pieces (offset in the memory, bytes), later ones over earlier ones, for a memory of at least `limit` bytes.
    ///
    /// # Errors
    /// When a piece reaches beyond `limit`, or the host refuses memory.
    pub fn new(pieces: &[(u64, &[u8])], limit: u64) -> Result<DataImage, MemoryError> {
        let (mut first, mut end) = (u64::MAX, 0);
        for &(offset, bytes) in pieces {
            let piece_end = offset.checked_add(bytes.len() as u64).filter(|&end| end <= limit);
            let Some(piece_end) = piece_end else {
                return Err(MemoryError::DataOutOfBounds { offset, bytes: bytes.len() as u64, limit });
            };
            if !bytes.is_empty() {
                first = first.min(offset);
                end = end.max(piece_end);
            }
        }
        let start = if end == 0 { 0 } else { first as usize & !(os::page_size() - 1) };
        let len = os::round_to_page(end as usize - start);
        let file = File::from(os::memfd(c"wasm-data", len, false)?);
        for &(offset, bytes) in pieces.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            file.write_all_at(bytes, offset - start as u64)
                .map_err(|error| io_error("write(image)", &error))?;
        }
        let file = OwnedFd::from(file);
        os::seal(&file);
        Ok(DataImage { file, start, len, end })
    }

    /// Where in the memory the image starts, a multiple of the host's page size.
    pub fn start(&self) -> usize {
        self.start
    }
    /// Its length in bytes, a multiple of the host's page size.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there is no data.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Where in the memory the last byte of data ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }
    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Copies the image to the bytes from [`start`](DataImage::start) on.
    pub(crate) fn copy_to(&self, bytes: &mut [u8]) -> Result<(), OsError> {
        let file = self.file.try_clone().map_err(|error| io_error("dup(image)", &error))?;
        File::from(file).read_exact_at(bytes, 0).map_err(|error| io_error("read(image)", &error))
    }
}

fn io_error(call: &'static str, error: &std::io::Error) -> OsError {
    OsError { call, errno: error.raw_os_error().unwrap_or(libc::EIO) }
}
