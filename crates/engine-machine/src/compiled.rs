//! What a compiler hands to the code manager: position-independent code and the facts about it.
//!
//! Code is produced in batches: one growing buffer, with the side tables of all its functions in shared vectors, so
//! that compiling a function allocates nothing once the vectors are warm. A [`CompiledFunction`] is a set of ranges
//! into its [`CodeBatch`]; nothing in a batch is an absolute address.

use crate::{Reg, Tier, TrapCode};
use core::ops::Range;
use engine_decoder::{FuncIndex, ValKind};

/// A field of the code that the code manager fills in when it places the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relocation {
    /// Offset of the field, from the function's first byte. x86-64: a 32-bit displacement relative to the field's end.
    /// AArch64: the `bl`/`b` instruction's own offset.
    pub offset: u32,
    /// What the field leads to.
    pub target: RelocTarget,
}

/// What a relocated field leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelocTarget {
    /// A direct call or tail call of a function that the module defines: its jump-table slot.
    Function(FuncIndex),
}

/// A place in the code at which the runtime may find a frame: an instruction that may trap, or the return address of a
/// call. Sorted by offset in each function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Site {
    /// Offset from the function's first byte: of the trapping instruction, or just after the call.
    pub offset: u32,
    /// Trap code in the upper 8 bits (0: a call), and in the lower 24 the offset of the Wasm operator from the first
    /// byte of the function's body (implementation limit: 7,654,321 bytes), or beyond it in an [`InlinedBody`].
    info: u32,
}

const _: () = assert!(size_of::<Site>() == 8);

impl Site {
    /// A site at `offset` for the operator at `wasm_offset` bytes into the body; `trap` is `None` for calls.
    #[inline]
    pub const fn new(offset: u32, trap: Option<TrapCode>, wasm_offset: u32) -> Site {
        let code = match trap {
            Some(trap) => trap as u32,
            None => 0,
        };
        Site { offset, info: code << 24 | wasm_offset & 0xff_ffff }
    }
    /// The trap that happens here; `None` for the return address of a call.
    #[inline]
    pub const fn trap(self) -> Option<TrapCode> {
        TrapCode::from_u8((self.info >> 24) as u8)
    }
    /// Offset of the operator from the first byte of the function's body. What it means in a function with inlined bodies is said by
    /// [`InlinedBody::frames`].
    #[inline]
    pub const fn wasm_offset(self) -> u32 {
        self.info & 0xff_ffff
    }
}

/// A body in the place of a call of it.
///
/// Offsets of operators go on behind the function's own body: each inlined one has a range of them, in the order in which they were inlined.
///
/// ```text
///  offset  0 ............ 40 ............ 52 .............. 71
///          own body        body of f       body of g
///                ▲ call f       ▲ call g
///          (40, f, 9)      (52, g, 45)      these two entries; the operator at 60 is g's at 8, called by f at 5, called at 9
/// ```
/// So a place in the code has one offset, whatever was inlined there, and functions without inlined bodies pay nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlinedBody {
    /// Offset of its first byte. Ascending in each function; it ends where the next one begins.
    pub start: u32,
    /// The function whose body it is.
    pub func: FuncIndex,
    /// Offset of the call; less than `start`.
    pub call: u32,
}

/// The most offsets that a function's body and those inlined into it have together.
pub const MAX_WASM_OFFSET: u32 = 0xff_ffff;

impl InlinedBody {
    /// What runs at an operator of `func`'s code: functions, with offsets from the first bytes of their bodies, innermost first. The last is `func`.
    /// Neither locks nor allocates.
    pub fn frames(
        inlined: &[InlinedBody],
        func: FuncIndex,
        wasm_offset: u32,
    ) -> impl Iterator<Item = (FuncIndex, u32)> {
        let mut next = Some((inlined, wasm_offset));
        core::iter::from_fn(move || {
            let (bodies, offset) = next.take()?;
            let outer = &bodies[..bodies.partition_point(|body| body.start <= offset)];
            let Some((body, outer)) = outer.split_last() else { return Some((func, offset)) };
            next = Some((outer, body.call));
            Some((body.func, offset - body.start))
        })
    }
}

/// Where a local is kept at a loop header, other than in its canonical slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderValue {
    /// Local index (also its canonical slot).
    pub local: u32,
    /// Kind of the value.
    pub kind: ValKind,
    /// Register that holds it at the header.
    pub reg: Reg,
    /// Whether the canonical slot is stale, so that on-stack replacement must store the register first.
    pub dirty: bool,
}

