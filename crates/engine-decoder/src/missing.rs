//! Finds the proposal that an invalid module lacks when wasmparser's error does not say.
//!
//! Runs on the way to an error only. A proposal is named only if the item at fault (a section, a body) is valid with
//! every proposal enabled, so that rubbish is not mistaken for the future.

use crate::features::Features;
use wasmparser::{Chunk, Parser, Validator, WasmFeatures};

/// For a function body. `validate` tries it with other features.
pub(crate) fn for_body(
    enabled: Features,
    offset: u64,
    mut validate: impl FnMut(WasmFeatures) -> Result<(), wasmparser::Error>,
) -> Option<&'static str> {
    find(enabled, offset, |features| validate(features).err().map(|error| error.offset()))
}

/// For a section. `prefix` is the module up to the end of the section at fault.
pub(crate) fn for_section(enabled: Features, offset: u64, prefix: &[u8]) -> Option<&'static str> {
    find(enabled, offset, |features| structure(features, prefix))
}

/// `attempt` gives the offset of the error with some features, if there is one.
fn find(
    enabled: Features,
    offset: u64,
    mut attempt: impl FnMut(WasmFeatures) -> Option<u64>,
) -> Option<&'static str> {
    let mut with = |features: Features| attempt(enabled.with(features.closed()).to_wasmparser());
    if with(Features::all()).is_some() {
        return None;
    }
    let candidates = || Features::all().without(enabled).iter();
    let enough = candidates().find(|&candidate| with(candidate).is_none());
    // If it takes more than one, the first that is missing will do.
    let missing =
        enough.or_else(|| candidates().find(|&candidate| with(candidate).is_some_and(|at| at > offset)));
    missing?.names().next()
}

/// The offset of the first error in the structure of a module that may be incomplete.
fn structure(features: WasmFeatures, mut bytes: &[u8]) -> Option<u64> {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    while !bytes.is_empty() {
        match parser.parse(bytes, false) {
            Ok(Chunk::NeedMoreData(_)) => return None,
            Ok(Chunk::Parsed { consumed, payload }) => {
                bytes = &bytes[consumed..];
                if let Err(error) = validator.payload(&payload) {
                    return Some(error.offset());
                }
            }
            Err(error) => return Some(error.offset()),
        }
    }
    None
}
