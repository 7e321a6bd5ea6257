//! What a store holds apart from the host's data.

use super::{ExternHeap, InterruptHandle, ResourceLimiter, VmStore};
use crate::bail;
use crate::host::HostFuncData;
use crate::instance::InstanceData;
use crate::memory::MemoryData;
use crate::runtime;
use crate::table::TableData;
use crate::trap::{Trap, WasmBacktrace};
use crate::{Engine, Error, ExternRef, Result, Val};
use core::any::Any;
use core::cell::RefCell;
use core::hash::{BuildHasherDefault, Hasher};
use core::num::NonZeroU64;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use engine_codemanager::{StubCode, TrapInfo};
use engine_decoder::{FuncType, SignatureId};
use engine_machine::{EntryWrapper, FuncRef, StoreContext, TrapRecord, ValRaw, VmContext};
use std::collections::HashMap;
use std::sync::Arc;

/// Identity of a store, never used twice in a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StoreId(NonZeroU64);

impl StoreId {
    fn new() -> StoreId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        StoreId(NonZeroU64::new(id).expect("fewer than 2^64 stores"))
    }
}

/// A pointer to something that a store owns, the substance of all handles. The id says whether it may be followed: what
/// it points to lives as long as its store.
pub(crate) struct StorePtr<D> {
    store: StoreId,
    ptr: NonNull<D>,
}

// SAFETY: the pointer is followed only together with a borrow of its store, which synchronises.
unsafe impl<D> Send for StorePtr<D> {}
// SAFETY: as above.
unsafe impl<D> Sync for StorePtr<D> {}

impl<D> Clone for StorePtr<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for StorePtr<D> {}

impl<D> PartialEq for StorePtr<D> {
    fn eq(&self, other: &Self) -> bool {
        self.store == other.store && self.ptr == other.ptr
    }
}

impl<D> Eq for StorePtr<D> {}

impl<D> core::fmt::Debug for StorePtr<D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} of store {}", self.ptr, self.store.0)
    }
}

impl<D> StorePtr<D> {
    /// A handle to something of `store`.
    pub(crate) fn new(store: &StoreOpaque, ptr: NonNull<D>) -> StorePtr<D> {
        StorePtr { store: store.id, ptr }
    }

    /// Whether it belongs to `store`.
    #[inline]
    pub(crate) fn belongs_to(&self, store: &StoreOpaque) -> bool {
        self.store == store.id
    }

    /// The pointer, good for as long as `store` exists. Panics if it belongs to another store.
    #[inline]
    pub(crate) fn get(&self, store: &StoreOpaque) -> NonNull<D> {
        if !self.belongs_to(store) {
            wrong_store();
        }
        self.ptr
    }
}

#[cold]
fn wrong_store() -> ! {
    panic!("object used with the wrong store");
}

/// What a host function left behind when it failed.
pub(crate) enum Pending {
    /// It returned an error.
    Error(Error),
    /// It panicked.
    Panic(Box<dyn Any + Send>),
}

/// What entering a function of some signature takes.
pub(crate) struct EntryInfo {
    pub(crate) ty: FuncType,
    /// Never null.
    pub(crate) wrapper: EntryWrapper,
    _stub: Arc<StubCode>,
}

/// Hashes signature ids, which are small numbers that no guest chooses.
#[derive(Default)]
struct SignatureHasher(u64);

impl Hasher for SignatureHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }
    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Lends the limiter of a store to a closure. Safety: as for [`StoreOpaque::ask_limiter`].
type WithLimiter = unsafe fn(NonNull<StoreOpaque>, &mut dyn FnMut(&mut dyn ResourceLimiter));

/// A store without the host's data. (Public only because traits for host functions mention it.)
pub struct StoreOpaque {
    id: StoreId,
    vm: Arc<VmStore>,
    max_stack: usize,
    pub(crate) pending: Option<Pending>,
    /// Parameters and results of dynamically typed host functions, kept for the next call.
    pub(crate) scratch: Vec<Val>,
    with_limiter: Option<WithLimiter>,
    externs: ExternHeap,
    /// Places in `entries`, by signature.
    entry_numbers: RefCell<HashMap<u32, u32, BuildHasherDefault<SignatureHasher>>>,
    /// Owned like the rest below. `FuncRef::entry` is a place here, plus one.
    entries: RefCell<Vec<NonNull<EntryInfo>>>,
    // Owned, each from `Box::into_raw`; freed in `drop`.
    instances: Vec<NonNull<InstanceData>>,
    memories: Vec<NonNull<MemoryData>>,
    tables: Vec<NonNull<TableData>>,
    host_globals: Vec<NonNull<ValRaw>>,
    host_funcs: Vec<NonNull<HostFuncData>>,
    /// Host functions of linkers that have been used in the store, by the linker's definition.
    linked_funcs: HashMap<*const (), NonNull<FuncRef>>,
    /// Cells of all globals that hold externrefs.
    extern_globals: Vec<NonNull<ValRaw>>,
    /// Signatures registered for host functions of this store, released when it drops.
    signatures: Vec<SignatureId>,
    engine: Engine,
}

