//! Which files there are, and which of them go.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(super) const EXTENSION: &str = "cwasm";
const TEMPORARY: &str = "tmp-";

/// A file that is being written. It is removed when it is dropped, unless it has been renamed.
pub(super) struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Makes a file of a name that no other has, for its owner alone, and locks it for as long as it is open.
    pub fn create(dir: &Path) -> io::Result<(File, Temporary)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let process = std::process::id();
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = dir.join(format!("{TEMPORARY}{process}-{number}"));
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
                // Left by a process that had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    let temporary = Temporary { path, renamed: false };
                    // It is new: at most someone who cleans up holds it for a moment, and then it is gone, and the renaming will fail. A file
                    // system without locks gets no protection from those.
                    let _ = file.try_lock();
                    return Ok((file, temporary));
                }
            }
        }
    }

    /// Gives the file its place, in which it replaces what is there.
    pub fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // If it cannot be removed, whoever cleans up next will try.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a name is that of an entry.
fn is_entry(name: &str) -> bool {
    name.strip_suffix(EXTENSION)
        .and_then(|name| name.strip_suffix('.'))
        .is_some_and(|key| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a name is that of a temporary file.
fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY)
        .and_then(|name| name.split_once('-'))
        .is_some_and(|numbers| [numbers.0, numbers.1].iter().all(|n| n.parse::<u64>().is_ok()))
}

/// Whether the writer of a temporary file is gone: its lock went with it.
fn is_abandoned(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Removes abandoned temporary files, and entries until all together have at most `limit` bytes. Files that are not the cache's stay. Others may be doing
/// the same at the same time.
pub(super) fn evict(dir: &Path, limit: u64) {
    let Ok(files) = fs::read_dir(dir) else { return };
    let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for file in files.flatten() {
        let name = file.file_name();
        let Some(name) = name.to_str() else { continue };
        if is_temporary(name) {
            if is_abandoned(&file.path()) {
                // Someone else may have been faster.
                let _ = fs::remove_file(file.path());
            }
        } else if is_entry(name)
            && let Ok(metadata) = file.metadata()
            && let Ok(used) = metadata.modified()
        {
            entries.push((used, metadata.len(), file.path()));
        }
    }
    entries.sort_unstable();
    let mut total: u64 = entries.iter().map(|(_, len, _)| len).sum();
    for (_, len, path) in entries {
        if total <= limit {
            break;
        }
        tracing::debug!(entry = %path.display(), len, "cache entry removed: the cache is full");
        let _ = fs::remove_file(&path);
        total -= len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A folder of the test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("engine-evict-{}-{test}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn entry(digit: char) -> String {
        format!("{}.cwasm", digit.to_string().repeat(64))
    }

    #[test]
    fn the_least_recently_used_entries_go_first() {
        let folder = Folder::new("lru");
        for (age, digit) in [(3, 'a'), (1, 'b'), (2, 'c'), (0, 'd')] {
            let path = folder.0.join(entry(digit));
            fs::write(&path, [0; 100]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(age * 100);
            File::open(path).unwrap().set_modified(used).unwrap();
        }
        evict(&folder.0, 400);
        assert_eq!(folder.names().len(), 4);
        evict(&folder.0, 399);
        assert_eq!(folder.names(), [entry('b'), entry('c'), entry('d')]);
        evict(&folder.0, 100);
        assert_eq!(folder.names(), [entry('d')]);
    }

    #[test]
    fn other_files_stay() {
        let folder = Folder::new("others");
        let names = ["a.cwasm", "notes.txt", "tmp-notes", "tmp-1", "tmp-x-1"];
        for name in names {
            fs::write(folder.0.join(name), [0; 100]).unwrap();
        }
        evict(&folder.0, 0);
        assert_eq!(folder.names().len(), names.len());
    }

    #[test]
    fn temporary_files_stay_as_long_as_their_writer() {
        let folder = Folder::new("temporary");
        fs::write(folder.0.join("tmp-1-0"), "abandoned").unwrap();
        let (file, temporary) = Temporary::create(&folder.0).unwrap();
        evict(&folder.0, 0);
        assert_eq!(folder.names(), [temporary.path.file_name().unwrap().to_str().unwrap()]);
        drop((file, temporary));
        assert!(folder.names().is_empty());
    }

    #[test]
    fn renaming_replaces() {
        let folder = Folder::new("rename");
        let (target, (_file, temporary)) = (folder.0.join(entry('a')), Temporary::create(&folder.0).unwrap());
        fs::write(&target, "old").unwrap();
        temporary.rename(&target).unwrap();
        assert_eq!(folder.names(), [entry('a')]);
        assert_eq!(fs::read(&target).unwrap(), b"");
    }
}
