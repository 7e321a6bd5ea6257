//! Linear memory and table access.

use super::encode::{Access, a64, cc};
use super::{Aarch64, FP, V31, X16, X17, ZERO};
use crate::masm::{Address, IntegerAsm, Load, MemoryAsm, Size, Store};
use crate::{MemoryDefinition, Place, Reg, TableDefinition, TrapCode};
use dynasmrt::DynasmApi;
use engine_decoder::ValKind;

const _: () = assert!(MemoryDefinition::BASE == TableDefinition::BASE);
const _: () = assert!(MemoryDefinition::LENGTH == TableDefinition::LENGTH);

impl Aarch64 {
    /// The fields of an address in linear memory, computed into x17 where the instruction cannot.
    #[inline(always)]
    fn memory_address(&mut self, access: Access, address: Address) -> u32 {
        let Address { base, index, offset } = address;
        let Some(index) = index else { return self.address(access, base, offset) };
        if offset == 0 {
            return Aarch64::indexed(base, index);
        }
        match access.immediate(offset) {
            Some(_) => {
                a64!(self ; add X(X17), X(base), X(index));
                self.address(access, X17, offset)
            }
            None => {
                self.add_constant(Size::S64, X17, index, i64::from(offset));
                Aarch64::indexed(base, X17)
            }
        }
    }

    /// An access whose fault is an out-of-bounds trap.
    #[inline(always)]
    fn memory_access(&mut self, access: Access, reg: Reg, address: Address) {
        let fields = self.memory_address(access, address);
        let position = self.emitter.position();
        self.emitter.trap_site(position, TrapCode::MemoryOutOfBounds);
        self.access(access, reg, fields);
    }

    /// After a comparison and a branch that trapped unless `condition`: keeps `index`, or 0 when misspeculating.
    fn mask_index(&mut self, condition: u8, dst: Reg, index: Reg) {
        self.select(Size::S64, condition, dst, index, ZERO);
        a64!(self ; csdb);
    }
}

impl MemoryAsm for Aarch64 {
    #[inline]
    fn load(&mut self, op: Load, dst: Reg, address: Address) {
        let access = match op {
            Load::I32U8 | Load::I64U8 => Access::LDRB,
            Load::I32S8 => Access::LDRSB_W,
            Load::I64S8 => Access::LDRSB_X,
            Load::I32U16 | Load::I64U16 => Access::LDRH,
            Load::I32S16 => Access::LDRSH_W,
            Load::I64S16 => Access::LDRSH_X,
            Load::I32 | Load::I64U32 => Access::LDR_W,
            Load::I64S32 => Access::LDRSW,
            Load::I64 => Access::LDR_X,
            Load::F32 => Access::LDR_S,
            Load::F64 => Access::LDR_D,
        };
        self.memory_access(access, dst, address);
    }

    #[inline]
    fn store(&mut self, op: Store, address: Address, src: Reg) {
        let access = match op {
            Store::I8 => Access::STRB,
            Store::I16 => Access::STRH,
            Store::I32 => Access::STR_W,
            Store::I64 => Access::STR_X,
            Store::F32 => Access::STR_S,
            Store::F64 => Access::STR_D,
        };
        self.memory_access(access, src, address);
    }

    fn store_imm(&mut self, op: Store, address: Address, value: i32) {
        let (size, access) = match op {
            Store::I8 => (Size::S32, Access::STRB),
            Store::I16 => (Size::S32, Access::STRH),
            Store::I32 | Store::F32 => (Size::S32, Access::STR_W),
            Store::I64 | Store::F64 => (Size::S64, Access::STR_X),
        };
        let src = self.constant_or_zero(size, value);
        self.memory_access(access, src, address);
    }

    fn bounds_check(&mut self, dst: Reg, index: Reg, offset: u64, size: u8, memory: Place, spectre: bool) {
        debug_assert_ne!(dst, index);
        self.load_length(X16, memory);
        // Index and offset are below 2^32, so their sum does not wrap.
        self.add_constant(Size::S64, dst, index, (offset + u64::from(size)) as i64);
        a64!(self ; cmp X(dst), x16);
        let trap = self.emitter.trap_label(TrapCode::MemoryOutOfBounds);
        self.branch_on(cc::HI, trap);
        self.add_constant(Size::S64, dst, dst, -i64::from(size));
        if spectre {
            self.mask_index(cc::LS, dst, dst);
        }
    }

    fn index_check(&mut self, index: Reg, memory: Place, spectre: bool) {
        self.load_length(X16, memory);
        a64!(self ; cmp X(index), x16);
        let trap = self.emitter.trap_label(TrapCode::MemoryOutOfBounds);
        self.branch_on(cc::HI, trap);
        if spectre {
            self.mask_index(cc::LS, index, index);
        }
    }

    fn load_memory_base(&mut self, dst: Reg, memory: Place) {
        let (base, offset) = self.definition(memory, MemoryDefinition::BASE);
        self.load_at(ValKind::I64, dst, base, offset);
    }

    fn copy_slots(&mut self, from: i32, to: i32, count: u32) {
        self.add_constant(Size::S64, X16, FP, i64::from(from));
        let again = self.emitter.new_label();
        self.emitter.bind(again);
        self.access_at(Access::LDR_D, V31, X16, 0);
        self.access_at(Access::STR_D, V31, X16, to - from);
        self.add_constant(Size::S64, X17, FP, i64::from(from) - 8 * i64::from(count));
        self.add_constant(Size::S64, X16, X16, -8);
        a64!(self ; cmp x16, x17);
        self.branch_on(cc::NE, again);
    }

    fn load_length(&mut self, dst: Reg, definition: Place) {
        let (base, offset) = self.definition(definition, MemoryDefinition::LENGTH);
        self.load_at(ValKind::I64, dst, base, offset);
    }

    fn table_entry(&mut self, dst: Reg, index: Reg, table: Place, log2_size: u8, spectre: bool) {
        debug_assert_ne!(dst, index);
        self.load_length(X16, table);
        a64!(self ; cmp X(index), x16);
        let trap = self.emitter.trap_label(TrapCode::UndefinedElement);
        self.branch_on(cc::HS, trap);
        let mut masked = index;
        if spectre {
            self.mask_index(cc::LO, dst, index);
            masked = dst;
        }
        self.load_memory_base(X16, table);
        a64!(self ; add X(dst), x16, X(masked), lsl u32::from(log2_size & 63));
    }
}
