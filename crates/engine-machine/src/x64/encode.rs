//! Instruction encoding for x86-64 (Intel SDM volume 2, chapter 2).
//!
//! The forms that compilers emit all the time are encoded by hand, because they know what a general assembler does not:
//! whether a REX prefix is needed and how short the displacement can be. An instruction is put together in a word and
//! written at once.
//!
//! ```text
//!  [66|F2|F3] [REX 0100WRXB] [0F [3A]] opcode ModRM [SIB] [disp8|disp32] [imm]
//! ```

use super::X64;
use crate::Reg;
use crate::emitter::{FixupKind, Label};

/// An opcode: mandatory prefix (0 for none), map, byte.
#[derive(Clone, Copy)]
pub(super) struct Op {
    prefix: u8,
    map: Map,
    byte: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Map {
    One,
    Of,
    Of3a,
}

/// One-byte opcode.
pub(super) const fn op1(byte: u8) -> Op {
    Op { prefix: 0, map: Map::One, byte }
}
/// `0F` opcode.
pub(super) const fn op2(byte: u8) -> Op {
    Op { prefix: 0, map: Map::Of, byte }
}
/// Prefixed `0F` opcode.
pub(super) const fn op2p(prefix: u8, byte: u8) -> Op {
    Op { prefix, map: Map::Of, byte }
}
/// `66 0F 3A` opcode.
pub(super) const fn op3a(byte: u8) -> Op {
    Op { prefix: 0x66, map: Map::Of3a, byte }
}

/// Width flags of an instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum W {
    /// 32-bit operands, or no meaning.
    W0,
    /// 64-bit operands.
    W1,
    /// 8-bit operand in the `reg` field: needs REX for sil, dil, bpl, spl.
    Byte,
}

/// A memory operand.
#[derive(Clone, Copy)]
pub(super) struct Mem {
    /// Hardware number of the base register.
    pub base: u8,
    /// Hardware number of the index register, and log2 of its scale.
    pub index: Option<(u8, u8)>,
    /// Displacement.
    pub disp: i32,
}

impl Mem {
    pub(super) const fn new(base: u8, disp: i32) -> Mem {
        Mem { base, index: None, disp }
    }
}

/// Bytes on their way into the buffer.
#[derive(Clone, Copy)]
struct Bytes {
    word: u64,
    len: u32,
}

impl Bytes {
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.word |= u64::from(byte) << (8 * self.len);
        self.len += 1;
    }
}

/// Prefixes and opcode.
#[inline(always)]
fn head(op: Op, w: W, reg: u8, index: u8, base: u8, force_rex: bool) -> Bytes {
    let mut bytes = Bytes { word: 0, len: 0 };
    if op.prefix != 0 {
        bytes.push(op.prefix);
    }
    let rex = (u8::from(matches!(w, W::W1)) << 3) | (reg >> 3 << 2) | (index >> 3 << 1) | base >> 3;
    if rex != 0 || force_rex || (matches!(w, W::Byte) && reg >= 4) {
        bytes.push(0x40 | rex);
    }
    match op.map {
        Map::One => {}
        Map::Of => bytes.push(0x0f),
        Map::Of3a => {
            bytes.push(0x0f);
            bytes.push(0x3a);
        }
    }
    bytes.push(op.byte);
    bytes
}

