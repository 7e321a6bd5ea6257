//! Stand-ins for compilers and embedder: a few functions in machine code, and the structures that they expect.
#![allow(unsafe_code, dead_code)]

#[cfg(target_arch = "aarch64")]
mod fake_aarch64;
#[cfg(target_arch = "x86_64")]
mod fake_x64;
#[cfg(target_arch = "aarch64")]
pub use fake_aarch64::*;
#[cfg(target_arch = "x86_64")]
pub use fake_x64::*;

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::AtomicUsize;
use engine_codemanager::*;
use engine_decoder::{DefinedFuncIndex, FuncIndex, FuncType, Module, TypeIndex};
use engine_machine::*;
use std::sync::Arc;

/// A function's code and the facts about it.
#[derive(Clone, Default)]
pub struct Function {
    pub code: Vec<u8>,
    pub calls: Vec<(u32, u32)>,
    pub sites: Vec<Site>,
}

/// A batch of functions, by function index.
pub fn batch(tier: Tier, functions: &[(u32, Function)]) -> CodeBatch {
    let mut batch = CodeBatch::default();
    for (index, function) in functions {
        batch.code.resize(batch.code.len().next_multiple_of(CodeBatch::ALIGNMENT as usize), 0xcc);
        let start = batch.code.len() as u32;
        let (relocations, sites) = (batch.relocations.len() as u32, batch.sites.len() as u32);
        batch.code.extend_from_slice(&function.code);
        batch.relocations.extend(function.calls.iter().map(|&(offset, callee)| Relocation {
            offset,
            target: RelocTarget::Function(FuncIndex(callee)),
        }));
        batch.sites.extend_from_slice(&function.sites);
        batch.functions.push(CompiledFunction {
            func: FuncIndex(*index),
            tier,
            entry: Entry::Function,
            code: start..batch.code.len() as u32,
            relocations: relocations..batch.relocations.len() as u32,
            inlined: 0..0,
            sites: sites..batch.sites.len() as u32,
            loop_headers: 0..0,
            frame_size: 16,
        });
    }
    batch
}

/// A module of `functions` functions, whose bodies are at 1000, 2000, ….
pub fn module(functions: u32) -> Arc<Module> {
    Arc::new(Module {
        types: vec![FuncType::default()],
        functions: vec![TypeIndex(0); functions as usize],
        bodies: (1..=functions as usize).map(|i| i * 1000..i * 1000 + 900).collect(),
        ..Default::default()
    })
}

pub fn flags() -> CodeFlags {
    CodeFlags {
        target: TargetFeatures::detect().unwrap(),
        memory_access: AccessMode::Guarded,
        spectre: false,
        interruptible: true,
        canonicalize_nans: false,
        tier_up_budget: 0,
    }
}

pub const STRATEGIES: [Strategy; 2] = [Strategy::DualMapping, Strategy::SingleMapping];

pub fn manager(strategy: Strategy) -> Arc<CodeManager> {
    CodeManager::new(CodeConfig { strategy: Some(strategy), ..Default::default() }).unwrap()
}

/// A native module with the given functions published.
pub fn native(manager: &Arc<CodeManager>, functions: &[Function]) -> Arc<NativeModule> {
    let native =
        NativeModule::new(manager, module(functions.len() as u32), flags(), 0, WithoutCode::Stop).unwrap();
    let functions: Vec<_> = functions.iter().cloned().enumerate().map(|(i, f)| (i as u32, f)).collect();
    native.publish(&batch(Tier::Baseline, &functions)).unwrap();
    native
}

/// Calls a function that takes nothing and returns a `u32`, in the host's convention.
pub fn call(native: &NativeModule, func: u32) -> u32 {
    let slot = native.slot(DefinedFuncIndex(func));
    // SAFETY: the tests publish such functions.
    unsafe { core::mem::transmute::<*const u8, extern "C" fn() -> u32>(slot)() }
}

