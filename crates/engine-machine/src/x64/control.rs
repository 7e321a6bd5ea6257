//! Frames, branches, calls and traps.

use super::encode::{Mem, W, cc, op1};
use super::integer::code;
use super::{R11, RBP, RSP, VMCTX, X64};
use crate::abi::frame;
use crate::emitter::{FixupKind, Label};
use crate::masm::{Cond, ControlAsm, IntegerAsm, Size};
use crate::{Reg, RelocTarget, RuntimeEntry, StoreContext, TrapCode, VmContext};
use engine_decoder::{DefinedFuncIndex, FuncIndex, ValKind};

const _: () = assert!(frame::VMCTX == -8 && frame::CALLER_FP == 0 && frame::STACK_PARAMS == 16);

impl ControlAsm for X64 {
    fn jump(&mut self, target: Label) {
        self.jmp(target);
    }
    fn branch(&mut self, cond: Cond, target: Label) {
        self.jcc(code(cond), target);
    }

    fn jump_table(&mut self, index: Reg, targets: &[Label]) {
        // Entries are relative to their own ends, the same fixup as a branch's: target = &entry + 4 + entry.
        let table = self.emitter.new_label();
        self.lea_label(R11, table);
        let entry = Mem { base: R11.number(), index: Some((index.number(), 2)), disp: 0 };
        self.rm(op1(0x8d), W::W1, R11.number(), entry);
        self.rm(op1(0x63), W::W1, index.number(), Mem::new(R11.number(), 0));
        let target = Mem { base: R11.number(), index: Some((index.number(), 0)), disp: 4 };
        self.rm(op1(0x8d), W::W1, R11.number(), target);
        self.rr(op1(0xff), W::W0, 4, R11.number());
        self.emitter.bind(table);
        for &target in targets {
            let field = self.emitter.position();
            self.imm32(0);
            self.emitter.refer(target, field, FixupKind::Rel32);
        }
    }

    fn trap(&mut self, code: TrapCode) {
        let position = self.emitter.position();
        self.emitter.trap_site(position, code);
        self.emitter.put(0x0b0f, 2);
    }
    fn trap_if(&mut self, cond: Cond, trap: TrapCode) {
        let label = self.emitter.trap_label(trap);
        self.jcc(code(cond), label);
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
        self.zero_flag = None;
        // push rbp; mov rbp, rsp; push r14; sub rsp, imm32
        self.emitter.put(0x56_41_e5_89_48_55, 6);
        self.emitter.put(0xec_81_48, 7);
        self.emitter.position() - 4
    }
    fn set_frame_size(&mut self, prologue: u32, bytes: u32) {
        debug_assert!(bytes.is_multiple_of(16) && bytes >= 16);
        self.emitter.patch_u32(prologue, bytes - 8);
    }
    fn stack_check(&mut self, trap: TrapCode) {
        self.rm(op1(0x8b), W::W1, R11.number(), Mem::new(VMCTX, VmContext::STORE));
        self.rm(op1(0x3b), W::W1, RSP, Mem::new(R11.number(), StoreContext::STACK_LIMIT));
        let label = self.emitter.trap_label(trap);
        self.jcc(cc::BE, label);
    }
    fn epilogue(&mut self, param_bytes: u32) {
        self.byte(0xc9);
        match u16::try_from(param_bytes) {
            Ok(0) => self.byte(0xc3),
            Ok(bytes) => self.emitter.put(0xc2 | u64::from(bytes) << 8, 3),
            Err(_) => {
                // More than `ret` can pop: take the return address along.
                self.pop(R11);
                self.rr(op1(0x81), W::W1, 0, RSP);
                self.imm32(param_bytes as i32);
                self.rr(op1(0xff), W::W0, 4, R11.number());
            }
        }
    }

