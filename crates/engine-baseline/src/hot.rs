//! Code that counts what it executes, and asks for better code when it is hot.
//!
//! A function's entry and each turn of its loops add to the function's counter in the instance (see `VmLayout::counter`) how much Wasm they execute, by
//! estimate. When the addition carries, code behind the body asks the runtime: at the entry, for better code that the next call finds; at a loop's
//! header, for code that goes on there with this frame. For that everything is put into its canonical slot first.

use crate::control::{Deferred, Homes};
use crate::generator::Generator;
use crate::value::Place;
use engine_decoder::{DefinedFuncIndex, ValKind};
use engine_machine::RuntimeEntry;
use engine_machine::abi::frame;
use engine_machine::emitter::Label;
use engine_machine::masm::{Cond, Masm, Operand, Size};

/// A body of more bytes has another budget for each time as many.
const BYTES_A_BUDGET: usize = 2048;

/// Bytes of Wasm that one entry or turn counts as at most: not all of a large body is executed.
const MOST_CHARGED: usize = 1000;

/// A loop that counts its turns.
#[derive(Clone, Copy)]
pub(crate) struct HotLoop {
    /// The homes at its header.
    header: Homes,
    /// How many operands below it are constants.
    pub constants: u32,
    wasm_offset: u32,
    /// The loop around it that is in no other, or itself.
    outermost: u32,
}

/// An operand below a loop that is a constant, and therefore not in its slot.
#[derive(Clone, Copy)]
pub(crate) struct Constant {
    index: u32,
    kind: ValKind,
    value: i32,
}

/// Operands below a loop that are looked at for constants. Under a deeper stack a loop does not ask for better code while it runs: programs keep next to
/// nothing there, and looking at everything would make nested loops quadratic.
const CONSTANTS_DEPTH: usize = 64;

impl<M: Masm> Generator<'_, M> {
    /// What executing this many bytes of Wasm adds to the function's counter, which carries when the budget is used up.
    fn charge(&self, bytes: usize) -> u32 {
        // What a large body costs to optimise it has to earn first.
        let size = 1 + (self.body_len / BYTES_A_BUDGET) as u64;
        let budget = u64::from(self.env.flags.tier_up_budget) * size;
        let step = ((bytes.max(1) as u64) << 32).div_ceil(budget);
        step.min(u64::from(u32::MAX)) as u32
    }

    fn defined_index(&self) -> DefinedFuncIndex {
        self.env.module.defined(self.func).expect("a function that has a body")
    }

    /// Counts an entry of the function, if its code counts. Parameters are still where they arrived.
    pub fn charge_entry(&mut self) {
        if self.env.flags.tier_up_budget == 0 {
            return;
        }
        let counter = self.env.layout.counter(self.defined_index());
        let step = self.charge(self.operators.len().min(MOST_CHARGED));
        let emitter = self.masm.emitter();
        let (from, to) = (emitter.new_label(), emitter.new_label());
        self.masm.charge(counter, step, from);
        self.masm.emitter().bind(to);
        self.deferred.push(Deferred::HotFunction { from, to });
    }

    /// Counts a turn of the loop whose header is here, if the function's code counts.
    pub fn charge_loop(&mut self, header: Homes) {
        if self.env.flags.tier_up_budget == 0 || self.stack.len() > CONSTANTS_DEPTH {
            return;
        }
        let first = self.constants.len();
        for (index, value) in self.stack.iter().enumerate() {
            match value.place() {
                Place::Slot => {}
                Place::Const(constant) => {
                    let index = index as u32;
                    self.constants.push(Constant { index, kind: value.kind(), value: constant });
                }
                other => unreachable!("{other:?} at a loop's header"),
            }
        }
        let constants = (self.constants.len() - first) as u32;
        let facts = self.lookahead.loops.get(self.loops_seen - 1);
        let bytes = facts.map_or(MOST_CHARGED, |facts| facts.bytes as usize).min(MOST_CHARGED);
        let step = self.charge(bytes);
        let wasm_offset = self.masm.emitter().wasm_offset();
        let (layout, func) = (&self.env.layout, self.defined_index());
        let counter = match wasm_offset == self.outermost_loop {
            true => layout.loop_counter(func),
            false => layout.counter(func),
        };
        let outermost = self.outermost_loop;
        let emitter = self.masm.emitter();
        let (from, to) = (emitter.new_label(), emitter.new_label());
        self.masm.charge(counter, step, from);
        self.masm.emitter().bind(to);
        let hot = HotLoop { header, constants, wasm_offset, outermost };
        self.deferred.push(Deferred::HotLoop { from, to, hot });
    }

    /// Asks for better code of the function.
    pub fn hot_function(&mut self, from: Label, to: Label) {
        let start = self.operators_start as u32;
        let emitter = self.masm.emitter();
        emitter.set_wasm_offset(start);
        emitter.bind(from);
        self.masm.call_tier_up(self.defined_index());
        self.masm.jump(to);
    }

    /// Puts everything in its slot and asks for code that goes on from there; if there is none, takes the registers back.
    pub fn hot_loop(&mut self, from: Label, to: Label, hot: HotLoop, constants: &[Constant]) {
        let HotLoop { header, wasm_offset, outermost, .. } = hot;
        let emitter = self.masm.emitter();
        emitter.set_wasm_offset(wasm_offset);
        emitter.bind(from);
        self.set_homes(header);
        self.clean_homes(header.dirty);
        for &Constant { index, kind, value } in constants {
            let slot = frame::slot(self.num_locals + index);
            self.masm.store_frame_imm(kind, slot, value);
        }
        let arguments = [self.defined_index().0, wasm_offset, outermost];
        for (&reg, argument) in M::CONVENTION.host_args[1..].iter().zip(arguments) {
            self.masm.mov_imm(Size::S32, reg, i64::from(argument));
        }
        self.masm.call_runtime(RuntimeEntry::TierUpLoop);
        let target = M::CONVENTION.host_results[0];
        let stay = self.masm.emitter().new_label();
        self.masm.cmp(Size::S64, target, Operand::Imm(0));
        self.masm.branch(Cond::Eq, stay);
        self.masm.jump_register(target);
        self.masm.emitter().bind(stay);
        // The host preserves the vmctx and memory-base registers.
        self.load_homes(header.valid);
        self.masm.jump(to);
    }
}
