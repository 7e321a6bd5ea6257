//! The CPU-independent half of a macro-assembler: the growing code buffer, labels, and the side tables of the function
//! being emitted.
//!
//! Emission is infallible. Each write checks the buffer's capacity itself (one compare that is never taken; measured at
//! under 1 % of compile time against unchecked writes), so no bound has to be declared and none can be wrong. Errors
//! that concern a whole function (it became too large) are checked once, when the function ends.

#![allow(unsafe_code)]

use crate::{
    CodeBatch, CompiledFunction, Entry, HeaderValue, InlinedBody, LoopHeader, RelocTarget, Relocation, Site,
    Tier, TrapCode,
};
use core::mem;
use dynasmrt::{AssemblyOffset, DynasmApi};
use engine_decoder::FuncIndex;

/// A position in the function being emitted, bound now or later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Label(u32);

/// How a reference to a label is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FixupKind {
    /// x86-64, and jump-table entries everywhere: 32 bits, relative to the field's end.
    Rel32,
    /// AArch64 `b`: bits 0 to 25, in words, relative to the instruction.
    Branch26,
    /// AArch64 `b.cond`, `cbz`: bits 5 to 23, in words, relative to the instruction.
    Branch19,
    /// AArch64 `adr`: 21 bits in two fields, in bytes, relative to the instruction.
    Adr21,
}

#[derive(Clone, Copy)]
struct LabelState {
    /// Buffer offset, or `UNBOUND`.
    bound: u32,
    /// Newest fixup that waits for the label, or `NONE`.
    fixups: u32,
}

#[derive(Clone, Copy)]
struct Fixup {
    offset: u32,
    next: u32,
    kind: FixupKind,
}

const UNBOUND: u32 = u32::MAX;
const NONE: u32 = u32::MAX;

/// A trap that conditional branches lead to, emitted after the function's body.
#[derive(Clone, Copy, Debug)]
pub struct PendingTrap {
    /// Where the branches lead.
    pub label: Label,
    /// Which trap.
    pub code: TrapCode,
    /// The operator that traps.
    pub wasm_offset: u32,
}

/// A constant that code refers to, emitted after it.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// Where the references lead.
    pub label: Label,
    /// Its bits.
    pub bits: u64,
}

/// Code buffer, labels and side tables. See the module's documentation.
#[derive(Default)]
pub struct Emitter {
    batch: CodeBatch,
    labels: Vec<LabelState>,
    fixups: Vec<Fixup>,
    pending_traps: Vec<PendingTrap>,
    start: u32,
    first_relocation: u32,
    first_site: u32,
    first_inlined: u32,
    first_loop_header: u32,
    entry: Entry,
    wasm_offset: u32,
    last_bind: u32,
    constants: Vec<Constant>,
    out_of_range: bool,
}

impl Emitter {
    /// An empty emitter.
    pub fn new() -> Emitter {
        Emitter::default()
    }

    /// Starts a function at the next aligned offset.
    pub fn begin_function(&mut self) {
        let padding = self.batch.code.len().next_multiple_of(CodeBatch::ALIGNMENT as usize);
        self.batch.code.resize(padding, 0xcc);
        self.start = padding as u32;
        self.first_relocation = self.batch.relocations.len() as u32;
        self.first_site = self.batch.sites.len() as u32;
        self.first_inlined = self.batch.inlined.len() as u32;
        self.first_loop_header = self.batch.loop_headers.len() as u32;
        self.entry = Entry::Function;
        self.labels.clear();
        self.fixups.clear();
        self.pending_traps.clear();
        self.constants.clear();
        self.wasm_offset = 0;
        self.last_bind = u32::MAX;
        self.out_of_range = false;
    }

