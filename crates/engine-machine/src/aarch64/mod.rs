//! The macro-assembler for AArch64, ARMv8.0 and later.
//!
//! Register map:
//! ```text
//!  x0-x7         parameters, and homes of locals
//!  x8-x15        temporaries; results (x8-x10); hidden result-area argument at calls (x15)
//!  x16           scratch of the macro-assembler: values
//!  x17           scratch of the macro-assembler: addresses and constants
//!  x18           the platform's; never touched
//!  x19-x26       homes of locals
//!  x27           base of memory 0
//!  x28           vmctx
//!  x29 x30 sp    frame pointer, link register, stack pointer
//!  v0-v7         parameters, and homes of locals
//!  v8-v15        unused: the host wants their lower halves preserved
//!  v16-v23       homes of locals
//!  v24-v29       temporaries; results (v24, v25)
//!  v30 v31       scratch of the macro-assembler (v30 spare)
//! ```
//!
//! Moves, constants, frame accesses, `load_at`, `store_at`, `store_area` and `lea` use no scratch register but x17, so
//! [`SCRATCH`](crate::masm::Masm::SCRATCH), which is x16, can carry a value from one to the next. The one exception is a
//! constant other than 0 stored to the frame.

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
use crate::masm::{DivisionRegs, IntegerAsm, Masm};
use crate::{CodeFlags, Place, Reg, RegSet};
use engine_decoder::ValKind;

const X16: Reg = Reg::gpr(16);
const X17: Reg = Reg::gpr(17);
const VMCTX: Reg = Reg::gpr(28);
const FP: Reg = Reg::gpr(29);
/// The stack pointer, where an instruction's field means it by 31.
const SP: Reg = Reg::gpr(31);
/// The zero register, where an instruction's field means it by 31.
const ZERO: Reg = Reg::gpr(31);
const V31: Reg = Reg::fpr(31);

const fn x(number: u8) -> Reg {
    Reg::gpr(number)
}
const fn v(number: u8) -> Reg {
    Reg::fpr(number)
}

/// Emits AArch64 code.
pub struct Aarch64 {
    pub(crate) emitter: Emitter,
    /// Conditional branches to labels that are not bound yet go over an unconditional branch.
    far_branches: bool,
    /// Indices that were masked by a select are not used before the select is known.
    spectre: bool,
}

impl Masm for Aarch64 {
    const CONVENTION: &'static CallConvention = &abi::AARCH64;
    const FRAME_POINTER: Reg = Reg::gpr(29);
    const MEMORY_BASE: Reg = x(27);
    const SCRATCH: Reg = X16;
    const FLOAT_SCRATCH: Reg = V31;
    const TEMPORARIES: RegSet = RegSet::of(&[
        x(8),
        x(9),
        x(10),
        x(11),
        x(12),
        x(13),
        x(14),
        x(15),
        v(24),
        v(25),
        v(26),
        v(27),
        v(28),
        v(29),
    ]);
    const INT_HOMES: &'static [Reg] = &[
        x(0),
        x(1),
        x(2),
        x(3),
        x(4),
        x(5),
        x(6),
        x(7),
        x(19),
        x(20),
        x(21),
        x(22),
        x(23),
        x(24),
        x(25),
        x(26),
    ];
    const FLOAT_HOMES: &'static [Reg] = &[
        v(0),
        v(1),
        v(2),
        v(3),
        v(4),
        v(5),
        v(6),
        v(7),
        v(16),
        v(17),
        v(18),
        v(19),
        v(20),
        v(21),
        v(22),
        v(23),
    ];
    const DIVISION: Option<DivisionRegs> = None;
    const TWO_ADDRESS: bool = false;
    const MEMORY_OPERANDS: bool = false;

    fn new(flags: &CodeFlags) -> Aarch64 {
        Aarch64 { emitter: Emitter::new(), far_branches: false, spectre: flags.spectre }
    }
    #[inline(always)]
    fn emitter(&mut self) -> &mut Emitter {
        &mut self.emitter
    }
    fn set_far_branches(&mut self, far: bool) {
        self.far_branches = far;
    }
}

impl Aarch64 {
    /// Base register and offset of a word of a definition, going through x17 when the definition is imported.
    fn definition(&mut self, place: Place, field: i32) -> (Reg, i32) {
        match place {
            Place::Inline(offset) => (VMCTX, offset as i32 + field),
            Place::Indirect(offset) => {
                self.load_at(ValKind::I64, X17, VMCTX, offset as i32);
                (X17, field)
            }
        }
    }
}
