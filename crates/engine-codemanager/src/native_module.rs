//! The native code of one module: jump tables, chunks of code, and the side tables that find traps in them.
//!
//! ```text
//!  first chunk in a region:   │ jump table (this region's copy) │ lazy table, if functions are compiled lazily │ batch │ batch │ batch │ …      free │
//!  later chunks there:        │ batch │ batch │ …                                                free │
//! ```
//! A chunk is whole pages of one region and belongs to one module; code goes to its end. Pages that were never written cost no
//! memory, so a generous chunk wastes nothing but addresses.
#![allow(unsafe_code)]

use crate::append_list::AppendList;
use crate::arch::{FAR_SIZE, LAZY_SIZE};
use crate::execmem::{ExecMemory, Strategy, WriteError};
use crate::jump_table::{self, JumpTable};
use crate::manager::{CodeManager, Pages, StubCode, code_error};
use crate::module_cell::ModuleCell;
use crate::profiling::{NamedCode, Profiler};
use crate::region::Region;
use crate::{CodeError, arch, fork, grace, icache, os};
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use engine_decoder::{DefinedFuncIndex, FuncIndex, Module};
use engine_machine::{CodeBatch, CodeFlags, CompiledFunction, Entry, InlinedBody, RelocTarget, Site, Tier};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pages of code of one module. Readers reach it from [`lookup`](crate::lookup) without locks.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) module: Arc<ModuleCell>,
    pub(crate) region: Arc<Region>,
    pub(crate) start: usize,
    /// What was published here, in ascending order of addresses.
    pub(crate) blocks: AppendList<Block>,
}

/// Functions published together.
#[derive(Debug)]
pub(crate) struct Block {
    /// Offset of the first byte from the chunk's.
    pub(crate) start: u32,
    pub(crate) functions: Box<[FunctionEntry]>,
    pub(crate) sites: Box<[Site]>,
    /// Of the functions that have any, in order.
    pub(crate) inlined: Box<[Inlined]>,
}

/// The bodies that were inlined into a function of a block.
#[derive(Debug)]
pub(crate) struct Inlined {
    /// Number of the function in the block.
    pub(crate) function: u32,
    pub(crate) bodies: Box<[InlinedBody]>,
}

impl Block {
    /// The bodies that were inlined into a function.
    pub(crate) fn inlined(&self, function: usize) -> &[InlinedBody] {
        match self.inlined.binary_search_by_key(&function, |inlined| inlined.function as usize) {
            Ok(at) => &self.inlined[at].bodies,
            Err(_) => &[],
        }
    }
}

/// A function in a block, 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionEntry {
    /// Offset of the first byte from the block's.
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// Index of the first site in the block's; they end where the next function's begin.
    pub(crate) sites: u32,
    /// Function index, and the tier in the lowest bit.
    func_and_tier: u32,
}

impl FunctionEntry {
    pub(crate) fn func(&self) -> FuncIndex {
        FuncIndex(self.func_and_tier >> 1)
    }
    pub(crate) fn tier(&self) -> Tier {
        if self.func_and_tier & 1 == 0 { Tier::Baseline } else { Tier::Optimized }
    }
}

/// The native code of one module, for one set of code flags. Code is added while others run it; it all goes when the last
/// reference is dropped, at which time nothing of it may be running.
#[derive(Debug)]
pub struct NativeModule {
    manager: Arc<CodeManager>,
    module: Arc<ModuleCell>,
    flags: CodeFlags,
    /// The first table: its slots are the functions' addresses for everything but the module's own direct calls.
    first_slot: usize,
    slot_stride: usize,
    code_bytes: AtomicUsize,
    state: Mutex<State>,
}

/// What happens when a function is called that has no code.
#[derive(Clone, Debug)]
pub enum WithoutCode {
    /// The program stops: every function gets code before anyone can call it.
    Stop,
    /// This stub is called, with the function's defined index, to compile it
    /// ([`lazy_stub`](engine_machine::stubs::lazy_stub)).
    Call(Arc<StubCode>),
}

