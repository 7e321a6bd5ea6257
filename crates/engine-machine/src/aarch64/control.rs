//! Frames, branches, calls and traps.

use super::encode::{Access, a64, cc};
use super::integer::code;
use super::{Aarch64, FP, SP, VMCTX, X16, X17};
use crate::abi::frame;
use crate::emitter::{FixupKind, Label};
use crate::masm::{Cond, ControlAsm, IntegerAsm, Size};
use crate::{Reg, RelocTarget, RuntimeEntry, StoreContext, TrapCode, VmContext};
use dynasmrt::DynasmApi;
use engine_decoder::{DefinedFuncIndex, FuncIndex, ValKind};

const _: () = assert!(frame::VMCTX == -8 && frame::CALLER_FP == 0 && frame::STACK_PARAMS == 16);

/// `sub sp, sp, #0`.
const ALLOCATE: u32 = 0xd100_03ff;
/// The greatest frame that the prologue's one instruction allocates.
const SMALL_FRAME: u32 = 0xff0;
/// The greatest increment of the load of two registers that restores the caller's frame.
const POST_INCREMENT: u32 = 504;

impl ControlAsm for Aarch64 {
    fn jump(&mut self, target: Label) {
        self.branch_always(target);
    }
    fn branch(&mut self, cond: Cond, target: Label) {
        self.branch_on(code(cond), target);
    }

    fn jump_table(&mut self, index: Reg, targets: &[Label]) {
        // Entries are relative to their own ends: target = &entry + 4 + entry. The load steps over the entry.
        let table = self.emitter.new_label();
        self.label_address(X16, table);
        if self.spectre {
            // The index has just been masked.
            a64!(self ; csdb);
        }
        a64!(self
            ; add x16, x16, X(index), lsl 2
            ; ldrsw x17, [x16], 4
            ; add x16, x16, x17
            ; br x16
        );
        self.emitter.bind(table);
        for &target in targets {
            let field = self.emitter.position();
            self.word(0);
            self.emitter.refer(target, field, FixupKind::Rel32);
        }
    }

    fn trap(&mut self, code: TrapCode) {
        let position = self.emitter.position();
        self.emitter.trap_site(position, code);
        a64!(self ; brk 0xc0de);
    }
    fn trap_if(&mut self, cond: Cond, trap: TrapCode) {
        let label = self.emitter.trap_label(trap);
        self.branch_on(code(cond), label);
    }
    fn emit_pending_traps(&mut self) {
        let traps = self.emitter.take_pending_traps();
        for trap in &traps {
            self.emitter.set_wasm_offset(trap.wasm_offset);
            self.emitter.bind(trap.label);
            self.trap(trap.code);
        }
        self.emitter.restore_pending_traps(traps);
    }

    fn emit_constants(&mut self) {
        self.emitter.emit_constants();
    }

    fn prologue(&mut self) -> u32 {
        self.link_frame();
        let allocation = self.emitter.position();
        self.word(ALLOCATE);
        self.store_frame(ValKind::I64, frame::VMCTX, VMCTX);
        allocation
    }
    fn set_frame_size(&mut self, prologue: u32, bytes: u32) {
        debug_assert!(bytes.is_multiple_of(16) && bytes >= 16);
        if bytes <= SMALL_FRAME {
            return self.emitter.patch_u32(prologue, ALLOCATE | bytes << 10);
        }
        // Rare: jump here, allocate, and jump back.
        let over = self.emitter.new_label();
        self.branch_always(over);
        let here = self.emitter.position();
        self.emitter.patch_u32(prologue, 0x1400_0000 | (here - prologue) >> 2);
        self.allocate(bytes);
        let back = (prologue + 4).wrapping_sub(self.emitter.position());
        self.word(0x1400_0000 | back >> 2 & 0x03ff_ffff);
        self.emitter.bind(over);
    }
    fn stack_check(&mut self, trap: TrapCode) {
        self.load_at(ValKind::I64, X16, VMCTX, VmContext::STORE);
        self.load_at(ValKind::I64, X16, X16, StoreContext::STACK_LIMIT);
        a64!(self ; cmp sp, x16);
        let label = self.emitter.trap_label(trap);
        self.branch_on(cc::LS, label);
    }
    fn epilogue(&mut self, param_bytes: u32) {
        // The load pops few parameters along with frame pointer and return address.
        let along = if param_bytes <= POST_INCREMENT - 16 { param_bytes } else { 0 };
        a64!(self
            ; mov sp, x29
            ; ldp x29, x30, [sp], (16 + along) as i32
        );
        if along != param_bytes {
            self.add_constant(Size::S64, SP, SP, i64::from(param_bytes));
        }
        a64!(self ; ret);
    }

