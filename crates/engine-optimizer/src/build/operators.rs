//! Operators without control flow.

use super::Builder;
use crate::ir::*;
use engine_decoder::{FuncIndex, GlobalIndex, MemoryIndex, MemoryType, TypeIndex, ValKind};
use engine_machine::masm::{
    Alu, Cond, Conversion, FloatBinary, FloatCond, FloatUnary, Load, Shift, Size, Store, Unary,
};
use engine_machine::{
    AccessMode, CHECKED_GUARD_SIZE, GUARD_SIZE, ImportedFunction, Place, RuntimeEntry, TableEntry,
};
use wasmparser::{BlockType, MemArg, VisitOperator, for_each_visit_operator};

use Size::{S32, S64};
use ValKind::{F32, F64, I32, I64};

macro_rules! build {
    (mvp $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { build!(@yes $this $op $visit ($($arg),*)) };
    (sign_extension $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { build!(@yes $this $op $visit ($($arg),*)) };
    (saturating_float_to_int $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { build!(@yes $this $op $visit ($($arg),*)) };
    (bulk_memory $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { build!(@yes $this $op $visit ($($arg),*)) };
    (reference_types $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { build!(@yes $this $op $visit ($($arg),*)) };
    (@yes $this:ident $op:ident $visit:ident ($($arg:ident),*)) => {
        if engine_machine::is_structure!($op) || $this.reachable {
            Builder::$visit($this $(, $arg)*);
        }
    };
    ($other:ident $this:ident $op:ident $visit:ident ($($arg:ident),*)) => {{
        $(_ = $arg;)*
        $this.refused = Some(concat!("operator ", stringify!($op), " is not supported by the optimising compiler"));
    }};
}

macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline(always)]
        fn $visit(&mut self $($(, $arg: $argty)*)?) {
            build!($proposal self $op $visit ($($($arg),*)?));
        }
    )*};
}

impl<'a> VisitOperator<'a> for Builder<'_> {
    type Output = ();
    for_each_visit_operator!(visit);
}

macro_rules! simple {
    ($($visit:ident: $method:ident($($arg:expr),*);)*) => {$(
        #[inline]
        fn $visit(&mut self) {
            self.$method($($arg),*);
        }
    )*};
}

macro_rules! runtime {
    ($($visit:ident($($arg:ident),*): $entry:ident [$($constant:ident),*] $count:literal $result:expr;)*) => {$(
        fn $visit(&mut self $(, $arg: u32)*) {
            self.call_runtime(RuntimeEntry::$entry, &[$($constant),*], $count, $result);
        }
    )*};
}

macro_rules! accesses {
    ($($visit:ident: $method:ident($($arg:expr),*);)*) => {$(
        #[inline]
        fn $visit(&mut self, memarg: MemArg) {
            self.$method($($arg,)* &memarg);
        }
    )*};
}

