//! From a code address to the function, and to the trap or call that happens there.
//!
//! ```text
//!  REGIONS ─► sorted array of regions (changes rarely: replaced as a whole)
//!               └─ one owner for each page ─► Chunk (of one module)
//!                                              └─ blocks, ascending (one for each published batch)
//!                                                   └─ functions, ascending ─► sites, ascending
//! ```
//! Three binary searches and one array access, without locks or allocation, so that signal handlers can do it. What a reader
//! may have found is freed only after a grace period (see [`grace`](crate::grace)). Adding a module costs its own
//! pages, never the number of other modules.
#![allow(unsafe_code)]

use crate::grace::{self, ReadGuard};
use crate::native_module::Chunk;
use crate::region::Region;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::SeqCst};
use engine_decoder::{FuncIndex, Module};
use engine_machine::{InlinedBody, Site, Tier};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All regions of the process, sorted by address.
type RegionSet = Vec<*const Region>;

static REGIONS: AtomicPtr<RegionSet> = AtomicPtr::new(ptr::null_mut());
static WRITER: Mutex<()> = Mutex::new(());

/// Locks the set of regions against change.
pub(crate) fn lock() -> MutexGuard<'static, ()> {
    WRITER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn regions() -> &'static [*const Region] {
    // SAFETY: null or a set that is not freed while the caller has a read guard or the lock.
    unsafe { REGIONS.load(SeqCst).as_ref() }.map_or(&[], |set| set.as_slice())
}

fn replace(_lock: &MutexGuard<'static, ()>, set: RegionSet) {
    let old = REGIONS.swap(Box::into_raw(Box::new(set)), SeqCst);
    grace::synchronize();
    if !old.is_null() {
        // SAFETY: made by `Box::into_raw` above, unreachable, and its readers are gone.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// Makes a region known.
pub(crate) fn register(region: &Arc<Region>) {
    let lock = lock();
    let mut set = regions().to_vec();
    // SAFETY: regions in the set are alive: they leave it when they are dropped.
    let at = set.partition_point(|&other| unsafe { (*other).start() } < region.start());
    set.insert(at, Arc::as_ptr(region));
    replace(&lock, set);
}

/// Forgets a region. When this returns nobody reads it.
pub(crate) fn unregister(region: &Region) {
    let lock = lock();
    let set = regions().iter().copied().filter(|&other| !ptr::eq(other, region)).collect();
    replace(&lock, set);
}

/// Calls `f` with every region.
pub(crate) fn for_each_region(_lock: &MutexGuard<'static, ()>, f: impl Fn(&Region)) {
    for &region in regions() {
        // SAFETY: regions in the set are alive.
        f(unsafe { &*region });
    }
}

/// What an address belongs to; borrowed from structures that live while the read guard does.
pub(crate) struct Found<'g> {
    pub(crate) module: &'g Arc<Module>,
    pub(crate) func: FuncIndex,
    pub(crate) tier: Tier,
    /// The function's first byte.
    pub(crate) start: usize,
    /// Bytes of code in the function.
    pub(crate) len: usize,
    /// The site with exactly this address.
    pub(crate) site: Option<Site>,
    /// The bodies that were inlined into the function.
    pub(crate) inlined: &'g [InlinedBody],
}

/// Finds what an address belongs to: a function's instruction, or the return address of a call (which for a call at the very end
/// is one byte behind the function). Signal-safe.
pub(crate) fn find(_guard: &ReadGuard, pc: usize) -> Option<Found<'_>> {
    // A call that never returns may end a function, and its return address is then the next function's first byte. No
    // return address is a function's own first byte, so the function of the byte before goes first if it has a site here.
    let before = find_function(pc.wrapping_sub(1), pc);
    match before {
        Some(found) if found.site.is_some() => Some(found),
        _ => find_function(pc, pc),
    }
}

/// The function whose code contains `inside`, with its site at `pc`.
fn find_function<'g>(inside: usize, pc: usize) -> Option<Found<'g>> {
    let set = regions();
    // SAFETY: regions in the set are alive while the caller has a read guard.
    let at = set.partition_point(|&region| unsafe { (*region).end() } <= inside);
    // SAFETY: as above.
    let region = unsafe { &**set.get(at)? };
    if inside < region.start() {
        return None;
    }
    // SAFETY: a chunk is dropped only after its pages were disowned and a grace period has passed.
    let chunk: &Chunk = unsafe { region.owner(inside).as_ref() }?;
    let offset = inside - chunk.start;
    let block = chunk.blocks.partition_point(|block| block.start as usize <= offset).checked_sub(1)?;
    let block = chunk.blocks.get(block);
    let in_block = offset - block.start as usize;
    let index = block.functions.partition_point(|f| f.start as usize <= in_block).checked_sub(1)?;
    let function = &block.functions[index];
    if in_block >= (function.start + function.len) as usize {
        return None;
    }
    let sites_end = block.functions.get(index + 1).map_or(block.sites.len(), |next| next.sites as usize);
    let sites = &block.sites[function.sites as usize..sites_end];
    let start = chunk.start + block.start as usize + function.start as usize;
    let site = sites.binary_search_by_key(&((pc - start) as u32), |site| site.offset).ok().map(|i| sites[i]);
    Some(Found {
        module: chunk.module.get(),
        func: function.func(),
        tier: function.tier(),
        start,
        len: function.len as usize,
        site,
        inlined: block.inlined(index),
    })
}

/// Where in a module's code an address is.
#[derive(Clone, Debug)]
pub struct CodeLocation {
    /// The module.
    pub module: Arc<Module>,
    /// The function.
    pub func: FuncIndex,
    /// The compiler that made the code.
    pub tier: Tier,
    /// Offset of the address from the function's first byte.
    pub code_offset: u32,
    /// Bytes of code in the function.
    pub code_len: u32,
    /// The site with exactly this address: a trapping instruction, or the return address of a call.
    pub site: Option<Site>,
    /// If the address is a site, the functions whose bodies it is in, each with the offset of the operator from the first byte of its
    /// body, innermost first. The last is `func`, the others are inlined.
    pub frames: Vec<(FuncIndex, u32)>,
}

impl CodeLocation {
    /// Offset of the Wasm operator from the first byte of the module, if the address is a site.
    pub fn module_offset(&self) -> Option<usize> {
        let &(func, offset) = self.frames.first()?;
        let defined = self.module.defined(func)?;
        let body = self.module.bodies.get(defined.index())?;
        Some(body.start + offset as usize)
    }
    /// Name of the function, if the module says one.
    pub fn func_name(&self) -> Option<&str> {
        self.module.func_name(self.func)
    }
}

/// What a code address belongs to; `None` for wrappers, stubs, jump tables, and everything outside code memory.
/// Never blocks and takes no lock.
pub fn lookup(pc: usize) -> Option<CodeLocation> {
    let guard = ReadGuard::new();
    let found = find(&guard, pc)?;
    Some(CodeLocation {
        module: Arc::clone(found.module),
        func: found.func,
        tier: found.tier,
        code_offset: (pc - found.start) as u32,
        code_len: found.len as u32,
        site: found.site,
        frames: found
            .site
            .map(|site| InlinedBody::frames(found.inlined, found.func, site.wasm_offset()).collect())
            .unwrap_or_default(),
    })
}
