//! Validation of function bodies, on any thread.

use crate::error::{DecodeError, Section};
use crate::features::Features;
use crate::index::*;
use crate::missing;
use crate::module::{DecodedModule, Module};
use wasmparser::{BinaryReader, FuncToValidate, FuncValidatorAllocations, ValidatorResources};

impl DecodedModule {
    /// Validates the body of a defined function. `allocs` is memory to be reused: start with
    /// `FuncValidatorAllocations::default()` and pass on what comes back.
    ///
    /// Panics if there is no such function.
    pub fn validate_function(
        &self,
        func: DefinedFuncIndex,
        allocs: FuncValidatorAllocations,
    ) -> Result<FuncValidatorAllocations, DecodeError> {
        self.validate_body(func, self.body(func), self.module.bodies[func.index()].start as u64, allocs)
    }

    /// Validates a body that is not among this module's bytes (see [`ModuleDecoder::environment`]). `offset` is its
    /// place in the module, from the module's first byte.
    ///
    /// Panics if there is no such function.
    ///
    /// [`ModuleDecoder::environment`]: crate::ModuleDecoder::environment
    pub fn validate_body(
        &self,
        func: DefinedFuncIndex,
        body: &[u8],
        offset: u64,
        allocs: FuncValidatorAllocations,
    ) -> Result<FuncValidatorAllocations, DecodeError> {
        validate_body(self.func_to_validate(func), body, offset, allocs)
            .map_err(|error| DecodeError::from_body_at(self, func, body, offset, error))
    }

    /// Validates the bodies of all functions, in order. The error is the one with the lowest offset.
    pub fn validate_all(&self) -> Result<(), DecodeError> {
        let mut allocs = FuncValidatorAllocations::default();
        for func in 0..self.module.bodies.len() {
            allocs = self.validate_function(DefinedFuncIndex(func as u32), allocs)?;
        }
        Ok(())
    }
}

impl DecodeError {
    /// An error that a validator for the body of a defined function reported (see
    /// [`DecodedModule::func_to_validate`]), with an offset from the module's first byte. For compilers that validate
    /// while they compile; all get the error that [`DecodedModule::validate_function`] would give.
    ///
    /// Panics if there is no such function.
    pub fn from_body(
        decoded: &DecodedModule,
        func: DefinedFuncIndex,
        error: wasmparser::BinaryReaderError,
    ) -> DecodeError {
        let offset = decoded.module.bodies[func.index()].start as u64;
        DecodeError::from_body_at(decoded, func, decoded.body(func), offset, error)
    }

    /// The same for a body that is not among the module's bytes (see [`DecodedModule::validate_body`]).
    ///
    /// Panics if there is no such function.
    pub fn from_body_at(
        decoded: &DecodedModule,
        func: DefinedFuncIndex,
        body: &[u8],
        offset: u64,
        error: wasmparser::BinaryReaderError,
    ) -> DecodeError {
        let body = Body { bytes: body, offset };
        let validator = || decoded.func_to_validate(func);
        DecodeError::in_body(&decoded.module, decoded.enabled, func, body, &validator, &error)
    }

    pub(crate) fn in_body(
        module: &Module,
        enabled: Features,
        func: DefinedFuncIndex,
        body: Body<'_>,
        validator: &dyn Fn() -> FuncToValidate<ValidatorResources>,
        error: &wasmparser::Error,
    ) -> DecodeError {
        let mut found = DecodeError::from_parser(Section::Code, error);
        if found.missing_feature.is_none() {
            found = found.with_missing(missing::for_body(enabled, error, |flags| {
                let validator = FuncToValidate { features: flags, ..validator() };
                validate_body(validator, body.bytes, body.offset, FuncValidatorAllocations::default()).is_ok()
            }));
        }
        found.in_function(module.func_index(func), module)
    }
}

/// A function body and where it starts in the module.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: u64,
}

/// Validates a body that starts at `offset` of the module.
pub(crate) fn validate_body(
    func: FuncToValidate<ValidatorResources>,
    body: &[u8],
    offset: u64,
    allocs: FuncValidatorAllocations,
) -> Result<FuncValidatorAllocations, wasmparser::Error> {
    let mut reader = BinaryReader::new_features(body, offset, func.features);
    let mut validator = func.into_validator(allocs);
    validator.read_locals(&mut reader)?;
    while !reader.eof() {
        let position = reader.original_position();
        reader.visit_operator(&mut validator.visitor(position))??;
    }
    let end = reader.original_position();
    reader.finish_expression(&validator.visitor(end))?;
    Ok(validator.into_allocations())
}
