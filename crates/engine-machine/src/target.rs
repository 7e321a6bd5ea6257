//! What code is compiled for: tier, CPU, CPU features and code flags.

use core::fmt;

/// Which compiler made a piece of code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Tier {
    /// Single-pass code.
    Baseline,
    /// Optimised code.
    Optimized,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Baseline => "baseline",
            Tier::Optimized => "optimized",
        })
    }
}

/// A CPU architecture that the engine compiles for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Arch {
    /// x86-64.
    X64,
    /// AArch64.
    Aarch64,
}

impl Arch {
    /// The CPU this program runs on, if the engine supports it.
    pub const fn host() -> Option<Arch> {
        if cfg!(target_arch = "x86_64") {
            Some(Arch::X64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Arch::Aarch64)
        } else {
            None
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arch::X64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        })
    }
}

macro_rules! features {
    ($($(#[$doc:meta])* $field:ident = $name:literal;)*) => {
        /// A CPU and the instruction-set extensions that code may use on it. Never looked up implicitly: compilers see
        /// only what is in here, and it is part of every cache key.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct TargetFeatures {
            /// The architecture.
            pub arch: Arch,
            $( $(#[$doc])* pub $field: bool, )*
        }

        impl TargetFeatures {
            /// The least that the engine supports on an architecture: SSE2, or ARMv8.0.
            pub const fn floor(arch: Arch) -> TargetFeatures {
                TargetFeatures { arch, $( $field: false, )* }
            }
            /// The features as bits, in the order of [`list`](TargetFeatures::list).
            pub const fn bits(&self) -> u64 {
                let mut bits = 0;
                let mut bit = 1;
                $( bits |= if self.$field { bit } else { 0 }; bit <<= 1; )*
                let _ = bit;
                bits
            }
            /// The inverse of [`bits`](TargetFeatures::bits); `None` if there are more.
            pub const fn from_bits(arch: Arch, mut bits: u64) -> Option<TargetFeatures> {
                let mut features = TargetFeatures::floor(arch);
                $( features.$field = bits & 1 != 0; bits >>= 1; )*
                if bits == 0 { Some(features) } else { None }
            }
            /// Names of all features with whether each is on.
            pub fn list(&self) -> Vec<(&'static str, bool)> {
                vec![$( ($name, self.$field), )*]
            }
        }
    };
}

features! {
    /// `roundss`, `pmulld`, …
    sse41 = "sse4.1";
    /// `popcnt`.
    popcnt = "popcnt";
    /// `lzcnt`.
    lzcnt = "lzcnt";
    /// `tzcnt`, `andn`, …
    bmi1 = "bmi1";
    /// `shlx`, `rorx`, …
    bmi2 = "bmi2";
    /// VEX-encoded instructions.
    avx = "avx";
}

impl TargetFeatures {
    /// What this machine has, or `None` on an architecture that the engine does not support.
    pub fn detect() -> Option<TargetFeatures> {
        let arch = Arch::host()?;
        #[allow(unused_mut)]
        let mut features = TargetFeatures::floor(arch);
        #[cfg(target_arch = "x86_64")]
        {
            features.sse41 = std::is_x86_feature_detected!("sse4.1");
            features.popcnt = std::is_x86_feature_detected!("popcnt");
            features.lzcnt = std::is_x86_feature_detected!("lzcnt");
            features.bmi1 = std::is_x86_feature_detected!("bmi1");
            features.bmi2 = std::is_x86_feature_detected!("bmi2");
            features.avx = std::is_x86_feature_detected!("avx");
        }
        Some(features)
    }
}

/// How compiled code reaches a linear memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum AccessMode {
    /// The whole index range plus [`GUARD_SIZE`] is reserved: no checks below that, faults become traps, the base never
    /// moves.
    Guarded,
    /// Explicit checks against the current length, behind which [`CHECKED_GUARD_SIZE`] bytes are inaccessible; the memory may
    /// move when it grows.
    Checked,
}

/// Inaccessible bytes behind the current end of a memory in every access mode. So a checked access with a static end of at
/// most this need only compare its index with the length, and one comparison serves all such accesses at one index.
pub const CHECKED_GUARD_SIZE: u64 = 64 << 10;

/// Bytes reserved behind the 4 GiB index range of a guarded memory. Static offsets up to this need no check.
pub const GUARD_SIZE: u64 = 32 << 20;

/// Everything besides the module's bytes that decides what code comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CodeFlags {
    /// CPU and extensions.
    pub target: TargetFeatures,
    /// How memories are accessed. One mode for all memories of a module: the weakest of them.
    pub memory_access: AccessMode,
    /// Whether checked indices are masked without a branch, so that misspeculation cannot pass a check.
    pub spectre: bool,
    /// Whether loops poll for interrupts (function entries always do).
    pub interruptible: bool,
    /// Whether float results that are NaN are replaced by the canonical NaN, for the same bits on every CPU.
    pub canonicalize_nans: bool,
    /// For code that asks to be replaced by better code when it is hot: how many bytes of Wasm, by estimate, a function executes in an instance before it
    /// asks, and between asking again. 0: it never asks.
    pub tier_up_budget: u32,
}
