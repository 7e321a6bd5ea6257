//! Calls of functions and of the runtime.
//!
//! No register survives a call. Before one, dirty homes are stored, temporaries of operands below the arguments spilled, and
//! the arguments moved to their places; after it, homes are invalid (and loaded again when they are next read), and the
//! vmctx and memory base are reloaded from the frame.

use crate::control::Deferred;
use crate::generator::{Generator, Local};
use crate::moves::{Move, Source};
use crate::value::{Place, Value};
use engine_decoder::{FuncIndex, TableIndex, TypeIndex, ValKind};
use engine_machine::abi::{CallLayout, Location, frame};
use engine_machine::masm::{Cond, Masm, Operand, Size};
use engine_machine::{AccessMode, CallTargets, ImportedFunction, Reg, RegSet, RuntimeEntry, TableEntry};

/// log2 of the size of a function table's element.
const TABLE_ENTRY_LOG2: u8 = size_of::<TableEntry>().trailing_zeros() as u8;

impl<M: Masm> Generator<'_, M> {
    /// Where an operand can be read from without allocating.
    fn source(&self, index: usize) -> Source {
        let value = self.stack[index];
        match value.place() {
            Place::Reg(reg) => Source::Reg(reg),
            Place::Const(constant) => Source::Const(constant),
            Place::Slot => Source::Frame(self.operand_slot(index)),
            Place::Local(local) => {
                let Local { home, cache, .. } = self.locals[local as usize];
                match home.filter(|&home| self.valid.contains(home)).or(cache) {
                    Some(reg) => Source::Reg(reg),
                    None => Source::Frame(frame::slot(local)),
                }
            }
            Place::Pending => unreachable!("calls take no comparisons"),
        }
    }

    /// Spills what a call would destroy, except the top `count` operands.
    fn before_call(&mut self, count: usize) {
        let base = self.stack.len() - count;
        self.spill_temporaries(base);
        self.clean_homes(self.homes);
    }

    /// Moves the arguments, the top operands, to their places and pops them.
    fn pass_arguments(&mut self, layout: &CallLayout) {
        let base = self.stack.len() - layout.params.len();
        self.masm.push_area(layout.param_bytes);
        for (i, &(kind, place)) in layout.params.iter().enumerate() {
            let from = self.source(base + i);
            match place {
                Location::Reg(to) => self.moves.push(Move { kind, to, from }),
                Location::Stack(offset) => {
                    let reg = match from {
                        Source::Reg(reg) => reg,
                        Source::Frame(at) => {
                            let scratch = Self::scratch(kind);
                            self.masm.load_frame(kind, scratch, at);
                            scratch
                        }
                        Source::Const(constant) => {
                            let scratch = Self::scratch(kind);
                            self.load_const(kind, scratch, constant);
                            scratch
                        }
                    };
                    self.masm.store_area(kind, offset, reg);
                }
            }
        }
        self.truncate(base);
        self.run_moves();
        if layout.result_bytes > 0 {
            let at = self.result_area(layout);
            self.masm.lea(M::CONVENTION.result_area, M::FRAME_POINTER, at);
        }
    }

    /// Frame offset of the area for stack results: behind the slots that the results take as operands.
    fn result_area(&mut self, layout: &CallLayout) -> i32 {
        let end = self.stack.len() + layout.results.len() + layout.result_bytes as usize / 8;
        self.reach_height(end);
        self.operand_slot(end - 1)
    }

    /// Forgets registers after a call.
    fn after_call(&mut self) {
        self.drop_caches();
        self.valid = RegSet::EMPTY;
        self.checked = RegSet::EMPTY;
        self.held = RegSet::EMPTY;
    }

    /// Makes a call's results operands.
    fn take_results(&mut self, layout: &CallLayout) {
        let area = if layout.result_bytes > 0 { self.result_area(layout) } else { 0 };
        for &(kind, place) in &layout.results {
            match place {
                Location::Reg(reg) => {
                    self.free.remove(reg);
                    self.push(Value::reg(kind, reg));
                }
                Location::Stack(offset) => {
                    let slot = self.operand_slot(self.stack.len());
                    let scratch = Self::scratch(kind);
                    self.masm.load_frame(kind, scratch, area + offset as i32);
                    self.masm.store_frame(kind, slot, scratch);
                    self.push(Value::slot(kind));
                }
            }
        }
    }

    pub fn visit_call(&mut self, index: u32) {
        let env = self.env;
        let func = FuncIndex(index);
        let layout = &env.calls[env.module.functions[func.index()].index()];
        self.before_call(layout.params.len());
        self.pass_arguments(layout);
        if env.module.defined(func).is_some() {
            self.masm.call_function(func);
        } else {
            // A result register is no parameter register, so it is free here.
            let target = M::CONVENTION.int_results[0];
            let vmctx = M::CONVENTION.vmctx;
            let import = env.layout.imported_function(func) as i32;
            self.masm.load_at(ValKind::I64, target, vmctx, import + ImportedFunction::CODE);
            self.masm.load_at(ValKind::I64, vmctx, vmctx, import + ImportedFunction::VMCTX);
            self.masm.call_register(target);
        }
        self.after_call();
        self.reload_context();
        self.take_results(layout);
    }

    pub fn visit_call_indirect(&mut self, type_index: u32, table_index: u32) {
        let env = self.env;
        let layout = &env.calls[type_index as usize];
        let vmctx = M::CONVENTION.vmctx;
        // What is loaded here must survive the passing of arguments: it stays clear of parameter registers and of the
        // result area's.
        let result_area = M::CONVENTION.result_area;
        let reserved = self.free.contains(result_area);
        self.free.remove(result_area);
        self.held.insert(result_area);
        self.held = self.held.union(RegSet::of(M::CONVENTION.int_params));
        let index = self.pop_read();
        let entry = self.alloc(ValKind::I64);
        let table = env.layout.table(TableIndex(table_index));
        self.masm.table_entry(entry, index, table, TABLE_ENTRY_LOG2, env.flags.spectre);
        self.release(index);
        if index != result_area {
            self.held.remove(index);
            self.held = self.held.union(RegSet::of(M::CONVENTION.int_params));
        }
        let signature = self.alloc(ValKind::I32);
        let expected = self.alloc(ValKind::I32);
        self.masm.load_at(ValKind::I32, signature, entry, TableEntry::SIGNATURE);
        let at = env.layout.signature(TypeIndex(type_index)) as i32;
        self.masm.load_at(ValKind::I32, expected, vmctx, at);
        self.masm.cmp(Size::S32, signature, Operand::Reg(expected));
        let emitter = self.masm.emitter();
        let from = emitter.new_label();
        let wasm_offset = emitter.wasm_offset();
        self.masm.branch(Cond::Ne, from);
        self.deferred.push(Deferred::SignatureMismatch { from, signature, wasm_offset });
        if let Some(word) = env.layout.call_target(self.func, wasm_offset) {
            self.look_at_target(entry, signature, expected, word as i32);
        }
        self.release(expected);
        // The signature's register becomes the code's; the entry's the vmctx's.
        let code = signature;
        self.masm.load_at(ValKind::I64, code, entry, TableEntry::CODE);
        self.masm.load_at(ValKind::I64, entry, entry, TableEntry::VMCTX);
        self.before_call(layout.params.len());
        if reserved {
            self.release(result_area);
        }
        self.pass_arguments(layout);
        self.masm.mov(ValKind::I64, vmctx, entry);
        self.masm.call_register(code);
        self.release(entry);
        self.release(code);
        self.after_call();
        self.reload_context();
        self.take_results(layout);
    }

    /// Compares the function reference of a table's entry with what the call's word in the vmctx says.
    fn look_at_target(&mut self, entry: Reg, target: Reg, seen: Reg, word: i32) {
        self.masm.load_at(ValKind::I32, target, entry, TableEntry::FUNCREF);
        self.masm.load_at(ValKind::I32, seen, M::CONVENTION.vmctx, word);
        self.masm.cmp(Size::S32, target, Operand::Reg(seen));
        let emitter = self.masm.emitter();
        let (from, to) = (emitter.new_label(), emitter.new_label());
        self.masm.branch(Cond::Ne, from);
        self.masm.emitter().bind(to);
        self.deferred.push(Deferred::CallTarget { from, to, target, seen, word });
    }

    /// Notes a call's target in its word: the first one, or that there are several.
    pub fn note_target(&mut self, target: Reg, seen: Reg, word: i32) {
        let first = self.masm.emitter().new_label();
        self.masm.cmp(Size::S32, seen, Operand::Imm(0));
        self.masm.branch(Cond::Eq, first);
        self.masm.mov_imm(Size::S32, target, i64::from(CallTargets::SEVERAL));
        self.masm.emitter().bind(first);
        self.masm.store_at(ValKind::I32, M::CONVENTION.vmctx, word, target);
    }

    /// Calls a runtime entry with `constants` and then the top `count` operands as arguments.
    pub fn call_runtime(
        &mut self,
        entry: RuntimeEntry,
        constants: &[u32],
        count: usize,
        result: Option<ValKind>,
    ) {
        self.before_call(count);
        let base = self.stack.len() - count;
        let mut targets = M::CONVENTION.host_args[1..].iter().copied();
        let mut next = || -> Reg { targets.next().expect("runtime entries take at most five arguments") };
        for &constant in constants {
            self.moves.push(Move { kind: ValKind::I32, to: next(), from: Source::Const(constant as i32) });
        }
        for index in base..self.stack.len() {
            let kind = self.stack[index].kind();
            let from = self.source(index);
            self.moves.push(Move { kind, to: next(), from });
        }
        self.truncate(base);
        self.run_moves();
        self.masm.call_runtime(entry);
        self.after_call();
        // The host preserves the vmctx and memory-base registers; only growing can move a memory.
        if entry == RuntimeEntry::MemoryGrow && self.env.flags.memory_access == AccessMode::Checked {
            self.load_memory_base();
        }
        if let Some(kind) = result {
            let from = M::CONVENTION.host_results[0];
            if self.free.contains(from) {
                self.free.remove(from);
                if kind == ValKind::I32 {
                    // Upper bits may be set.
                    self.masm.mov(kind, from, from);
                }
                return self.push_reg(kind, from);
            }
            let reg = self.alloc(kind);
            self.masm.mov(kind, reg, from);
            self.push_reg(kind, reg);
        }
    }
}