    fn set_stack_pointer(&mut self, offset: i32) {
        self.add_constant(Size::S64, SP, FP, i64::from(offset));
    }
    fn push_area(&mut self, bytes: u32) {
        debug_assert!(bytes.is_multiple_of(16));
        if bytes > 0 {
            self.allocate(bytes);
        }
    }
    fn store_area(&mut self, kind: ValKind, offset: u32, src: Reg) {
        self.access_at(Access::store(kind), src, SP, offset as i32);
    }
    fn call_function(&mut self, func: FuncIndex) {
        let instruction = self.emitter.position();
        self.word(0x9400_0000);
        self.emitter.relocate(instruction, RelocTarget::Function(func));
        self.emitter.call_site();
    }
    fn call_register(&mut self, target: Reg) {
        a64!(self ; blr X(target));
        self.emitter.call_site();
    }
    fn jump_register(&mut self, target: Reg) {
        a64!(self ; br X(target));
    }
    fn charge(&mut self, counter: u32, step: u32, expired: Label) {
        // The counter may be further away than a load's offset reaches, which costs x16 as well.
        self.lea(X16, VMCTX, counter as i32);
        self.mov_imm(Size::S32, X17, i64::from(step as i32));
        a64!(self
            ; ldr w8, [x16]
            ; adds w8, w8, w17
            ; str w8, [x16]
        );
        self.branch_on(cc::HS, expired);
    }
    fn call_tier_up(&mut self, func: DefinedFuncIndex) {
        self.mov_imm(Size::S32, X17, i64::from(func.0));
        self.load_at(ValKind::I64, X16, VMCTX, VmContext::RUNTIME_ENTRIES);
        self.load_at(ValKind::I64, X16, X16, RuntimeEntry::TierUp as i32 * 8);
        self.call_register(X16);
    }
    fn call_runtime(&mut self, entry: RuntimeEntry) {
        self.load_at(ValKind::I64, X16, VMCTX, VmContext::RUNTIME_ENTRIES);
        self.load_at(ValKind::I64, X16, X16, entry as i32 * 8);
        self.call_register(X16);
    }
}

impl Aarch64 {
    /// Saves frame pointer and return address, and sets the frame pointer.
    pub(super) fn link_frame(&mut self) {
        a64!(self
            ; stp x29, x30, [sp, -16]!
            ; mov x29, sp
        );
    }
    /// `sp = sp - bytes`.
    pub(super) fn allocate(&mut self, bytes: u32) {
        self.add_constant(Size::S64, SP, SP, -i64::from(bytes));
    }
    /// `dst = &label`, within 1 MiB.
    pub(super) fn label_address(&mut self, dst: Reg, label: Label) {
        let position = self.emitter.position();
        self.word(0x1000_0000 | super::encode::rd(dst));
        self.emitter.refer(label, position, FixupKind::Adr21);
    }
    /// Unwinds to the current activation's landing pad, from a wrapper or stub frame whose vmctx is at `[fp - 8]`.
    pub(super) fn unwind_to_host(&mut self) {
        use crate::Activation;
        self.load_at(ValKind::I64, X16, FP, frame::VMCTX);
        self.load_at(ValKind::I64, X16, X16, VmContext::STORE);
        self.load_at(ValKind::I64, X16, X16, StoreContext::ACTIVATION);
        self.load_at(ValKind::I64, super::X17, X16, Activation::ENTRY_SP);
        a64!(self ; mov sp, x17);
        self.load_at(ValKind::I64, FP, X16, Activation::ENTRY_FP);
        self.load_at(ValKind::I64, super::X17, X16, Activation::LANDING_PAD);
        a64!(self ; br x17);
    }
}
