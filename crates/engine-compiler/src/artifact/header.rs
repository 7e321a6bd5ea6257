//! The header of an artifact: what its code is for.
//!
//! ```text
//!    0  magic                        62  0
//!    8  format (u32)                 64  hash of the Wasm bytes
//!   12  build, 32 bytes of text      96  offset of the table (u64)
//!   44  architecture                104  checksum of the table
//!   45  access mode                 120  tier-up budget (u32)
//!   46  switches                    124  0
//!   47  tier of the first code      128  checksum of the above
//!   48  CPU features (u64)          144
//!   56  proposals (u32)
//!   60  number of sections (u16)
//! ```

use super::{Checksum, array_at, checksum, u32_at, u64_at};
use crate::cache::ModuleHash;
use engine_decoder::Features;
use engine_machine::{AccessMode, Arch, CodeFlags, TargetFeatures, Tier};

/// The first bytes of every artifact: neither text nor the start of a Wasm module.
pub const MAGIC: [u8; 8] = *b"\x7fcwasm\r\n";

/// This build: an artifact of another one is not used.
pub const BUILD: &str = env!("ENGINE_BUILD");

/// The layout described in this folder.
const FORMAT: u32 = 2;

/// Bytes of a header.
pub(crate) const HEADER_SIZE: usize = SUMMED + 16;
/// Those of them that its checksum covers.
const SUMMED: usize = 128;

const SPECTRE: u8 = 1;
const INTERRUPTIBLE: u8 = 2;
const CANONICALIZE_NANS: u8 = 4;
const VALIDATED: u8 = 8;
const COMPLETE: u8 = 16;

/// Why an artifact cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The bytes are something else.
    #[error("this is no serialized module: it starts with other bytes")]
    NotAnArtifact,
    /// The bytes are not those that were written.
    #[error("the serialized module is damaged: {0}")]
    Damaged(&'static str),
    /// Made by a version whose format is another.
    #[error("the serialized module has format {found}; this engine reads format {FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// Made by another build.
    #[error("the serialized module was made by build {found} of the engine; this is build {BUILD}")]
    Build {
        /// The build that made it.
        found: String,
    },
    /// Its code is for another CPU.
    #[error("the serialized module's code is for {found}; this engine's is for {expected}")]
    Arch {
        /// What its code is for.
        found: Arch,
        /// What the engine compiles for.
        expected: Arch,
    },
    /// Its code uses instructions that the engine's configuration or this CPU does not have.
    #[error("the serialized module's code needs the CPU feature {0}, which this engine does not use")]
    CpuFeature(&'static str),
    /// Compiled under another setting.
    #[error(
        "the serialized module was compiled with {setting} {}; in this engine it is {}",
        on_off(*.found), on_off(!*.found)
    )]
    Setting {
        /// Which.
        setting: &'static str,
        /// Whether it was on.
        found: bool,
    },
    /// It may use proposals that are off in this engine.
    #[error("the serialized module was compiled with proposals that are off in this engine: {0}")]
    Proposals(Features),
    /// It is an entry of a cache, which has code only.
    #[error("the serialized module has no Wasm bytes: it is part of a cache")]
    NoModule,
    /// It cannot be read.
    #[error("the serialized module cannot be read: {0}")]
    Io(String),
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

impl From<std::io::Error> for ArtifactError {
    fn from(error: std::io::Error) -> ArtifactError {
        ArtifactError::Io(error.to_string())
    }
}

/// What an artifact is of and for. Together with the build it is the cache's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub flags: CodeFlags,
    /// The tier that functions are compiled by first. What it makes runs in any engine, but it is another entry of the cache.
    pub tier: Tier,
    /// The proposals under which it was validated.
    pub features: Features,
    pub module: ModuleHash,
}

/// Where the table is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    pub sections: u16,
    pub offset: u64,
    pub checksum: Checksum,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub identity: Identity,
    /// Whether every body is known to be valid.
    pub validated: bool,
    /// Whether every function has a record.
    pub complete: bool,
    pub table: Table,
}

