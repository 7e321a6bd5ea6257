//! Names the build: machine code made by one build is nothing to another whose compiler differs.
//!
//! The name is the version, and a hash of the sources that decide what code means, when they lie beside this crate (in the repository, or
//! a checkout that Cargo has made). Published crates are tied to each other by their version alone, which is exact.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates whose sources decide what compiled code looks like and relies on.
const CRATES: [&str; 6] = [
    "engine-decoder",
    "engine-machine",
    "engine-baseline",
    "engine-optimizer",
    "engine-codemanager",
    "engine-compiler",
];

fn main() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![crates.join("../Cargo.lock")];
    for name in CRATES {
        let sources = crates.join(name).join("src");
        if sources.is_dir() {
            println!("cargo::rerun-if-changed={}", sources.display());
            collect(&sources, &mut files);
        }
    }
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        if let Ok(contents) = fs::read(&file) {
            println!("cargo::rerun-if-changed={}", file.display());
            let relative = file.strip_prefix(&crates).unwrap_or(&file);
            fnv(&mut hash, relative.to_string_lossy().as_bytes());
            fnv(&mut hash, &(contents.len() as u64).to_le_bytes());
            fnv(&mut hash, &contents);
        }
    }
    println!("cargo::rustc-env=ENGINE_BUILD={}+{hash:016x}", env!("CARGO_PKG_VERSION"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// FNV-1a: sources differ by accident, not by intent.
fn fnv(hash: &mut u64, bytes: &[u8]) {
    for &byte in bytes {
        *hash = (*hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}
