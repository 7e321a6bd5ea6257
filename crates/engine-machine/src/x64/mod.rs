//! The macro-assembler for x86-64.
//!
//! Register map:
//! ```text
//!  rax rdx rcx      temporaries; results; division (rax, rdx) and shift counts (rcx)
//!  r10              temporary; hidden result-area argument at calls
//!  rsi rdi rbx r8 r9 r12 r13   parameters, and homes of locals
//!  r11              scratch of the macro-assembler
//!  r14              vmctx
//!  r15              base of memory 0
//!  rsp rbp          stack and frame pointer
//!  xmm0-7           parameters, and homes of locals
//!  xmm8-13          temporaries; results (xmm8, xmm9)
//!  xmm14 xmm15      scratch of the macro-assembler
//! ```

mod control;
mod convert;
mod encode;
mod float;
mod integer;
mod memory;
pub(crate) mod stubs;
#[cfg(test)]
mod tests;

use crate::abi::{self, CallConvention};
use crate::emitter::Emitter;
use crate::masm::{DivisionRegs, Masm, Operand};
use crate::{CodeFlags, Place, Reg, RegSet, TargetFeatures};
use encode::Mem;

const RAX: Reg = Reg::gpr(0);
const RCX: Reg = Reg::gpr(1);
const RDX: Reg = Reg::gpr(2);
const RSP: u8 = 4;
const RBP: u8 = 5;
const R10: Reg = Reg::gpr(10);
const R11: Reg = Reg::gpr(11);
const VMCTX: u8 = 14;
const X14: Reg = Reg::fpr(14);
const X15: Reg = Reg::fpr(15);

/// Emits x86-64 code.
pub struct X64 {
    pub(crate) emitter: Emitter,
    features: TargetFeatures,
    /// The register and width that the flags compare with 0, and the position at which they still do.
    zero_flag: Option<(Reg, bool, u32)>,
}

impl Masm for X64 {
    const CONVENTION: &'static CallConvention = &abi::X64;
    const FRAME_POINTER: Reg = Reg::gpr(RBP);
    const MEMORY_BASE: Reg = Reg::gpr(15);
    const SCRATCH: Reg = R11;
    const FLOAT_SCRATCH: Reg = X15;
    const TEMPORARIES: RegSet = RegSet::of(&[
        RAX,
        RCX,
        RDX,
        R10,
        Reg::fpr(8),
        Reg::fpr(9),
        Reg::fpr(10),
        Reg::fpr(11),
        Reg::fpr(12),
        Reg::fpr(13),
    ]);
    const INT_HOMES: &'static [Reg] = abi::X64.int_params;
    const FLOAT_HOMES: &'static [Reg] = abi::X64.float_params;
    const DIVISION: Option<DivisionRegs> = Some(DivisionRegs { dividend: RAX, remainder: RDX });
    const TWO_ADDRESS: bool = true;
    const MEMORY_OPERANDS: bool = true;

    fn new(flags: &CodeFlags) -> X64 {
        X64 { emitter: Emitter::new(), features: flags.target, zero_flag: None }
    }
    #[inline(always)]
    fn emitter(&mut self) -> &mut Emitter {
        &mut self.emitter
    }
}

impl X64 {
    /// The memory operand for a frame offset.
    #[inline(always)]
    fn frame(offset: i32) -> Mem {
        Mem::new(RBP, offset)
    }

    /// The memory operand for a word of a definition, going through the scratch register when it is imported.
    fn definition(&mut self, place: Place, field: i32) -> Mem {
        match place {
            Place::Inline(offset) => Mem::new(VMCTX, offset as i32 + field),
            Place::Indirect(offset) => {
                self.rm(encode::op1(0x8b), encode::W::W1, R11.number(), Mem::new(VMCTX, offset as i32));
                Mem::new(R11.number(), field)
            }
        }
    }

    /// Whether an operand is this register.
    fn is(operand: Operand, reg: Reg) -> bool {
        operand == Operand::Reg(reg)
    }
}
