//! Decodes a module while its bytes arrive.

use crate::decode::Decoder;
use crate::error::DecodeError;
use crate::features::Features;
use crate::index::*;
use crate::limits::Limits;
use crate::module::*;
use crate::validate::Body;
use bytes::Bytes;
use core::ops::Range;
use std::sync::Arc;

/// A decoder that is fed a module in pieces of any size, down to single bytes.
///
/// What comes out is what [`DecodedModule::decode`] makes of the whole: the same module, or the same error. Sections
/// are decoded when they are complete, function bodies one by one. The time it takes is linear in the module's size,
/// however small the pieces.
///
/// To compile while bytes arrive: after each [`feed`](ModuleDecoder::feed), ask for the bodies that
/// [became complete](ModuleDecoder::take_bodies). Each can be validated and compiled at once, on any thread, against
/// the module's [environment](ModuleDecoder::environment), which has been complete since the code section's header:
/// nothing behind it matters for code.
///
/// ```
/// use engine_decoder::{BodyValidator, DefinedFuncIndex, Features, ModuleDecoder};
/// let bytes = wat::parse_str("(module (func) (func (result i32) i32.const 1))").unwrap();
/// let mut decoder = ModuleDecoder::new(Features::default());
/// let mut bodies = 0;
/// for piece in bytes.chunks(3) {
///     decoder.feed(piece).unwrap();
///     for func in decoder.take_bodies().map(DefinedFuncIndex) {
///         let environment = decoder.environment().unwrap().clone();
///         let body = decoder.body(func).unwrap();
///         BodyValidator::new().validate_body(&environment, func, body).unwrap();
///         bodies += 1;
///     }
/// }
/// let decoded = decoder.finish().unwrap();
/// assert_eq!(bodies, decoded.module.bodies.len());
/// ```
pub struct ModuleDecoder {
    decoder: Decoder,
    bytes: Vec<u8>,
    /// Fewer bytes than this bring nothing new.
    needed: usize,
    error: Option<DecodeError>,
    environment: Option<DecodedModule>,
    /// Bodies that `take_bodies` has reported.
    taken: u32,
}

impl ModuleDecoder {
    /// A decoder that has seen nothing yet.
    pub fn new(features: Features) -> ModuleDecoder {
        ModuleDecoder::with_max_size(features, Limits::MODULE_SIZE)
    }

    fn with_max_size(features: Features, max_size: usize) -> ModuleDecoder {
        ModuleDecoder {
            decoder: Decoder::new(features, max_size),
            bytes: Vec::new(),
            needed: 0,
            error: None,
            environment: None,
            taken: 0,
        }
    }

    /// Makes room for a module of this many bytes, if that is known beforehand. Only a hint.
    pub fn expect_size(&mut self, bytes: usize) {
        // At most as much as a browser takes, and not fatal if there is less.
        let more = bytes.min(Limits::MODULE_SIZE).saturating_sub(self.bytes.len());
        let _ = self.bytes.try_reserve_exact(more);
    }

    /// Adds the next piece.
    ///
    /// # Errors
    /// The first error in the bytes so far. Final: from then on, `feed` and `finish` return it again. Errors in bodies
    /// are not looked for, unless there is an error behind them.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        self.bytes.extend_from_slice(piece);
        if self.bytes.len() < self.needed {
            return Ok(());
        }
        match self.decoder.advance(&self.bytes, false) {
            Ok(needed) => {
                self.needed = needed;
                Ok(())
            }
            Err(error) => {
                self.error = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Says that there is no more, and returns the module.
    ///
    /// # Errors
    /// The first error in the module. Errors in bodies are not looked for, unless there is an error behind them.
    pub fn finish(mut self) -> Result<DecodedModule, DecodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.decoder.advance(&self.bytes, true)?;
        Ok(self.decoder.finish(self.bytes.into()))
    }

    /// All bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What has been decoded so far. Its `bodies` are those that are complete; `code_section` is filled in when the
    /// code section's header is complete.
    pub fn module(&self) -> &Module {
        self.decoder.module()
    }

    /// The defined function indices of the bodies that became complete since the last call.
    pub fn take_bodies(&mut self) -> Range<u32> {
        let complete = self.module().bodies.len() as u32;
        core::mem::replace(&mut self.taken, complete)..complete
    }

    /// A function's body, if it is complete.
    pub fn body(&self, func: DefinedFuncIndex) -> Option<Body<'_>> {
        let range = self.module().bodies.get(func.index())?;
        Some(Body { bytes: &self.bytes[range.clone()], offset: range.start as u64 })
    }

