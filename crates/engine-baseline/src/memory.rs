//! Linear memory, tables, globals and references.

use crate::generator::Generator;
use crate::value::{Place, Value};
use engine_decoder::{FuncIndex, GlobalIndex, MemoryIndex, MemoryType, TableIndex, ValKind};
use engine_machine::masm::{Address, Load, Masm, Operand, Shift, Size, Store};
use engine_machine::{
    AccessMode, CHECKED_GUARD_SIZE, GUARD_SIZE, ImportedFunction, Place as DefinitionPlace, Reg,
};

impl<M: Masm> Generator<'_, M> {
    /// The address of an access of `size` bytes at a popped index (of operand position `position`) plus a static offset,
    /// checked if the memory needs it; with the temporaries to release.
    fn address(
        &mut self,
        index: Value,
        position: usize,
        memarg: &wasmparser::MemArg,
        size: u8,
    ) -> (Address, [Option<Reg>; 2]) {
        let memory = match memarg.target {
            wasmparser::MemArgTarget::Memory(index) => MemoryIndex(index),
            _ => {
                self.refused = Some("access to something other than a linear memory");
                MemoryIndex(0)
            }
        };
        if memory.0 == 0 && !self.uses_memory {
            self.refused = Some("a memory access that the scan of the body did not see");
        }
        let (base, base_reg) = if memory.0 == 0 {
            (M::MEMORY_BASE, None)
        } else {
            let reg = self.alloc(ValKind::I64);
            let place = self.env.layout.memory(memory);
            self.masm.load_memory_base(reg, place);
            (reg, Some(reg))
        };
        let end = memarg.offset + u64::from(size);
        let guarded = self.env.flags.memory_access == AccessMode::Guarded;
        if guarded && end <= GUARD_SIZE {
            if let Some(constant) = index.as_const()
                && let Ok(offset) = i32::try_from(u64::from(constant as u32) + memarg.offset)
            {
                return (Address { base, index: None, offset }, [base_reg, None]);
            }
            let index = self.read(index, position);
            let address = Address { base, index: Some(index), offset: memarg.offset as i32 };
            return (address, [base_reg, Some(index)]);
        }
        let place = self.env.layout.memory(memory);
        if let Some(constant) = index.as_const() {
            // A memory is never smaller than it begins.
            let minimum =
                self.env.module.memories[memory.index()].minimum.saturating_mul(MemoryType::PAGE_SIZE);
            let start = u64::from(constant as u32) + memarg.offset;
            if start + u64::from(size) <= minimum
                && let Ok(offset) = i32::try_from(start)
            {
                return (Address { base, index: None, offset }, [base_reg, None]);
            }
        }
        if end <= CHECKED_GUARD_SIZE {
            let index = self.read(index, position);
            if memory.0 != 0 || !self.checked.contains(index) {
                // Where the index lives does not matter: checking leaves its value.
                self.masm.index_check(index, place, self.env.flags.spectre);
                if memory.0 == 0 && self.homes.contains(index) {
                    self.checked.insert(index);
                }
            }
            let address = Address { base, index: Some(index), offset: memarg.offset as i32 };
            return (address, [base_reg, Some(index)]);
        }
        let index = self.read(index, position);
        let checked = self.alloc(ValKind::I64);
        self.masm.bounds_check(checked, index, memarg.offset, size, place, self.env.flags.spectre);
        self.release(index);
        (Address { base, index: Some(checked), offset: 0 }, [base_reg, Some(checked)])
    }

    pub fn load(&mut self, op: Load, kind: ValKind, size: u8, memarg: &wasmparser::MemArg) {
        let index = self.pop();
        let position = self.stack.len();
        let (address, release) = self.address(index, position, memarg, size);
        let home = self.destination(self.after_memarg(), kind);
        let result = match (home, address.index) {
            (Some(home), _) => home,
            (None, Some(index)) if !kind.is_float() && self.is_owned(index) => index,
            _ => self.alloc(kind),
        };
        self.masm.load(op, result, address);
        self.push_result(kind, result, release);
    }

    pub fn store(&mut self, op: Store, size: u8, memarg: &wasmparser::MemArg) {
        let (value, index) = (self.pop(), self.pop());
        let position = self.stack.len();
        let integer = matches!(op, Store::I8 | Store::I16 | Store::I32 | Store::I64);
        if let Some(constant) = value.as_const()
            && (integer || constant == 0)
        {
            let (address, release) = self.address(index, position, memarg, size);
            self.masm.store_imm(op, address, constant);
            self.release_all(release);
            return self.end_operator();
        }
        let value = self.read(value, position + 1);
        let (address, release) = self.address(index, position, memarg, size);
        self.masm.store(op, address, value);
        self.release_all(release);
        self.release(value);
        self.end_operator();
    }

    pub fn visit_memory_size(&mut self, memory: u32) {
        let reg = self.alloc(ValKind::I64);
        let place = self.env.layout.memory(MemoryIndex(memory));
        self.masm.load_length(reg, place);
        self.masm.shift(Shift::ShrU, Size::S64, reg, reg, Operand::Imm(16));
        self.push_reg(ValKind::I32, reg);
    }

    pub fn visit_table_size(&mut self, table: u32) {
        let reg = self.alloc(ValKind::I64);
        let place = self.env.layout.table(TableIndex(table));
        self.masm.load_length(reg, place);
        self.push_reg(ValKind::I32, reg);
    }

    /// Base register and offset of a global's cell, with the temporary to release.
    fn global_cell(&mut self, index: u32) -> (Reg, i32, Option<Reg>) {
        let vmctx = M::CONVENTION.vmctx;
        match self.env.layout.global(GlobalIndex(index)) {
            DefinitionPlace::Inline(offset) => (vmctx, offset as i32, None),
            DefinitionPlace::Indirect(offset) => {
                let reg = self.alloc(ValKind::I64);
                self.masm.load_at(ValKind::I64, reg, vmctx, offset as i32);
                (reg, 0, Some(reg))
            }
        }
    }

    pub fn visit_global_get(&mut self, index: u32) {
        let kind = self.env.module.globals[index as usize].content.kind();
        let (base, offset, release) = self.global_cell(index);
        let result = match release {
            Some(reg) if !kind.is_float() => reg,
            _ => self.alloc(kind),
        };
        self.masm.load_at(kind, result, base, offset);
        self.push_result(kind, result, [release, None]);
    }

    pub fn visit_global_set(&mut self, index: u32) {
        let value = self.pop();
        let position = self.stack.len();
        let kind = value.kind();
        let value = self.read(value, position);
        let (base, offset, release) = self.global_cell(index);
        self.masm.store_at(kind, base, offset, value);
        self.release(value);
        self.release_all([release, None]);
        self.end_operator();
    }

    pub fn visit_ref_func(&mut self, index: u32) {
        let env = self.env;
        let func = FuncIndex(index);
        let vmctx = M::CONVENTION.vmctx;
        let reg = self.alloc(ValKind::Ref);
        if env.module.defined(func).is_none() {
            // An imported function keeps the identity it came with.
            let import = env.layout.imported_function(func) as i32;
            self.masm.load_at(ValKind::Ref, reg, vmctx, import + ImportedFunction::FUNCREF);
        } else if let Some(escaped) = env.module.escaped_index(func) {
            self.masm.lea(reg, vmctx, env.layout.funcref(escaped) as i32);
        } else {
            // Validation demands that the function is declared, and declaring makes it escape.
            self.refused = Some("ref.func of an undeclared function");
        }
        self.push_reg(ValKind::Ref, reg);
    }

    pub fn visit_drop(&mut self) {
        let value = self.pop();
        if let Place::Reg(reg) = value.place() {
            self.release(reg);
        }
    }
}