impl StoreOpaque {
    pub(super) fn new(engine: &Engine) -> StoreOpaque {
        let vm = VmStore::new(StoreContext {
            stack_limit: AtomicUsize::new(0),
            exit_fp: 0,
            activation: core::ptr::null_mut(),
            host_entries: runtime::HOST_ENTRIES.as_ptr(),
            store: core::ptr::null_mut(),
            entry_limit: 0,
            trap: TrapRecord::EMPTY,
        });
        StoreOpaque {
            id: StoreId::new(),
            vm: Arc::new(vm),
            max_stack: engine.config().max_wasm_stack,
            pending: None,
            scratch: Vec::new(),
            with_limiter: None,
            externs: ExternHeap::new(),
            entry_numbers: RefCell::default(),
            entries: RefCell::default(),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            host_globals: Vec::new(),
            host_funcs: Vec::new(),
            linked_funcs: HashMap::new(),
            extern_globals: Vec::new(),
            signatures: Vec::new(),
            engine: engine.clone(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn vm(&self) -> *mut StoreContext {
        self.vm.as_ptr()
    }

    pub(super) fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(self.vm.clone())
    }

    pub(super) fn set_max_stack(&mut self, bytes: usize) {
        self.max_stack = bytes;
    }

    pub(super) fn set_limiter(&mut self, with_limiter: WithLimiter) {
        self.with_limiter = Some(with_limiter);
    }

    // Ownership. Everything lives until the store drops and never moves.

    pub(crate) fn add_instance(&mut self, instance: Box<InstanceData>) -> NonNull<InstanceData> {
        add(&mut self.instances, instance)
    }

    pub(crate) fn add_memory(&mut self, memory: Box<MemoryData>) -> NonNull<MemoryData> {
        add(&mut self.memories, memory)
    }

    pub(crate) fn add_table(&mut self, table: Box<TableData>) -> NonNull<TableData> {
        add(&mut self.tables, table)
    }

    /// A cell for a global that the host makes.
    pub(crate) fn add_global(&mut self) -> NonNull<ValRaw> {
        add(&mut self.host_globals, Box::new(ValRaw::default()))
    }

    pub(crate) fn add_host_func(&mut self, func: Box<HostFuncData>) -> NonNull<HostFuncData> {
        add(&mut self.host_funcs, func)
    }

    /// Has a cell's externref kept alive.
    pub(crate) fn add_extern_global(&mut self, cell: NonNull<ValRaw>) {
        self.extern_globals.push(cell);
    }

    pub(crate) fn linked_func(&mut self, definition: *const ()) -> Option<NonNull<FuncRef>> {
        self.linked_funcs.get(&definition).copied()
    }

    pub(crate) fn set_linked_func(&mut self, definition: *const (), func: NonNull<FuncRef>) {
        self.linked_funcs.insert(definition, func);
    }

    /// The canonical id of a type, good for as long as the store lives.
    pub(crate) fn register_signature(&mut self, ty: &FuncType) -> SignatureId {
        let id = self.engine.types().register(ty);
        self.signatures.push(id);
        id
    }

    // Entering Wasm.

    /// What entering a function of the store takes. It lives as long as the store. Found once: the function remembers where.
    #[inline]
    pub(crate) fn entry(&self, func: NonNull<FuncRef>) -> Result<NonNull<EntryInfo>> {
        // SAFETY: a `FuncRef` lives as long as its store.
        let number = unsafe { (*func.as_ptr()).entry };
        let known = self.entries.borrow().get((number as usize).wrapping_sub(1)).copied();
        known.map_or_else(|| self.first_entry(func), Ok)
    }

    #[cold]
    fn first_entry(&self, func: NonNull<FuncRef>) -> Result<NonNull<EntryInfo>> {
        // SAFETY: as above; only the thread that has the store reads or writes the number, and nothing borrows the `FuncRef`.
        unsafe {
            let (number, info) = self.entry_of((*func.as_ptr()).signature)?;
            (*func.as_ptr()).entry = number;
            Ok(info)
        }
    }

    /// What entering functions of this signature takes, which some function of the store has, and its number.
    pub(crate) fn entry_of(&self, signature: u32) -> Result<(u32, NonNull<EntryInfo>)> {
        if let Some(&number) = self.entry_numbers.borrow().get(&signature) {
            return Ok((number, self.entries.borrow()[number as usize - 1]));
        }
        let Some(ty) = self.engine.types().get(SignatureId(signature)) else {
            bail!("the function's type is not known to the engine");
        };
        let stub = self.engine.entry_wrapper(&ty)?;
        // SAFETY: the compiler's entry wrappers are `EntryWrapper`s; `_stub` keeps the code as long as the store.
        let wrapper = unsafe { core::mem::transmute::<*const u8, EntryWrapper>(stub.address()) };
        let mut entries = self.entries.borrow_mut();
        let info = add(&mut entries, Box::new(EntryInfo { ty, wrapper, _stub: stub }));
        let number = entries.len() as u32;
        self.entry_numbers.borrow_mut().insert(signature, number);
        Ok((number, info))
    }

    /// The type with this signature, which some function of the store has.
    pub(crate) fn func_type(&self, signature: u32) -> FuncType {
        if let Some(&number) = self.entry_numbers.borrow().get(&signature) {
            // SAFETY: lives as long as the store.
            return unsafe { self.entries.borrow()[number as usize - 1].as_ref() }.ty.clone();
        }
        self.engine.types().get(SignatureId(signature)).unwrap_or_default()
    }

    // Host references.

    /// Makes room for `count` externrefs to be converted, so that none of them is lost to a sweep halfway.
    #[inline]
    pub(crate) fn prepare_externrefs(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let StoreOpaque { externs, extern_globals, tables, vm, .. } = self;
        let dead = externs.prepare(count, |marks| {
            for cell in extern_globals.iter() {
                // SAFETY: cells live as long as the store and hold an externref; no Wasm runs meanwhile.
                marks.mark(unsafe { (*cell.as_ptr()).externref });
            }
            for table in tables.iter() {
                // SAFETY: tables live as long as the store, and nothing refers to them mutably here.
                unsafe { table.as_ref() }.each_extern_word(|word| marks.mark(word));
            }
            // SAFETY: the caller is host code: either no Wasm of the store is active, or it was called from its newest
            // activation, so that `exit_fp` and the activations describe frames of this thread's stack.
            unsafe { each_stack_word(vm.as_ptr(), |word| marks.mark(word)) };
        });
        drop(dead);
    }

    /// The word for a host reference. Room has been [prepared](Self::prepare_externrefs).
    #[inline]
    pub(crate) fn extern_to_raw(&mut self, value: Option<ExternRef>) -> u64 {
        value.map_or(0, |value| u64::from(self.externs.insert(value)))
    }

    /// The host reference that a word means.
    #[inline]
    pub(crate) fn extern_from_raw(&self, word: u64) -> Option<ExternRef> {
        self.externs.get(word).cloned()
    }

    // Limits.

    /// Calls `ask` with the store's limiter and returns its answer, or `default` if there is none.
    ///
    /// # Safety
    /// `store` is valid, with permission to its whole `StoreInner`, and nothing refers to the host's data.
    pub(crate) unsafe fn ask_limiter<R>(
        store: NonNull<StoreOpaque>,
        default: R,
        ask: impl FnOnce(&mut dyn ResourceLimiter) -> R,
    ) -> R {
        // SAFETY: valid by contract.
        let Some(with_limiter) = (unsafe { (*store.as_ptr()).with_limiter }) else {
            return default;
        };
        let mut answer = default;
        let mut ask = Some(ask);
        // SAFETY: set together with a limiter for the right `T`; the rest by contract.
        unsafe {
            with_limiter(store, &mut |limiter| {
                if let Some(ask) = ask.take() {
                    answer = ask(limiter);
                }
            });
        }
        answer
    }

    /// Checks that the store may hold so many more objects.
    ///
    /// # Safety
    /// As for [`ask_limiter`](Self::ask_limiter).
    pub(crate) unsafe fn check_counts(
        store: NonNull<StoreOpaque>,
        instances: usize,
        memories: usize,
        tables: usize,
    ) -> Result<()> {
        // SAFETY: by contract.
        let limits = unsafe {
            Self::ask_limiter(store, None, |limiter| {
                Some((limiter.instances(), limiter.memories(), limiter.tables()))
            })
        };
        let Some((max_instances, max_memories, max_tables)) = limits else {
            return Ok(());
        };
        // SAFETY: by contract; the borrow ends with this function.
        let this = unsafe { store.as_ref() };
        for (what, have, more, max) in [
            ("instances", this.instances.len(), instances, max_instances),
            ("memories", this.memories.len(), memories, max_memories),
            ("tables", this.tables.len(), tables, max_tables),
        ] {
            if more > 0 && have + more > max {
                bail!("resource limit exceeded: a store may hold {max} {what}");
            }
        }
        Ok(())
    }
}

fn add<D>(owned: &mut Vec<NonNull<D>>, value: Box<D>) -> NonNull<D> {
    let ptr = NonNull::from(Box::leak(value));
    owned.push(ptr);
    ptr
}

impl Drop for StoreOpaque {
    fn drop(&mut self) {
        /// # Safety
        /// The pointers come from `add` and are not used again.
        unsafe fn free<D>(owned: &mut Vec<NonNull<D>>) {
            for ptr in owned.drain(..) {
                // SAFETY: by contract.
                drop(unsafe { Box::from_raw(ptr.as_ptr()) });
            }
        }
        // SAFETY: the store's last use; handles cannot be followed without it.
        unsafe {
            // Tables read their definitions, which may be in vmctxs.
            free(&mut self.tables);
            free(&mut self.memories);
            free(&mut self.instances);
            free(&mut self.host_globals);
            free(&mut self.host_funcs);
            free(self.entries.get_mut());
        }
        self.engine.types().release_all(&self.signatures);
    }
}

/// Calls `visit` with every aligned word of the Wasm frames on a store's stack.
///
/// # Safety
/// The caller runs on the thread of the store's newest activation, called by it, or there is none.
unsafe fn each_stack_word(vm: *const StoreContext, mut visit: impl FnMut(u64)) {
    // SAFETY: activations live in frames older than ours. Between the frame pointer with which an activation was left
    // and its entry frame lies stack that is in use.
    unsafe {
        let (mut activation, mut exit_fp) = ((*vm).activation, (*vm).exit_fp);
        while !activation.is_null() {
            let mut address = exit_fp & !7;
            while exit_fp != 0 && address < (*activation).entry_fp {
                visit((address as *const u64).read_volatile());
                address += 8;
            }
            exit_fp = (*activation).previous_exit_fp;
            activation = (*activation).previous_in_store;
        }
    }
}

/// Calls compiled code. Panics of host functions that it calls are resumed here.
///
/// # Errors
/// The trap, or the error of a host function.
///
/// # Safety
/// `store` comes from a mutable borrow of the whole store, which is not used until this returns. `code` and `vmctx` belong
/// to a function of the store whose signature `wrapper` is for; `values` has room for its parameters, which it holds,
/// and for its results.
// In a loop of typed calls its registers are then saved once, not once a call.
#[inline(always)]
pub(crate) unsafe fn call_wasm(
    store: NonNull<StoreOpaque>,
    wrapper: EntryWrapper,
    code: *const u8,
    vmctx: *mut VmContext,
    values: *mut ValRaw,
) -> Result<()> {
    // SAFETY: by contract. The context is an allocation of its own.
    unsafe {
        let vm = (*store.as_ptr()).vm.as_ptr();
        let max_stack = (*store.as_ptr()).max_stack;
        let previous = core::mem::replace(&mut (*vm).store, store.as_ptr().cast());
        let result = engine_codemanager::invoke(vm, wrapper, code, vmctx, values, max_stack);
        (*vm).store = previous;
        match result {
            Ok(()) => Ok(()),
            Err(info) => Err(failure(&mut (*store.as_ptr()).pending, info)),
        }
    }
}

#[cold]
fn failure(pending: &mut Option<Pending>, info: Box<TrapInfo>) -> Error {
    match pending.take() {
        Some(Pending::Panic(payload)) => std::panic::resume_unwind(payload),
        Some(Pending::Error(mut error)) => {
            error.set_backtrace(|| WasmBacktrace::of_trap(&info));
            error
        }
        None => Trap::with_backtrace(info.code, WasmBacktrace::of_trap(&info)).into(),
    }
}
