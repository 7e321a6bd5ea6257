//! How a module's bytes come into the engine: as a whole, in the background, or in pieces.

use crate::input::{self, MAGIC};
use crate::options::{EngineOptions, Mode};
use engine_instance::{Bytes, Context as _, Engine, Module, Result, StreamingCompiler};
use std::io::Read;
use std::path::Path;

/// Compiles a module from its bytes, in the way that the mode says.
///
/// # Errors
/// If it is not a valid module, or does not compile.
pub fn from_bytes(engine: &Engine, options: &EngineOptions, bytes: Bytes) -> Result<Module> {
    match options.mode.unwrap_or_default() {
        Mode::Async => Module::compile_async(engine, bytes).wait(),
        Mode::Streaming => {
            let mut compiler = StreamingCompiler::new(engine);
            let mut sizes = Sizes(options.chunk_seed ^ bytes.len() as u64);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (chunk, more) = rest.split_at(sizes.next().min(rest.len()));
                compiler.push(chunk)?;
                rest = more;
            }
            compiler.finish()
        }
        Mode::Eager | Mode::Lazy | Mode::LazyUnvalidated => Module::from_bytes(engine, bytes),
    }
}

/// Compiles a module from a file, or from standard input if the path is `-`. What comes from standard input is compiled while it comes.
///
/// # Errors
/// If it cannot be read, is neither a module nor text, or does not compile. The message names it.
pub fn from_file(engine: &Engine, options: &EngineOptions, path: &Path) -> Result<Module> {
    let name = || input::display_name(path);
    if path == Path::new("-") {
        return from_reader(engine, options, &name(), &mut std::io::stdin().lock());
    }
    if options.mode == Some(Mode::Streaming) {
        let cannot_read = || format!("cannot read {}", name());
        let mut file = std::fs::File::open(path).with_context(cannot_read)?;
        return from_reader(engine, options, &name(), &mut file);
    }
    from_bytes(engine, options, input::load(path)?).with_context(name)
}

/// Compiles a module while it is read; text only when it is there as a whole.
fn from_reader(
    engine: &Engine,
    options: &EngineOptions,
    name: &str,
    reader: &mut dyn Read,
) -> Result<Module> {
    let cannot_read = || format!("cannot read {name}");
    let mut head = Vec::new();
    reader.take(MAGIC.len() as u64).read_to_end(&mut head).with_context(cannot_read)?;
    if head != MAGIC {
        reader.read_to_end(&mut head).with_context(cannot_read)?;
        return from_bytes(engine, options, input::from_contents(name, head.into())?)
            .with_context(|| name.to_owned());
    }
    Module::from_reader(engine, head.as_slice().chain(reader)).with_context(|| name.to_owned())
}

/// Sizes of chunks, between 1 and 4,096, small ones as likely as large ones: a sequence that its seed decides (a linear congruential
/// generator, Knuth's MMIX).
struct Sizes(u64);

impl Sizes {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let magnitude = (self.0 >> 56) % 13;
        1 + ((self.0 >> 36) as usize & ((1 << magnitude) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_of_all_magnitudes() {
        let mut sizes = Sizes(1);
        let mut seen = [0; 13];
        for _ in 0..1000 {
            let size = sizes.next();
            assert!((1..=4096).contains(&size));
            seen[size.ilog2() as usize] += 1;
        }
        assert!(seen[..12].iter().all(|&count| count > 10), "{seen:?}");
    }

    #[test]
    fn text_and_binary_come_from_readers() {
        let engine = Engine::default();
        let options = EngineOptions::default();
        let binary = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
        for mut contents in [&binary[..], br#"(module (func (export "f")))"#] {
            let module = from_reader(&engine, &options, "it", &mut contents).unwrap();
            assert!(module.get_export("f").is_some());
        }
        let error = from_reader(&engine, &options, "it", &mut &binary[..20]).unwrap_err();
        assert!(format!("{error:#}").starts_with("it: "), "{error:#}");
        let error = from_reader(&engine, &options, "it", &mut &b"\xff\xfe"[..]).unwrap_err();
        assert!(error.to_string().starts_with("it is not a WebAssembly module"), "{error}");
    }
}
