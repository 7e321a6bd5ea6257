//! `/tmp/perf-PID.map`: names of generated code for Linux `perf` (tools/perf/Documentation/jit-interface.txt).

use crate::profiling::NamedCode;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Writer of the map.
#[derive(Debug)]
pub(crate) struct PerfMap {
    /// The file, and the process it belongs to: a forked child starts its own.
    file: Mutex<Option<(u32, File)>>,
}

impl PerfMap {
    pub(crate) fn new() -> PerfMap {
        PerfMap { file: Mutex::new(None) }
    }

    /// Adds pieces of code, with one write.
    pub(crate) fn add<'c>(&self, pieces: impl IntoIterator<Item = NamedCode<'c>>) {
        let mut text = String::new();
        for NamedCode { address, code, name, .. } in pieces {
            // A name is the rest of the line.
            let name: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
            text += &format!("{address:x} {:x} {name}\n", code.len());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = std::process::id();
        if file.as_ref().is_none_or(|(owner, _)| *owner != pid) {
            let path = format!("/tmp/perf-{pid}.map");
            // In append mode, for other writers of this process (another engine, another JIT).
            let opened = OpenOptions::new().append(true).create(true).open(path);
            *file = opened.ok().map(|opened| (pid, opened));
        }
        if let Some((_, file)) = &mut *file {
            let _ = file.write_all(text.as_bytes());
        }
    }
}
