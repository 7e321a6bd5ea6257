//! Encoding.
//!
//! Instructions of a fixed form are written in assembly language (`a64!`, and `int!` and `float!` for the width of the
//! operation). The others are put together from their fields here: those whose condition or addressing mode varies, and
//! those with an immediate, because an immediate that does not fit must find another way and never fail.
//!
//! Sections in comments are of the *Arm Architecture Reference Manual for A-profile*, chapter C4.

use super::{Aarch64, X17};
use crate::Reg;
use crate::emitter::{FixupKind, Label};
use crate::masm::Size;
use dynasmrt::aarch64::{
    encode_floating_point_immediate, encode_logical_immediate_32bit, encode_logical_immediate_64bit,
};
use engine_decoder::ValKind;

/// Instructions in assembly language.
macro_rules! a64 {
    ($asm:ident ; $($code:tt)*) => {
        dynasmrt::dynasm!($asm.emitter ; .arch aarch64 ; $($code)*)
    };
}

/// An instruction on W or X registers, by size.
macro_rules! int {
    ($asm:ident, $size:expr ; $op:ident $($reg:expr),+) => {
        match $size {
            $crate::masm::Size::S32 => a64!($asm ; $op $(W($reg)),+),
            $crate::masm::Size::S64 => a64!($asm ; $op $(X($reg)),+),
        }
    };
}

/// An instruction on S or D registers, by kind.
macro_rules! float {
    ($asm:ident, $kind:expr ; $op:ident $($reg:expr),+) => {
        match $kind {
            engine_decoder::ValKind::F32 => a64!($asm ; $op $(S($reg)),+),
            _ => a64!($asm ; $op $(D($reg)),+),
        }
    };
}

pub(super) use {a64, float, int};

/// Condition codes. The lowest bit negates.
pub(super) mod cc {
    pub const EQ: u8 = 0;
    pub const NE: u8 = 1;
    pub const HS: u8 = 2;
    pub const LO: u8 = 3;
    pub const MI: u8 = 4;
    pub const VS: u8 = 6;
    pub const VC: u8 = 7;
    pub const HI: u8 = 8;
    pub const LS: u8 = 9;
    pub const GE: u8 = 10;
    pub const LT: u8 = 11;
    pub const GT: u8 = 12;
    pub const LE: u8 = 13;
}

/// The number that an instruction's register field takes; what the operands of `a64!` convert to.
impl From<Reg> for u8 {
    #[inline(always)]
    fn from(reg: Reg) -> u8 {
        reg.number()
    }
}

#[inline(always)]
pub(super) fn rd(reg: Reg) -> u32 {
    u32::from(reg.number())
}
#[inline(always)]
pub(super) fn rn(reg: Reg) -> u32 {
    u32::from(reg.number()) << 5
}
#[inline(always)]
pub(super) fn rm(reg: Reg) -> u32 {
    u32::from(reg.number()) << 16
}
/// The bit that makes an integer instruction 64 bits wide.
#[inline(always)]
pub(super) fn sf(size: Size) -> u32 {
    match size {
        Size::S32 => 0,
        Size::S64 => 1 << 31,
    }
}
/// The bit that makes a scalar float instruction double-precision.
#[inline(always)]
pub(super) fn double(kind: ValKind) -> u32 {
    match kind {
        ValKind::F32 => 0,
        _ => 1 << 22,
    }
}

/// Bits that the field of a conditional branch reaches backwards, in bytes.
const CONDITIONAL_REACH: u32 = 1 << 20;

/// The fields of an immediate of `add` and `sub`: 12 bits, possibly shifted by 12.
#[inline(always)]
fn arithmetic_immediate(value: u64) -> Option<u32> {
    if value < 1 << 12 {
        Some((value as u32) << 10)
    } else if value < 1 << 24 && value & 0xfff == 0 {
        Some(1 << 22 | (value as u32 >> 12) << 10)
    } else {
        None
    }
}

