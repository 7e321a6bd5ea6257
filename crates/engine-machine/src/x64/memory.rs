//! Linear memory and table access.

use super::encode::{Mem, W, cc, op1, op2, op2p};
use super::{R11, RBP, X15, X64};
use crate::masm::{Address, IntegerAsm, Load, MemoryAsm, Operand, Size, Store};
use crate::{MemoryDefinition, Place, Reg, TableDefinition, TrapCode};
use engine_decoder::ValKind;

const _: () = assert!(MemoryDefinition::BASE == TableDefinition::BASE);
const _: () = assert!(MemoryDefinition::LENGTH == TableDefinition::LENGTH);

pub(super) fn mem(address: Address) -> Mem {
    Mem {
        base: address.base.number(),
        index: address.index.map(|index| (index.number(), 0)),
        disp: address.offset,
    }
}

impl X64 {
    #[inline(always)]
    pub(super) fn memory_site(&mut self) {
        let position = self.emitter.position();
        self.emitter.trap_site(position, TrapCode::MemoryOutOfBounds);
    }
}

impl MemoryAsm for X64 {
    #[inline]
    fn load(&mut self, op: Load, dst: Reg, address: Address) {
        self.memory_site();
        let (op, w) = match op {
            Load::I32U8 | Load::I64U8 => (op2(0xb6), W::W0),
            Load::I32S8 => (op2(0xbe), W::W0),
            Load::I64S8 => (op2(0xbe), W::W1),
            Load::I32U16 | Load::I64U16 => (op2(0xb7), W::W0),
            Load::I32S16 => (op2(0xbf), W::W0),
            Load::I64S16 => (op2(0xbf), W::W1),
            Load::I32 | Load::I64U32 => (op1(0x8b), W::W0),
            Load::I64S32 => (op1(0x63), W::W1),
            Load::I64 => (op1(0x8b), W::W1),
            Load::F32 => (op2p(0xf3, 0x10), W::W0),
            Load::F64 => (op2p(0xf2, 0x10), W::W0),
        };
        self.rm(op, w, dst.number(), mem(address));
    }

    #[inline]
    fn store(&mut self, op: Store, address: Address, src: Reg) {
        self.memory_site();
        let (op, w) = match op {
            Store::I8 => (op1(0x88), W::Byte),
            Store::I16 => {
                // The operand-size prefix stands first; the site is the prefix.
                self.byte(0x66);
                (op1(0x89), W::W0)
            }
            Store::I32 => (op1(0x89), W::W0),
            Store::I64 => (op1(0x89), W::W1),
            Store::F32 => (op2p(0xf3, 0x11), W::W0),
            Store::F64 => (op2p(0xf2, 0x11), W::W0),
        };
        self.rm(op, w, src.number(), mem(address));
    }

    fn store_imm(&mut self, op: Store, address: Address, value: i32) {
        self.memory_site();
        match op {
            Store::I8 => {
                self.rm(op1(0xc6), W::W0, 0, mem(address));
                self.byte(value as u8);
            }
            Store::I16 => {
                self.byte(0x66);
                self.rm(op1(0xc7), W::W0, 0, mem(address));
                self.emitter.put(u64::from(value as u16), 2);
            }
            Store::I32 | Store::F32 => {
                self.rm(op1(0xc7), W::W0, 0, mem(address));
                self.imm32(value);
            }
            Store::I64 | Store::F64 => {
                self.rm(op1(0xc7), W::W1, 0, mem(address));
                self.imm32(value);
            }
        }
    }

    fn bounds_check(&mut self, dst: Reg, index: Reg, offset: u64, size: u8, memory: Place, spectre: bool) {
        debug_assert_ne!(dst, index);
        // Index and offset are below 2^32, so their sum does not wrap.
        let end = offset + u64::from(size);
        match i32::try_from(end) {
            Ok(end) => self.lea(dst, index, end),
            Err(_) => {
                self.mov_imm(Size::S64, dst, end as i64);
                self.classic(0, W::W1, dst, Operand::Reg(index));
            }
        }
        // As in `index_check`, the carry alone decides.
        let length = self.definition(memory, MemoryDefinition::LENGTH);
        self.rm(op1(0x39), W::W1, dst.number(), length);
        let trap = self.emitter.trap_label(TrapCode::MemoryOutOfBounds);
        self.jcc(cc::B, trap);
        self.lea(dst, dst, -i32::from(size));
        if spectre {
            self.mov_imm(Size::S32, R11, 0);
            self.rr(op2(0x40 | cc::B), W::W1, dst.number(), R11.number());
        }
    }

    fn index_check(&mut self, index: Reg, memory: Place, spectre: bool) {
        // The carry alone decides: conditional moves that look at two flags take two steps on many CPUs.
        let zero_first = spectre && matches!(memory, Place::Inline(_));
        if zero_first {
            self.zero(R11);
        }
        let length = self.definition(memory, MemoryDefinition::LENGTH);
        self.rm(op1(0x39), W::W1, index.number(), length);
        let trap = self.emitter.trap_label(TrapCode::MemoryOutOfBounds);
        self.jcc(cc::B, trap);
        if spectre {
            if !zero_first {
                self.mov_imm(Size::S32, R11, 0);
            }
            self.rr(op2(0x40 | cc::B), W::W1, index.number(), R11.number());
        }
    }

    fn load_memory_base(&mut self, dst: Reg, memory: Place) {
        let base = self.definition(memory, MemoryDefinition::BASE);
        self.load_mem(ValKind::I64, dst, base);
    }

    fn copy_slots(&mut self, from: i32, to: i32, count: u32) {
        // The index counts down from 0 in words.
        let word = |disp| Mem { base: RBP, index: Some((R11.number(), 3)), disp };
        self.zero(R11);
        let again = self.emitter.new_label();
        self.emitter.bind(again);
        self.load_mem(ValKind::F64, X15, word(from));
        self.store_mem(ValKind::F64, word(to), X15);
        self.lea(R11, R11, -1);
        self.cmp(Size::S64, R11, Operand::Imm(-(count as i32)));
        self.jcc(cc::NE, again);
    }

    fn load_length(&mut self, dst: Reg, definition: Place) {
        let length = self.definition(definition, MemoryDefinition::LENGTH);
        self.load_mem(ValKind::I64, dst, length);
    }

    fn table_entry(&mut self, dst: Reg, index: Reg, table: Place, log2_size: u8, spectre: bool) {
        debug_assert_ne!(dst, index);
        let length = self.definition(table, TableDefinition::LENGTH);
        self.rm(op1(0x3b), W::W1, index.number(), length);
        let trap = self.emitter.trap_label(TrapCode::UndefinedElement);
        self.jcc(cc::AE, trap);
        self.rr(op1(0x8b), W::W0, dst.number(), index.number());
        if spectre {
            self.mov_imm(Size::S32, R11, 0);
            self.rr(op2(0x40 | cc::AE), W::W1, dst.number(), R11.number());
        }
        self.shift_imm(4, W::W1, dst, log2_size);
        let base = self.definition(table, TableDefinition::BASE);
        self.rm(op1(0x03), W::W1, dst.number(), base);
    }
}
