//! The Wasm calling convention of both tiers, on both CPUs.
//!
//! * The vmctx register holds the callee's vmctx at entry. No register is preserved by a callee, that one included.
//! * Parameters go to registers of their class in order, then to the stack: at the callee's frame pointer + 16 upwards,
//!   8 bytes each (`v128`: 16, aligned), the area rounded up to 16 bytes. The callee pops the area.
//! * Results go to registers of their class in order, then to an area of the caller's frame whose address is a hidden
//!   argument in the `result_area` register, 8 bytes each (`v128`: 16, aligned).
//! * At a call instruction the stack pointer is a multiple of 16 (stack parameters included). On AArch64 it always is.
//! * An `i32` in a register has zero upper bits. An `f32` or `f64` leaves the upper bits of its register unspecified.
//!
//! The integer parameter registers are those in which baseline code keeps locals, so that a parameter is at home where it
//! arrives; result registers are scratch registers of baseline code for the same reason.
//!
//! ```text
//!  fp + 16 + n   stack parameters
//!  fp + 8        return address
//!  fp            caller's frame pointer
//!  fp - 8        vmctx                      (wrappers that enter or leave Wasm store it too)
//!  fp - 16       result area address        (only if the function has stack results)
//!  fp - 24 - 8n  canonical slot n: locals in order, then operands
//! ```

use crate::reg::Reg;
use engine_decoder::{FuncType, ValKind, ValType};

/// Frame offsets from the frame pointer; the same on both CPUs.
pub mod frame {
    /// Saved frame pointer of the caller.
    pub const CALLER_FP: i32 = 0;
    /// Return address.
    pub const RETURN_ADDRESS: i32 = 8;
    /// First stack parameter.
    pub const STACK_PARAMS: i32 = 16;
    /// The function's vmctx.
    pub const VMCTX: i32 = -8;
    /// Address of the area for stack results.
    pub const RESULT_AREA: i32 = -16;
    /// Canonical slot 0.
    pub const FIRST_SLOT: i32 = -24;

    /// Offset of a canonical slot.
    #[inline]
    pub const fn slot(index: u32) -> i32 {
        FIRST_SLOT - 8 * index as i32
    }
}

/// Registers of the convention on one CPU.
#[derive(Debug)]
pub struct CallConvention {
    /// Integer and reference parameters.
    pub int_params: &'static [Reg],
    /// Float and vector parameters.
    pub float_params: &'static [Reg],
    /// Integer and reference results.
    pub int_results: &'static [Reg],
    /// Float and vector results.
    pub float_results: &'static [Reg],
    /// The callee's vmctx.
    pub vmctx: Reg,
    /// Hidden argument: address of the area for stack results.
    pub result_area: Reg,
    /// Integer arguments of the host's C convention.
    pub host_args: &'static [Reg],
    /// Integer result of the host's C convention, and the second word of a two-word struct.
    pub host_results: [Reg; 2],
}

const fn g(number: u8) -> Reg {
    Reg::gpr(number)
}
const fn f(number: u8) -> Reg {
    Reg::fpr(number)
}

/// x86-64: parameters in rsi, rdi, rbx, r8, r9, r12, r13 and xmm0-7; results in rax, rdx, rcx and xmm8-9; vmctx in r14;
/// result area in r10. The host's convention is System V's.
pub static X64: CallConvention = CallConvention {
    int_params: &[g(6), g(7), g(3), g(8), g(9), g(12), g(13)],
    float_params: &[f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)],
    int_results: &[g(0), g(2), g(1)],
    float_results: &[f(8), f(9)],
    vmctx: g(14),
    result_area: g(10),
    host_args: &[g(7), g(6), g(2), g(1), g(8), g(9)],
    host_results: [g(0), g(2)],
};

/// AArch64: parameters in x0-x7 and v0-v7; results in x8-x10 and v24-v25; vmctx in x28; result area in x15. The host's
/// convention is the AAPCS64.
pub static AARCH64: CallConvention = CallConvention {
    int_params: &[g(0), g(1), g(2), g(3), g(4), g(5), g(6), g(7)],
    float_params: &[f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)],
    int_results: &[g(8), g(9), g(10)],
    float_results: &[f(24), f(25)],
    vmctx: g(28),
    result_area: g(15),
    host_args: &[g(0), g(1), g(2), g(3), g(4), g(5)],
    host_results: [g(0), g(1)],
};

/// Where a parameter or result travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// In a register.
    Reg(Reg),
    /// On the stack: parameters at this offset from the callee's frame pointer + 16, results at this offset in the
    /// result area.
    Stack(u32),
}

/// Where all parameters and results of a signature travel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallLayout {
    /// Parameters: kind and location.
    pub params: Box<[(ValKind, Location)]>,
    /// Results: kind and location.
    pub results: Box<[(ValKind, Location)]>,
    /// Bytes of stack parameters, a multiple of 16.
    pub param_bytes: u32,
    /// Bytes of the result area, a multiple of 16; 0 if all results travel in registers.
    pub result_bytes: u32,
}

impl CallLayout {
    /// The layout of a signature under a convention.
    pub fn new(ty: &FuncType, convention: &CallConvention) -> CallLayout {
        let (params, param_bytes) = assign(ty.params(), convention.int_params, convention.float_params);
        let (results, result_bytes) = assign(ty.results(), convention.int_results, convention.float_results);
        CallLayout { params, results, param_bytes, result_bytes }
    }
}

fn assign(types: &[ValType], ints: &[Reg], floats: &[Reg]) -> (Box<[(ValKind, Location)]>, u32) {
    let (mut ints, mut floats) = (ints.iter(), floats.iter());
    let mut bytes = 0u32;
    let places = types
        .iter()
        .map(|ty| {
            let kind = ty.kind();
            let register = if kind.is_float() { floats.next() } else { ints.next() };
            let place = match register {
                Some(&reg) => Location::Reg(reg),
                None => {
                    let size = if kind == ValKind::V128 { 16 } else { 8 };
                    let offset = bytes.next_multiple_of(size);
                    bytes = offset + size;
                    Location::Stack(offset)
                }
            };
            (kind, place)
        })
        .collect();
    (places, bytes.next_multiple_of(16))
}