impl Identity {
    /// Everything that must agree, the hash of the module and the switches about the artifact's contents apart.
    fn write(&self, bytes: &mut [u8; HEADER_SIZE]) {
        let CodeFlags { target, memory_access, spectre, interruptible, canonicalize_nans, tier_up_budget } =
            self.flags;
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..44].copy_from_slice(&build());
        bytes[44] = target.arch as u8;
        bytes[45] = memory_access as u8;
        let switches =
            [(spectre, SPECTRE), (interruptible, INTERRUPTIBLE), (canonicalize_nans, CANONICALIZE_NANS)];
        bytes[46] = switches.iter().map(|&(on, bit)| if on { bit } else { 0 }).sum();
        bytes[47] = self.tier as u8;
        bytes[48..56].copy_from_slice(&target.bits().to_le_bytes());
        bytes[56..60].copy_from_slice(&self.features.bits().to_le_bytes());
        bytes[64..96].copy_from_slice(&self.module.0);
        bytes[120..124].copy_from_slice(&tier_up_budget.to_le_bytes());
    }

    /// The name of the cache's entry.
    pub fn key(&self) -> String {
        let mut bytes = [0; HEADER_SIZE];
        self.write(&mut bytes);
        blake3::hash(&bytes).to_hex().to_string()
    }

    /// Whether code of this identity runs in an engine that compiles with `flags` and validates with `features`.
    pub fn check(&self, flags: &CodeFlags, features: Features) -> Result<(), ArtifactError> {
        let (ours, theirs) = (flags, &self.flags);
        if theirs.target.arch != ours.target.arch {
            return Err(ArtifactError::Arch { found: theirs.target.arch, expected: ours.target.arch });
        }
        let missing = theirs.target.list().into_iter().zip(ours.target.list()).find(|(t, o)| t.1 && !o.1);
        if let Some(((name, _), _)) = missing {
            return Err(ArtifactError::CpuFeature(name));
        }
        let guarded = |flags: &CodeFlags| flags.memory_access == AccessMode::Guarded;
        let settings = [
            ("guard pages around memories", guarded(theirs), guarded(ours)),
            ("protection against misspeculation", theirs.spectre, ours.spectre),
            // Asking in vain does no harm.
            ("interruption of loops", theirs.interruptible, theirs.interruptible || ours.interruptible),
            ("canonical NaNs", theirs.canonicalize_nans, ours.canonicalize_nans),
            // Code that does not count runs where others do, but there is nothing to count with where none does.
            ("tier-up", theirs.tier_up_budget > 0 && ours.tier_up_budget == 0, false),
        ];
        if let Some((setting, found, _)) = settings.into_iter().find(|(_, theirs, ours)| theirs != ours) {
            return Err(ArtifactError::Setting { setting, found });
        }
        let more = self.features.without(features);
        if more.is_empty() { Ok(()) } else { Err(ArtifactError::Proposals(more)) }
    }
}

/// [`BUILD`], of a fixed length.
fn build() -> [u8; 32] {
    let mut bytes = [0; 32];
    let len = BUILD.len().min(bytes.len());
    bytes[..len].copy_from_slice(&BUILD.as_bytes()[..len]);
    bytes
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        self.identity.write(&mut bytes);
        bytes[46] |= if self.validated { VALIDATED } else { 0 } | if self.complete { COMPLETE } else { 0 };
        bytes[60..62].copy_from_slice(&self.table.sections.to_le_bytes());
        bytes[96..104].copy_from_slice(&self.table.offset.to_le_bytes());
        bytes[104..120].copy_from_slice(&self.table.checksum);
        let sum = checksum(&bytes[..SUMMED]);
        bytes[SUMMED..].copy_from_slice(&sum);
        bytes
    }

    /// Reads a header of this build.
    pub fn from_bytes(bytes: &[u8]) -> Result<Header, ArtifactError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(ArtifactError::NotAnArtifact);
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(ArtifactError::Damaged("it is cut off"));
        };
        if checksum(&bytes[..SUMMED]) != array_at(bytes, SUMMED) {
            // Another format's checksum may be elsewhere.
            return Err(match u32_at(bytes, 8) {
                FORMAT => ArtifactError::Damaged("its header has changed"),
                found => ArtifactError::Format { found },
            });
        }
        let found = u32_at(bytes, 8);
        if found != FORMAT {
            return Err(ArtifactError::Format { found });
        }
        if bytes[12..44] != build() {
            let found = String::from_utf8_lossy(&bytes[12..44]).trim_end_matches('\0').to_owned();
            return Err(ArtifactError::Build { found });
        }
        // From here on it is ours and as it was written.
        let malformed = ArtifactError::Damaged("its header makes no sense");
        let arch = [Arch::X64, Arch::Aarch64].into_iter().find(|&arch| arch as u8 == bytes[44]);
        let access =
            [AccessMode::Guarded, AccessMode::Checked].into_iter().find(|&mode| mode as u8 == bytes[45]);
        let target = arch.and_then(|arch| TargetFeatures::from_bits(arch, u64_at(bytes, 48)));
        let tier = [Tier::Baseline, Tier::Optimized].into_iter().find(|&tier| tier as u8 == bytes[47]);
        let (Some(target), Some(memory_access), Some(tier)) = (target, access, tier) else {
            return Err(malformed);
        };
        let on = |bit| bytes[46] & bit != 0;
        let flags = CodeFlags {
            target,
            memory_access,
            spectre: on(SPECTRE),
            interruptible: on(INTERRUPTIBLE),
            canonicalize_nans: on(CANONICALIZE_NANS),
            tier_up_budget: u32_at(bytes, 120),
        };
        Ok(Header {
            identity: Identity {
                flags,
                tier,
                features: Features::from_bits(u32_at(bytes, 56)),
                module: ModuleHash(array_at(bytes, 64)),
            },
            validated: on(VALIDATED),
            complete: on(COMPLETE),
            table: Table {
                sections: u16::from_le_bytes(array_at(bytes, 60)),
                offset: u64_at(bytes, 96),
                checksum: array_at(bytes, 104),
            },
        })
    }
}
