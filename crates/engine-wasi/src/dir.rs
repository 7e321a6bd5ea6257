//! `fd_readdir`.
//!
//! A cookie is the number of entries before it. The host's own positions (`d_off`) would do, but take up to 63 bits, and
//! `telldir` of C for 32-bit Wasm returns 32. So a directory remembers the host's position for each cookie it has given
//! out since it was last read from the start: a guest may go back to any of them, and entries made or removed meanwhile
//! shift no others. A cookie it has not given out is reached by counting on.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::fds::filestat;
use crate::guest::GuestMemory;
use crate::types::{Filetype, Rights};
use rustix::fs::{RawDir, SeekFrom};
use std::mem::MaybeUninit;

/// `next u64, ino u64, namlen u32, type u8`, padded.
const DIRENT_SIZE: usize = 24;
/// How much one system call lists. Entries that the guest's buffer has no room for are listed again by its next call.
const LISTING_SIZE: usize = 8 << 10;

/// Fills a guest's buffer; what does not fit is cut off.
struct Filler<'a> {
    rest: &'a mut [u8],
    used: u32,
}

impl Filler<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let len = bytes.len().min(self.rest.len());
        let (now, later) = std::mem::take(&mut self.rest).split_at_mut(len);
        now.copy_from_slice(&bytes[..len]);
        self.rest = later;
        self.used += len as u32;
    }
}