/// State at a loop header: what on-stack replacement and debuggers read. Everything that is not listed is in its slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoopHeader {
    /// Code offset of the header.
    pub offset: u32,
    /// Offset of the `loop` operator from the first byte of the body.
    pub wasm_offset: u32,
    /// Height of the operand stack below the loop's parameters, in operands.
    pub stack_height: u32,
    /// Range of [`CodeBatch::header_values`].
    pub values: Range<u32>,
}

/// Where a function's code is entered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Entry {
    /// By a call.
    #[default]
    Function,
    /// At a loop's header, by a jump from baseline code and with its frame: the frame pointer is baseline code's, its head is as `abi.rs` draws it, and
    /// all locals and operands are in their canonical slots.
    Loop {
        /// Offset of the `loop` operator from the first byte of the body.
        wasm_offset: u32,
    },
}

/// One function in a [`CodeBatch`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompiledFunction {
    /// Which function.
    pub func: FuncIndex,
    /// Which compiler made it.
    pub tier: Tier,
    /// Where it is entered.
    pub entry: Entry,
    /// Range of [`CodeBatch::code`], starting at a multiple of [`CodeBatch::ALIGNMENT`].
    pub code: Range<u32>,
    /// Range of [`CodeBatch::relocations`].
    pub relocations: Range<u32>,
    /// Range of [`CodeBatch::sites`].
    pub sites: Range<u32>,
    /// Range of [`CodeBatch::inlined`].
    pub inlined: Range<u32>,
    /// Range of [`CodeBatch::loop_headers`].
    pub loop_headers: Range<u32>,
    /// Bytes from the frame pointer down to the stack pointer in the function's body.
    pub frame_size: u32,
}

/// A run of compiled functions.
#[derive(Clone, Default, Debug)]
pub struct CodeBatch {
    /// Machine code of all functions.
    pub code: Vec<u8>,
    /// The functions, in the order in which they were compiled.
    pub functions: Vec<CompiledFunction>,
    /// Relocations, by function.
    pub relocations: Vec<Relocation>,
    /// Trap and call sites, by function.
    pub sites: Vec<Site>,
    /// Inlined bodies, by function.
    pub inlined: Vec<InlinedBody>,
    /// Loop headers, by function.
    pub loop_headers: Vec<LoopHeader>,
    /// Values of loop headers.
    pub header_values: Vec<HeaderValue>,
}

impl CodeBatch {
    /// Alignment of a function's first byte.
    pub const ALIGNMENT: u32 = 16;

    /// Forgets everything and keeps the allocations.
    pub fn clear(&mut self) {
        let CodeBatch { code, functions, relocations, sites, inlined, loop_headers, header_values } = self;
        code.clear();
        functions.clear();
        relocations.clear();
        sites.clear();
        inlined.clear();
        loop_headers.clear();
        header_values.clear();
    }
    /// The machine code of a function of this batch.
    pub fn code_of(&self, function: &CompiledFunction) -> &[u8] {
        &self.code[function.code.start as usize..function.code.end as usize]
    }
    /// The relocations of a function of this batch.
    pub fn relocations_of(&self, function: &CompiledFunction) -> &[Relocation] {
        &self.relocations[function.relocations.start as usize..function.relocations.end as usize]
    }
    /// The trap and call sites of a function of this batch.
    pub fn sites_of(&self, function: &CompiledFunction) -> &[Site] {
        &self.sites[function.sites.start as usize..function.sites.end as usize]
    }
    /// The bodies that were inlined into a function of this batch.
    pub fn inlined_of(&self, function: &CompiledFunction) -> &[InlinedBody] {
        &self.inlined[function.inlined.start as usize..function.inlined.end as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_to_frames() {
        let body = |start, func, call| InlinedBody { start, func: FuncIndex(func), call };
        // 1 calls 2 at 9 and 3 at 20; 2 calls 3 at 5.
        let inlined = [body(40, 2, 9), body(52, 3, 45), body(71, 3, 20)];
        let frames = |offset| {
            InlinedBody::frames(&inlined, FuncIndex(1), offset).map(|(f, at)| (f.0, at)).collect::<Vec<_>>()
        };
        assert_eq!(frames(39), [(1, 39)]);
        assert_eq!(frames(40), [(2, 0), (1, 9)]);
        assert_eq!(frames(60), [(3, 8), (2, 5), (1, 9)]);
        assert_eq!(frames(75), [(3, 4), (1, 20)]);
    }
}