/// The fields of an immediate of `and`, `orr`, `eor`: a repeated run of ones.
fn logical_immediate(size: Size, value: i64) -> Option<u32> {
    let fields = match size {
        Size::S32 => encode_logical_immediate_32bit(value as u32),
        Size::S64 => encode_logical_immediate_64bit(value as u64),
    };
    fields.map(|fields| u32::from(fields) << 10)
}

/// The field of an immediate of scalar `fmov`: a sign, three bits of exponent, four of fraction.
fn float_immediate(kind: ValKind, bits: u64) -> Option<u32> {
    let single = match kind {
        ValKind::F32 => f32::from_bits(bits as u32),
        _ => {
            let double = f64::from_bits(bits);
            let single = double as f32;
            (f64::from(single).to_bits() == bits).then_some(single)?
        }
    };
    encode_floating_point_immediate(single).map(|field| u32::from(field) << 13)
}

/// A load or store of one register ("Loads and Stores", "Load/store register"): size, register class and direction, in
/// their places in the instruction, and the width of the access.
#[derive(Clone, Copy)]
pub(super) struct Access {
    word: u32,
    log2_bytes: u8,
}

impl Access {
    pub(super) const LDRB: Access = Access::new(0, false, 1);
    pub(super) const LDRSB_W: Access = Access::new(0, false, 3);
    pub(super) const LDRSB_X: Access = Access::new(0, false, 2);
    pub(super) const LDRH: Access = Access::new(1, false, 1);
    pub(super) const LDRSH_W: Access = Access::new(1, false, 3);
    pub(super) const LDRSH_X: Access = Access::new(1, false, 2);
    pub(super) const LDR_W: Access = Access::new(2, false, 1);
    pub(super) const LDRSW: Access = Access::new(2, false, 2);
    pub(super) const LDR_X: Access = Access::new(3, false, 1);
    pub(super) const LDR_S: Access = Access::new(2, true, 1);
    pub(super) const LDR_D: Access = Access::new(3, true, 1);
    pub(super) const LDR_Q: Access = Access { log2_bytes: 4, ..Access::new(0, true, 3) };
    pub(super) const STRB: Access = Access::new(0, false, 0);
    pub(super) const STRH: Access = Access::new(1, false, 0);
    pub(super) const STR_W: Access = Access::new(2, false, 0);
    pub(super) const STR_X: Access = Access::new(3, false, 0);
    pub(super) const STR_S: Access = Access::new(2, true, 0);
    pub(super) const STR_D: Access = Access::new(3, true, 0);
    pub(super) const STR_Q: Access = Access { log2_bytes: 4, ..Access::new(0, true, 2) };

    const fn new(size: u32, vector: bool, opc: u32) -> Access {
        Access { word: size << 30 | 0b111 << 27 | (vector as u32) << 26 | opc << 22, log2_bytes: size as u8 }
    }

    /// The load of a whole value.
    #[inline(always)]
    pub(super) fn load(kind: ValKind) -> Access {
        match kind {
            ValKind::I32 => Access::LDR_W,
            ValKind::I64 | ValKind::Ref => Access::LDR_X,
            ValKind::F32 => Access::LDR_S,
            ValKind::F64 => Access::LDR_D,
            ValKind::V128 => Access::LDR_Q,
        }
    }
    /// The store of a whole value.
    #[inline(always)]
    pub(super) fn store(kind: ValKind) -> Access {
        match kind {
            ValKind::I32 => Access::STR_W,
            ValKind::I64 | ValKind::Ref => Access::STR_X,
            ValKind::F32 => Access::STR_S,
            ValKind::F64 => Access::STR_D,
            ValKind::V128 => Access::STR_Q,
        }
    }

    /// The fields of an immediate offset: 12 bits in units of the access, or 9 signed bits in bytes.
    #[inline(always)]
    pub(super) fn immediate(self, offset: i32) -> Option<u32> {
        let units = offset as u32 >> self.log2_bytes;
        if units < 1 << 12 && units << self.log2_bytes == offset as u32 {
            Some(1 << 24 | units << 10)
        } else if (-256..256).contains(&offset) {
            Some((offset as u32 & 0x1ff) << 12)
        } else {
            None
        }
    }
}

