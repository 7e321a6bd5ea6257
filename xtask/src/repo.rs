//! Where things are.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository's root")
}

/// Where fetched modules are kept. Independent of `CARGO_TARGET_DIR`, so that every build shares them.
pub fn corpus_dir() -> PathBuf {
    root().join("target").join("corpus")
}

/// The folder with the programs of the run corpus (`manifest.json`, `NAME.wasm`, `NAME.native`), which lies beside the
/// repository, or where `ENGINE_RUN_CORPUS` says.
pub fn run_corpus_dir() -> PathBuf {
    match std::env::var_os("ENGINE_RUN_CORPUS") {
        Some(dir) => PathBuf::from(dir),
        None => root().join("..").join("shared").join("corpus").join("run"),
    }
}

/// The path as seen from the root, for messages.
pub fn relative(path: &Path) -> &Path {
    path.strip_prefix(root()).unwrap_or(path)
}

/// Makes a module in text form binary, under the same name in the folder `to`, and returns its path.
pub fn binary_of(text: &Path, to: &Path) -> Result<PathBuf> {
    let name = text.file_stem().with_context(|| format!("{} names no file", text.display()))?;
    let bytes = wat::parse_file(text)?;
    std::fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    let binary = to.join(name).with_extension("wasm");
    std::fs::write(&binary, bytes).with_context(|| format!("writing {}", binary.display()))?;
    Ok(binary)
}

/// All files below a folder whose name ends in one of the extensions, sorted.
pub fn files_below(dir: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