#[derive(Debug)]
struct State {
    /// One table for each region with code of this module; the region is that of the chunk with this index.
    tables: Vec<(usize, JumpTable)>,
    /// Each with its length in bytes.
    chunks: Vec<(Arc<Chunk>, usize)>,
    /// First free address of the last chunk.
    cursor: usize,
    /// Address of each defined function's code, and its tier in the lowest bit; 0 if there is none.
    current: Vec<usize>,
    /// Addresses of code that is entered at a loop's header: by the function's defined index and the loop operator's offset in the body.
    loops: HashMap<(u32, u32), usize>,
    /// First byte of each function's code that was replaced (its length is in its block). It stays until the module goes;
    /// here is where freeing baseline code earlier belongs, once every store that was inside Wasm at the replacement has left.
    replaced: Vec<usize>,
    without_code: WithoutCode,
}

/// Batches larger than this are placed in pieces, so that what is left of a chunk can be used.
const MAX_PIECE: usize = 4 << 20;

impl NativeModule {
    /// Room for a module's code: its jump table, and addresses for about `code_size_hint` bytes (more are found when needed).
    /// No function has code yet; `without_code` says what calling one does.
    ///
    /// # Errors
    /// When there is no room for the jump table.
    pub fn new(
        manager: &Arc<CodeManager>,
        module: Arc<Module>,
        flags: CodeFlags,
        code_size_hint: usize,
        without_code: WithoutCode,
    ) -> Result<Arc<NativeModule>, CodeError> {
        let _gate = fork::enter();
        let functions = module.num_defined_functions() as usize;
        let mut state = State {
            tables: Vec::new(),
            chunks: Vec::new(),
            cursor: 0,
            current: vec![0; functions],
            loops: HashMap::new(),
            replaced: Vec::new(),
            without_code,
        };
        let module = Arc::new(ModuleCell::new(module));
        let (mut first_slot, mut slot_stride) = (0, 0);
        if functions > 0 {
            state.add_chunk(manager, &module, 0, code_size_hint)?;
            (first_slot, slot_stride) = state.tables[0].1.addressing();
            icache::synchronize_cores();
        }
        Ok(Arc::new(NativeModule {
            manager: Arc::clone(manager),
            module,
            flags,
            first_slot,
            slot_stride,
            code_bytes: AtomicUsize::new(0),
            state: Mutex::new(state),
        }))
    }

    /// Places a batch of functions and leads their slots to the new code. A function that already has code of a higher tier
    /// keeps it. Other threads may run the module's code meanwhile.
    ///
    /// # Errors
    /// When there is no room, or the batch is malformed. Some functions may have been published by then.
    pub fn publish(&self, batch: &CodeBatch) -> Result<(), CodeError> {
        self.check(batch)?;
        let span =
            tracing::debug_span!("publish", functions = batch.functions.len(), bytes = batch.code.len());
        let _entered = span.enter();
        let _gate = fork::enter();
        let mut state = self.lock();
        let mut next = 0;
        while next < batch.functions.len() {
            let start = batch.functions[next].code.start;
            let fits = |end: u32| (end - start) as usize <= MAX_PIECE;
            let count = batch.functions[next..].iter().take_while(|f| fits(f.code.end)).count().max(1);
            self.publish_piece(&mut state, batch, next..next + count)?;
            next += count;
        }
        Ok(())
    }