    fn set_stack_pointer(&mut self, offset: i32) {
        self.zero_flag = None;
        self.lea(Reg::gpr(RSP), Reg::gpr(RBP), offset);
    }
    fn push_area(&mut self, bytes: u32) {
        debug_assert!(bytes.is_multiple_of(16));
        if bytes > 0 {
            self.rr(op1(0x81), W::W1, 5, RSP);
            self.imm32(bytes as i32);
        }
    }
    fn store_area(&mut self, kind: ValKind, offset: u32, src: Reg) {
        self.store_mem(kind, Mem::new(RSP, offset as i32), src);
    }
    fn call_function(&mut self, func: FuncIndex) {
        self.emitter.put(0xe8, 5);
        let field = self.emitter.position() - 4;
        self.emitter.relocate(field, RelocTarget::Function(func));
        self.emitter.call_site();
    }
    fn call_register(&mut self, target: Reg) {
        self.rr(op1(0xff), W::W0, 2, target.number());
        self.emitter.call_site();
    }
    fn jump_register(&mut self, target: Reg) {
        self.rr(op1(0xff), W::W0, 4, target.number());
    }
    fn charge(&mut self, counter: u32, step: u32, expired: Label) {
        // add dword [vmctx + counter], step; jc expired
        self.rm(op1(0x81), W::W0, 0, Mem::new(VMCTX, counter as i32));
        self.imm32(step as i32);
        self.jcc(cc::B, expired);
    }
    fn call_tier_up(&mut self, func: DefinedFuncIndex) {
        // Results' registers are no parameters'.
        let entries = super::RAX;
        self.mov_imm(Size::S32, R11, i64::from(func.0));
        self.load_at(ValKind::I64, entries, Reg::gpr(VMCTX), VmContext::RUNTIME_ENTRIES);
        self.rm(op1(0xff), W::W0, 2, Mem::new(entries.number(), RuntimeEntry::TierUp as i32 * 8));
        self.emitter.call_site();
    }
    fn call_runtime(&mut self, entry: RuntimeEntry) {
        self.load_at(ValKind::I64, R11, Reg::gpr(VMCTX), VmContext::RUNTIME_ENTRIES);
        self.rm(op1(0xff), W::W0, 2, Mem::new(R11.number(), entry as i32 * 8));
        self.emitter.call_site();
    }
}

impl X64 {
    /// `ret` after `leave`, for wrappers: `rbp` chain back to the caller.
    pub(super) fn call_mem(&mut self, base: Reg, offset: i32) {
        self.rm(op1(0xff), W::W0, 2, Mem::new(base.number(), offset));
    }
    /// `jmp [base + offset]`.
    pub(super) fn jmp_mem(&mut self, base: Reg, offset: i32) {
        self.rm(op1(0xff), W::W0, 4, Mem::new(base.number(), offset));
    }
    /// `push rbp; mov rbp, rsp`.
    pub(super) fn link_frame(&mut self) {
        self.emitter.put(0xe5_89_48_55, 4);
    }
    /// `rsp = rsp - bytes`.
    pub(super) fn sub_sp(&mut self, bytes: u32) {
        self.rr(op1(0x81), W::W1, 5, RSP);
        self.imm32(bytes as i32);
    }
    /// Unwinds to the current activation's landing pad, from a wrapper or stub frame whose vmctx is at `[rbp - 8]`.
    pub(super) fn unwind_to_host(&mut self) {
        use crate::Activation;
        let rsp = Reg::gpr(RSP);
        let rbp = Reg::gpr(RBP);
        self.load_at(ValKind::I64, R11, rbp, frame::VMCTX);
        self.load_at(ValKind::I64, R11, R11, VmContext::STORE);
        self.load_at(ValKind::I64, R11, R11, StoreContext::ACTIVATION);
        self.load_at(ValKind::I64, rsp, R11, Activation::ENTRY_SP);
        self.load_at(ValKind::I64, rbp, R11, Activation::ENTRY_FP);
        self.jmp_mem(R11, Activation::LANDING_PAD);
    }
}
