//! Decodes a module, from bytes that may be incomplete.

use crate::error::{DecodeError, Section};
use crate::features::Features;
use crate::index::*;
use crate::limits::Limits;
use crate::missing;
use crate::module::*;
use crate::sections::Builder;
use crate::validate::{Body, validate_body};
use bytes::Bytes;
use std::sync::Arc;
use wasmparser::{
    Chunk, FuncToValidate, FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator,
    ValidatorResources,
};

impl DecodedModule {
    /// Decodes a module and validates its structure: everything but the bodies of its functions, for which there is
    /// [`BodyValidator`](crate::BodyValidator). Bytes that come as a `Vec<u8>` or [`Bytes`] are not copied.
    ///
    /// # Errors
    /// The error with the lowest offset. If it lies behind the code section's start, that may be one in a body.
    ///
    /// ```
    /// use engine_decoder::{DecodedModule, Features};
    /// let bytes = wat::parse_str(r#"(module (func (export "f") (result i32) i32.const 42))"#).unwrap();
    /// let decoded = DecodedModule::decode(bytes, Features::default()).unwrap();
    /// assert_eq!(decoded.module.exports.len(), 1);
    /// decoded.validate_all().unwrap();
    /// ```
    pub fn decode(bytes: impl Into<Bytes>, features: Features) -> Result<DecodedModule, DecodeError> {
        let bytes = bytes.into();
        let mut decoder = Decoder::new(features, Limits::MODULE_SIZE);
        decoder.advance(&bytes, true)?;
        Ok(decoder.finish(bytes))
    }

    /// The proposals enabled while decoding.
    pub fn features(&self) -> Features {
        self.enabled
    }

    /// The proposals that the module's structure uses, as far as can be told; function bodies may use more.
    pub fn detected(&self) -> Features {
        crate::detect::detect(&self.module).with(self.detected)
    }
}

/// The decoder behind [`DecodedModule::decode`] and [`ModuleDecoder`](crate::ModuleDecoder), which does not own the
/// bytes: each call gets all of them again, with more at the end.
pub(crate) struct Decoder {
    parser: Parser,
    validator: Validator,
    features: Features,
    max_size: usize,
    /// All bytes before this have been dealt with.
    position: usize,
    builder: Builder,
    resources: Option<ValidatorResources>,
    /// Proposals that leave no trace in the module.
    detected: Features,
}

impl Decoder {
    pub(crate) fn new(features: Features, max_size: usize) -> Decoder {
        let flags = features.to_wasmparser();
        let mut parser = Parser::new(0);
        parser.set_features(flags);
        Decoder {
            parser,
            validator: Validator::new_with_features(flags),
            features,
            max_size,
            position: 0,
            builder: Builder::default(),
            resources: None,
            detected: Features::NONE,
        }
    }

    /// What has been decoded so far.
    pub(crate) fn module(&self) -> &Module {
        &self.builder.module
    }

    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// Proposals used so far that leave no trace in the module.
    pub(crate) fn detected(&self) -> Features {
        self.detected
    }

    pub(crate) fn resources(&self) -> Option<&ValidatorResources> {
        self.resources.as_ref()
    }

    /// Goes on as far as `bytes` allow; with `end`, they are all there is. Returns how many bytes there must be in all
    /// before another call makes sense (at the end, any number). Not to be called again after an error.
    pub(crate) fn advance(&mut self, bytes: &[u8], end: bool) -> Result<usize, DecodeError> {
        let within = &bytes[..bytes.len().min(self.max_size)];
        let too_large = within.len() < bytes.len();
        self.parse(within, end && !too_large)
            .and_then(|needed| {
                if !too_large {
                    return Ok(needed);
                }
                let message = format!("module size exceeds limit of {} bytes", self.max_size);
                Err(DecodeError::new(Section::Module, self.max_size as u64, message))
            })
            // A body in front of the error may have an error of its own, which then is the first.
            .map_err(|error| self.first_body_error(bytes, error.offset).unwrap_or(error))
    }