    /// Ends the function. `None` if a branch was out of its instruction's range: the function is then discarded and must
    /// be refused. Every label that was referenced must be bound.
    pub fn end_function(
        &mut self,
        func: FuncIndex,
        tier: Tier,
        frame_size: u32,
    ) -> Option<&CompiledFunction> {
        debug_assert!(self.pending_traps.is_empty(), "pending traps not emitted");
        debug_assert!(
            self.labels.iter().all(|label| label.bound != UNBOUND || label.fixups == NONE),
            "reference to an unbound label"
        );
        // Ranges in a batch are 32 bits wide.
        if self.out_of_range || i32::try_from(self.batch.code.len()).is_err() {
            self.abandon_function();
            return None;
        }
        // Out-of-line code may record sites of earlier operators, but always at later code offsets.
        debug_assert!(self.batch.sites[self.first_site as usize..].is_sorted_by_key(|site| site.offset));
        let function = CompiledFunction {
            func,
            tier,
            entry: self.entry,
            code: self.start..self.batch.code.len() as u32,
            relocations: self.first_relocation..self.batch.relocations.len() as u32,
            sites: self.first_site..self.batch.sites.len() as u32,
            inlined: self.first_inlined..self.batch.inlined.len() as u32,
            loop_headers: self.first_loop_header..self.batch.loop_headers.len() as u32,
            frame_size,
        };
        self.batch.functions.push(function);
        self.batch.functions.last()
    }

    /// Says where the function being emitted is entered, if not by a call.
    pub fn set_entry(&mut self, entry: Entry) {
        self.entry = entry;
    }

    /// Says which bodies were inlined into the function being emitted.
    pub fn set_inlined(&mut self, inlined: &[InlinedBody]) {
        self.batch.inlined.truncate(self.first_inlined as usize);
        self.batch.inlined.extend_from_slice(inlined);
    }

    /// Discards the function being emitted.
    pub fn abandon_function(&mut self) {
        self.batch.code.truncate(self.start as usize);
        self.batch.relocations.truncate(self.first_relocation as usize);
        self.batch.sites.truncate(self.first_site as usize);
        self.batch.inlined.truncate(self.first_inlined as usize);
        if let Some(header) = self.batch.loop_headers.get(self.first_loop_header as usize) {
            let first = header.values.start as usize;
            self.batch.header_values.truncate(first);
        }
        self.batch.loop_headers.truncate(self.first_loop_header as usize);
        self.pending_traps.clear();
    }

    /// The batch so far.
    pub fn batch(&self) -> &CodeBatch {
        &self.batch
    }

    /// Takes the batch and goes on with `replacement`, whose allocations are reused.
    pub fn take_batch(&mut self, mut replacement: CodeBatch) -> CodeBatch {
        replacement.clear();
        mem::replace(&mut self.batch, replacement)
    }

    /// Exchanges the batch for another, and goes on with that.
    pub fn exchange_batch(&mut self, batch: &mut CodeBatch) {
        mem::swap(&mut self.batch, batch);
    }

    /// Sets the operator, as an offset into the body, that code emitted from here on belongs to.
    #[inline]
    pub fn set_wasm_offset(&mut self, offset: u32) {
        self.wasm_offset = offset;
    }

    /// The operator that code is being emitted for.
    #[inline]
    pub fn wasm_offset(&self) -> u32 {
        self.wasm_offset
    }

    /// Bytes emitted for this function so far.
    #[inline]
    pub fn position(&self) -> u32 {
        self.batch.code.len() as u32 - self.start
    }

    /// Appends the `count` low bytes of `bytes`, at most 8, in little-endian order.
    #[inline(always)]
    pub fn put(&mut self, bytes: u64, count: usize) {
        debug_assert!(count <= 8);
        let code = &mut self.batch.code;
        if code.capacity() - code.len() < 8 {
            grow(code);
        }
        // SAFETY: at least 8 bytes of capacity follow the length, so the 8-byte write is inside the allocation, and
        // the `count <= 8` bytes that become part of the vector are initialised by it.
        unsafe {
            code.as_mut_ptr().add(code.len()).cast::<u64>().write_unaligned(bytes.to_le());
            code.set_len(code.len() + count.min(8));
        }
    }