impl WasiCtx {
    /// `fd_readdir`: lists a directory from the place a cookie names, 0 for its start.
    ///
    /// The buffer is filled whole unless the directory ends; the last entry may be cut off.
    pub fn fd_readdir(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        buf: u32,
        buf_len: u32,
        cookie: u64,
        used: u32,
    ) -> Result<(), Errno> {
        let directory = self.fds.directory(fd, Rights::FD_READDIR)?;
        mem.check::<u32>(used)?;
        let mut out = Filler { rest: mem.bytes_mut(buf, buf_len)?, used: 0 };
        let fd = directory.opened()?;
        let mut positions = directory.positions.borrow_mut();
        if cookie == 0 {
            positions.clear();
        }
        let mut index = usize::try_from(cookie).map_or(positions.len(), |cookie| cookie.min(positions.len()));
        let start = if index == 0 { 0 } else { positions[index - 1] };
        rustix::fs::seek(fd, SeekFrom::Start(start))?;

        let mut storage = [MaybeUninit::uninit(); LISTING_SIZE];
        let mut listing = RawDir::new(fd, &mut storage);
        while !out.rest.is_empty() {
            let entry = match listing.next() {
                Some(Ok(entry)) => entry,
                // The directory itself was removed: it has no entries.
                None | Some(Err(rustix::io::Errno::NOENT)) => break,
                Some(Err(error)) => return Err(error.into()),
            };
            match positions.get_mut(index) {
                Some(position) => *position = entry.next_entry_cookie(),
                None => positions.push(entry.next_entry_cookie()),
            }
            index += 1;
            if index as u64 <= cookie {
                continue;
            }
            let name = entry.file_name().to_bytes();
            // The parent may be outside what the guest can see.
            let ino = if name == b".." { filestat(fd)?.ino } else { entry.ino() };
            let mut header = [0; DIRENT_SIZE];
            header[..8].copy_from_slice(&(index as u64).to_le_bytes());
            header[8..16].copy_from_slice(&ino.to_le_bytes());
            header[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
            header[20] = Filetype::from(entry.file_type()) as u8;
            out.put(&header);
            out.put(name);
        }
        let filled = out.used;
        mem.write(used, filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;
    use std::collections::BTreeMap;

    /// Entries of a directory as name to (cookie, ino, type), read with a buffer of `size` bytes at a time.
    fn list(guest: &mut Guest, fd: u32, size: u32, mut cookie: u64) -> BTreeMap<String, (u64, u64, u8)> {
        let mut entries = BTreeMap::new();
        loop {
            guest.call(|ctx, mem| ctx.fd_readdir(mem, fd, 1024, size, cookie, 0)).unwrap();
            let used: u32 = guest.get(0);
            let mut at = 1024;
            while at + 24 <= 1024 + used {
                let len: u32 = guest.get(at + 16);
                if at + 24 + len > 1024 + used {
                    break;
                }
                cookie = guest.get(at);
                let name = guest.text(at + 24, len);
                let old = entries.insert(name, (cookie, guest.get(at + 8), guest.get(at + 20)));
                assert_eq!(old, None, "listed twice");
                at += 24 + len;
            }
            if used < size {
                return entries;
            }
        }
    }

    #[test]
    fn an_empty_directory_has_its_dots() {
        let mut guest = Guest::new();
        let entries = list(&mut guest, 3, 256, 0);
        assert_eq!(entries.keys().collect::<Vec<_>>(), [".", ".."]);
        assert_eq!(entries["."].2, Filetype::Directory as u8);
        assert_eq!(entries["."].1, guest.stat(3).ino);
        assert_eq!(entries[".."].1, entries["."].1);
    }

    #[test]
    fn entries_are_listed_with_type_and_inode() {
        let mut guest = Guest::new();
        std::fs::write(guest.host("file"), "").unwrap();
        std::fs::create_dir(guest.host("dir")).unwrap();
        std::os::unix::fs::symlink("file", guest.host("link")).unwrap();
        let entries = list(&mut guest, 3, 4096, 0);
        assert_eq!(entries["file"].2, Filetype::RegularFile as u8);
        assert_eq!(entries["dir"].2, Filetype::Directory as u8);
        assert_eq!(entries["link"].2, Filetype::SymbolicLink as u8);
        let fd = guest.open("file", Rights::FD_FILESTAT_GET);
        assert_eq!(entries["file"].1, guest.stat(fd).ino);
    }

    #[test]
    fn a_small_buffer_sees_every_entry_once() {
        let mut guest = Guest::new();
        for i in 0..300 {
            std::fs::write(guest.host(&format!("file.{i}")), "").unwrap();
        }
        for size in [40, 64, 200, 4096] {
            assert_eq!(list(&mut guest, 3, size, 0).len(), 302, "with a buffer of {size}");
        }
    }

    #[test]
    fn cookies_stay_good_while_entries_come_and_go() {
        let mut guest = Guest::new();
        for i in 0..20 {
            std::fs::write(guest.host(&format!("file.{i}")), "").unwrap();
        }
        guest.call(|ctx, mem| ctx.fd_readdir(mem, 3, 1024, 200, 0, 0)).unwrap();
        let cookie: u64 = guest.get(1024);
        let rest = list(&mut guest, 3, 4096, cookie);
        assert_eq!(rest.len(), 21);
        let removed = rest.keys().find(|name| name.starts_with("file")).unwrap();
        std::fs::remove_file(guest.host(removed)).unwrap();
        let again = list(&mut guest, 3, 4096, cookie);
        assert_eq!(again.len(), 20);
        assert!(again.keys().all(|name| rest.contains_key(name)));
    }

    #[test]
    fn cookies_count_entries() {
        let mut guest = Guest::new();
        for i in 0..10 {
            std::fs::write(guest.host(&format!("file.{i}")), "").unwrap();
        }
        let mut cookies: Vec<_> = list(&mut guest, 3, 4096, 0).values().map(|entry| entry.0).collect();
        cookies.sort_unstable();
        assert_eq!(cookies, (1..=12).collect::<Vec<_>>());
        // Going back and forth, on this descriptor or on one that has not given them out.
        let other = guest.open(".", Rights::FD_READDIR);
        for (cookie, left) in [(5, 7), (11, 1), (2, 10), (12, 0), (13, 0), (u64::MAX, 0), (3, 9)] {
            assert_eq!(list(&mut guest, 3, 4096, cookie).len(), left);
            assert_eq!(list(&mut guest, other, 4096, cookie), list(&mut guest, 3, 4096, cookie));
        }
    }

    #[test]
    fn a_buffer_too_small_for_one_entry_is_filled_with_its_start() {
        let mut guest = Guest::new();
        for size in [0, 1, 23, 24] {
            guest.call(|ctx, mem| ctx.fd_readdir(mem, 3, 1024, size, 0, 0)).unwrap();
            assert_eq!(guest.get::<u32>(0), size);
        }
    }

    #[test]
    fn bad_arguments_are_refused() {
        let mut guest = Guest::new();
        let file = guest.open_new("file");
        let end = guest.memory_size();
        assert_eq!(guest.call(|c, m| c.fd_readdir(m, file, 0, 64, 0, 0)), Err(Errno::Notdir));
        assert_eq!(guest.call(|c, m| c.fd_readdir(m, 99, 0, 64, 0, 0)), Err(Errno::Badf));
        assert_eq!(guest.call(|c, m| c.fd_readdir(m, 3, 0, u32::MAX, 0, 0)), Err(Errno::Fault));
        assert_eq!(guest.call(|c, m| c.fd_readdir(m, 3, 0, 64, 0, end - 3)), Err(Errno::Fault));
        guest.ctx.fd_fdstat_set_rights(3, 0, 0).unwrap();
        assert_eq!(guest.call(|c, m| c.fd_readdir(m, 3, 0, 64, 0, 0)), Err(Errno::Notcapable));
    }

    #[test]
    fn a_removed_directory_is_empty() {
        let mut guest = Guest::new();
        std::fs::create_dir(guest.host("dir")).unwrap();
        let fd = guest.open("dir", Rights::FD_READDIR);
        std::fs::remove_dir(guest.host("dir")).unwrap();
        // Whether the dots are still listed is up to the file system; the call must not fail on a descriptor in use.
        let listed = guest.call(|c, m| c.fd_readdir(m, fd, 1024, 256, 0, 0));
        assert!(matches!(listed, Ok(()) | Err(Errno::Noent)));
    }
}
