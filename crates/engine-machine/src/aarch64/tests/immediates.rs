//! Constants and offsets of any size: never a panic, always the value.

use super::super::{v, x};
use super::{assemble, decode};
use crate::Place;
use crate::masm::Operand::{Frame, Imm};
use crate::masm::{Address, Alu, ControlAsm, IntegerAsm, Load, MemoryAsm, Shift, Size, Store};
use Size::{S32, S64};
use engine_decoder::ValKind;
use proptest::prelude::*;

const KINDS: [ValKind; 6] =
    [ValKind::I32, ValKind::I64, ValKind::F32, ValKind::F64, ValKind::V128, ValKind::Ref];

/// Registers of a machine that knows additions of constants, moves of constants, and the address of an access.
struct Machine {
    registers: [u64; 32],
}

impl Machine {
    fn new() -> Machine {
        Machine { registers: core::array::from_fn(|i| 0x1000_0000_0000 * i as u64) }
    }

    /// Runs code, and returns the address of its last access.
    fn run(&mut self, code: &[u8]) -> Option<u64> {
        let mut address = None;
        for word in code.chunks(4) {
            let word = u32::from_le_bytes(word.try_into().expect("whole words"));
            address = self.step(word).or(address);
        }
        address
    }

    fn step(&mut self, word: u32) -> Option<u64> {
        let field = |shift: u32, bits: u32| word >> shift & ((1 << bits) - 1);
        let (rd, rn, rm) = (field(0, 5) as usize, field(5, 5) as usize, field(16, 5) as usize);
        let wide = word >> 31 != 0;
        let zero_extend = |value: u64| if wide { value } else { u64::from(value as u32) };
        match field(23, 6) {
            // Move wide.
            0b100101 => {
                let (half, shift) = (u64::from(field(5, 16)), 16 * field(21, 2));
                self.registers[rd] = zero_extend(match field(29, 2) {
                    0b00 => !(half << shift),
                    0b10 => half << shift,
                    _ => self.registers[rd] & !(0xffff << shift) | half << shift,
                });
            }
            // Add and subtract immediate.
            0b100010 => {
                let value = u64::from(field(10, 12)) << (12 * field(22, 1));
                let value = if field(30, 1) != 0 { value.wrapping_neg() } else { value };
                self.registers[rd] = zero_extend(self.registers[rn].wrapping_add(value));
            }
            // Logical immediate, from the zero register.
            0b100100 => {
                assert_eq!((field(29, 2), rn), (0b01, 31));
                let (n, immr, imms) = (field(22, 1), field(16, 6), field(10, 6));
                let log2 = 31 - (n << 6 | !imms & 0x3f).leading_zeros();
                let (size, mask) = (1 << log2, (1u32 << log2) - 1);
                let run = u64::MAX >> (63 - (imms & mask));
                let mut value = 0u64;
                for bit in 0..64 {
                    value |= (run >> ((bit + (immr & mask)) % size) & 1) << bit;
                }
                self.registers[rd] = zero_extend(value);
            }
            // Add, of a shifted or extended register.
            0b010110 | 0b010111 => {
                assert!(field(10, 6) == 0 || field(10, 6) == 0b011_000, "no shifts");
                self.registers[rd] = zero_extend(self.registers[rn].wrapping_add(self.registers[rm]));
            }
            _ => {
                assert_eq!(field(27, 3), 0b111, "an access: {word:08x}");
                let base = self.registers[rn];
                let log2 = if field(26, 1) != 0 && field(23, 1) != 0 { 4 } else { field(30, 2) };
                return Some(if field(24, 1) != 0 {
                    base + (u64::from(field(10, 12)) << log2)
                } else if field(21, 1) != 0 {
                    base.wrapping_add(self.registers[rm])
                } else {
                    base.wrapping_add((((field(12, 9) << 23) as i32) >> 23) as u64)
                });
            }
        }
        None
    }
}

/// Integers of all magnitudes, those with few bits set or clear more often.
fn any_constant() -> impl Strategy<Value = i64> {
    let run = (0..64u32, 0..64u32)
        .prop_map(|(ones, rotation)| (u64::MAX >> 1 >> (63 - ones)).rotate_left(rotation) as i64);
    prop_oneof![
        any::<i64>(),
        (any::<i64>(), 0..64u32).prop_map(|(value, shift)| value >> shift),
        (any::<u16>(), 0..4u32).prop_map(|(half, i)| i64::from(half) << (16 * i)),
        (any::<u16>(), 0..4u32).prop_map(|(half, i)| !(i64::from(half) << (16 * i))),
        (1..7u32, any::<u64>()).prop_map(|(log2, bits)| {
            let size = 1 << log2;
            let element = bits & u64::MAX >> (64 - size);
            (0..64 / size).fold(0, |value, i| value | element << (size * i)) as i64
        }),
        run,
    ]
}

