//! Validation of function bodies, on any thread.

use crate::error::{DecodeError, Section};
use crate::features::Features;
use crate::index::*;
use crate::missing;
use crate::module::{DecodedModule, Module};
use crate::quick::{QuickValidator, Undecided};
use wasmparser::{BinaryReader, FuncToValidate, FuncValidatorAllocations, ValidatorResources};

/// Validates function bodies: first with the quick validator, and with wasmparser's where that makes no statement. Keep one
/// for each thread: its memory is reused from body to body.
#[derive(Default)]
pub struct BodyValidator {
    quick: QuickValidator,
    allocations: FuncValidatorAllocations,
}

impl core::fmt::Debug for BodyValidator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BodyValidator").finish_non_exhaustive()
    }
}

impl BodyValidator {
    /// A validator with no memory allocated.
    pub fn new() -> BodyValidator {
        BodyValidator::default()
    }

    /// The proposals beyond WebAssembly 1.0 that the bodies so far use. What an index leads to (a second memory, say) shows in the module's
    /// structure ([`DecodedModule::detected`]).
    pub fn used(&self) -> Features {
        self.quick.used()
    }

    /// Validates the body of a defined function.
    ///
    /// # Errors
    /// What is wrong with the body, and where.
    ///
    /// # Panics
    /// If there is no such function.
    pub fn validate(&mut self, decoded: &DecodedModule, func: DefinedFuncIndex) -> Result<(), DecodeError> {
        self.validate_body(decoded, func, decoded.body_at(func))
    }

    /// Validates a body that is not among the module's bytes (see [`ModuleDecoder::environment`]).
    ///
    /// # Errors
    /// What is wrong with the body, and where.
    ///
    /// # Panics
    /// If there is no such function.
    ///
    /// [`ModuleDecoder::environment`]: crate::ModuleDecoder::environment
    pub fn validate_body(
        &mut self,
        decoded: &DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'_>,
    ) -> Result<(), DecodeError> {
        match self.quick.validate(decoded, func, body.bytes) {
            Ok(()) => Ok(()),
            Err(Undecided) => self.validate_slowly(decoded, func, body),
        }
    }

    /// Validates a body by wasmparser's validator alone: the reference.
    ///
    /// # Errors
    /// What is wrong with the body, and where.
    ///
    /// # Panics
    /// If there is no such function.
    pub fn validate_slowly(
        &mut self,
        decoded: &DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'_>,
    ) -> Result<(), DecodeError> {
        let allocations = core::mem::take(&mut self.allocations);
        match validate_body(decoded.func_to_validate(func), body.bytes, body.offset, allocations) {
            Ok(allocations) => {
                self.allocations = allocations;
                self.quick.add_used(decoded, body.bytes);
                Ok(())
            }
            Err(error) => Err(DecodeError::from_body(decoded, func, body, error)),
        }
    }
}

impl DecodedModule {
    /// Validates the bodies of all functions, in order.
    ///
    /// # Errors
    /// The one with the lowest offset.
    pub fn validate_all(&self) -> Result<(), DecodeError> {
        let mut validator = BodyValidator::new();
        for func in 0..self.module.bodies.len() {
            validator.validate(self, DefinedFuncIndex(func as u32))?;
        }
        Ok(())
    }

    /// Whether wasmparser's validator accepts a body.
    pub(crate) fn accepts_slowly(&self, func: DefinedFuncIndex, body: &[u8]) -> bool {
        validate_body(self.func_to_validate(func), body, 0, FuncValidatorAllocations::default()).is_ok()
    }
}

impl DecodeError {
    /// An error that a validator for the body of a defined function reported (see
    /// [`DecodedModule::func_to_validate`]), with an offset from the module's first byte. For compilers that validate
    /// while they compile; all get the error that [`BodyValidator::validate`] would give.
    ///
    /// Panics if there is no such function.
    pub fn from_body(
        decoded: &DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'_>,
        error: wasmparser::BinaryReaderError,
    ) -> DecodeError {
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

/// A function body: declarations of locals and operators, without its size.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Offset of its first byte from the module's.
    pub offset: u64,
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