    fn publish_piece(
        &self,
        state: &mut State,
        batch: &CodeBatch,
        piece: Range<usize>,
    ) -> Result<(), CodeError> {
        let functions = &batch.functions[piece];
        let (first, last) = (&functions[0], &functions[functions.len() - 1]);
        let code = &batch.code[first.code.start as usize..last.code.end as usize];
        if code.len() > self.room(state) {
            let growth = (self.code_bytes() / 2).clamp(16 << 10, 8 << 20);
            state.add_chunk(&self.manager, &self.module, code.len(), code.len().max(growth))?;
        }
        let address = self.align(state.cursor);
        let (chunk, _) = state.chunks.last().expect("there is room in it");
        let memory = &chunk.region.memory;
        let table = state.tables.iter().find(|(i, _)| Arc::ptr_eq(&state.chunks[*i].0.region, &chunk.region));
        let (_, table) = table.expect("a region with a chunk has a table");

        // 1. The code. Calls lead to this region's table, but from optimised code straight to optimised code: nothing better will come,
        // and code that was replaced stays.
        let mut reached = true;
        let at = |function: &CompiledFunction| address + (function.code.start - first.code.start) as usize;
        let best: HashMap<FuncIndex, usize> = functions
            .iter()
            .filter(|function| function.tier == Tier::Optimized && function.entry == Entry::Function)
            .map(|function| (function.func, at(function)))
            .collect();
        let current = &state.current;
        let fill = |target: &mut [u8]| {
            target.copy_from_slice(code);
            for function in functions {
                let start = (function.code.start - first.code.start) as usize;
                for relocation in batch.relocations_of(function) {
                    let RelocTarget::Function(callee) = relocation.target;
                    let index = (callee.0 - self.module().num_imported_functions) as usize;
                    let offset = start + relocation.offset as usize;
                    let mut relocate = |to| arch::host::relocate(target, offset, address + offset, to);
                    let direct = (function.tier == Tier::Optimized)
                        .then(|| best.get(&callee).copied().or_else(|| optimized_at(current[index])))
                        .flatten();
                    reached &= direct.is_some_and(&mut relocate) || relocate(table.slot(index));
                }
            }
        };
        // SAFETY: the range is free space of this module's chunk (whole pages, where that matters).
        unsafe { memory.write(address, code.len(), fill) }.map_err(|error| code_error(error, code.len()))?;
        state.cursor = address + code.len();
        if !reached {
            return Err(CodeError::BadBatch("a call cannot reach the jump table"));
        }

        // 2. The side tables, so that a trap is found as soon as the code can run.
        let mut sites = Vec::with_capacity(functions.iter().map(|f| f.sites.len()).sum());
        let entries = functions
            .iter()
            .map(|function| {
                let entry = FunctionEntry {
                    start: function.code.start - first.code.start,
                    len: function.code.end - function.code.start,
                    sites: sites.len() as u32,
                    func_and_tier: function.func.0 << 1 | function.tier as u32,
                };
                sites.extend_from_slice(batch.sites_of(function));
                entry
            })
            .collect();
        let inlined = (0..).zip(functions).filter(|(_, function)| !function.inlined.is_empty());
        let inlined = inlined.map(|(number, function)| Inlined {
            function: number,
            bodies: batch.inlined_of(function).into(),
        });
        let block = Block {
            start: (address - chunk.start) as u32,
            functions: entries,
            sites: sites.into(),
            inlined: inlined.collect(),
        };
        // SAFETY: only under the module's lock.
        unsafe { chunk.blocks.push(block) };

        // 3. Profilers, as code is unknown to them before they hear of it.
        if let Some(profiler) = &self.manager.profiler {
            self.announce(profiler, batch, functions, address);
        }

        // 4. The slots, once every CPU can fetch what they lead to. A function that has better code keeps it.
        let mut targets = Vec::with_capacity(functions.len());
        for function in functions {
            let index = (function.func.0 - self.module().num_imported_functions) as usize;
            let target = at(function);
            if let Entry::Loop { wasm_offset } = function.entry {
                if let Some(replaced) = state.loops.insert((index as u32, wasm_offset), target) {
                    state.replaced.push(replaced);
                }
                continue;
            }
            let current = state.current[index];
            let unneeded = if current != 0 && current & 1 > function.tier as usize {
                target
            } else {
                targets.push((index, target));
                state.current[index] = target | function.tier as usize;
                current & !1
            };
            if unneeded != 0 {
                state.replaced.push(unneeded);
            }
        }
        state.lead(&targets).map_err(|error| code_error(error, code.len()))?;
        self.code_bytes.fetch_add(code.len(), Relaxed);
        self.manager.code_bytes.fetch_add(code.len(), Relaxed);
        tracing::trace!(address, bytes = code.len(), functions = functions.len(), "published");
        Ok(())
    }

