//! Runtime entries: operators that compiled code leaves to Rust.
//!
//! An entry is called through its stub, on the Wasm stack, with the vmctx of the instance that called. Arguments of 32
//! bits may have anything in their upper halves. Panics (of a limiter, say) and errors stay with the store, and the
//! entry reports failure, which unwinds Wasm; bulk operations check everything before they write anything.

#![allow(unsafe_code)]

mod float;
mod lazy;
mod memory;
mod table;
mod tier;

pub(crate) use table::init_table;

use crate::Error;
use crate::instance::InstanceData;
use crate::store::{Pending, StoreOpaque};
use core::ptr::NonNull;
use engine_machine::{EntryResult, HostEntry, RuntimeEntry, TrapCode, VmContext};
use std::panic::{AssertUnwindSafe, catch_unwind};

const COUNT: usize = RuntimeEntry::ALL.len();

/// The entries, by number.
pub(crate) static HOST_ENTRIES: [HostEntry; COUNT] = {
    let mut table: [HostEntry; COUNT] = [memory::grow; COUNT];
    let mut i = 0;
    while i < COUNT {
        table[i] = function(RuntimeEntry::ALL[i]);
        i += 1;
    }
    table
};

const fn function(entry: RuntimeEntry) -> HostEntry {
    match entry {
        RuntimeEntry::MemoryGrow => memory::grow,
        RuntimeEntry::MemoryFill => memory::fill,
        RuntimeEntry::MemoryCopy => memory::copy,
        RuntimeEntry::MemoryInit => memory::init,
        RuntimeEntry::DataDrop => memory::data_drop,
        RuntimeEntry::TableGet => table::get,
        RuntimeEntry::TableSet => table::set,
        RuntimeEntry::TableGrow => table::grow,
        RuntimeEntry::TableFill => table::fill,
        RuntimeEntry::TableCopy => table::copy,
        RuntimeEntry::TableInit => table::init,
        RuntimeEntry::ElemDrop => table::elem_drop,
        RuntimeEntry::CompileFunction => lazy::compile_function,
        RuntimeEntry::TierUp => tier::function,
        RuntimeEntry::TierUpLoop => tier::hot_loop,
        RuntimeEntry::F32Ceil => float::f32_ceil,
        RuntimeEntry::F32Floor => float::f32_floor,
        RuntimeEntry::F32Trunc => float::f32_trunc,
        RuntimeEntry::F32Nearest => float::f32_nearest,
        RuntimeEntry::F64Ceil => float::f64_ceil,
        RuntimeEntry::F64Floor => float::f64_floor,
        RuntimeEntry::F64Trunc => float::f64_trunc,
        RuntimeEntry::F64Nearest => float::f64_nearest,
    }
}

/// Why an entry fails.
enum Failure {
    Trap(TrapCode),
    Error(Error),
}

impl From<TrapCode> for Failure {
    fn from(code: TrapCode) -> Failure {
        Failure::Trap(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

/// Where an entry finds things. Pointers, since the limiter may run in between.
#[derive(Clone, Copy)]
struct Runtime {
    store: NonNull<StoreOpaque>,
    instance: NonNull<InstanceData>,
}

impl Runtime {
    /// The calling instance.
    ///
    /// # Safety
    /// Nothing mutates it while the reference is used.
    #[inline]
    unsafe fn instance<'a>(self) -> &'a InstanceData {
        // SAFETY: lives as long as the store; the rest by contract.
        unsafe { self.instance.as_ref() }
    }
}

/// Runs the body of an entry.
///
/// # Safety
/// `vmctx` is an instance's, whose Wasm code has called an entry.
unsafe fn enter(vmctx: *mut VmContext, body: impl FnOnce(Runtime) -> Result<u64, Failure>) -> EntryResult {
    // SAFETY: by contract; a call under way has left a pointer to the store in its context, which nothing else uses until
    // we return, and instances are recorded in their vmctxs.
    let (vm, runtime) = unsafe {
        let vm = (*vmctx).store;
        let store = NonNull::new_unchecked((*vm).store.cast::<StoreOpaque>());
        (vm, Runtime { store, instance: NonNull::new_unchecked((*vmctx).instance.cast()) })
    };
    // Entries leave nothing inconsistent when a limiter panics; the panic goes on to the host.
    let pending = match catch_unwind(AssertUnwindSafe(|| body(runtime))) {
        Ok(Ok(value)) => return EntryResult::ok(value),
        Ok(Err(Failure::Trap(code))) => {
            // SAFETY: called by Wasm, so that there is an activation.
            unsafe { engine_codemanager::raise(vm, code) };
            return EntryResult::FAILED;
        }
        Ok(Err(Failure::Error(error))) => Pending::Error(error),
        Err(payload) => Pending::Panic(payload),
    };
    // SAFETY: as above; the borrows of `body` have ended.
    unsafe {
        (*runtime.store.as_ptr()).pending = Some(pending);
        engine_codemanager::record_host_failure(vm);
    }
    EntryResult::FAILED
}

/// Runs the body of an entry that does next to nothing, for which catching panics would be most of the work: it must not panic (the process
/// would end).
///
/// # Safety
/// As for [`enter`].
#[inline]
unsafe fn enter_plainly(
    vmctx: *mut VmContext,
    body: impl FnOnce(Runtime) -> Result<u64, TrapCode>,
) -> EntryResult {
    // SAFETY: as in `enter`.
    let (vm, runtime) = unsafe {
        let vm = (*vmctx).store;
        let store = NonNull::new_unchecked((*vm).store.cast::<StoreOpaque>());
        (vm, Runtime { store, instance: NonNull::new_unchecked((*vmctx).instance.cast()) })
    };
    match body(runtime) {
        Ok(value) => EntryResult::ok(value),
        Err(code) => {
            // SAFETY: called by Wasm, so that there is an activation.
            unsafe { engine_codemanager::raise(vm, code) };
            EntryResult::FAILED
        }
    }
}

/// Declares entries: each gets the runtime and its arguments. `through enter_plainly;` before them makes them such.
macro_rules! entries {
    ($(#[$doc:meta])* fn $($entries:tt)*) => {
        $crate::runtime::entries! { through enter; $(#[$doc])* fn $($entries)* }
    };
    (through $enter:ident; $($(#[$doc:meta])* fn $name:ident($runtime:ident $(, $arg:ident)*) $body:block)*) => {$(
        $(#[$doc])*
        pub(super) unsafe extern "C" fn $name(
            vmctx: *mut engine_machine::VmContext,
            a: u64,
            b: u64,
            c: u64,
            d: u64,
            e: u64,
        ) -> engine_machine::EntryResult {
            // SAFETY: called by a runtime-entry stub, on behalf of compiled code of the vmctx's instance.
            unsafe {
                $crate::runtime::$enter(vmctx, |$runtime| {
                    #[allow(unused_variables)]
                    let [$($arg,)* ..] = [a, b, c, d, e];
                    $body
                })
            }
        }
    )*};
}
use entries;

/// The 32-bit number in an argument, for offsets, lengths and indices.
#[inline]
fn low(argument: u64) -> u64 {
    u64::from(argument as u32)
}