fn any_offset() -> impl Strategy<Value = i32> {
    prop_oneof![any::<i32>(), (any::<i32>(), 0..32u32).prop_map(|(value, shift)| value >> shift)]
}

proptest! {
    #[test]
    fn constants_have_their_value(value in any_constant()) {
        for size in [S32, S64] {
            let code = assemble(false, |asm| asm.mov_imm(size, x(9), value)).unwrap();
            decode(&code.bytes);
            let mut machine = Machine::new();
            machine.run(&code.bytes);
            let expected = if size == S32 { u64::from(value as u32) } else { value as u64 };
            prop_assert_eq!(machine.registers[9], expected);
            let most = if size == S32 { 8 } else { 16 };
            prop_assert!(code.bytes.len() <= most);
        }
    }

    #[test]
    fn additions_add_their_constant(value in any_offset()) {
        for (destination, size) in [(9, S32), (8, S64), (9, S64)] {
            let run = |op: Alu| {
                let code = assemble(false, |asm| asm.alu(op, size, x(destination), x(9), Imm(value))).unwrap();
                decode(&code.bytes);
                let mut machine = Machine::new();
                machine.run(&code.bytes);
                machine.registers[destination as usize]
            };
            let lhs = Machine::new().registers[9];
            let wrap = |value: u64| if size == S32 { u64::from(value as u32) } else { value };
            prop_assert_eq!(run(Alu::Add), wrap(lhs.wrapping_add(i64::from(value) as u64)));
            prop_assert_eq!(run(Alu::Sub), wrap(lhs.wrapping_sub(i64::from(value) as u64)));
        }
    }

    #[test]
    fn accesses_hit_their_address(offset in any_offset()) {
        for kind in KINDS {
            for base in [29, 31, 16] {
                let reg = if kind.is_float() { v(31) } else { x(16) };
                let code = assemble(false, |asm| asm.load_at(kind, reg, x(base), offset)).unwrap();
                decode(&code.bytes);
                let mut machine = Machine::new();
                let expected = machine.registers[base as usize].wrapping_add(i64::from(offset) as u64);
                prop_assert_eq!(machine.run(&code.bytes), Some(expected));
            }
        }
    }

    #[test]
    fn memory_accesses_hit_their_address(offset in any_offset()) {
        let offset = offset & i32::MAX;
        for index in [None, Some(x(8))] {
            let address = Address { base: x(27), index, offset };
            let check = |code: &[u8]| {
                let mut machine = Machine::new();
                let index = if index.is_some() { machine.registers[8] } else { 0 };
                let expected = machine.registers[27] + index + offset as u64;
                assert_eq!(machine.run(code), Some(expected));
            };
            for op in [Load::I64S8, Load::I32U16, Load::I32, Load::I64] {
                check(&assemble(false, |asm| asm.load(op, x(8), address)).unwrap().bytes);
            }
            for op in [Store::F32, Store::F64] {
                check(&assemble(false, |asm| asm.store(op, address, v(0))).unwrap().bytes);
            }
            check(&assemble(false, |asm| asm.store_imm(Store::I64, address, offset)).unwrap().bytes);
        }
    }

    #[test]
    fn nothing_panics(value in any_offset(), bits in any_constant(), place in any::<u32>()) {
        let code = assemble(false, |asm| {
            for size in [S32, S64] {
                for op in [Alu::Add, Alu::Sub, Alu::And, Alu::Or, Alu::Xor, Alu::Mul] {
                    asm.alu(op, size, x(8), x(9), Imm(value));
                    asm.alu(op, size, x(8), x(9), Frame(value));
                }
                for op in [Shift::Shl, Shift::ShrS, Shift::ShrU, Shift::Rotl, Shift::Rotr] {
                    asm.shift(op, size, x(8), x(9), Imm(value));
                }
                asm.cmp(size, x(8), Imm(value));
                asm.test(size, x(8), Imm(value));
            }
            for kind in KINDS {
                asm.store_frame_imm(kind, value, value);
                let reg = if kind.is_float() { v(24) } else { x(8) };
                asm.store_area(kind, value as u32 & 0x7fff_ffff, reg);
            }
            asm.float_const(ValKind::F32, v(24), bits as u64);
            asm.float_const(ValKind::F64, v(24), bits as u64);
            asm.push_area(value as u32 & 0x7fff_fff0);
            asm.epilogue(value as u32 & 0x7fff_fff0);
            let prologue = asm.prologue();
            asm.set_frame_size(prologue, (value as u32 & 0x7fff_fff0).max(16));
            for place in [Place::Inline(place >> 2), Place::Indirect(place >> 2)] {
                asm.bounds_check(x(9), x(8), bits as u64 >> 32, 8, place, true);
                asm.table_entry(x(9), x(8), place, 5, true);
            }
            asm.emit_pending_traps();
        });
        decode(&code.unwrap().bytes);
    }
}