    /// Everything that compiling a body depends on: the sections before the code section, and what validating bodies
    /// needs. There from the moment the first body is complete, and a copy: cheap to clone, independent of this decoder.
    ///
    /// It has no bytes, no bodies, no data segments, and no names, as those come later. Bodies are passed to
    /// [`BodyValidator::validate_body`](crate::BodyValidator::validate_body).
    pub fn environment(&mut self) -> Option<&DecodedModule> {
        if self.environment.is_none() {
            self.environment = self.decoder.environment();
        }
        self.environment.as_ref()
    }
}

impl core::fmt::Debug for ModuleDecoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ModuleDecoder")
            .field("bytes", &self.bytes.len())
            .field("bodies", &self.module().bodies.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    fn environment(&self) -> Option<DecodedModule> {
        let resources = self.resources()?.clone();
        let module = self.module();
        let environment = Module {
            types: module.types.clone(),
            imports: module.imports.clone(),
            functions: module.functions.clone(),
            tables: module.tables.clone(),
            memories: module.memories.clone(),
            globals: module.globals.clone(),
            num_imported_functions: module.num_imported_functions,
            num_imported_tables: module.num_imported_tables,
            num_imported_memories: module.num_imported_memories,
            num_imported_globals: module.num_imported_globals,
            table_inits: module.table_inits.clone(),
            global_inits: module.global_inits.clone(),
            exports: module.exports.clone(),
            start: module.start,
            elements: module.elements.clone(),
            data: Vec::new(),
            bodies: Vec::new(),
            code_section: module.code_section.clone(),
            escaped: module.escaped.clone(),
            custom_sections: Vec::new(),
            names: Names::default(),
        };
        Some(DecodedModule {
            quick: crate::quick::prepare(module, self.features()),
            module: Arc::new(environment),
            bytes: Bytes::new(),
            resources: Some(resources),
            features: self.features().to_wasmparser(),
            enabled: self.features(),
            detected: self.detected(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;
    use std::collections::BTreeSet;

    fn wasm(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    fn describe(decoded: &Result<DecodedModule, DecodeError>) -> Result<String, DecodeError> {
        // The structure has no equality of its own, and needs none but here.
        decoded.as_ref().map(|decoded| format!("{:?}", decoded.module)).map_err(Clone::clone)
    }

    fn push<'a>(
        features: Features,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<DecodedModule, DecodeError> {
        let mut decoder = ModuleDecoder::new(features);
        for piece in pieces {
            if let Err(error) = decoder.feed(piece) {
                assert_eq!(decoder.feed(b"\0"), Err(error.clone()), "errors are final");
                assert_eq!(decoder.finish().unwrap_err(), error);
                return Err(error);
            }
        }
        decoder.finish()
    }

    /// Cut once anywhere, or into pieces of one size: the result is that of the whole.
    fn check(bytes: &[u8], features: Features) -> Result<String, DecodeError> {
        let whole = describe(&DecodedModule::decode(bytes.to_vec(), features));
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(describe(&push(features, [head, tail])), whole, "cut at {at}");
        }
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(describe(&push(features, bytes.chunks(size))), whole, "pieces of {size}");
        }
        whole
    }

    const SAMPLE: &str = r#"(module $sample
        (type $t (func (param i32) (result i32)))
        (import "env" "f" (func $f (type $t)))
        (import "env" "m" (memory 1 3))
        (import "env" "g" (global $g (mut i64)))
        (table $table 3 funcref)
        (table 1 externref)
        (global (mut i32) (i32.const -1))
        (global funcref (ref.func $inc))
        (export "inc" (func $inc))
        (export "table" (table $table))
        (start $start)
        (elem (i32.const 1) func $inc $f)
        (elem declare func $declared)
        (func $inc (type $t) local.get 0 i32.const 1 i32.add)
        (func $declared (local i32 i64))
        (func $start i32.const 3 call $f drop ref.func $declared drop)
        (data (i32.const 8) "hello")
        (data "passive"))"#;

    #[test]
    fn the_whole_and_its_parts_agree() {
        check(&wasm(SAMPLE), Features::default()).unwrap();
        check(&wasm("(module)"), Features::default()).unwrap();
    }

    #[test]
    fn every_truncation_agrees() {
        let bytes = wasm(SAMPLE);
        for end in 0..bytes.len() {
            let whole = describe(&DecodedModule::decode(bytes[..end].to_vec(), Features::default()));
            assert_eq!(
                describe(&push(Features::default(), bytes[..end].chunks(1))),
                whole,
                "first {end} bytes"
            );
        }
    }

    #[test]
    fn every_flipped_byte_agrees() {
        let bytes = wasm(SAMPLE);
        for at in 0..bytes.len() {
            for flip in [0x01, 0x40, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                let whole = describe(&DecodedModule::decode(bytes.to_vec(), Features::default()));
                for size in [1, 5] {
                    let pushed = describe(&push(Features::default(), bytes.chunks(size)));
                    assert_eq!(pushed, whole, "byte {at} ^ {flip:#x} in pieces of {size}");
                }
            }
        }
    }

    #[test]
    fn trailing_bytes_agree() {
        let bytes = wasm(SAMPLE);
        for tail in [
            &b"\0"[..],
            b"\0asm",
            b"\0asm\x01\0\0\0",
            b"\x0d",
            b"\x7f\x00",
            b"\x01\x01\x00",
            b"\x00\x02\x01x",
        ] {
            let _ = check(&[&bytes, tail].concat(), Features::default());
        }
    }

    #[test]
    fn a_custom_section_may_stand_anywhere() {
        let bytes = wasm(SAMPLE);
        let (custom, mut starts) = (b"\x00\x04\x02hi!", vec![8]);
        let mut at = 8;
        while at < bytes.len() {
            let mut reader = wasmparser::BinaryReader::new(&bytes[at + 1..], 0);
            at += 1 + reader.read_var_u32().unwrap() as usize;
            at += reader.current_position();
            starts.push(at);
        }
        assert!(starts.len() > 10);
        for at in starts {
            let (head, tail) = bytes.split_at(at);
            let bytes = [head, custom, tail].concat();
            check(&bytes, Features::default()).unwrap();
            let decoded = DecodedModule::decode(bytes.to_vec(), Features::default()).unwrap();
            let section =
                decoded.module.custom_sections.iter().find(|section| &*section.name == "hi").unwrap();
            assert_eq!(&decoded.bytes[section.bytes.clone()], b"!");
        }
    }

    #[test]
    fn bodies_are_reported_once_when_complete() {
        let bytes = wasm(SAMPLE);
        let decoded = DecodedModule::decode(bytes.to_vec(), Features::default()).unwrap();
        let mut decoder = ModuleDecoder::new(Features::default());
        decoder.expect_size(bytes.len());
        let mut seen = BTreeSet::new();
        for (i, &byte) in bytes.iter().enumerate() {
            decoder.feed(&[byte]).unwrap();
            for func in decoder.take_bodies() {
                let func = DefinedFuncIndex(func);
                assert_eq!(decoded.module.bodies[func.index()].end, i + 1);
                assert_eq!(decoder.body(func).unwrap().bytes, decoded.body(func));
                assert!(seen.insert(func));
            }
            assert_eq!(decoder.environment().is_some(), !seen.is_empty());
        }
        assert_eq!(seen.len(), 3);
        assert!(decoder.body(DefinedFuncIndex(3)).is_none());
        let environment = decoder.environment().unwrap();
        assert_eq!(environment.module.escaped, decoded.module.escaped);
        assert_eq!(environment.module.functions, decoded.module.functions);
    }

    #[test]
    fn an_error_in_a_body_comes_before_one_behind_it() {
        let mut bytes = wasm("(module (func) (func i32.add) (func i64.add))");
        let body_error =
            DecodedModule::decode(bytes.to_vec(), Features::default()).unwrap().validate_all().unwrap_err();
        bytes.extend_from_slice(b"\x7f\x00");
        let error = check(&bytes, Features::default()).unwrap_err();
        assert_eq!(error, body_error);
        assert_eq!(error.func, Some(FuncIndex(1)));
    }

    #[test]
    fn an_environment_gives_the_same_errors() {
        let bytes = wasm(r#"(module (memory 1) (func) (func (result i32) memory.size 1))"#);
        let whole =
            DecodedModule::decode(bytes.to_vec(), Features::default()).unwrap().validate_all().unwrap_err();
        let mut decoder = ModuleDecoder::new(Features::default());
        decoder.feed(&bytes).unwrap();
        let environment = decoder.environment().unwrap().clone();
        let body = decoder.body(DefinedFuncIndex(1)).unwrap();
        let error = crate::BodyValidator::new().validate_body(&environment, DefinedFuncIndex(1), body);
        assert_eq!(error, Err(whole));
    }

    #[test]
    fn modules_have_a_maximum_size() {
        let bytes = wasm(SAMPLE);
        for piece in [1, 10, bytes.len()] {
            let mut decoder = ModuleDecoder::with_max_size(Features::default(), bytes.len() - 1);
            let error = bytes.chunks(piece).find_map(|piece| decoder.feed(piece).err()).unwrap();
            assert_eq!(error.section, Section::Module);
            assert_eq!(error.offset, bytes.len() as u64 - 1);
            assert!(error.message.contains("exceeds limit"), "{error}");
        }
        let mut decoder = ModuleDecoder::with_max_size(Features::default(), bytes.len());
        decoder.feed(&bytes).unwrap();
        decoder.finish().unwrap();
    }
}
