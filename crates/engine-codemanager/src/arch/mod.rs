//! Encodings that differ between the CPUs: jump-table slots and relocated fields. Pure functions of addresses, compiled
//! and tested for both CPUs on any host.
//!
//! Each module has the same items:
//! * `Word`, `AtomicWord`: what is stored at once into a slot.
//! * `direct(slot, target)`: a slot that jumps to `target`, or `None` if that is too far.
//! * `UNSET`: a slot that stops the program.
//! * `far(target)`: a far slot, 16 bytes: an indirect jump through the literal in its second half.
//! * `indirect(slot, literal)`: an immutable slot of `INDIRECT_SIZE` bytes that jumps through a literal elsewhere.
//! * `lazy(entry, index, target)`: an entry of a lazy table, 16 bytes: jumps to `target` with `index` in the second scratch register.
//! * `relocate(code, offset, field, target)`: fills in a relocated field; false if `target` is too far.

pub(crate) mod aarch64;
pub(crate) mod x64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64 as host;
#[cfg(target_arch = "x86_64")]
pub(crate) use x64 as host;

/// Bytes of a far slot.
pub(crate) const FAR_SIZE: usize = 16;
/// Bytes of an entry of a lazy table.
pub(crate) const LAZY_SIZE: usize = 16;
/// Offset of the literal in a far slot.
pub(crate) const FAR_LITERAL: usize = 8;
