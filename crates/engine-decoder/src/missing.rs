//! Finds the proposal that an invalid module lacks when wasmparser's error does not say.
//!
//! Runs on the way to an error only. Unless the message speaks of a proposal, one is named only if the item at fault (a
//! section, a body) is valid with every proposal enabled, so that rubbish is not mistaken for the future.

use crate::features::{self, Features};
use wasmparser::{Chunk, Error, Parser, Validator, WasmFeatures};

/// For a function body. `valid` says whether it is, with other features.
pub(crate) fn for_body(
    enabled: Features,
    error: &Error,
    valid: impl FnMut(WasmFeatures) -> bool,
) -> Option<&'static str> {
    named_in(error.message()).or_else(|| find(enabled, valid))
}

/// For a section. `prefix` is the module up to the end of the section at fault.
pub(crate) fn for_section(enabled: Features, error: &Error, prefix: &[u8]) -> Option<&'static str> {
    named_in(error.message()).or_else(|| find(enabled, |features| valid_structure(features, prefix)))
}

/// The first of a smallest set of proposals that makes the item valid.
fn find(enabled: Features, mut valid: impl FnMut(WasmFeatures) -> bool) -> Option<&'static str> {
    let mut valid_with = |more: Features| valid(enabled.with(more.closed()).to_wasmparser());
    let mut missing = Features::all().without(enabled);
    if !valid_with(missing) {
        return None;
    }
    // Newest first, so that the oldest remain.
    let candidates: Vec<Features> = missing.iter().collect();
    for &candidate in candidates.iter().rev() {
        if valid_with(missing.without(candidate)) {
            missing = missing.without(candidate);
        }
    }
    missing.names().next()
}

/// The proposal that a message says is off, as in "gc proposal must be enabled to use subtypes".
fn named_in(message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    if !["enabled", "disabled", "require"].iter().any(|word| message.contains(word)) {
        return None;
    }
    let words: Vec<&str> = message.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let named = |name: &&str| {
        let name: Vec<&str> = name.split('-').collect();
        words.windows(name.len()).any(|window| window == name)
    };
    // The longest, as "relaxed-simd" is not "simd".
    features::names().filter(named).max_by_key(|name| name.len())
}

/// Whether the structure of a module that may be incomplete is valid as far as it goes.
fn valid_structure(features: WasmFeatures, mut bytes: &[u8]) -> bool {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    while !bytes.is_empty() {
        match parser.parse(bytes, false) {
            Ok(Chunk::NeedMoreData(_)) => return true,
            Ok(Chunk::Parsed { consumed, payload }) => {
                bytes = &bytes[consumed..];
                if validator.payload(&payload).is_err() {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_name_a_proposal() {
        for (message, name) in [
            ("gc proposal must be enabled to use subtypes", Some("gc")),
            ("data count section requires the bulk-memory proposal", Some("bulk-memory")),
            ("type index out of bounds because the GC proposal is disabled", Some("gc")),
            ("relaxed SIMD support is not enabled", Some("relaxed-simd")),
            ("custom descriptors proposal must be enabled", Some("custom-descriptors")),
            ("constant expression required: non-constant operator: visit_nop", None),
            ("type mismatch: gc", None),
        ] {
            assert_eq!(named_in(message), name, "{message}");
        }
    }

    #[test]
    fn the_oldest_of_a_smallest_set() {
        let needs =
            |needed: Features| find(Features::default(), |flags| flags.contains(needed.to_wasmparser()));
        assert_eq!(needs(Features::MEMORY64), Some("memory64"));
        assert_eq!(needs(Features::GC), Some("gc"));
        assert_eq!(needs(Features::CUSTOM_PAGE_SIZES.with(Features::MEMORY64)), Some("memory64"));
        assert_eq!(find(Features::default(), |_| false), None);
    }
}