impl Aarch64 {
    /// Appends one instruction.
    #[inline(always)]
    pub(super) fn word(&mut self, word: u32) {
        self.emitter.put(u64::from(word), 4);
    }

    /// `dst = value`, in as few instructions as one half-word at a time or one logical immediate allow. Keeps flags.
    pub(super) fn constant(&mut self, size: Size, dst: Reg, value: i64) {
        const MOVN: u32 = 0x1280_0000;
        const MOVZ: u32 = 0x5280_0000;
        const MOVK: u32 = 0x7280_0000;
        let value = if size == Size::S32 { u64::from(value as u32) } else { value as u64 };
        // The 32-bit forms clear the upper half.
        let (size, halves) = if value >> 32 == 0 { (Size::S32, 2) } else { (Size::S64, 4) };
        let half = |i: u32| (value >> (16 * i)) as u16;
        let zeros = (0..halves).filter(|&i| half(i) == 0).count() as u32;
        let ones = (0..halves).filter(|&i| half(i) == 0xffff).count() as u32;
        if zeros.max(ones) + 1 < halves
            && let Some(fields) = logical_immediate(size, value as i64)
        {
            return self.word(sf(size) | 0x3200_0000 | fields | rn(super::ZERO) | rd(dst));
        }
        let (mut op, rest) = if ones > zeros { (MOVN, 0xffff) } else { (MOVZ, 0) };
        let mut flip = rest;
        for i in 0..halves {
            let last_chance = i + 1 == halves && op != MOVK;
            if half(i) != rest || last_chance {
                self.word(sf(size) | op | i << 21 | u32::from(half(i) ^ flip) << 5 | rd(dst));
                (op, flip) = (MOVK, 0);
            }
        }
    }

    /// `dst = src + value`; 31 is the stack pointer. Uses x17 if the value needs more than 24 bits. Keeps flags.
    pub(super) fn add_constant(&mut self, size: Size, dst: Reg, src: Reg, value: i64) {
        const ADD: u32 = 0x1100_0000;
        const SUB: u32 = 0x5100_0000;
        let op = sf(size) | if value < 0 { SUB } else { ADD };
        let magnitude = value.unsigned_abs();
        if let Some(fields) = arithmetic_immediate(magnitude) {
            self.word(op | fields | rn(src) | rd(dst));
        } else if magnitude < 1 << 24 {
            self.word(op | 1 << 22 | (magnitude as u32 >> 12) << 10 | rn(src) | rd(dst));
            self.word(op | (magnitude as u32 & 0xfff) << 10 | rn(dst) | rd(dst));
        } else {
            debug_assert_ne!(src, X17);
            self.constant(size, X17, value);
            // The extended-register form, for the stack pointer's sake: uxtx.
            self.word(sf(size) | 0x0b20_6000 | rm(X17) | rn(src) | rd(dst));
        }
    }

    /// Compares with a constant, if an immediate can.
    #[inline(always)]
    pub(super) fn compare_immediate(&mut self, size: Size, lhs: Reg, value: i32) -> bool {
        const CMP: u32 = 0x7100_001f;
        const CMN: u32 = 0x3100_001f;
        let Some(fields) = arithmetic_immediate(u64::from(value.unsigned_abs())) else { return false };
        self.word(sf(size) | if value < 0 { CMN } else { CMP } | fields | rn(lhs));
        true
    }

    /// `dst = lhs op value`, if an immediate can: `and` 0, `orr` 1, `eor` 2, `ands` 3. 31 is the stack pointer as `dst` of
    /// all but `ands`.
    pub(super) fn logical(&mut self, op: u32, size: Size, dst: Reg, lhs: Reg, value: i32) -> bool {
        let Some(fields) = logical_immediate(size, i64::from(value)) else { return false };
        self.word(sf(size) | op << 29 | 0x1200_0000 | fields | rn(lhs) | rd(dst));
        true
    }