impl Builder<'_> {
    engine_machine::plain_operators!(simple);
    engine_machine::access_operators!(accesses);

    // ---- arithmetic ----

    fn pop2(&mut self) -> (Value, Value) {
        let b = self.pop();
        let a = self.pop();
        (a, b)
    }
    fn push_binary(&mut self, op: Op, kind: ValKind) {
        let (a, b) = self.pop2();
        let value = self.graph.add_binary(op, kind, a, b);
        self.push(value);
    }

    fn alu(&mut self, op: Alu, kind: ValKind) {
        let op = match op {
            Alu::Add => Op::Add,
            Alu::Sub => Op::Sub,
            Alu::And => Op::And,
            Alu::Or => Op::Or,
            Alu::Xor => Op::Xor,
            Alu::Mul => Op::Mul,
        };
        self.push_binary(op, kind);
    }

    fn shift(&mut self, op: Shift, kind: ValKind) {
        let op = match op {
            Shift::Shl => Op::Shl,
            Shift::ShrS => Op::ShrS,
            Shift::ShrU => Op::ShrU,
            Shift::Rotl => Op::Rotl,
            Shift::Rotr => Op::Rotr,
        };
        self.push_binary(op, kind);
    }

    fn divide(&mut self, signed: bool, remainder: bool, kind: ValKind) {
        let (a, b) = self.pop2();
        let all = if kind == I32 { u64::from(u32::MAX) } else { u64::MAX };
        let aux = u16::from(signed) | u16::from(remainder) << 1;
        let harmless = |divisor: u64| divisor != 0 && (divisor != all || remainder || !signed);
        let value = match self.graph.as_const(b) {
            Some(divisor) if harmless(divisor) => {
                self.graph.add(Inst::new(Op::Div, kind, aux, [a.0, b.0, 0]))
            }
            _ => self.emit(Inst::new(Op::TrapDiv, kind, aux, [a.0, b.0, 0])),
        };
        self.push(value);
    }

    fn unary(&mut self, op: Unary, _: ValKind, to: ValKind) {
        let op = match op {
            Unary::Clz => Op::Clz,
            Unary::Ctz => Op::Ctz,
            Unary::Popcnt => Op::Popcnt,
            Unary::Extend8S => Op::Extend8S,
            Unary::Extend16S => Op::Extend16S,
            Unary::Extend32S => Op::Extend32S,
            Unary::Extend32U => Op::Wrap,
        };
        let a = self.pop();
        let value = self.graph.add_unary(op, to, a);
        self.push(value);
    }

    fn extend_u32(&mut self) {
        let a = self.pop();
        let value = self.graph.add_unary(Op::ExtendU, I64, a);
        self.push(value);
    }

    fn eqz(&mut self, kind: ValKind) {
        let a = self.pop();
        let zero = self.graph.constant(kind, 0);
        let value = self.graph.add_compare(Cond::Eq, a, zero);
        self.push(value);
    }

    fn int_compare(&mut self, cond: Cond, _: ValKind) {
        let (a, b) = self.pop2();
        let value = self.graph.add_compare(cond, a, b);
        self.push(value);
    }

    fn float_compare(&mut self, cond: FloatCond, _: ValKind) {
        let (a, b) = self.pop2();
        let value = self.graph.add(Inst::new(Op::FloatCompare, I32, pack_float_cond(cond), [a.0, b.0, 0]));
        self.push(value);
    }

    fn float_binary(&mut self, op: FloatBinary, kind: ValKind) {
        let (a, b) = self.pop2();
        let value = self.graph.add(Inst::new(Op::FloatBinary, kind, pack_float_binary(op), [a.0, b.0, 0]));
        self.push(value);
    }

    fn float_unary(&mut self, op: FloatUnary, kind: ValKind) {
        let rounding = match op {
            FloatUnary::Ceil => Some([RuntimeEntry::F32Ceil, RuntimeEntry::F64Ceil]),
            FloatUnary::Floor => Some([RuntimeEntry::F32Floor, RuntimeEntry::F64Floor]),
            FloatUnary::Trunc => Some([RuntimeEntry::F32Trunc, RuntimeEntry::F64Trunc]),
            FloatUnary::Nearest => Some([RuntimeEntry::F32Nearest, RuntimeEntry::F64Nearest]),
            _ => None,
        };
        if let Some([single, double]) = rounding
            && !self.has_rounding
        {
            let (entry, bits) = if kind == F32 { (single, I32) } else { (double, I64) };
            self.convert(Conversion::Reinterpret { from: kind }, kind, bits, false);
            self.call_runtime(entry, &[], 1, Some(bits));
            self.convert(Conversion::Reinterpret { from: bits }, bits, kind, true);
            if self.env.flags.canonicalize_nans {
                // An operation that does nothing else.
                let a = self.pop();
                let value = self.graph.add(Inst::new(Op::FloatUnary, kind, CANONICALIZE, [a.0, 0, 0]));
                self.push(value);
            }
            return;
        }
        let a = self.pop();
        let value = self.graph.add(Inst::new(Op::FloatUnary, kind, pack_float_unary(op), [a.0, 0, 0]));
        self.push(value);
    }

    fn convert(&mut self, op: Conversion, _: ValKind, to: ValKind, _: bool) {
        let a = self.pop();
        let inst = |op_code| Inst::new(op_code, to, pack_conversion(op), [a.0, 0, 0]);
        let value = match op {
            Conversion::Truncate { saturating: false, .. } => self.emit(inst(Op::TrapConvert)),
            _ => self.graph.add(inst(Op::Convert)),
        };
        self.push(value);
    }

    fn push_const(&mut self, kind: ValKind, bits: u64) {
        let value = self.graph.constant(kind, bits);
        self.push(value);
    }
    fn visit_i32_const(&mut self, value: i32) {
        self.push_const(I32, u64::from(value as u32));
    }
    fn visit_i64_const(&mut self, value: i64) {
        self.push_const(I64, value as u64);
    }
    fn visit_f32_const(&mut self, value: wasmparser::Ieee32) {
        self.push_const(F32, u64::from(value.bits()));
    }
    fn visit_f64_const(&mut self, value: wasmparser::Ieee64) {
        self.push_const(F64, value.bits());
    }
    fn visit_ref_null(&mut self, _: wasmparser::HeapType) {
        self.push_const(ValKind::Ref, 0);
    }

    fn visit_nop(&mut self) {}
    fn visit_drop(&mut self) {
        self.pop();
    }
    fn visit_select(&mut self) {
        let condition = self.pop();
        let (a, b) = self.pop2();
        let kind = self.graph.kind(a);
        let value = self.graph.add(Inst::new(Op::Select, kind, 0, [a.0, b.0, condition.0]));
        self.push(value);
    }
    fn visit_typed_select(&mut self, _: wasmparser::ValType) {
        self.visit_select();
    }
    fn visit_typed_select_multi(&mut self, _: Vec<wasmparser::ValType>) {
        self.refused = Some("select of more than one value is not valid WebAssembly");
    }

    // ---- locals and globals ----

    #[inline]
    fn visit_local_get(&mut self, index: u32) {
        let value = self.read_variable(self.scope.first_variable + index);
        self.push(value);
    }
    #[inline]
    fn visit_local_set(&mut self, index: u32) {
        let value = self.pop();
        self.write_variable(self.scope.first_variable + index, value);
    }
    #[inline]
    fn visit_local_tee(&mut self, index: u32) {
        self.visit_local_set(index);
        self.visit_local_get(index);
    }
    fn visit_global_get(&mut self, index: u32) {
        let global = &self.env.module.globals[index as usize];
        let kind = global.content.kind();
        if kind == ValKind::V128 {
            self.refused = Some("it uses vectors");
        }
        let value = match self.env.layout.global(GlobalIndex(index)) {
            Place::Inline(offset) if !global.mutable => {
                self.graph.add(Inst::new(Op::VmLoad, kind, 0, [offset, 0, 0]))
            }
            _ => self.emit(Inst::new(Op::GlobalGet, kind, 0, [index, 0, 0])),
        };
        self.push(value);
    }
    fn visit_global_set(&mut self, index: u32) {
        let value = self.pop();
        let kind = self.env.module.globals[index as usize].content.kind();
        self.emit(Inst::new(Op::GlobalSet, kind, 0, [index, value.0, 0]));
    }

    // ---- memory ----

    /// The address of an access, checked where that is necessary.
    fn address(&mut self, index: Value, memarg: &MemArg, size: u8) -> Value {
        let memory = match memarg.target {
            wasmparser::MemArgTarget::Memory(index) => MemoryIndex(index),
            _ => {
                self.refused = Some("access to something other than a linear memory");
                MemoryIndex(0)
            }
        };
        let end = memarg.offset + u64::from(size);
        let guarded = self.env.flags.memory_access == AccessMode::Guarded;
        let address = |base: Value, index: Value, offset: u64| {
            Inst::new(
                Op::Address,
                I64,
                memory.0.min(u32::from(u16::MAX)) as u16,
                [base.0, index.0, offset as u32],
            )
        };
        if guarded && end <= GUARD_SIZE {
            let base = self.memory_base(memory);
            return self.graph.add(address(base, index, memarg.offset));
        }
        if let Some(constant) = self.graph.as_const(index) {
            // A memory is never smaller than it begins.
            let minimum =
                self.env.module.memories[memory.index()].minimum.saturating_mul(MemoryType::PAGE_SIZE);
            let start = u64::from(constant as u32) + memarg.offset;
            if start + u64::from(size) <= minimum && start <= i32::MAX as u64 {
                let base = self.memory_base(memory);
                return self.graph.add(address(base, Value::NONE, start));
            }
        }
        if end <= CHECKED_GUARD_SIZE {
            let checked = self.emit(Inst::new(Op::IndexCheck, I32, 0, [index.0, memory.0, 0]));
            let base = self.memory_base(memory);
            return self.graph.add(address(base, checked, memarg.offset));
        }
        let Ok(offset) = u32::try_from(memarg.offset) else {
            self.refused = Some("an access has an offset of more than 32 bits");
            return index;
        };
        let sum = Inst::new(Op::BoundsCheck, I64, u16::from(size), [index.0, memory.0, offset]);
        let checked = self.emit(sum);
        let base = self.memory_base(memory);
        self.graph.add(address(base, checked, 0))
    }

    /// Base of a memory: it never changes where memories are guarded.
    fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        if memory.0 == 0 {
            return self.graph.add(Inst::new(Op::Base, I64, 0, [0; 3]));
        }
        if self.env.flags.memory_access == AccessMode::Checked {
            return self.emit(Inst::new(Op::MemoryBase, I64, 0, [memory.0, 0, 0]));
        }
        let load = |offset: i32| Inst::new(Op::VmLoad, I64, 0, [offset as u32, 0, 0]);
        const _: () = assert!(engine_machine::MemoryDefinition::BASE == 0);
        match self.env.layout.memory(memory) {
            Place::Inline(offset) => self.graph.add(load(offset as i32)),
            Place::Indirect(_) => self.emit(Inst::new(Op::MemoryBase, I64, 0, [memory.0, 0, 0])),
        }
    }

    fn load(&mut self, op: Load, kind: ValKind, size: u8, memarg: &MemArg) {
        let index = self.pop();
        let address = self.address(index, memarg, size);
        let value = self.emit(Inst::new(Op::Load, kind, pack_load(op), [address.0, 0, 0]));
        self.push(value);
    }

    fn store(&mut self, op: Store, size: u8, memarg: &MemArg) {
        let (index, value) = self.pop2();
        let address = self.address(index, memarg, size);
        self.emit(Inst::new(Op::Store, I32, pack_store(op), [address.0, value.0, 0]));
    }

    fn visit_memory_size(&mut self, memory: u32) {
        let length = self.emit(Inst::new(Op::MemoryLength, I64, 0, [memory, 0, 0]));
        let pages = self.graph.add_imm(Op::ShrU, I64, length, 16);
        let value = self.graph.add_unary(Op::Wrap, I32, pages);
        self.push(value);
    }
    fn visit_table_size(&mut self, table: u32) {
        let length = self.emit(Inst::new(Op::TableLength, I64, 0, [table, 0, 0]));
        let value = self.graph.add_unary(Op::Wrap, I32, length);
        self.push(value);
    }

    // ---- references and calls ----

    fn visit_ref_func(&mut self, index: u32) {
        let env = self.env;
        let func = FuncIndex(index);
        let inst = if env.module.defined(func).is_none() {
            // An imported function keeps the identity it came with.
            let offset = env.layout.imported_function(func) + ImportedFunction::FUNCREF as u32;
            Inst::new(Op::VmLoad, ValKind::Ref, 0, [offset, 0, 0])
        } else if let Some(escaped) = env.module.escaped_index(func) {
            Inst::new(Op::VmAddress, ValKind::Ref, 0, [env.layout.funcref(escaped), 0, 0])
        } else {
            self.refused = Some("ref.func of an undeclared function");
            Inst::constant(ValKind::Ref, 0)
        };
        let value = self.graph.add(inst);
        self.push(value);
    }

    /// A call with the top operands as arguments.
    fn call(&mut self, callee: Callee, ty: TypeIndex) {
        let env = self.env;
        let (params, results) = env.kinds(ty);
        if params.iter().chain(results).any(|&kind| kind == ValKind::V128) {
            self.refused = Some("it uses vectors");
        }
        self.check_values(params.len().max(results.len()));
        let call = self.emit_call(callee, ty.0, &[], params.len(), results.first().copied());
        for (i, &kind) in results.iter().enumerate() {
            let value = match i {
                0 => call,
                _ => self.emit(Inst::new(Op::CallResult, kind, 0, [call.0, i as u32, 0])),
            };
            self.push(value);
        }
        self.burn((params.len() + results.len()) as u32);
    }

    /// Emits a call with constants and then the top `count` operands as arguments.
    fn emit_call(
        &mut self,
        callee: Callee,
        ty: u32,
        constants: &[u32],
        count: usize,
        result: Option<ValKind>,
    ) -> Value {
        let first = self.graph.pool.len() as u32;
        for &constant in constants {
            let value = self.graph.constant(I32, u64::from(constant));
            self.graph.pool.push(value);
        }
        let base = self.stack.len() - count;
        for index in base..self.stack.len() {
            let value = self.graph.resolve(self.stack[index]);
            self.graph.pool.push(value);
        }
        self.stack.truncate(base);
        let count = (constants.len() + count) as u32;
        self.graph.calls.push(CallData { callee, ty, first, count });
        let number = self.graph.calls.len() as u32 - 1;
        self.emit(Inst::new(Op::Call, result.unwrap_or(I32), 0, [number, 0, 0]))
    }

    fn visit_call(&mut self, index: u32) {
        let env = self.env;
        let func = FuncIndex(index);
        if self.inline(func) {
            return;
        }
        let callee = if env.module.defined(func).is_some() {
            Callee::Function(index)
        } else {
            let import = env.layout.imported_function(func);
            let mut load =
                |field: i32| self.graph.add(Inst::new(Op::VmLoad, I64, 0, [import + field as u32, 0, 0]));
            Callee::Address(load(ImportedFunction::CODE), load(ImportedFunction::VMCTX))
        };
        self.call(callee, env.module.functions[func.index()]);
    }

    fn visit_call_indirect(&mut self, ty: u32, table: u32) {
        let index = self.pop();
        let entry = self.emit(Inst::new(Op::TableEntry, I64, 0, [index.0, table, 0]));
        match self.expected_target(TypeIndex(ty)) {
            Some((func, funcref)) => self.call_expected(entry, func, funcref, ty),
            None => self.call_entry(entry, ty),
        }
    }

    /// Calls the function in an entry of a table.
    fn call_entry(&mut self, entry: Value, ty: u32) {
        self.emit(Inst::new(Op::SignatureCheck, I32, 0, [entry.0, ty, 0]));
        let callee = Callee::Address(
            self.entry_load(entry, TableEntry::CODE),
            self.entry_load(entry, TableEntry::VMCTX),
        );
        self.call(callee, TypeIndex(ty));
    }

    fn entry_load(&mut self, entry: Value, field: i32) -> Value {
        self.emit(Inst::new(Op::EntryLoad, I64, 0, [entry.0, field as u32, 0]))
    }

    /// Calls the function in an entry of a table, of which it is expected that it is `func`, whose [`FuncRef`](engine_machine::FuncRef) is at an
    /// offset of the vmctx: then its body stands here, and nothing has to be checked. As if the source said
    /// `(if (entry is func) (then call func) (else call entry))`, with the arguments as the block's parameters.
    fn call_expected(&mut self, entry: Value, func: FuncIndex, funcref: u32, ty: u32) {
        let found = self.entry_load(entry, TableEntry::FUNCREF);
        let expected = self.graph.add(Inst::new(Op::VmAddress, I64, 0, [funcref, 0, 0]));
        let same = self.graph.add_compare(Cond::Eq, found, expected);
        self.push(same);
        self.visit_if(BlockType::FuncType(ty));
        self.visit_call(func.0);
        self.visit_else();
        self.graph.blocks[self.block.index()].cold = true;
        self.call_entry(entry, ty);
        self.visit_end();
    }

    fn call_runtime(
        &mut self,
        entry: RuntimeEntry,
        constants: &[u32],
        count: usize,
        result: Option<ValKind>,
    ) {
        let word = result.map(|kind| if kind == I32 { I64 } else { kind });
        let call = self.emit_call(Callee::Runtime(entry), 0, constants, count, word);
        match result {
            // Upper bits may be set.
            Some(I32) => {
                let value = self.graph.add_unary(Op::Wrap, I32, call);
                self.push(value);
            }
            Some(_) => self.push(call),
            None => {}
        }
    }

    engine_machine::runtime_operators!(runtime);
}
