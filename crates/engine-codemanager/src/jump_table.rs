//! Jump tables: the one address of each function that the rest of the world knows.
//!
//! Every call of a Wasm function, from anywhere, goes to the function's slot. Replacing a function's code is one store to its
//! slot (to one slot in each region that holds code of the module).
//!
//! Under [`Strategy::DualMapping`]:
//! ```text
//!  x86-64, 8 bytes each                         AArch64, 4 bytes each
//!  │◄──── 64-byte cache line ────►│
//!  ├────────┬────────┬─ … ────────┤             ├────┬────┬─ …
//!  │ slot 0 │ slot 1 │   slot 7   │             │ s0 │ s1 │
//!  ├────────┴────────┴─ … ────────┤             ├────┴────┴─ …
//!   e9 rel32 cc cc cc  jmp target                b target
//!   0f 0b cc …         ud2: no code yet          brk: no code yet
//!
//!  followed by the far slots, 16 bytes each, written when one is first needed:
//!   ff 25 02 00 00 00 66 90 │ literal            ldr x16, #8; br x16 │ literal
//! ```
//! A slot whose target is out of a branch's reach (in another region) branches to its far slot instead.
//!
//! **Why patching while other threads run through the slot is safe.** Writers: `JumpTable::set`, under the module's lock, one
//! aligned store of a whole slot through the writable alias, with release ordering after the code it leads to. Readers:
//! instruction fetch on any CPU at any moment; each sees the old or the new slot, and both lead to code that stays mapped
//! until the module is dropped, so a stale reader runs the older tier once more.
//! * x86-64: a slot is 8 bytes at a multiple of 8, so it never crosses a cache line; "modifications confined to one
//!   naturally aligned quadword" may be made asynchronously (AMD APM vol. 2, 7.6.1), and Intel's CPUs fetch from the cache line
//!   as a unit: the fetch sees the slot before or after. Only the first instruction of a slot ever runs, so no thread is ever
//!   between two of its bytes. Code behind the slot was written earlier in program order (TSO) and was never fetched before.
//! * AArch64: `B` and `BRK` are among the instructions that may be modified while others execute them (Arm ARM, B2.2.5); a
//!   4-byte aligned store is single-copy atomic. The code behind the slot was cleaned, invalidated and announced by
//!   `membarrier` before the slot is stored.
//! * A far slot's instructions are written once, before any slot leads to it. Afterwards only its literal changes: data, 8
//!   bytes at a multiple of 8.
//!
//! Under [`Strategy::SingleMapping`] a page that runs is never written. Slots are immutable indirect jumps through literals
//! that lie in pages which are writable and never executable:
//! ```text
//!  ├─ slots (8 bytes x86-64, 16 AArch64), `ud2`/`brk` ─┤ page │─ literals, 8 bytes each ─┤ page │
//! ```
#![allow(unsafe_code)]

use crate::arch::host::{AtomicWord, INDIRECT_SIZE, UNSET, Word, direct, far, indirect};
use crate::arch::{FAR_LITERAL, FAR_SIZE};
use crate::execmem::{ExecMemory, Strategy, WriteError};
use crate::{icache, os};
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering::Release};

const SLOT_SIZE: usize = size_of::<Word>();

/// Alignment of a table, so that slots do not cross cache lines.
pub(crate) const ALIGNMENT: usize = 64;

const _: () = assert!(64 % SLOT_SIZE == 0, "a slot never crosses a cache line");
const _: () = assert!(FAR_SIZE.is_multiple_of(FAR_LITERAL) && FAR_LITERAL.is_multiple_of(8));

/// One copy of a module's jump table, in one region. Frees nothing: its memory belongs to a chunk.
#[derive(Debug)]
pub(crate) struct JumpTable {
    base: usize,
    stride: usize,
    len: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Branches, patched; far slots at this address, of which some are written.
    Direct { far: usize, far_written: Box<[u64]> },
    /// Indirect jumps through the literals at this address.
    Indirect { literals: usize },
}

impl JumpTable {
    /// Bytes that a table of `len` slots takes.
    pub(crate) fn size(strategy: Strategy, len: usize) -> usize {
        match strategy {
            Strategy::DualMapping => direct_size(len) + len * FAR_SIZE,
            Strategy::SingleMapping => indirect_size(len) + os::round_to_page(len * 8),
        }
    }

