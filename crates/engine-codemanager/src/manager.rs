//! The code manager: regions of code memory for any number of modules, and the small shared pieces of code (stubs).

use crate::error::{CodeError, OsError, Refusal};
use crate::execmem::{Strategy, WriteError};
use crate::free_list::FreeList;
use crate::profiling::{NamedCode, Profiler, ProfilingStrategy};
use crate::region::Region;
use crate::{arch, fork, icache, os};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How code memory is held.
#[derive(Clone, Debug)]
pub struct CodeConfig {
    /// Size of the first code region in bytes, halved while the host refuses it. Only what holds code costs memory.
    pub region_size: usize,
    /// The one strategy to use; `None` uses the first that the host allows.
    pub strategy: Option<Strategy>,
    /// How profilers learn the names of functions.
    pub profiler: ProfilingStrategy,
}

impl Default for CodeConfig {
    fn default() -> CodeConfig {
        CodeConfig { region_size: 64 << 20, strategy: None, profiler: ProfilingStrategy::None }
    }
}

/// Owner of code regions. Lives as long as any module or stub in them.
///
/// ```
/// use engine_codemanager::{CodeConfig, CodeManager};
///
/// let manager = CodeManager::new(CodeConfig::default())?;
/// let stub = manager.publish_stub(&[0xc3], "ret")?;
/// assert!(manager.regions().iter().any(|region| region.contains(&stub.address().addr())));
/// # Ok::<(), engine_codemanager::CodeError>(())
/// ```
#[derive(Debug)]
pub struct CodeManager {
    strategy: Strategy,
    region_size: usize,
    pub(crate) profiler: Option<Profiler>,
    /// Bytes of all modules' functions.
    pub(crate) code_bytes: AtomicUsize,
    inner: Mutex<Inner>,
}

/// Executable memory, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CodeMemory {
    /// Addresses reserved. They cost no memory until there is code.
    pub reserved: usize,
    /// Whole pages that belong to modules and stubs: code, jump tables, and room for more code.
    pub used: usize,
    /// Code of functions, that which was replaced included, as long as its module lives.
    pub code: usize,
}

#[derive(Debug)]
struct Inner {
    regions: Vec<Arc<Region>>,
    stub_pages: Vec<StubPages>,
}

/// Pages that hold stubs.
#[derive(Debug)]
struct StubPages {
    region: Arc<Region>,
    start: usize,
    len: usize,
    free: FreeList,
}

/// Pages of a region.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) region: Arc<Region>,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// Smallest region that is worth mapping.
const MIN_REGION: usize = 256 << 10;
/// Bytes by which stubs get their memory.
const STUB_PAGES: usize = 64 << 10;
/// Alignment of stubs.
const STUB_ALIGNMENT: usize = 16;

impl CodeManager {
    /// Finds out what the host allows and maps the first region.
    ///
    /// # Errors
    /// [`CodeError::Forbidden`] names each way of holding code that was tried, and what refused it.
    pub fn new(config: CodeConfig) -> Result<Arc<CodeManager>, CodeError> {
        fork::install();
        icache::register();
        let strategies: &[Strategy] = match config.strategy {
            Some(Strategy::DualMapping) => &[Strategy::DualMapping],
            Some(Strategy::SingleMapping) => &[Strategy::SingleMapping],
            // `perf` looks into a map for anonymous memory only, and a mapping of a memory file is none.
            None if config.profiler == ProfilingStrategy::PerfMap => &[Strategy::SingleMapping],
            None => &[Strategy::DualMapping, Strategy::SingleMapping],
        };
        let region_size = config.region_size.clamp(MIN_REGION, arch::host::MAX_REGION);
        let region_size = os::round_to_page(region_size);
        let mut refusals = Vec::new();
        let _gate = fork::enter();
        for &strategy in strategies {
            match new_region(strategy, region_size, MIN_REGION, None) {
                Ok(region) => {
                    tracing::debug!(%strategy, bytes = region.memory.size(), "code memory");
                    let inner = Inner { regions: vec![region], stub_pages: Vec::new() };
                    return Ok(Arc::new(CodeManager {
                        strategy,
                        region_size,
                        profiler: Profiler::new(config.profiler),
                        code_bytes: AtomicUsize::new(0),
                        inner: Mutex::new(inner),
                    }));
                }
                Err(error) => refusals.push(Refusal { strategy, error }),
            }
        }
        Err(CodeError::Forbidden(refusals))
    }

    /// How code memory is made writable here.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Addresses at which this manager's code can execute now.
    pub fn regions(&self) -> Vec<core::ops::Range<usize>> {
        let _gate = fork::enter();
        self.lock().regions.iter().map(|region| region.start()..region.end()).collect()
    }