    /// Overwrites four bytes at `position` in the function.
    pub fn patch_u32(&mut self, position: u32, value: u32) {
        let at = (self.start + position) as usize;
        self.batch.code[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Overwrites the byte at `position` in the function.
    pub fn patch_u8(&mut self, position: u32, value: u8) {
        self.batch.code[(self.start + position) as usize] = value;
    }

    /// Reads four bytes at `position` in the function.
    pub fn read_u32(&self, position: u32) -> u32 {
        let at = (self.start + position) as usize;
        u32::from_le_bytes(self.batch.code[at..at + 4].try_into().expect("four bytes"))
    }

    /// A new label.
    #[inline]
    pub fn new_label(&mut self) -> Label {
        self.labels.push(LabelState { bound: UNBOUND, fixups: NONE });
        Label(self.labels.len() as u32 - 1)
    }

    /// Where a label is, if it is bound: an offset from the function's start.
    #[inline]
    pub fn label_position(&self, label: Label) -> Option<u32> {
        let bound = self.labels[label.0 as usize].bound;
        (bound != UNBOUND).then_some(bound)
    }

    /// Binds a label here and fills in the references that waited for it.
    pub fn bind(&mut self, label: Label) {
        let position = self.position();
        self.last_bind = position;
        let state = &mut self.labels[label.0 as usize];
        debug_assert_eq!(state.bound, UNBOUND, "label bound twice");
        state.bound = position;
        let mut next = mem::replace(&mut state.fixups, NONE);
        while next != NONE {
            let fixup = self.fixups[next as usize];
            self.resolve(fixup.offset, position, fixup.kind);
            next = fixup.next;
        }
    }

    /// Says that the field at `offset` (of the function, already emitted) refers to `label`.
    #[inline]
    pub fn refer(&mut self, label: Label, offset: u32, kind: FixupKind) {
        let state = &mut self.labels[label.0 as usize];
        if state.bound != UNBOUND {
            let target = state.bound;
            self.resolve(offset, target, kind);
        } else {
            self.fixups.push(Fixup { offset, next: state.fixups, kind });
            state.fixups = self.fixups.len() as u32 - 1;
        }
    }

    #[inline]
    fn resolve(&mut self, offset: u32, target: u32, kind: FixupKind) {
        let distance = i64::from(target) - i64::from(offset);
        // Branch fields count words; the mask is the field's width at its place in the instruction.
        let mut field = |bits: u32, shift: u32| {
            let words = distance >> 2;
            let limit = 1i64 << (bits - 1);
            if words < -limit || words >= limit {
                self.out_of_range = true;
            }
            let mask = ((1u32 << bits) - 1) << shift;
            let old = self.read_u32(offset);
            self.patch_u32(offset, old & !mask | (words as u32) << shift & mask);
        };
        match kind {
            FixupKind::Rel32 => self.patch_u32(offset, (distance - 4) as u32),
            FixupKind::Branch26 => field(26, 0),
            FixupKind::Branch19 => field(19, 5),
            FixupKind::Adr21 => {
                if !(-(1 << 20)..1 << 20).contains(&distance) {
                    self.out_of_range = true;
                }
                let value = distance as u32;
                let fields = (value & 3) << 29 | (value >> 2 & 0x7ffff) << 5;
                let old = self.read_u32(offset);
                self.patch_u32(offset, old & !(3 << 29 | 0x7ffff << 5) | fields);
            }
        }
    }

    /// Records that the field at `offset` is to lead to `target`.
    #[inline]
    pub fn relocate(&mut self, offset: u32, target: RelocTarget) {
        self.batch.relocations.push(Relocation { offset, target });
    }

    /// Records that the instruction at `offset` may trap.
    #[inline]
    pub fn trap_site(&mut self, offset: u32, code: TrapCode) {
        self.batch.sites.push(Site::new(offset, Some(code), self.wasm_offset));
    }

    /// Records the return address of a call that has just been emitted.
    #[inline]
    pub fn call_site(&mut self) {
        let offset = self.position();
        self.batch.sites.push(Site::new(offset, None, self.wasm_offset));
    }

    /// The label of an out-of-line trap for the current operator.
    #[inline]
    pub fn trap_label(&mut self, code: TrapCode) -> Label {
        // An operator that checks the same thing twice shares the trap.
        if let Some(last) = self.pending_traps.last()
            && last.code == code
            && last.wasm_offset == self.wasm_offset
        {
            return last.label;
        }
        let label = self.new_label();
        self.pending_traps.push(PendingTrap { label, code, wasm_offset: self.wasm_offset });
        label
    }

    /// Whether a label was bound here, so that control may come from elsewhere.
    #[inline]
    pub fn is_bound_here(&self) -> bool {
        self.last_bind == self.position()
    }

    /// Appends a 32-bit field that leads to a label.
    pub fn imm_field(&mut self, label: Label) {
        let field = self.position();
        self.put(0, 4);
        self.refer(label, field, FixupKind::Rel32);
    }

    /// The label of a constant of up to eight bytes.
    pub fn constant(&mut self, bits: u64) -> Label {
        // Functions have few, and the last ones are the likeliest.
        if let Some(known) = self.constants.iter().rev().take(16).find(|known| known.bits == bits) {
            return known.label;
        }
        let label = self.new_label();
        self.constants.push(Constant { label, bits });
        label
    }

    /// Appends the constants at a multiple of 8 bytes.
    pub fn emit_constants(&mut self) {
        let constants = mem::take(&mut self.constants);
        if !constants.is_empty() {
            self.align(8, 0xcc);
        }
        for &Constant { label, bits } in &constants {
            self.bind(label);
            self.put(bits, 8);
        }
        self.constants = constants;
        self.constants.clear();
    }

    /// Hands out the traps that wait to be emitted, and forgets them.
    pub fn take_pending_traps(&mut self) -> Vec<PendingTrap> {
        mem::take(&mut self.pending_traps)
    }

    /// Gives the vector of [`Emitter::take_pending_traps`] back for reuse.
    pub fn restore_pending_traps(&mut self, mut traps: Vec<PendingTrap>) {
        traps.clear();
        self.pending_traps = traps;
    }

    /// Records a loop header here.
    pub fn loop_header(&mut self, stack_height: u32, values: impl Iterator<Item = HeaderValue>) {
        let first = self.batch.header_values.len() as u32;
        self.batch.header_values.extend(values);
        let offset = self.position();
        self.batch.loop_headers.push(LoopHeader {
            offset,
            wasm_offset: self.wasm_offset,
            stack_height,
            values: first..self.batch.header_values.len() as u32,
        });
    }
}

#[cold]
#[inline(never)]
fn grow(code: &mut Vec<u8>) {
    code.reserve(code.len().max(4096));
}

impl Extend<u8> for Emitter {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, iter: T) {
        self.batch.code.extend(iter);
    }
}

impl<'a> Extend<&'a u8> for Emitter {
    fn extend<T: IntoIterator<Item = &'a u8>>(&mut self, iter: T) {
        self.batch.code.extend(iter);
    }
}

impl DynasmApi for Emitter {
    fn offset(&self) -> AssemblyOffset {
        AssemblyOffset(self.position() as usize)
    }
    #[inline]
    fn push(&mut self, byte: u8) {
        self.put(u64::from(byte), 1);
    }
    fn align(&mut self, alignment: usize, with: u8) {
        while !(self.position() as usize).is_multiple_of(alignment) {
            self.push(with);
        }
    }
    #[inline]
    fn push_u16(&mut self, value: u16) {
        self.put(u64::from(value), 2);
    }
    #[inline]
    fn push_i32(&mut self, value: i32) {
        self.put(u64::from(value as u32), 4);
    }
    #[inline]
    fn push_u32(&mut self, value: u32) {
        self.put(u64::from(value), 4);
    }
    #[inline]
    fn push_i64(&mut self, value: i64) {
        self.put(value as u64, 8);
    }
    #[inline]
    fn push_u64(&mut self, value: u64) {
        self.put(value, 8);
    }
}
