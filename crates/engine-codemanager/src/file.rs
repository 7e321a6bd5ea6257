//! Contents of files as bytes in memory.
//!
//! A module of 31 MB has 7,500 small pages; faulting them in one by one takes as long as reading the file. So large files are read into
//! huge pages where the host has them, or mapped, by those who vouch for the file.
#![allow(unsafe_code)]

use crate::OsError;
use crate::os::{self, At};
use core::ptr;
use core::slice;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Size and alignment of a huge page. Where it is another, nothing is lost but speed.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes in pages of their own.
#[derive(Debug)]
pub struct FileBytes {
    /// The mapping; 0 and 0 if there are no bytes.
    mapping: usize,
    mapped: usize,
    start: usize,
    len: usize,
}

impl FileBytes {
    /// Reads a regular file, as long as it is now.
    ///
    /// # Errors
    /// When the file cannot be read, or there is no memory for it.
    pub fn read(file: &File) -> io::Result<FileBytes> {
        let len = file_len(file)?;
        if len == 0 {
            return Ok(FileBytes::EMPTY);
        }
        let huge = len >= HUGE_PAGE;
        let mapped = if huge { len.next_multiple_of(HUGE_PAGE) + HUGE_PAGE } else { os::round_to_page(len) };
        let mapping = os::map_private_rw(At::Anywhere, mapped).map_err(io_error)?;
        let start = if huge { mapping.next_multiple_of(HUGE_PAGE) } else { mapping };
        let mut bytes = FileBytes { mapping, mapped, start, len };
        if huge {
            // SAFETY: the pages are new and ours.
            unsafe { os::advise_huge(start, len.next_multiple_of(HUGE_PAGE)) };
        }
        // SAFETY: `len` zeroed bytes from `start` on are ours alone.
        let target = unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(start), len) };
        let mut done = 0;
        while done < len {
            match file.read_at(&mut target[done..], done as u64) {
                // The file has become shorter.
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.len = done;
        Ok(bytes)
    }

    /// Maps a regular file, as long as it is now. Nothing is read before it is used.
    ///
    /// # Safety
    /// Nobody changes or shortens the file as long as the bytes are in use.
    ///
    /// # Errors
    /// When the file cannot be mapped.
    pub unsafe fn map(file: &File) -> io::Result<FileBytes> {
        let len = file_len(file)?;
        if len == 0 {
            return Ok(FileBytes::EMPTY);
        }
        let mapping = os::map_private_ro(len, file).map_err(io_error)?;
        Ok(FileBytes { mapping, mapped: len, start: mapping, len })
    }

    const EMPTY: FileBytes = FileBytes { mapping: 0, mapped: 0, start: 0, len: 0 };
}

fn file_len(file: &File) -> io::Result<usize> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    usize::try_from(metadata.len())
        .ok()
        .filter(|&len| len <= isize::MAX as usize - 2 * HUGE_PAGE)
        .ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

fn io_error(error: OsError) -> io::Error {
    io::Error::from_raw_os_error(error.errno)
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: `len` bytes from `start` on are mapped as long as `self` lives, and nobody writes to them: they are either private memory
        // that was written before, or a file whose user has promised that.
        unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(self.start), self.len) }
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        if self.mapped > 0 {
            // SAFETY: the mapping is ours, and borrows of it are borrows of `self`.
            unsafe { os::unmap(self.mapping, self.mapped) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(contents: &[u8]) -> File {
        let mut file = File::from(os::memfd(c"test", 0, false).unwrap());
        file.write_all(contents).unwrap();
        file
    }

    #[test]
    fn both_ways_give_the_contents() {
        for len in [0, 1, 4096, 5000, HUGE_PAGE - 1, HUGE_PAGE, 3 * HUGE_PAGE + 77] {
            let contents: Vec<u8> = (0..len).map(|i| (i * 7 + i / 999) as u8).collect();
            let file = file(&contents);
            assert_eq!(FileBytes::read(&file).unwrap().as_ref(), contents);
            // SAFETY: the file is the test's own.
            assert_eq!(unsafe { FileBytes::map(&file) }.unwrap().as_ref(), contents);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = File::open(std::env::temp_dir()).unwrap();
        assert!(FileBytes::read(&folder).is_err());
    }
}