impl X64 {
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.emitter.put(u64::from(byte), 1);
    }
    #[inline(always)]
    pub(super) fn imm32(&mut self, value: i32) {
        self.emitter.put(u64::from(value as u32), 4);
    }

    /// Register-register form; `reg` and `rm` are hardware numbers (or an opcode extension for `reg`).
    #[inline(always)]
    pub(super) fn rr(&mut self, op: Op, w: W, reg: u8, rm: u8) {
        let mut bytes = head(op, w, reg, 0, rm, false);
        bytes.push(0xc0 | (reg & 7) << 3 | rm & 7);
        self.emitter.put(bytes.word, bytes.len as usize);
    }

    /// Register-register form whose `rm` is an 8-bit register.
    #[inline(always)]
    pub(super) fn rr_byte_rm(&mut self, op: Op, w: W, reg: u8, rm: u8) {
        let mut bytes = head(op, w, reg, 0, rm, rm >= 4);
        bytes.push(0xc0 | (reg & 7) << 3 | rm & 7);
        self.emitter.put(bytes.word, bytes.len as usize);
    }

    /// Register-memory form.
    #[inline(always)]
    pub(super) fn rm(&mut self, op: Op, w: W, reg: u8, mem: Mem) {
        let index = match mem.index {
            Some((index, _)) => index,
            None => 0,
        };
        let bytes = head(op, w, reg, index, mem.base, false);
        self.operand_bytes(bytes, reg, mem);
    }

    /// What has been put together, and a memory operand.
    #[inline(always)]
    fn operand_bytes(&mut self, bytes: Bytes, reg: u8, mem: Mem) {
        let mut bytes = bytes;
        // rbp and r13 as base without displacement mean something else; rsp and r12 as base need a SIB byte.
        let short = mem.disp as i8 as i32 == mem.disp;
        let mode = if mem.disp == 0 && mem.base & 7 != 5 {
            0
        } else if short {
            1
        } else {
            2
        };
        match mem.index {
            Some((index, scale)) => {
                debug_assert_ne!(index, 4, "rsp is no index");
                bytes.push(mode << 6 | (reg & 7) << 3 | 4);
                bytes.push(scale << 6 | (index & 7) << 3 | mem.base & 7);
            }
            None if mem.base & 7 == 4 => {
                bytes.push(mode << 6 | (reg & 7) << 3 | 4);
                bytes.push(0x24);
            }
            None => bytes.push(mode << 6 | (reg & 7) << 3 | mem.base & 7),
        }
        self.emitter.put(bytes.word, bytes.len as usize);
        match mode {
            0 => {}
            1 => self.byte(mem.disp as u8),
            _ => self.imm32(mem.disp),
        }
    }

    /// Register-memory form whose operand is a constant of the function.
    pub(super) fn rip(&mut self, op: Op, w: W, reg: u8, label: Label) {
        let mut bytes = head(op, w, reg, 0, 0, false);
        bytes.push((reg & 7) << 3 | 5);
        self.emitter.put(bytes.word, bytes.len as usize);
        self.emitter.imm_field(label);
    }

    /// VEX prefix and opcode of map `0F`: `op reg, vvvv, rm`, with the pp field for the mandatory prefix. `x` and `b` are the numbers of
    /// the index and base (or `rm`) registers.
    fn vex_head(&mut self, pp: u8, opcode: u8, reg: u8, vvvv: u8, x: u8, b: u8) {
        let last = (!vvvv & 15) << 3 | pp;
        if x < 8 && b < 8 {
            let bytes = [0xc5, (!reg >> 3 & 1) << 7 | last, opcode];
            self.emitter.put(u64::from(bytes[0]) | u64::from(bytes[1]) << 8 | u64::from(bytes[2]) << 16, 3);
        } else {
            let second = (!reg >> 3 & 1) << 7 | (!x >> 3 & 1) << 6 | (!b >> 3 & 1) << 5 | 1;
            let word = 0xc4 | u64::from(second) << 8 | u64::from(last) << 16 | u64::from(opcode) << 24;
            self.emitter.put(word, 4);
        }
    }

    /// `op reg, vvvv, rm` between vector registers.
    pub(super) fn vex_rr(&mut self, pp: u8, opcode: u8, reg: u8, vvvv: u8, rm: u8) {
        self.vex_head(pp, opcode, reg, vvvv, 0, rm);
        self.byte(0xc0 | (reg & 7) << 3 | rm & 7);
    }

    /// `op reg, vvvv, [mem]`.
    pub(super) fn vex_rm(&mut self, pp: u8, opcode: u8, reg: u8, vvvv: u8, mem: Mem) {
        self.vex_head(pp, opcode, reg, vvvv, mem.index.map_or(0, |(index, _)| index), mem.base);
        self.operand_bytes(Bytes { word: 0, len: 0 }, reg, mem);
    }

    /// `op reg, vvvv, [constant]`.
    pub(super) fn vex_rip(&mut self, pp: u8, opcode: u8, reg: u8, vvvv: u8, label: Label) {
        self.vex_head(pp, opcode, reg, vvvv, 0, 0);
        self.byte((reg & 7) << 3 | 5);
        self.emitter.imm_field(label);
    }

    /// VEX form of BMI2 shifts: `op dst, src, count` with the pp field for the operation.
    pub(super) fn vex_shift(&mut self, pp: u8, w: bool, dst: u8, src: u8, count: u8) {
        let byte1 = (!dst >> 3 & 1) << 7 | 1 << 6 | (!src >> 3 & 1) << 5 | 2;
        let byte2 = u8::from(w) << 7 | (!count & 15) << 3 | pp;
        let mut bytes = Bytes { word: 0, len: 0 };
        for byte in [0xc4, byte1, byte2, 0xf7, 0xc0 | (dst & 7) << 3 | src & 7] {
            bytes.push(byte);
        }
        self.emitter.put(bytes.word, bytes.len as usize);
    }

    /// `jmp rel32`.
    #[inline]
    pub(super) fn jmp(&mut self, target: Label) {
        if let Some(position) = self.emitter.label_position(target) {
            let distance = position as i32 - (self.emitter.position() as i32 + 2);
            if distance >= -128 {
                self.emitter.put(u64::from(0xeb | (distance as u8 as u32) << 8), 2);
                return;
            }
        }
        self.emitter.put(0xe9, 5);
        let field = self.emitter.position() - 4;
        self.emitter.refer(target, field, FixupKind::Rel32);
    }

    /// `jcc`, by condition-code number.
    #[inline]
    pub(super) fn jcc(&mut self, code: u8, target: Label) {
        if let Some(position) = self.emitter.label_position(target) {
            let distance = position as i32 - (self.emitter.position() as i32 + 2);
            if distance >= -128 {
                self.emitter.put(u64::from(0x70 | u32::from(code) | (distance as u8 as u32) << 8), 2);
                return;
            }
        }
        self.emitter.put(u64::from(0x800f | u32::from(code) << 8), 6);
        let field = self.emitter.position() - 4;
        self.emitter.refer(target, field, FixupKind::Rel32);
    }

    /// Starts a forward `jcc rel8` over a short sequence; [`X64::short_here`] ends it.
    pub(super) fn short_jcc(&mut self, code: u8) -> u32 {
        self.emitter.put(u64::from(0x70 | code), 2);
        self.emitter.position()
    }

    /// Starts a forward `jmp rel8`.
    pub(super) fn short_jmp(&mut self) -> u32 {
        self.emitter.put(0xeb, 2);
        self.emitter.position()
    }

    /// Binds a short forward jump here.
    pub(super) fn short_here(&mut self, after_jump: u32) {
        let distance = self.emitter.position() - after_jump;
        debug_assert!(distance < 128, "short jump over {distance} bytes");
        self.emitter.patch_u8(after_jump - 1, distance as u8);
    }

    /// `lea reg, [rip + label]`.
    pub(super) fn lea_label(&mut self, reg: Reg, label: Label) {
        let n = reg.number();
        let bytes = 0x48 | (n >> 3 << 2);
        self.emitter.put(u64::from(bytes) | 0x8d << 8 | u64::from(5 | (n & 7) << 3) << 16, 7);
        let field = self.emitter.position() - 4;
        self.emitter.refer(label, field, FixupKind::Rel32);
    }
}

/// Condition-code numbers (Intel SDM volume 2, appendix B).
pub(super) mod cc {
    pub const O: u8 = 0;
    pub const NO: u8 = 1;
    pub const B: u8 = 2;
    pub const AE: u8 = 3;
    pub const E: u8 = 4;
    pub const NE: u8 = 5;
    pub const BE: u8 = 6;
    pub const A: u8 = 7;
    pub const S: u8 = 8;
    pub const NS: u8 = 9;
    pub const P: u8 = 10;
    pub const NP: u8 = 11;
    pub const L: u8 = 12;
    pub const GE: u8 = 13;
    pub const LE: u8 = 14;
    pub const G: u8 = 15;
}
