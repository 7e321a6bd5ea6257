//! x86-64 encodings.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

use super::{FAR_SIZE, LAZY_SIZE};

/// A slot.
pub(crate) type Word = u64;
/// A slot, as it is patched.
pub(crate) type AtomicWord = core::sync::atomic::AtomicU64;
/// Bytes of an immutable indirect slot.
pub(crate) const INDIRECT_SIZE: usize = 8;
/// Largest code region: any two places in it reach each other.
pub(crate) const MAX_REGION: usize = 1 << 30;

/// `ud2`, padded with `int3`.
pub(crate) const UNSET: Word = u64::from_le_bytes([0x0f, 0x0b, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc]);

/// `jmp rel32`, padded with `int3`.
pub(crate) fn direct(slot: usize, target: usize) -> Option<Word> {
    let rel = displacement(slot + 5, target)?.to_le_bytes();
    Some(u64::from_le_bytes([0xe9, rel[0], rel[1], rel[2], rel[3], 0xcc, 0xcc, 0xcc]))
}

/// `jmp [rip + 2]; nop; .quad target`.
pub(crate) fn far(target: usize) -> [u8; FAR_SIZE] {
    let mut bytes = [0xff, 0x25, 2, 0, 0, 0, 0x66, 0x90, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[8..].copy_from_slice(&(target as u64).to_le_bytes());
    bytes
}

/// `mov r11d, index; jmp target`, padded with `int3`.
pub(crate) fn lazy(entry: usize, index: u32, target: usize) -> [u8; LAZY_SIZE] {
    let mut bytes = [0xcc; LAZY_SIZE];
    bytes[..2].copy_from_slice(&[0x41, 0xbb]);
    bytes[2..6].copy_from_slice(&index.to_le_bytes());
    let rel = displacement(entry + 11, target).expect("a lazy table is smaller than 2 GiB");
    bytes[6] = 0xe9;
    bytes[7..11].copy_from_slice(&rel.to_le_bytes());
    bytes
}

/// `jmp [rip + rel32]`, padded with `int3`.
pub(crate) fn indirect(slot: usize, literal: usize) -> [u8; INDIRECT_SIZE] {
    let rel = displacement(slot + 6, literal).expect("a region is smaller than 2 GiB").to_le_bytes();
    [0xff, 0x25, rel[0], rel[1], rel[2], rel[3], 0xcc, 0xcc]
}

/// Fills in the 32-bit displacement at `code[offset..]`, whose address will be `field`.
#[must_use]
pub(crate) fn relocate(code: &mut [u8], offset: usize, field: usize, target: usize) -> bool {
    match displacement(field + 4, target) {
        Some(rel) => {
            code[offset..offset + 4].copy_from_slice(&rel.to_le_bytes());
            true
        }
        None => false,
    }
}

fn displacement(from: usize, to: usize) -> Option<i32> {
    i32::try_from(to.wrapping_sub(from) as isize).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_encode_as_the_manual_says() {
        assert_eq!(direct(0x1000, 0x1005).unwrap().to_le_bytes()[..5], [0xe9, 0, 0, 0, 0]);
        assert_eq!(direct(0x1000, 0x1000).unwrap().to_le_bytes()[..5], [0xe9, 0xfb, 0xff, 0xff, 0xff]);
        assert_eq!(direct(0x1000, 0x9000_0000), None);
        assert_eq!(indirect(0x1000, 0x2006), [0xff, 0x25, 0, 0x10, 0, 0, 0xcc, 0xcc]);
        assert_eq!(far(0x0102_0304)[8..], [4, 3, 2, 1, 0, 0, 0, 0]);
        let bytes = lazy(0x1010, 0x0a0b_0c0d, 0x1000);
        assert_eq!(bytes[..11], [0x41, 0xbb, 0x0d, 0x0c, 0x0b, 0x0a, 0xe9, 0xe5, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn relocations_are_relative_to_the_end_of_the_field() {
        let mut code = [0xe8, 0, 0, 0, 0];
        assert!(relocate(&mut code, 1, 0x1001, 0x1015));
        assert_eq!(code, [0xe8, 0x10, 0, 0, 0]);
        assert!(!relocate(&mut code, 1, 0x1001, 0x1_0000_0000));
    }
}
