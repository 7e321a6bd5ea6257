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
        let offset = self.module.bodies[func.index()].start as u64;
        validate_body(self.func_to_validate(func), self.body(func), offset, allocs)
            .map_err(|error| DecodeError::from_body(self, func, error))
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
        let body = decoded.module.bodies.get(func.index()).and_then(|range| {
            Some(Body { bytes: decoded.bytes.get(range.clone())?, offset: range.start as u64 })
        });
        DecodeError::from_body_parts(
            &decoded.module,
            decoded.enabled,
            &|| decoded.func_to_validate(func),
            func,
            body,
            &error,
        )
    }

    pub(crate) fn from_body_parts(
        module: &Module,
        enabled: Features,
        validator: &dyn Fn() -> FuncToValidate<ValidatorResources>,
        func: DefinedFuncIndex,
        body: Option<Body<'_>>,
        error: &wasmparser::Error,
    ) -> DecodeError {
        let mut found = DecodeError::from_parser(Section::Code, error);
        if let (None, Some(body)) = (found.missing_feature, body) {
            found = found.with_missing(missing::for_body(enabled, error.offset(), |flags| {
                let validator = FuncToValidate { features: flags, ..validator() };
                validate_body(validator, body.bytes, body.offset, FuncValidatorAllocations::default())
                    .map(drop)
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