    /// Tells a profiler of functions whose code has just been placed, the first at `address`.
    fn announce(
        &self,
        profiler: &Profiler,
        batch: &CodeBatch,
        functions: &[CompiledFunction],
        address: usize,
    ) {
        let module = self.module();
        let first = functions[0].code.start;
        profiler.add(functions.iter().map(|function| {
            let start = address + (function.code.start - first) as usize;
            let places = if profiler.wants_places() {
                let inlined = batch.inlined_of(function);
                let place = |site: &Site| {
                    let frame = InlinedBody::frames(inlined, function.func, site.wasm_offset()).next();
                    let (func, offset) = frame?;
                    // Of a module that is still arriving, it is not known where bodies are.
                    let body = module.defined(func).and_then(|func| module.bodies.get(func.index()))?;
                    Some((site.offset, body.start as u64 + u64::from(offset)))
                };
                batch.sites_of(function).iter().filter_map(place).collect()
            } else {
                Vec::new()
            };
            // SAFETY: the range was written just now, is readable, and stays while the module's lock is held.
            let code = unsafe {
                core::slice::from_raw_parts(ptr::with_exposed_provenance(start), function.code.len())
            };
            let name = self.perf_name(function.func, function.tier).into();
            NamedCode { address: start, code, name, places }
        }));
    }

    fn perf_name(&self, func: FuncIndex, tier: Tier) -> String {
        // Not the export's name, which takes a search for each function.
        match self.module().names.functions.get(func) {
            Some(name) => format!("wasm[{func}]::{name} [{tier}]"),
            None => format!("wasm[{func}] [{tier}]"),
        }
    }

    /// What a compiler must never get wrong, because everything below relies on it.
    fn check(&self, batch: &CodeBatch) -> Result<(), CodeError> {
        let bad = |what| Err(CodeError::BadBatch(what));
        let mut end = 0;
        for function in &batch.functions {
            if self
                .module()
                .defined(function.func)
                .is_none_or(|i| i.0 >= self.module().num_defined_functions())
            {
                return bad("code for a function that the module does not define");
            }
            if function.code.start < end || function.code.end <= function.code.start {
                return bad("functions are empty or out of order");
            }
            if function.code.start % CodeBatch::ALIGNMENT != 0
                || function.code.end as usize > batch.code.len()
            {
                return bad("a function is misaligned or outside of the code");
            }
            end = function.code.end;
            let relocations = batch.relocations.get(range(&function.relocations));
            let Some(relocations) = relocations else { return bad("relocations out of range") };
            for relocation in relocations {
                let RelocTarget::Function(callee) = relocation.target;
                if self.module().defined(callee).is_none_or(|i| i.0 >= self.module().num_defined_functions())
                {
                    return bad("a call to a function that the module does not define");
                }
                if relocation.offset as usize + 4 > function.code.len() {
                    return bad("a relocation outside of its function");
                }
            }
            let Some(sites) = batch.sites.get(range(&function.sites)) else {
                return bad("sites out of range");
            };
            if !sites.is_sorted_by_key(|site| site.offset) {
                return bad("sites are not sorted");
            }
            let Some(inlined) = batch.inlined.get(range(&function.inlined)) else {
                return bad("inlined bodies out of range");
            };
            if !inlined.is_sorted_by(|a, b| a.start < b.start) || inlined.iter().any(|b| b.call >= b.start) {
                return bad("inlined bodies are not in the order in which they were called");
            }
            if inlined.iter().any(|body| self.module().defined(body.func).is_none()) {
                return bad("a body of a function that the module does not define is inlined");
            }
        }
        Ok(())
    }

    /// Where the next code goes, given the end of the last.
    fn align(&self, cursor: usize) -> usize {
        cursor.next_multiple_of(self.manager.code_alignment().max(CodeBatch::ALIGNMENT as usize))
    }

    /// Bytes of code that the last chunk can still take.
    fn room(&self, state: &State) -> usize {
        let end = state.chunks.last().map_or(0, |(chunk, len)| chunk.start + len);
        end.saturating_sub(self.align(state.cursor))
    }

    /// Looks at the state; inside the gate, so that no thread holds the lock when another forks.
    fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let _gate = fork::enter();
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Address of a function: its slot in the jump table, the same for the life of the module. Panics if the module does
    /// not define it.
    #[inline]
    pub fn slot(&self, func: DefinedFuncIndex) -> *const u8 {
        assert!(func.0 < self.module().num_defined_functions());
        ptr::with_exposed_provenance(self.first_slot + func.index() * self.slot_stride)
    }

