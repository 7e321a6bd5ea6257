//! The set of WebAssembly proposals that a module may use.

use core::fmt;
use core::ops::BitOr;
use wasmparser::WasmFeatures;

/// A set of WebAssembly proposals, under the names the community uses (`multi-value`, `simd`, ...).
///
/// The set says what decoding and validation accept; whether an engine can run it is another question, which
/// [`Features::supported`] answers.
///
/// ```
/// use engine_decoder::Features;
/// let features = Features::default().with(Features::EXTENDED_CONST);
/// assert!(features.contains(Features::MULTI_VALUE));
/// assert_eq!(Features::from_name("tail-call"), Some(Features::TAIL_CALL));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Features(u32);

/// One proposal: its bit, its name, wasmparser's flags for it, and the proposals that it builds on.
struct Proposal {
    feature: Features,
    name: &'static str,
    flags: WasmFeatures,
    requires: Features,
}

macro_rules! proposals {
    ($($(#[$doc:meta])* $const:ident = $bit:literal, $name:literal, requires [$($requires:ident),*];)*) => {
        impl Features {
            $($(#[$doc])* #[doc = concat!("\n\nName: `", $name, "`.")] pub const $const: Features = Features(1 << $bit);)*
        }
        const PROPOSALS: &[Proposal] = &[$(Proposal {
            feature: Features::$const,
            name: $name,
            flags: WasmFeatures::$const,
            requires: Features(0 $(| Features::$requires.0)*),
        },)*];
    };
}

// The order is the order in which a missing proposal is looked for: oldest first, and each after those it builds on.
proposals! {
    /// Import and export of mutable globals.
    MUTABLE_GLOBAL = 0, "mutable-global", requires [];
    /// Operators such as `i32.extend8_s`.
    SIGN_EXTENSION = 1, "sign-extension", requires [];
    /// Operators such as `i32.trunc_sat_f32_s`.
    SATURATING_FLOAT_TO_INT = 2, "saturating-float-to-int", requires [];
    /// Several results of functions and blocks, and parameters of blocks.
    MULTI_VALUE = 3, "multi-value", requires [];
    /// `memory.copy`, `table.init` and others, and passive segments.
    BULK_MEMORY = 4, "bulk-memory", requires [];
    /// `externref`, several tables, and operators on tables.
    REFERENCE_TYPES = 5, "reference-types", requires [];
    /// `v128` and its operators.
    SIMD = 6, "simd", requires [];
    /// Vector operators whose results may differ between CPUs.
    RELAXED_SIMD = 7, "relaxed-simd", requires [SIMD];
    /// `return_call` and its variants.
    TAIL_CALL = 8, "tail-call", requires [];
    /// Shared memories and atomic operators.
    THREADS = 9, "threads", requires [];
    /// More than one memory in a module.
    MULTI_MEMORY = 10, "multi-memory", requires [];
    /// 64-bit addresses of memories and indices of tables.
    MEMORY64 = 11, "memory64", requires [];
    /// Tags, `throw` and `try_table`.
    EXCEPTIONS = 12, "exceptions", requires [REFERENCE_TYPES];
    /// Integer arithmetic in constant expressions.
    EXTENDED_CONST = 13, "extended-const", requires [];
    /// Typed function references and `call_ref`.
    FUNCTION_REFERENCES = 14, "function-references", requires [REFERENCE_TYPES];
    /// Structs, arrays and `i31`.
    GC = 15, "gc", requires [FUNCTION_REFERENCES, REFERENCE_TYPES];
    /// Memories with pages of one byte.
    CUSTOM_PAGE_SIZES = 16, "custom-page-sizes", requires [];
    /// `i64.add128` and others.
    WIDE_ARITHMETIC = 17, "wide-arithmetic", requires [];
    /// `cont` types and their operators.
    STACK_SWITCHING = 18, "stack-switching", requires [FUNCTION_REFERENCES, EXCEPTIONS, REFERENCE_TYPES];
}

/// Names of what the validator knows but this crate has no flag for; a module that needs it is told so.
const UNKNOWN_PROPOSALS: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::COMPONENT_MODEL, "component-model"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything-threads"),
    (WasmFeatures::MEMORY_CONTROL, "memory-control"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy-exceptions"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom-descriptors"),
    (WasmFeatures::COMPACT_IMPORTS, "compact-imports"),
    (WasmFeatures::ACQUIRE_RELEASE_ATOMICS, "acquire-release-atomics"),
    (WasmFeatures::MULTIBYTE_ARRAY_ACCESS, "multibyte-array-access"),
];

impl Features {
    /// The set as bits, which mean the same to every build from the same sources.
    pub const fn bits(self) -> u32 {
        self.0
    }
    /// The inverse of [`Features::bits`]; bits without a meaning are kept.
    pub const fn from_bits(bits: u32) -> Features {
        Features(bits)
    }
    /// No proposal: WebAssembly 1.0 without mutable globals at its boundary.
    pub const NONE: Features = Features(0);

    /// WebAssembly 2.0 without SIMD. This is the default.
    pub const WASM2: Features = Features::NONE
        .with(Features::MUTABLE_GLOBAL)
        .with(Features::SIGN_EXTENSION)
        .with(Features::SATURATING_FLOAT_TO_INT)
        .with(Features::MULTI_VALUE)
        .with(Features::BULK_MEMORY)
        .with(Features::REFERENCE_TYPES);

    /// WebAssembly 2.0 without SIMD, as [`Features::WASM2`].
    pub const fn wasm2() -> Features {
        Features::WASM2
    }

    /// Every proposal that the engine can run.
    pub const fn supported() -> Features {
        Features::WASM2.with(Features::EXTENDED_CONST).with(Features::MULTI_MEMORY)
    }

    /// Every proposal that has a name here, whether the engine can run it or not.
    pub fn all() -> Features {
        PROPOSALS.iter().fold(Features::NONE, |all, proposal| all.with(proposal.feature))
    }

    /// This set and another.
    #[must_use]
    pub const fn with(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }

    /// This set without another.
    #[must_use]
    pub const fn without(self, other: Features) -> Features {
        Features(self.0 & !other.0)
    }

    /// Whether every proposal of `other` is in this set.
    pub const fn contains(self, other: Features) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The proposal with this name.
    pub fn from_name(name: &str) -> Option<Features> {
        PROPOSALS.iter().find(|proposal| proposal.name == name).map(|proposal| proposal.feature)
    }

    /// The names of the set's proposals.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.proposals().map(|proposal| proposal.name)
    }

    /// The set's proposals, each as a set of one.
    pub fn iter(self) -> impl Iterator<Item = Features> {
        self.proposals().map(|proposal| proposal.feature)
    }

    /// The flags that wasmparser knows the set by.
    pub fn to_wasmparser(self) -> WasmFeatures {
        // Floats and host references are no proposals: the proposals that bring them are gates enough.
        self.proposals()
            .fold(WasmFeatures::FLOATS | WasmFeatures::GC_TYPES, |flags, proposal| flags | proposal.flags)
    }

    /// This set with everything that its proposals build on.
    pub(crate) fn closed(self) -> Features {
        self.proposals().fold(self, |all, proposal| all.with(proposal.requires))
    }

    fn proposals(self) -> impl Iterator<Item = &'static Proposal> {
        PROPOSALS.iter().filter(move |proposal| self.contains(proposal.feature))
    }
}

/// The name of the proposal behind a flag of wasmparser's.
pub(crate) fn name_of_flags(flags: WasmFeatures) -> Option<&'static str> {
    let known = PROPOSALS.iter().map(|proposal| (proposal.flags, proposal.name));
    known
        .chain(UNKNOWN_PROPOSALS.iter().copied())
        .find(|(known, _)| known.intersects(flags))
        .map(|(_, name)| name)
}

