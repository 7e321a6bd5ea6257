//! Entering Wasm, guest traps, interrupts and backtraces.
#![allow(unsafe_code)]

mod support;

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use engine_codemanager::*;
use engine_decoder::DefinedFuncIndex;
use engine_machine::{EntryResult, TrapCode, VmContext};
use std::sync::Arc;
use support::*;

fn store(manager: &Arc<CodeManager>) -> Store {
    Store::new(manager, no_host, ptr::null_mut())
}

#[test]
fn a_trapping_instruction_returns_its_code_and_frames() {
    for strategy in STRATEGIES {
        let manager = manager(strategy);
        let native = native(&manager, &[unreachable(), calls(0), ends_in_call(1)]);
        let mut store = store(&manager);
        for _ in 0..100 {
            let trap = store.invoke(&native, 2, 0).unwrap_err();
            assert_eq!(trap.code, TrapCode::Unreachable);
            assert_eq!(frames(&trap), [(0, Some(5)), (1, Some(11)), (2, Some(12))]);
            assert_eq!(symbolize(&trap.frames)[1].module_offset(), Some(2011));
            assert_eq!(trap.fault_address, None);
        }
    }
}

#[test]
fn faults_in_a_memory_are_traps_and_loads_inside_work() {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[load()]);
    let mut store = store(&manager);
    // SAFETY: within the memory.
    unsafe { store.memory.base().add(65532).cast::<u32>().write(0x1234) };
    assert_eq!(store.invoke(&native, 0, 65532).unwrap(), 0x1234);
    for address in [65536, 65533, 0xffff_fffc, (1 << 32) + (32 << 20) - 4] {
        let trap = store.invoke(&native, 0, address).unwrap_err();
        assert_eq!((trap.code, frames(&trap)), (TrapCode::MemoryOutOfBounds, vec![(0, Some(7))]));
        let faulted = trap.fault_address.unwrap() - store.memory.base() as usize;
        assert!((address as usize..address as usize + 4).contains(&faulted), "{faulted:#x} for {address:#x}");
    }
    store.memory.grow(65536).unwrap();
    assert_eq!(store.invoke(&native, 0, 65536).unwrap(), 0);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn hardware_division_traps() {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[divide()]);
    let mut store = store(&manager);
    assert_eq!(store.invoke(&native, 0, 7).unwrap(), 14);
    let trap = store.invoke(&native, 0, 0).unwrap_err();
    assert_eq!(trap.code, TrapCode::IntegerDivisionByZero);
    assert_eq!(store.invoke(&native, 0, 50).unwrap(), 2);
}

#[test]
fn every_thread_that_enters_can_trap() {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[unreachable(), load()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut store = Store::new(&manager, no_host, ptr::null_mut());
                for _ in 0..200 {
                    assert_eq!(store.invoke(&native, 0, 0).unwrap_err().code, TrapCode::Unreachable);
                    let trap = store.invoke(&native, 1, 1 << 31).unwrap_err();
                    assert_eq!(trap.code, TrapCode::MemoryOutOfBounds);
                }
            });
        }
    });
}

#[test]
fn endless_recursion_overflows_the_stack_and_leaves_the_limit_as_it_was() {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[checks_stack_and_calls(0)]);
    // On a large stack the limit is the one asked for; on a small one it is the real end less the host's reserve.
    for stack in [2 << 20, 400 << 10] {
        std::thread::scope(|scope| {
            let run = || {
                let mut store = Store::new(&manager, no_host, ptr::null_mut());
                for _ in 0..3 {
                    let trap = store.invoke(&native, 0, 0).unwrap_err();
                    assert_eq!(trap.code, TrapCode::StackOverflow);
                    assert_eq!(trap.frames.len(), engine_machine::MAX_TRAP_FRAMES);
                    assert_eq!(frames(&trap)[..2], [(0, Some(1)), (0, Some(15))]);
                    assert_ne!(store.context.stack_limit.load(Relaxed), usize::MAX);
                }
            };
            std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, run).unwrap();
        });
    }
}

#[test]
fn a_stack_without_room_is_not_entered() {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[unreachable()]);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(128 << 10);
        thread
            .spawn_scoped(scope, || {
                let trap = Store::new(&manager, no_host, ptr::null_mut()).invoke(&native, 0, 0).unwrap_err();
                assert_eq!((trap.code, trap.frames.len()), (TrapCode::StackOverflow, 0));
            })
            .unwrap();
    });
}

#[test]
fn an_interrupt_stops_a_loop_once() {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[polls(), load()]);
    let mut store = store(&manager);
    let limit: &core::sync::atomic::AtomicUsize = &store.context.stack_limit;
    let limit = ptr::from_ref(limit).addr();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // SAFETY: the store outlives the thread; the limit is atomic.
            let limit = unsafe { &*ptr::with_exposed_provenance::<core::sync::atomic::AtomicUsize>(limit) };
            // Only once it is inside, so that it is the loop that sees it.
            loop {
                let seen = limit.load(Relaxed);
                if seen != 0 && limit.compare_exchange(seen, usize::MAX, Relaxed, Relaxed).is_ok() {
                    break;
                }
                std::thread::yield_now();
            }
        });
        let trap = store.invoke(&native, 0, 0).unwrap_err();
        assert_eq!((trap.code, frames(&trap)), (TrapCode::Interrupt, vec![(0, Some(17))]));
    });
    assert_eq!(store.invoke(&native, 1, 0).unwrap(), 0);
    // One that is pending before the entry stops it there.
    store.context.stack_limit.store(usize::MAX, Relaxed);
    assert_eq!(store.invoke(&native, 1, 0).unwrap_err().code, TrapCode::Interrupt);
    assert_eq!(store.invoke(&native, 1, 0).unwrap(), 0);
}

