//! npm packages of real modules, pinned by version and by the digest of the tarball.

use crate::{process, repo};
use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha512};
use std::path::PathBuf;
use std::process::Command;

/// A pinned package.
pub struct Package {
    /// Its name in the registry.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// SHA-512 of the tarball, in Base64, as `npm view NAME@VERSION dist.integrity` prints it.
    pub sha512: &'static str,
}

const fn package(name: &'static str, version: &'static str, sha512: &'static str) -> Package {
    Package { name, version, sha512 }
}

/// Every package of the corpus. Yosys is a WASI command besides.
pub const PACKAGES: [Package; 13] = [
    package(
        "esbuild-wasm",
        "0.28.2",
        "GccVwhv3mmOUVQHCQm2Ox/rby8n/EqUwvZxE6Pjfikrq/lWw9g9WX/u9EykWnpot3Ko6j426DgQdea2xWKIAQA==",
    ),
    package(
        "@sqlite.org/sqlite-wasm",
        "3.41.2",
        "elKOYvLMzDDvKH28TF++iGPfqmsBBZG8iSCNo8lBSboSLCe+PBn3zwPO5NJRg9vojjMXVoRiifmBZ0IBdVBKjg==",
    ),
    package(
        "sql.js",
        "1.16.0",
        "q/JOZuJfmVh8Zf8Eo+cMJvtxAWeWBqTfJ6AQYGXZmcaLGHMwhA2niH3fQYHrBtPeOss1ttzHec07K5+rHaMRMw==",
    ),
    package(
        "@jitl/quickjs-wasmfile-release-sync",
        "0.32.0",
        "BKNDI/TPBfGlLNGYpLrhcDGXmIk4xHm4MRAisOBnOzpXVn9HZWsfmMAc9WMBrAHjvvds6HOikKeaOBKdPdpVrg==",
    ),
    package(
        "canvaskit-wasm",
        "0.42.0",
        "N3ikotmzYwDVAcpQKDMptBT2P5pIEWS9ywdmrQA2awwaMF9cxKEFuxZZHv9ay1Em9kDjxDsPtwUzDm1uNj136g==",
    ),
    package(
        "@astrojs/compiler",
        "4.0.0",
        "eouss7G8ygdZqHuke033VMcVw5HTZUu+PXd/h06DGDUg/jt5btPYPqh66ENWw/mU78rBrf/oeC4oqoBwMtDMNA==",
    ),
    package(
        "tesseract.js-core",
        "7.0.0",
        "WnNH518NzmbSq9zgTPeoF8c+xmilS8rFIl1YKbk/ptuuc7p6cLNELNuPAzcmsYw450ca6bLa8j3t0VAtq435Vw==",
    ),
    package(
        "@noir-lang/acvm_js",
        "0.55.0",
        "J30mro6+vBtdYTS4D11i/OUzUlXEyQkShOqQ5uLc33ANs+t65UtNaAzU4Bh800UYvKyAPsN+ylr+wiFoYT29dg==",
    ),
    package(
        "@rollup/wasm-node",
        "4.68.4",
        "srqYEUEX0/yC9zvIaBHrIwj9z3WlaeTxrY+8h4RgsORpnZBTcWnEO+bI3u9fE2CljN9TRaKKjtrQ0IWiCF2ECA==",
    ),
    package(
        "web-tree-sitter",
        "0.27.1",
        "qtx0VyUyNRHtL3ze7+v0hCKB/sLcAmY7ZAVp/ZK/bCj0yED8ptvNrr7Vd7DwDyKDWN9baqcUx4uaD2r2ql+6IA==",
    ),
    package(
        "argon2-browser",
        "1.18.0",
        "ImVAGIItnFnvET1exhsQB7apRztcoC5TnlSqernMJDUjbc/DLq3UEYeXFrLPrlaIl8cVfwnXb6wX2KpFf2zxHw==",
    ),
    package(
        "mupdf",
        "1.28.1",
        "Gi11Ow2G1SlrXKJNZBL1eAIGFVih5+4ZKqjptamTVaj/5hnlrcVrVbyb7lHE2lfFKdxZPyv9ZtfOOq7XgjzEig==",
    ),
    package(
        "@yowasp/yosys",
        "0.55.944",
        "O9yjd529cPb8R+FO7gpQRw658yGjApBN9JiqMg21+5tONXrGhF9EygKF/vDXrHvoYerYU7QqxIK05tQDhPYgPQ==",
    ),
];

impl Package {
    /// Where the package's contents are, once fetched.
    pub fn dir(&self) -> PathBuf {
        let folder = format!("{}-{}", self.name.trim_start_matches('@').replace('/', "-"), self.version);
        repo::corpus_dir().join(folder)
    }

    /// Fetches the package with `npm pack`, checks the tarball against the pinned digest and unpacks it, unless all that
    /// has been done before. Returns the folder of its contents.
    pub fn fetch(&self) -> Result<PathBuf> {
        let dir = self.dir();
        if dir.is_dir() {
            return Ok(dir);
        }
        let download = repo::corpus_dir().join(format!("download-{}", std::process::id()));
        std::fs::create_dir_all(&download).with_context(|| format!("creating {}", download.display()))?;
        let result = self.fetch_into(&download, &dir);
        // What is left over after an error is of no use to anyone.
        let _ = std::fs::remove_dir_all(&download);
        result?;
        Ok(dir)
    }

    fn fetch_into(&self, download: &std::path::Path, dir: &std::path::Path) -> Result<()> {
        let spec = format!("{}@{}", self.name, self.version);
        eprintln!("fetching {spec}");
        process::output(
            Command::new("npm").args(["pack", "--silent", &spec, "--pack-destination"]).arg(download),
        )?;
        let tarball = std::fs::read_dir(download)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "tgz"))
            .with_context(|| format!("`npm pack {spec}` left no tarball"))?;
        let digest = base64(&Sha512::digest(std::fs::read(&tarball)?));
        ensure!(
            digest == self.sha512,
            "{spec}: the tarball's SHA-512 is {digest}, not the pinned {}",
            self.sha512
        );
        process::run(Command::new("tar").arg("-xzf").arg(&tarball).arg("-C").arg(download))?;
        std::fs::remove_file(&tarball)?;
        std::fs::rename(download, dir).with_context(|| format!("moving {spec} to {}", dir.display()))
    }

    /// The package's modules.
    pub fn modules(&self) -> Vec<PathBuf> {
        repo::files_below(&self.dir(), &["wasm"])
    }
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().enumerate().fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_of_the_rfc() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
