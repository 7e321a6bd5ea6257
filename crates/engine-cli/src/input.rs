//! Reading modules: binary or text, told apart by content.

use engine_instance::{Context as _, Error, Result};
use std::io::Read as _;
use std::path::Path;

/// The first four bytes of every binary module.
pub const MAGIC: &[u8] = b"\0asm";

/// A module's bytes from a file, or from standard input if the path is `-`. Text is turned into bytes.
///
/// # Errors
/// If the file cannot be read, or if it does not start as a module does and is not text either. The message names it.
pub fn load(path: &Path) -> Result<Vec<u8>> {
    let name = display_name(path);
    let contents = if path == Path::new("-") {
        let mut contents = Vec::new();
        std::io::stdin().lock().read_to_end(&mut contents).map(|_| contents)
    } else {
        std::fs::read(path)
    };
    from_contents(&name, contents.with_context(|| format!("cannot read {name}"))?)
}

/// A module's bytes from the contents of a file with this name.
pub fn from_contents(name: &str, contents: Vec<u8>) -> Result<Vec<u8>> {
    if contents.starts_with(MAGIC) {
        return Ok(contents);
    }
    let Ok(text) = str::from_utf8(&contents) else {
        return Err(Error::msg(format_args!(
            "{name} is not a WebAssembly module: it neither starts with `\\0asm` nor is text"
        )));
    };
    wat::parse_str(text).map_err(|mut error| {
        error.set_path(name);
        Error::msg(error)
    })
}

/// What a path is called in messages.
pub fn display_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_passes_through() {
        assert_eq!(from_contents("a", b"\0asm rest".to_vec()).unwrap(), b"\0asm rest");
    }

    #[test]
    fn text_becomes_binary() {
        assert_eq!(from_contents("a", b"(module)".to_vec()).unwrap(), b"\0asm\x01\0\0\0");
    }

    #[test]
    fn errors_name_the_file() {
        let error = from_contents("broken.wat", b"(module".to_vec()).unwrap_err();
        assert!(error.to_string().contains("broken.wat"), "{error}");
        let error = from_contents("broken.bin", vec![0xff, 0xfe]).unwrap_err();
        assert!(error.to_string().starts_with("broken.bin is not a WebAssembly module"), "{error}");
    }
}