/// A store with one instance.
pub struct Store {
    pub context: Box<StoreContext>,
    pub vmctx: Box<VmContext>,
    pub memory: LinearMemory,
    pub entry: StubCode,
    exit: StubCode,
    range: Box<MemoryRange>,
    ranges: Box<[*const MemoryRange; 1]>,
    runtime_entries: Box<[*const u8; 1]>,
    host_entries: Box<[HostEntry; 1]>,
}

pub const NO_STACK_LIMIT: usize = 512 << 10;

impl Store {
    pub fn new(manager: &Arc<CodeManager>, host: HostEntry, data: *mut c_void) -> Store {
        let prefer = AccessMode::Guarded;
        let plan = MemoryPlan { minimum: 65536, maximum: None, shared: false, prefer };
        let memory = LinearMemory::new(plan).unwrap();
        let entry = manager.publish_stub(&entry_wrapper(), "entry").unwrap();
        let exit = manager.publish_stub(&exit_stub(), "exit").unwrap();
        let range = Box::new(memory.range());
        let ranges = Box::new([&raw const *range]);
        let runtime_entries = Box::new([exit.address()]);
        let host_entries = Box::new([host]);
        let mut context = Box::new(StoreContext {
            stack_limit: AtomicUsize::new(0),
            exit_fp: 0,
            activation: ptr::null_mut(),
            host_entries: host_entries.as_ptr(),
            store: data,
            entry_limit: 0,
            trap: TrapRecord::EMPTY,
        });
        let vmctx = Box::new(VmContext {
            store: &mut *context,
            memory0_base: memory.base(),
            runtime_entries: runtime_entries.as_ptr(),
            instance: ptr::null_mut(),
            memory_ranges: ranges.as_ptr(),
            memory_range_count: 1,
        });
        Store { context, vmctx, memory, entry, exit, range, ranges, runtime_entries, host_entries }
    }

    pub fn invoke(&mut self, native: &NativeModule, func: u32, argument: u64) -> Result<u64, Box<TrapInfo>> {
        let vmctx: *mut VmContext = &mut *self.vmctx;
        // SAFETY: the functions and wrappers of the tests fit together.
        unsafe { enter(vmctx, &self.entry, native.slot(DefinedFuncIndex(func)), argument) }
    }
}

/// Enters Wasm; also from host functions, which have no more than a vmctx.
///
/// # Safety
/// All of it is alive.
pub unsafe fn enter(
    vmctx: *mut VmContext,
    entry: &StubCode,
    code: *const u8,
    argument: u64,
) -> Result<u64, Box<TrapInfo>> {
    let mut values = [ValRaw { i64: argument as i64 }];
    // SAFETY: the caller's promise.
    unsafe {
        let wrapper = core::mem::transmute::<*const u8, EntryWrapper>(entry.address());
        invoke((*vmctx).store, wrapper, code, vmctx, values.as_mut_ptr(), NO_STACK_LIMIT)?;
        Ok(values[0].i64 as u64)
    }
}

/// Function index and operator offset of each frame.
pub type Frames = Vec<(u32, Option<u32>)>;

/// What a trap's addresses mean, while the module lives.
pub fn frames(trap: &TrapInfo) -> Frames {
    symbolize(&trap.frames).iter().map(|f| (f.func.0, f.site.map(|site| site.wasm_offset()))).collect()
}

pub unsafe extern "C" fn no_host(_: *mut VmContext, _: u64, _: u64, _: u64, _: u64, _: u64) -> EntryResult {
    EntryResult::ok(0)
}

/// Runs `body` in a forked child and returns its exit status: 0 if it returned.
pub fn in_child(body: impl FnOnce()) -> i32 {
    // SAFETY: the child runs `body` and leaves without unwinding or cleaning up.
    unsafe {
        match libc::fork() {
            0 => {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
                libc::_exit(if result.is_ok() { 0 } else { 101 });
            }
            child => wait(child),
        }
    }
}

/// Waits for a child; its exit status, or its signal plus 1000.
pub fn wait(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 1000 + libc::WTERMSIG(status) }
}