    /// Makes a table at `base`; `target` gives the code of each function, or `None`.
    ///
    /// # Safety
    /// The caller owns [`JumpTable::size`] bytes at `base`, a multiple of [`ALIGNMENT`] (under
    /// [`Strategy::SingleMapping`], whole pages), which nobody else writes or has executed.
    pub(crate) unsafe fn new(
        memory: &ExecMemory,
        base: usize,
        len: usize,
        target: impl Fn(usize) -> Option<usize>,
    ) -> Result<JumpTable, WriteError> {
        debug_assert!(base.is_multiple_of(ALIGNMENT));
        let mut table = match memory.strategy() {
            Strategy::DualMapping => {
                let far = base + direct_size(len);
                // SAFETY: the caller's promise.
                unsafe {
                    memory.write(base, len * SLOT_SIZE, |slots| {
                        for slot in slots.chunks_exact_mut(SLOT_SIZE) {
                            slot.copy_from_slice(&UNSET.to_le_bytes());
                        }
                    })?;
                }
                let far_written = vec![0; len.div_ceil(64)].into();
                JumpTable { base, stride: SLOT_SIZE, len, form: Form::Direct { far, far_written } }
            }
            Strategy::SingleMapping => {
                let literals = base + indirect_size(len);
                let unset = base + len * INDIRECT_SIZE;
                // SAFETY: the caller's promise; the literals' pages follow the slots'.
                unsafe {
                    memory.data(literals, os::round_to_page(len * 8))?;
                    for i in 0..len {
                        let literal = literals + 8 * i;
                        core::ptr::with_exposed_provenance_mut::<usize>(literal).write(unset);
                    }
                    memory.write(base, unset + SLOT_SIZE - base, |code| {
                        let (slots, stop) = code.split_at_mut(len * INDIRECT_SIZE);
                        for (i, slot) in slots.chunks_exact_mut(INDIRECT_SIZE).enumerate() {
                            slot.copy_from_slice(&indirect(base + i * INDIRECT_SIZE, literals + 8 * i));
                        }
                        stop.copy_from_slice(&UNSET.to_le_bytes());
                    })?;
                }
                JumpTable { base, stride: INDIRECT_SIZE, len, form: Form::Indirect { literals } }
            }
        };
        for i in 0..len {
            if let Some(target) = target(i) {
                table.prepare(memory, i, target)?;
                table.set(memory, i, target)?;
            }
        }
        table.finish(memory, 0..len)?;
        Ok(table)
    }

    /// Address of a slot.
    pub(crate) fn slot(&self, index: usize) -> usize {
        assert!(index < self.len);
        self.base + index * self.stride
    }

    /// Address of slot 0, and bytes from slot to slot.
    pub(crate) fn addressing(&self) -> (usize, usize) {
        (self.base, self.stride)
    }

    /// Writes the far slot of a function if its new code is out of reach. Must come before
    /// [`synchronize_cores`](icache::synchronize_cores) and [`set`](JumpTable::set) for the same target.
    pub(crate) fn prepare(
        &mut self,
        memory: &ExecMemory,
        index: usize,
        target: usize,
    ) -> Result<(), WriteError> {
        let slot = self.slot(index);
        if let Form::Direct { far: far_base, far_written } = &mut self.form
            && direct(slot, target).is_none()
            && far_written[index / 64] >> (index % 64) & 1 == 0
        {
            let far_slot = *far_base + index * FAR_SIZE;
            // SAFETY: nothing leads to this far slot yet, and it is the module's.
            unsafe { memory.write(far_slot, FAR_SIZE, |code| code.copy_from_slice(&far(target)))? };
            far_written[index / 64] |= 1 << (index % 64);
        }
        Ok(())
    }