/// What a host function of these tests does, and sees.
struct Host {
    native: Arc<NativeModule>,
    entry: StubCode,
    behaviour: fn(&Host, *mut VmContext, u64) -> EntryResult,
}

unsafe extern "C" fn host(
    vmctx: *mut VmContext,
    argument: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> EntryResult {
    // SAFETY: the tests put a `Host` there.
    unsafe {
        let host = &*(*(*vmctx).store).store.cast::<Host>();
        (host.behaviour)(host, vmctx, argument)
    }
}

/// Runs a function that calls the host, from two Wasm frames up.
fn with_host(
    argument: u64,
    behaviour: fn(&Host, *mut VmContext, u64) -> EntryResult,
) -> Result<u64, (TrapCode, Frames)> {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[calls_host(), calls(0), unreachable(), load()]);
    let entry = manager.publish_stub(&entry_wrapper(), "entry").unwrap();
    let mut data = Host { native: Arc::clone(&native), entry, behaviour };
    let mut store = Store::new(&manager, host, (&raw mut data).cast::<c_void>());
    store.invoke(&native, 1, argument).map_err(|trap| (trap.code, frames(&trap)))
}

fn store_of(vmctx: *mut VmContext) -> *mut engine_machine::StoreContext {
    // SAFETY: alive in these tests.
    unsafe { (*vmctx).store }
}

#[test]
fn host_functions_see_the_frames_below_them() {
    let result = with_host(3, |_, vmctx, argument| {
        // SAFETY: in a host function.
        let frames = symbolize(&unsafe { current_backtrace(store_of(vmctx)) });
        let frames: Vec<_> = frames.iter().map(|f| (f.func.0, f.site.unwrap().wasm_offset())).collect();
        assert_eq!(frames, [(0, 13), (1, 11)]);
        EntryResult::ok(argument + 1)
    });
    assert_eq!(result.unwrap(), 4);
}

#[test]
fn failing_host_functions_and_entries_unwind_with_their_frames() {
    let calls = vec![(0, Some(13)), (1, Some(11))];
    let trap = with_host(0, |_, vmctx, _| {
        // SAFETY: in a host function.
        unsafe { record_host_failure(store_of(vmctx)) };
        EntryResult::FAILED
    });
    assert_eq!(trap, Err((TrapCode::HostError, calls.clone())));
    let trap = with_host(0, |_, vmctx, _| {
        // SAFETY: in a runtime entry.
        unsafe { raise(store_of(vmctx), TrapCode::TableOutOfBounds) };
        EntryResult::FAILED
    });
    assert_eq!(trap, Err((TrapCode::TableOutOfBounds, calls)));
    assert_eq!(with_host(0, |_, _, _| EntryResult::FAILED), Err((TrapCode::HostError, vec![])));
}

#[test]
fn nested_entries_show_all_frames_and_leave_the_outer_one_intact() {
    let result = with_host(5, |host, vmctx, argument| {
        let enter = |func, argument| {
            // SAFETY: all of it is alive.
            unsafe { enter(vmctx, &host.entry, host.native.slot(DefinedFuncIndex(func)), argument) }
        };
        let trap = enter(2, 0).unwrap_err();
        assert_eq!(trap.code, TrapCode::Unreachable);
        assert_eq!(frames(&trap), [(2, Some(5)), (0, Some(13)), (1, Some(11))]);
        assert_eq!(enter(3, 1 << 20).unwrap_err().code, TrapCode::MemoryOutOfBounds);
        assert_eq!(enter(3, 8).unwrap(), 0);
        // SAFETY: in a host function.
        assert_eq!(unsafe { current_backtrace(store_of(vmctx)) }.len(), 2);
        EntryResult::ok(argument * 2)
    });
    assert_eq!(result.unwrap(), 10);
}

#[test]
fn recursion_through_the_host_ends_in_a_trap() {
    let result = with_host(0, |host, vmctx, argument| {
        // SAFETY: all of it is alive.
        let result =
            unsafe { enter(vmctx, &host.entry, host.native.slot(DefinedFuncIndex(0)), argument + 1) };
        match result {
            Ok(depth) => EntryResult::ok(depth),
            Err(trap) => {
                assert_eq!(trap.code, TrapCode::StackOverflow);
                assert_eq!(trap.frames.len(), (argument as usize + 2).min(MAX_BACKTRACE), "one per level");
                EntryResult::ok(argument)
            }
        }
    });
    assert!(result.unwrap() > 50);
}

#[test]
fn an_interrupt_in_a_nested_entry_is_spent_there() {
    let result = with_host(0, |host, vmctx, _| {
        // SAFETY: the store is alive.
        unsafe {
            let limit = (*store_of(vmctx)).stack_limit.swap(usize::MAX, Relaxed);
            let trap = enter(vmctx, &host.entry, host.native.slot(DefinedFuncIndex(3)), 0).unwrap_err();
            assert_eq!(trap.code, TrapCode::Interrupt);
            assert_eq!((*store_of(vmctx)).stack_limit.load(Relaxed), limit);
        }
        EntryResult::ok(77)
    });
    assert_eq!(result.unwrap(), 77);
}