    /// The tier of a function's current code, or `None` if it has none yet.
    pub fn tier(&self, func: DefinedFuncIndex) -> Option<Tier> {
        match self.read(|state| state.current.get(func.index()).copied())? {
            0 => None,
            current if current & 1 == 0 => Some(Tier::Baseline),
            _ => Some(Tier::Optimized),
        }
    }

    /// Where code is that goes on at a loop's header with the frame of the function's baseline code ([`Entry::Loop`]).
    pub fn loop_entry(&self, func: DefinedFuncIndex, wasm_offset: u32) -> Option<*const u8> {
        let address = self.read(|state| state.loops.get(&(func.0, wasm_offset)).copied())?;
        Some(ptr::with_exposed_provenance(address))
    }

    /// A copy of a function's current code, relocated, with its address; for disassembly.
    pub fn code_of(&self, func: DefinedFuncIndex) -> Option<(usize, Vec<u8>)> {
        let start = self.read(|state| state.current.get(func.index()).copied())? & !1;
        if start == 0 {
            return None;
        }
        let len = crate::lookup::lookup(start)?.code_len as usize;
        // SAFETY: published code is readable and stays until the module is dropped.
        Some((
            start,
            unsafe { core::slice::from_raw_parts(ptr::with_exposed_provenance(start), len) }.to_vec(),
        ))
    }

    /// Bytes of code published so far, jump tables not counted.
    pub fn code_bytes(&self) -> usize {
        self.code_bytes.load(Relaxed)
    }
    /// How many functions' code has been replaced by better code so far.
    pub fn replaced_functions(&self) -> usize {
        self.read(|state| state.replaced.len())
    }
    /// The module, as far as it is known.
    pub fn module(&self) -> &Arc<Module> {
        self.module.get()
    }
    /// Says what the whole module is, of which [`NativeModule::new`] was given the part before the first body. Names and places of bodies are
    /// known from now on.
    pub fn complete(&self, whole: Arc<Module>) {
        debug_assert_eq!(whole.num_defined_functions(), self.module().num_defined_functions());
        self.module.complete(whole);
    }
    /// The flags that its code is compiled with.
    pub fn flags(&self) -> &CodeFlags {
        &self.flags
    }
    /// The owner of its memory.
    pub fn manager(&self) -> &Arc<CodeManager> {
        &self.manager
    }

    /// Gives back the addresses reserved for code that never came. Code can still be added.
    pub fn release_unused(&self) {
        let _gate = fork::enter();
        let mut state = self.lock();
        let used = os::round_to_page(state.cursor);
        if let Some((chunk, len)) = state.chunks.last_mut() {
            let unused = (chunk.start + *len).saturating_sub(used);
            // A chunk keeps its first page, so that it stays somebody's.
            let unused = unused.min(len.saturating_sub(os::page_size()));
            if unused > 0 {
                let from = chunk.start + *len - unused;
                chunk.region.set_owner(from, unused, ptr::null());
                *len -= unused;
                // A reader that still sees the chunk as the owner finds nothing in it there: no grace period is needed.
                chunk.region.release(from, unused);
            }
        }
    }
}