    /// How much executable memory there is, and what of it is in use. Looks at every region.
    pub fn memory(&self) -> CodeMemory {
        let _gate = fork::enter();
        let inner = self.lock();
        CodeMemory {
            reserved: inner.regions.iter().map(|region| region.memory.size()).sum(),
            used: inner.regions.iter().map(|region| region.used()).sum(),
            code: self.code_bytes.load(Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `preferred` bytes of pages, or at least `needed`. The caller is inside the fork gate.
    pub(crate) fn allocate(&self, needed: usize, preferred: usize) -> Result<Pages, CodeError> {
        self.lock().allocate(self, needed, preferred)
    }

    /// Places a piece of position-independent code that belongs to no module: a wrapper or runtime stub.
    ///
    /// # Errors
    /// When there is no room, or the process was forked and could not copy its code.
    pub fn publish_stub(self: &Arc<Self>, code: &[u8], name: &str) -> Result<StubCode, CodeError> {
        let _gate = fork::enter();
        let mut inner = self.lock();
        let align = self.code_alignment().max(STUB_ALIGNMENT);
        let len = code.len().max(1).next_multiple_of(align);
        let found =
            inner.stub_pages.iter_mut().find_map(|pages| Some((pages.start, pages.free.allocate(len)?)));
        let address = match found {
            Some((start, offset)) => start + offset,
            None => {
                let pages = inner.allocate(self, len, len.max(STUB_PAGES))?;
                let mut free = FreeList::new(pages.len);
                let offset = free.allocate(len).expect("the pages are large enough");
                inner.stub_pages.push(StubPages {
                    region: pages.region,
                    start: pages.start,
                    len: pages.len,
                    free,
                });
                pages.start + offset
            }
        };
        let region = inner.stub_pages_of(address).region.clone();
        #[allow(unsafe_code)]
        // SAFETY: the range was just allocated, whole pages if pages change access.
        let result =
            unsafe { region.memory.write(address, code.len(), |target| target.copy_from_slice(code)) };
        if let Err(error) = result {
            inner.free_stub(address, len);
            return Err(code_error(error, code.len()));
        }
        icache::synchronize_cores();
        if let Some(profiler) = &self.profiler {
            profiler.add([NamedCode { address, code, name: name.into(), places: Vec::new() }]);
        }
        Ok(StubCode { manager: Arc::clone(self), address, len, code_len: code.len() })
    }

    /// Alignment of anything that is written apart from its neighbours.
    pub(crate) fn code_alignment(&self) -> usize {
        match self.strategy {
            Strategy::DualMapping => 1,
            Strategy::SingleMapping => os::page_size(),
        }
    }
}

impl Inner {
    fn allocate(
        &mut self,
        manager: &CodeManager,
        needed: usize,
        preferred: usize,
    ) -> Result<Pages, CodeError> {
        let needed = os::round_to_page(needed);
        let preferred = os::round_to_page(preferred).max(needed);
        if needed > arch::host::MAX_REGION {
            return Err(CodeError::TooLarge { bytes: needed, limit: arch::host::MAX_REGION });
        }
        for len in [preferred, needed] {
            for region in &self.regions {
                if let Some(start) = region.allocate(len) {
                    return Ok(Pages { region: Arc::clone(region), start, len });
                }
            }
        }
        let hint = self.regions.last().map(|region| region.end());
        let size = preferred.clamp(manager.region_size.max(needed), arch::host::MAX_REGION);
        let region = new_region(manager.strategy, size, needed, hint)
            .map_err(|error| CodeError::OutOfSpace { bytes: needed, error })?;
        let len = preferred.min(region.memory.size());
        let start = region.allocate(len).expect("the region is new");
        self.regions.push(Arc::clone(&region));
        Ok(Pages { region, start, len })
    }

    fn stub_pages_of(&mut self, address: usize) -> &mut StubPages {
        let pages = self
            .stub_pages
            .iter_mut()
            .find(|pages| (pages.start..pages.start + pages.len).contains(&address));
        pages.expect("stubs lie in stub pages")
    }

    fn free_stub(&mut self, address: usize, len: usize) {
        let pages = self.stub_pages_of(address);
        pages.free.free(address - pages.start, len);
        if pages.free.is_unused() {
            pages.region.release(pages.start, pages.len);
            let start = pages.start;
            self.stub_pages.retain(|pages| pages.start != start);
        }
    }
}

/// Maps a region of `size` bytes, or half of it, and so on down to `least`.
fn new_region(
    strategy: Strategy,
    mut size: usize,
    least: usize,
    hint: Option<usize>,
) -> Result<Arc<Region>, OsError> {
    loop {
        match Region::new(strategy, size, hint) {
            Err(error) if error.errno == libc::ENOMEM && size > least => {
                size = os::round_to_page(size / 2).max(os::round_to_page(least));
            }
            result => return result,
        }
    }
}

pub(crate) fn code_error(error: WriteError, bytes: usize) -> CodeError {
    match error {
        WriteError::Orphaned => CodeError::Forked,
        WriteError::Os(error) => CodeError::OutOfSpace { bytes, error },
    }
}

/// A wrapper or runtime stub in code memory, freed when dropped.
///
/// Whoever lets others call the address must keep the handle until nobody is in the code or will call it.
#[derive(Debug)]
pub struct StubCode {
    manager: Arc<CodeManager>,
    address: usize,
    len: usize,
    code_len: usize,
}

impl StubCode {
    /// Its first instruction.
    pub fn address(&self) -> *const u8 {
        core::ptr::with_exposed_provenance(self.address)
    }
    /// Bytes of code.
    pub fn code_bytes(&self) -> usize {
        self.code_len
    }
}

impl Drop for StubCode {
    fn drop(&mut self) {
        let _gate = fork::enter();
        self.manager.lock().free_stub(self.address, self.len);
    }
}