    /// Loads a float constant by one instruction, if there is such.
    pub(super) fn float_immediate(&mut self, kind: ValKind, dst: Reg, bits: u64) -> bool {
        let Some(field) = float_immediate(kind, bits) else { return false };
        self.word(0x1e20_1000 | double(kind) | field | rd(dst));
        true
    }

    /// The fields of the address `base + offset`, computed into x17 where the instruction cannot. 31 is the stack pointer.
    #[inline(always)]
    pub(super) fn address(&mut self, access: Access, base: Reg, offset: i32) -> u32 {
        match access.immediate(offset) {
            Some(fields) => fields | rn(base),
            None => self.far_address(access, base, offset),
        }
    }

    #[inline(never)]
    fn far_address(&mut self, access: Access, base: Reg, offset: i32) -> u32 {
        debug_assert_ne!(base, X17);
        // One addition reaches 16 MiB, and the access adds the lowest 12 bits.
        let low = offset & 0xfff;
        let high = i64::from(offset) - i64::from(low);
        if high.unsigned_abs() < 1 << 24
            && let Some(fields) = access.immediate(low)
        {
            self.add_constant(Size::S64, X17, base, high);
            return fields | rn(X17);
        }
        self.constant(Size::S64, X17, i64::from(offset));
        Aarch64::indexed(base, X17)
    }

    /// The fields of the address `base + index`.
    #[inline(always)]
    pub(super) fn indexed(base: Reg, index: Reg) -> u32 {
        1 << 21 | rm(index) | 0b011 << 13 | 0b10 << 10 | rn(base)
    }

    /// Emits an access at an address from [`Aarch64::address`] or [`Aarch64::indexed`].
    #[inline(always)]
    pub(super) fn access(&mut self, access: Access, reg: Reg, address: u32) {
        self.word(access.word | address | rd(reg));
    }

    /// Loads from or stores to `base + offset`, outside linear memory.
    #[inline(always)]
    pub(super) fn access_at(&mut self, access: Access, reg: Reg, base: Reg, offset: i32) {
        let address = self.address(access, base, offset);
        self.access(access, reg, address);
    }

    /// `b`.
    pub(super) fn branch_always(&mut self, target: Label) {
        let position = self.emitter.position();
        self.word(0x1400_0000);
        self.emitter.refer(target, position, FixupKind::Branch26);
    }

    /// `b.cond`.
    pub(super) fn branch_on(&mut self, condition: u8, target: Label) {
        self.conditional(0x5400_0000 | u32::from(condition), 1, target);
    }

    /// `cbz`.
    pub(super) fn branch_if_zero(&mut self, size: Size, reg: Reg, target: Label) {
        self.conditional(sf(size) | 0x3400_0000 | rd(reg), 1 << 24, target);
    }

    /// `cbnz`.
    pub(super) fn branch_if_not_zero(&mut self, size: Size, reg: Reg, target: Label) {
        self.conditional(sf(size) | 0x3500_0000 | rd(reg), 1 << 24, target);
    }

    /// A conditional branch; `negate` is the bit that negates its condition. Where the target is or may be out of reach,
    /// the negated branch skips an unconditional one.
    fn conditional(&mut self, word: u32, negate: u32, target: Label) {
        let position = self.emitter.position();
        let far = match self.emitter.label_position(target) {
            Some(bound) => position - bound >= CONDITIONAL_REACH,
            None => self.far_branches,
        };
        if far {
            self.word(word ^ negate | 2 << 5);
            self.branch_always(target);
        } else {
            self.word(word);
            self.emitter.refer(target, position, FixupKind::Branch19);
        }
    }

    /// A conditional branch over a few instructions, to where [`Aarch64::land`] is called with the result.
    pub(super) fn skip_on(&mut self, condition: u8) -> u32 {
        self.word(0x5400_0000 | u32::from(condition));
        self.emitter.position() - 4
    }
    /// Where a skip lands.
    pub(super) fn land(&mut self, skip: u32) {
        let words = (self.emitter.position() - skip) / 4;
        let word = self.emitter.read_u32(skip);
        self.emitter.patch_u32(skip, word | words << 5);
    }
}