impl State {
    /// Adds a chunk for at least `needed` bytes of code, with a jump table if its region has none yet.
    fn add_chunk(
        &mut self,
        manager: &CodeManager,
        module: &Arc<ModuleCell>,
        needed: usize,
        preferred: usize,
    ) -> Result<(), CodeError> {
        let functions = self.current.len();
        let lazy_entries = match self.without_code {
            WithoutCode::Stop => 0,
            WithoutCode::Call(_) => functions,
        };
        let slots_size = JumpTable::size(manager.strategy(), functions);
        let table_size = slots_size + lazy_table_size(manager.strategy(), lazy_entries);
        // Alignment may take a little more than the code itself.
        let slack = jump_table::ALIGNMENT + manager.code_alignment();
        let overhead = table_size + slack;
        let Pages { region, start, len } = manager.allocate(needed + overhead, preferred + overhead)?;
        let has_table = self.tables.iter().any(|(i, _)| Arc::ptr_eq(&self.chunks[*i].0.region, &region));
        let mut table = None;
        if !has_table {
            let lazy = start + slots_size;
            let entry = |i: usize| (lazy_entries > 0).then_some(lazy + FAR_SIZE + i * LAZY_SIZE);
            let target = |i: usize| Some(self.current[i] & !1).filter(|&target| target != 0).or(entry(i));
            let made = match &self.without_code {
                WithoutCode::Stop => Ok(()),
                // SAFETY: the pages are new and ours.
                WithoutCode::Call(stub) => unsafe {
                    write_lazy_table(&region.memory, lazy, stub.address() as usize, functions)
                },
            };
            // SAFETY: the pages are new and ours.
            match made.and_then(|()| unsafe { JumpTable::new(&region.memory, start, functions, target) }) {
                Ok(made) => table = Some(made),
                Err(error) => {
                    region.release(start, len);
                    return Err(code_error(error, table_size));
                }
            }
        }
        self.cursor = if has_table { start } else { start + table_size };
        let chunk = Arc::new(Chunk { module: Arc::clone(module), region, start, blocks: AppendList::new() });
        chunk.region.set_owner(start, len, Arc::as_ptr(&chunk));
        if let Some(table) = table {
            self.tables.push((self.chunks.len(), table));
        }
        self.chunks.push((chunk, len));
        Ok(())
    }

    /// Leads the slots of functions to new code, in every region.
    fn lead(&mut self, targets: &[(usize, usize)]) -> Result<(), WriteError> {
        let State { tables, chunks, .. } = self;
        for (chunk, table) in tables.iter_mut() {
            for &(index, target) in targets {
                table.prepare(&chunks[*chunk].0.region.memory, index, target)?;
            }
        }
        icache::synchronize_cores();
        let first = targets.iter().map(|&(index, _)| index).min().unwrap_or(0);
        let end = targets.iter().map(|&(index, _)| index + 1).max().unwrap_or(0);
        for (chunk, table) in tables {
            let memory = &chunks[*chunk].0.region.memory;
            for &(index, target) in targets {
                table.set(memory, index, target)?;
            }
            table.finish(memory, first..end)?;
        }
        Ok(())
    }
}

/// Where a function's optimised code is, given its entry in [`State::current`].
fn optimized_at(current: usize) -> Option<usize> {
    (current & 1 == Tier::Optimized as usize).then_some(current & !1)
}

/// Bytes of a lazy table: a jump to the stub, and an entry for each function.
fn lazy_table_size(strategy: Strategy, functions: usize) -> usize {
    let size = if functions == 0 { 0 } else { FAR_SIZE + functions * LAZY_SIZE };
    match strategy {
        Strategy::DualMapping => size.next_multiple_of(jump_table::ALIGNMENT),
        Strategy::SingleMapping => os::round_to_page(size),
    }
}

/// Writes a lazy table.
///
/// # Safety
/// The caller owns [`lazy_table_size`] bytes at `base`, and nobody executes them yet.
unsafe fn write_lazy_table(
    memory: &ExecMemory,
    base: usize,
    stub: usize,
    functions: usize,
) -> Result<(), WriteError> {
    let fill = |code: &mut [u8]| {
        let (jump, entries) = code.split_at_mut(FAR_SIZE);
        jump.copy_from_slice(&arch::host::far(stub));
        for (i, entry) in entries.chunks_exact_mut(LAZY_SIZE).enumerate() {
            let address = base + FAR_SIZE + i * LAZY_SIZE;
            entry.copy_from_slice(&arch::host::lazy(address, i as u32, base));
        }
    };
    // SAFETY: the caller's promise.
    unsafe { memory.write(base, FAR_SIZE + functions * LAZY_SIZE, fill) }
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl Drop for NativeModule {
    /// Frees all code. Nobody is in it: instances hold their module.
    fn drop(&mut self) {
        let _gate = fork::enter();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (chunk, len) in &state.chunks {
            chunk.region.set_owner(chunk.start, *len, ptr::null());
        }
        grace::synchronize();
        self.manager.code_bytes.fetch_sub(*self.code_bytes.get_mut(), Relaxed);
        for (chunk, len) in state.chunks.drain(..) {
            chunk.region.release(chunk.start, len);
        }
    }
}