    fn parse(&mut self, bytes: &[u8], end: bool) -> Result<usize, DecodeError> {
        loop {
            let rest = &bytes[self.position..];
            match self.parser.parse(rest, end) {
                Ok(Chunk::NeedMoreData(more)) => return Ok(bytes.len() + more),
                Ok(Chunk::Parsed { consumed, payload }) => {
                    let section = self.section_at(bytes, &payload);
                    self.position += consumed;
                    let done = matches!(payload, Payload::End(_));
                    self.payload(section, payload, bytes)?;
                    if done {
                        return Ok(bytes.len());
                    }
                }
                Err(error) => {
                    let section = match bytes.get(self.position) {
                        _ if self.position < 8 => Section::Header,
                        _ if self.position < self.module().code_section.end => Section::Code,
                        Some(&id) => Section::from_id(id),
                        None => Section::Module,
                    };
                    return Err(DecodeError::from_parser(section, &error));
                }
            }
        }
    }

    /// The section of a payload that starts at the current position.
    fn section_at(&self, bytes: &[u8], payload: &Payload<'_>) -> Section {
        match payload {
            Payload::Version { .. } => Section::Header,
            Payload::CodeSectionEntry(_) => Section::Code,
            Payload::End(_) => Section::Module,
            _ => bytes.get(self.position).map_or(Section::Module, |&id| Section::from_id(id)),
        }
    }

    fn payload(&mut self, section: Section, payload: Payload<'_>, bytes: &[u8]) -> Result<(), DecodeError> {
        match &payload {
            Payload::CodeSectionEntry(body) => self.check_body_size(body.range())?,
            Payload::DataCountSection { .. } => self.detected = self.detected.with(Features::BULK_MEMORY),
            _ => {}
        }
        match self.validator.payload(&payload) {
            Ok(ValidPayload::Func(func, _)) => {
                self.resources.get_or_insert(func.resources);
            }
            Ok(_) => {}
            Err(error) => {
                let mut found = DecodeError::from_parser(section, &error);
                if found.missing_feature.is_none() {
                    let prefix = &bytes[..self.position];
                    found = found.with_missing(missing::for_section(self.features, &error, prefix));
                }
                return Err(found);
            }
        }
        self.builder.payload(&payload)
    }

    fn check_body_size(&self, body: core::ops::Range<u64>) -> Result<(), DecodeError> {
        let size = body.end - body.start;
        if size <= Limits::FUNCTION_SIZE as u64 {
            return Ok(());
        }
        let message = format!("function body size {size} exceeds limit of {} bytes", Limits::FUNCTION_SIZE);
        let func = self.module().func_index(DefinedFuncIndex(self.module().bodies.len() as u32));
        Err(DecodeError::new(Section::Code, body.start, message).in_function(func, self.module()))
    }

    /// The first error in the complete bodies, if it comes before `offset`.
    fn first_body_error(&self, bytes: &[u8], offset: u64) -> Option<DecodeError> {
        let mut allocs = FuncValidatorAllocations::default();
        for (i, range) in self.module().bodies.iter().enumerate() {
            let func = DefinedFuncIndex(i as u32);
            let body = Body { bytes: &bytes[range.clone()], offset: range.start as u64 };
            match validate_body(self.func_to_validate(func)?, body.bytes, body.offset, allocs) {
                Ok(reuse) => allocs = reuse,
                Err(error) if error.offset() < offset => {
                    let validator = || self.func_to_validate(func).expect("it was there just now");
                    return Some(DecodeError::in_body(
                        self.module(),
                        self.features,
                        func,
                        body,
                        &validator,
                        &error,
                    ));
                }
                Err(_) => return None,
            }
        }
        None
    }

    fn func_to_validate(&self, func: DefinedFuncIndex) -> Option<FuncToValidate<ValidatorResources>> {
        let index = self.module().func_index(func);
        Some(FuncToValidate {
            resources: self.resources.clone()?,
            index: index.0,
            ty: self.module().functions[index.index()].0,
            features: self.features.to_wasmparser(),
        })
    }

    /// The module, once `advance` has succeeded with all of its bytes.
    pub(crate) fn finish(self, bytes: Bytes) -> DecodedModule {
        let quick = crate::quick::prepare(&self.builder.module, self.features);
        DecodedModule {
            quick,
            module: Arc::new(self.builder.module),
            bytes,
            resources: self.resources,
            features: self.features.to_wasmparser(),
            enabled: self.features,
            detected: self.detected,
        }
    }
}
