//! AArch64 encodings.
#![cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]

use super::{FAR_SIZE, LAZY_SIZE};

/// A slot.
pub(crate) type Word = u32;
/// A slot, as it is patched.
pub(crate) type AtomicWord = core::sync::atomic::AtomicU32;
/// Bytes of an immutable indirect slot.
pub(crate) const INDIRECT_SIZE: usize = 16;
/// Largest code region: `b` and `bl` reach any place in it.
pub(crate) const MAX_REGION: usize = 128 << 20;

/// `brk #0xdead`.
pub(crate) const UNSET: Word = 0xd420_0000 | 0xdead << 5;

const LDR_X16_LITERAL_8: u32 = 0x5800_0050;
const BR_X16: u32 = 0xd61f_0200;
const ADRP_X16: u32 = 0x9000_0010;
const LDR_X16_X16: u32 = 0xf940_0210;

/// `b target`.
pub(crate) fn direct(slot: usize, target: usize) -> Option<Word> {
    Some(0x1400_0000 | branch(slot, target)?)
}

/// `ldr x16, #8; br x16; .quad target`.
pub(crate) fn far(target: usize) -> [u8; FAR_SIZE] {
    let mut bytes = [0; FAR_SIZE];
    bytes[..4].copy_from_slice(&LDR_X16_LITERAL_8.to_le_bytes());
    bytes[4..8].copy_from_slice(&BR_X16.to_le_bytes());
    bytes[8..].copy_from_slice(&(target as u64).to_le_bytes());
    bytes
}

/// `movz w17, #low; movk w17, #high, lsl 16; b target; brk`.
pub(crate) fn lazy(entry: usize, index: u32, target: usize) -> [u8; LAZY_SIZE] {
    const MOVZ_W17: u32 = 0x5280_0011;
    const MOVK_W17_16: u32 = 0x72a0_0011;
    let jump = 0x1400_0000 | branch(entry + 8, target).expect("a lazy table is smaller than a region");
    let words = [MOVZ_W17 | (index & 0xffff) << 5, MOVK_W17_16 | (index >> 16) << 5, jump, UNSET];
    let mut bytes = [0; LAZY_SIZE];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// `adrp x16, literal; ldr x16, [x16, :lo12:literal]; br x16; brk`.
pub(crate) fn indirect(slot: usize, literal: usize) -> [u8; INDIRECT_SIZE] {
    debug_assert!(literal.is_multiple_of(8));
    let pages = ((literal >> 12).wrapping_sub(slot >> 12)) as u32 & 0x1f_ffff;
    let adrp = ADRP_X16 | (pages & 3) << 29 | (pages >> 2) << 5;
    let ldr = LDR_X16_X16 | ((literal as u32 & 0xfff) >> 3) << 10;
    let mut bytes = [0; INDIRECT_SIZE];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip([adrp, ldr, BR_X16, UNSET]) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Fills in the offset of the `b` or `bl` at `code[offset..]`, whose address will be `field`.
#[must_use]
pub(crate) fn relocate(code: &mut [u8], offset: usize, field: usize, target: usize) -> bool {
    let Some(imm26) = branch(field, target) else { return false };
    let bytes = &mut code[offset..offset + 4];
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    bytes.copy_from_slice(&(word & 0xfc00_0000 | imm26).to_le_bytes());
    true
}

/// The 26-bit word offset of a branch, which reaches 128 MiB either way.
fn branch(from: usize, to: usize) -> Option<u32> {
    let words = (to.wrapping_sub(from) as isize) >> 2;
    (-(1 << 25)..1 << 25).contains(&words).then_some(words as u32 & 0x03ff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_encode_as_the_manual_says() {
        assert_eq!(direct(0x1000, 0x1008), Some(0x1400_0002));
        assert_eq!(direct(0x1000, 0xffc), Some(0x17ff_ffff));
        assert_eq!(direct(0x1000, 0x1000 + (128 << 20) - 4), Some(0x15ff_ffff));
        assert_eq!(direct(0x1000, 0x1000 + (128 << 20)), None);
        assert_eq!(far(1)[..8], [0x50, 0, 0, 0x58, 0, 2, 0x1f, 0xd6]);
        let bytes = lazy(0x1010, 0x0001_0002, 0x1000);
        let words: Vec<u32> =
            bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        assert_eq!(words[..3], [0x5280_0051, 0x72a0_0031, 0x17ff_fffa]);
        // adrp x16, +1 page; ldr x16, [x16, #8]
        let bytes = indirect(0x1ff0, 0x2008);
        assert_eq!(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]), 0xb000_0010);
        assert_eq!(u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]), 0xf940_0610);
    }

    #[test]
    fn relocations_keep_the_opcode() {
        let mut code = 0x9400_0000u32.to_le_bytes();
        assert!(relocate(&mut code, 0, 0x1000, 0x0ff0));
        assert_eq!(u32::from_le_bytes(code), 0x97ff_fffc);
        assert!(!relocate(&mut code, 0, 0x1000, 0x1000_0000));
    }
}
