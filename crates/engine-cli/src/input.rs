//! Reading modules: binary or text, told apart by content.

use engine_codemanager::FileBytes;
use engine_instance::{Bytes, Context as _, Error, Result};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The first four bytes of every binary module.
pub const MAGIC: &[u8] = b"\0asm";

/// A module's bytes from a file, or from standard input if the path is `-`. Text is turned into bytes.
///
/// # Errors
/// If the file cannot be read, or if it does not start as a module does and is not text either. The message names it.
pub fn load(path: &Path) -> Result<Bytes> {
    let name = display_name(path);
    from_contents(&name, read(path).with_context(|| format!("cannot read {name}"))?)
}

/// The contents of a file, or of standard input if the path is `-`.
pub fn read(path: &Path) -> io::Result<Bytes> {
    if path == Path::new("-") {
        let mut contents = Vec::new();
        io::stdin().lock().read_to_end(&mut contents)?;
        return Ok(contents.into());
    }
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    // Files that the system makes up have no length.
    if metadata.is_file() && metadata.len() > 0 {
        return Ok(Bytes::from_owner(FileBytes::read(&file)?));
    }
    let mut contents = Vec::new();
    file.read_to_end(&mut contents)?;
    Ok(contents.into())
}

/// A module's bytes from the contents of a file with this name.
pub fn from_contents(name: &str, contents: Bytes) -> Result<Bytes> {
    if contents.starts_with(MAGIC) {
        return Ok(contents);
    }
    if engine_instance::is_serialized(&contents) {
        return Err(Error::msg(format_args!(
            "{name} is a compiled module, which only `engine run FILE` takes"
        )));
    }
    let Ok(text) = str::from_utf8(&contents) else {
        return Err(Error::msg(format_args!(
            "{name} is not a WebAssembly module: it neither starts with `\\0asm` nor is text"
        )));
    };
    wat::parse_str(text).map(Bytes::from).map_err(|mut error| {
        error.set_path(name);
        Error::msg(error)
    })
}

/// Whether a file holds a compiled module, by its first bytes.
///
/// # Errors
/// If it does, but its name says that it is a WebAssembly module. Those are confined to what they are given, machine code is not: nobody
/// should run it without knowing.
pub fn is_compiled(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let mut file = || File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    // Standard input and pipes can be read once only. A file that cannot be read is reported by whoever reads all of it.
    let compiled = path.is_file() && file().is_ok() && engine_instance::is_serialized(&start);
    let disguised = path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat");
    if compiled && disguised {
        let name = display_name(path);
        return Err(Error::msg(format_args!("{name} holds machine code, and not a module as its name says")));
    }
    Ok(compiled)
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
        assert_eq!(from_contents("a", Bytes::from_static(b"\0asm rest")).unwrap(), &b"\0asm rest"[..]);
    }

    #[test]
    fn text_becomes_binary() {
        assert_eq!(from_contents("a", Bytes::from_static(b"(module)")).unwrap(), &b"\0asm\x01\0\0\0"[..]);
    }

    #[test]
    fn errors_name_the_file() {
        let error = from_contents("broken.wat", Bytes::from_static(b"(module")).unwrap_err();
        assert!(error.to_string().contains("broken.wat"), "{error}");
        let error = from_contents("broken.bin", Bytes::from_static(&[0xff, 0xfe])).unwrap_err();
        assert!(error.to_string().starts_with("broken.bin is not a WebAssembly module"), "{error}");
    }
}