/// The names of all proposals, those included that have no flag here.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROPOSALS.iter().map(|proposal| proposal.name).chain(UNKNOWN_PROPOSALS.iter().map(|&(_, name)| name))
}

impl Default for Features {
    /// [`Features::WASM2`].
    fn default() -> Features {
        Features::WASM2
    }
}

impl From<Features> for WasmFeatures {
    fn from(features: Features) -> WasmFeatures {
        features.to_wasmparser()
    }
}

impl BitOr for Features {
    type Output = Features;
    fn bitor(self, other: Features) -> Features {
        self.with(other)
    }
}

/// The names, separated by commas.
impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proposal_has_its_own_bit_and_name() {
        for (i, a) in PROPOSALS.iter().enumerate() {
            assert_eq!(Features::from_name(a.name), Some(a.feature));
            assert_eq!(a.feature.0.count_ones(), 1);
            for b in &PROPOSALS[i + 1..] {
                assert_ne!(a.feature, b.feature);
                assert_ne!(a.name, b.name);
            }
        }
    }

    #[test]
    fn requirements_are_closed_and_come_first() {
        let mut before = Features::NONE;
        for proposal in PROPOSALS {
            assert!(before.contains(proposal.requires), "{}", proposal.name);
            assert_eq!(proposal.requires.closed(), proposal.requires, "{}", proposal.name);
            before = before.with(proposal.feature);
        }
    }

    #[test]
    fn default_is_wasm2_without_simd() {
        let flags = Features::default().to_wasmparser();
        assert_eq!(flags, WasmFeatures::WASM2 - WasmFeatures::SIMD);
        assert!(Features::supported().contains(Features::default()));
        assert!(!Features::supported().contains(Features::SIMD));
    }

    #[test]
    fn flags_have_names() {
        assert_eq!(name_of_flags(WasmFeatures::SIMD), Some("simd"));
        assert_eq!(name_of_flags(WasmFeatures::BULK_MEMORY_OPT), Some("bulk-memory"));
        assert_eq!(name_of_flags(WasmFeatures::COMPONENT_MODEL), Some("component-model"));
        assert_eq!(name_of_flags(WasmFeatures::empty()), None);
    }

    #[test]
    fn display_lists_names() {
        assert_eq!(Features::SIMD.with(Features::MULTI_VALUE).to_string(), "multi-value,simd");
        assert_eq!(Features::NONE.to_string(), "");
    }
}