    /// Leads a slot to new code, which other CPUs can already run. [`prepare`](JumpTable::prepare) went before,
    /// [`finish`](JumpTable::finish) must follow.
    pub(crate) fn set(&mut self, memory: &ExecMemory, index: usize, target: usize) -> Result<(), WriteError> {
        let slot = self.slot(index);
        match self.form {
            Form::Direct { far: far_base, .. } => {
                let word = match direct(slot, target) {
                    Some(word) => word,
                    None => {
                        let far_slot = far_base + index * FAR_SIZE;
                        let literal = memory.alias(far_slot + FAR_LITERAL)?.cast::<AtomicUsize>();
                        // SAFETY: aligned, mapped, and only ever accessed as a whole once a slot leads here.
                        unsafe { (*literal).store(target, Release) };
                        direct(slot, far_slot).expect("a table is smaller than a region")
                    }
                };
                let word_at = memory.alias(slot)?.cast::<AtomicWord>();
                // SAFETY: aligned and mapped; see the module's documentation.
                unsafe { (*word_at).store(word, Release) };
            }
            Form::Indirect { literals } => {
                let literal = core::ptr::with_exposed_provenance::<AtomicUsize>(literals + 8 * index);
                // SAFETY: aligned, mapped for writing, and only ever accessed as a whole.
                unsafe { (*literal).store(target, Release) };
            }
        }
        Ok(())
    }

    /// Makes changed slots visible to instruction fetch (AArch64). Until then others may see old ones.
    pub(crate) fn finish(&self, memory: &ExecMemory, changed: Range<usize>) -> Result<(), WriteError> {
        debug_assert!(changed.end <= self.len);
        if cfg!(target_arch = "aarch64") && matches!(self.form, Form::Direct { .. }) && !changed.is_empty() {
            let first = self.slot(changed.start);
            let written = memory.alias(first)?.addr();
            // SAFETY: both ranges are mapped and are the same memory.
            unsafe { icache::flush(written, first, changed.len() * SLOT_SIZE) };
        }
        Ok(())
    }
}

fn direct_size(len: usize) -> usize {
    (len * SLOT_SIZE).next_multiple_of(FAR_SIZE)
}

fn indirect_size(len: usize) -> usize {
    os::round_to_page(len * INDIRECT_SIZE + SLOT_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    fn returns(value: u32) -> Vec<u8> {
        let [a, b, c, d] = value.to_le_bytes();
        vec![0xb8, a, b, c, d, 0xc3]
    }
    #[cfg(target_arch = "aarch64")]
    fn returns(value: u32) -> Vec<u8> {
        // movz w0, value; ret
        [0x5280_0000 | value << 5, 0xd65f_03c0].iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
    }

    fn put(memory: &ExecMemory, offset: usize, value: u32) -> usize {
        let (address, code) = (memory.exec() + offset, returns(value));
        // SAFETY: the test owns the memory and uses each page once.
        unsafe { memory.write(address, code.len(), |target| target.copy_from_slice(&code)).unwrap() };
        icache::synchronize_cores();
        address
    }

    fn call(table: &JumpTable, index: usize) -> u32 {
        // SAFETY: the test leads the slots to such functions.
        let f = unsafe { core::mem::transmute::<usize, extern "C" fn() -> u32>(table.slot(index)) };
        f()
    }

    #[test]
    fn slots_reach_code_of_other_regions_and_back() {
        for strategy in [Strategy::DualMapping, Strategy::SingleMapping] {
            // Too far apart for a branch on either CPU.
            let near = ExecMemory::new(strategy, 1 << 20, Some(0x10_0000_0000)).unwrap();
            let far = ExecMemory::new(strategy, 1 << 20, Some(0x20_0000_0000)).unwrap();
            assert!(near.exec().abs_diff(far.exec()) > 1 << 32);
            let page = os::page_size();
            let targets: Vec<usize> = (0..8)
                .map(|i| put(if i % 2 == 0 { &near } else { &far }, (16 + i) * page, i as u32))
                .collect();
            // SAFETY: the test owns the memory.
            let mut table =
                unsafe { JumpTable::new(&near, near.exec(), 100, |i| (i < 2).then(|| targets[i])) }.unwrap();
            assert_eq!([call(&table, 0), call(&table, 1)], [0, 1]);
            // Near to far, far to far, far to near, and a slot that was unset.
            for (i, &target) in targets.iter().enumerate() {
                for index in [0, 1, 99] {
                    table.prepare(&near, index, target).unwrap();
                    icache::synchronize_cores();
                    table.set(&near, index, target).unwrap();
                    table.finish(&near, index..index + 1).unwrap();
                    assert_eq!(call(&table, index), i as u32);
                }
            }
            assert!(table.slot(99) + FAR_SIZE <= near.exec() + JumpTable::size(strategy, 100));
        }
    }
}
