//! Faults of the host go to the host's handlers, guest traps do not. Each case in a process of its own.
#![allow(unsafe_code)]

mod support;

use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use engine_codemanager::*;
use engine_machine::TrapCode;
use std::sync::Arc;
use support::*;

static SEEN: AtomicUsize = AtomicUsize::new(0);
static EXPECTED: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Makes the page that faulted accessible, so that the instruction succeeds when it runs again; counts.
unsafe extern "C" fn mends(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: a handler gets valid information; the page is the test's.
    unsafe {
        let page = (*info).si_addr() as usize & !4095;
        if page != EXPECTED.load(Relaxed) || libc::mprotect(page as *mut c_void, 4096, 3) != 0 {
            libc::_exit(102);
        }
    }
    SEEN.fetch_add(1, Relaxed);
}

/// Calls the handler that was there before.
unsafe extern "C" fn chains(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    SEEN.fetch_add(100, Relaxed);
    type Action = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    // SAFETY: stored by `set_handler`, a handler with information.
    unsafe { core::mem::transmute::<usize, Action>(NEXT.load(Relaxed))(signal, info, context) };
}

/// Counts and is used up.
unsafe extern "C" fn counts(_: c_int) {
    SEEN.fetch_add(1, Relaxed);
}

fn set_handler(handler: usize, flags: c_int) -> usize {
    // SAFETY: all-zero is a valid value; the handlers are functions of this test.
    unsafe {
        let (mut action, mut old): (libc::sigaction, libc::sigaction) = core::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, &mut old), 0);
        old.sa_sigaction
    }
}

fn host_fault() {
    // SAFETY: the handler mends the page.
    unsafe {
        let page = libc::mmap(ptr::null_mut(), 4096, 0, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        EXPECTED.store(page as usize, Relaxed);
        page.cast::<u8>().write_volatile(1);
        libc::munmap(page, 4096);
    }
}

fn guest_traps(store: &mut Store, native: &Arc<NativeModule>) {
    let trap = store.invoke(native, 0, 1 << 30).unwrap_err();
    assert_eq!(trap.code, TrapCode::MemoryOutOfBounds);
    assert_eq!(store.invoke(native, 1, 0).unwrap_err().code, TrapCode::Unreachable);
}

fn prepared() -> (Store, Arc<NativeModule>) {
    let manager = manager(Strategy::DualMapping);
    let native = native(&manager, &[load(), unreachable(), loads_elsewhere()]);
    (Store::new(&manager, no_host, ptr::null_mut()), native)
}

#[test]
fn a_handler_installed_before_sees_the_hosts_faults_only() {
    let status = in_child(|| {
        set_handler(mends as *const () as usize, libc::SA_SIGINFO);
        let (mut store, native) = prepared();
        for i in 0..5 {
            guest_traps(&mut store, &native);
            assert!(trap_handlers_in_place());
            host_fault();
            assert_eq!(SEEN.load(Relaxed), i + 1);
        }
    });
    assert_eq!(status, 0);
}

#[test]
fn a_handler_installed_later_sees_everything_and_passes_on_what_is_not_its_own() {
    let status = in_child(|| {
        set_handler(mends as *const () as usize, libc::SA_SIGINFO);
        init_thread();
        NEXT.store(set_handler(chains as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK), Relaxed);
        assert!(!trap_handlers_in_place());
        let (mut store, native) = prepared();
        guest_traps(&mut store, &native);
        assert_eq!(SEEN.load(Relaxed), 100);
        host_fault();
        assert_eq!(SEEN.load(Relaxed), 201);
    });
    assert_eq!(status, 0);
}

#[test]
fn without_a_handler_a_fault_of_the_host_kills() {
    let fault = || {
        set_handler(libc::SIG_DFL, 0);
        let (mut store, native) = prepared();
        guest_traps(&mut store, &native);
        host_fault();
    };
    assert_eq!(in_child(fault), 1000 + libc::SIGSEGV);
    let ignored = || {
        set_handler(libc::SIG_IGN, 0);
        let (mut store, native) = prepared();
        guest_traps(&mut store, &native);
        // SAFETY: a signal that is ignored.
        unsafe { libc::raise(libc::SIGSEGV) };
        guest_traps(&mut store, &native);
        host_fault();
    };
    assert_eq!(in_child(ignored), 1000 + libc::SIGSEGV);
    let sent = || {
        set_handler(libc::SIG_DFL, 0);
        prepared();
        init_thread();
        // SAFETY: a signal that kills.
        unsafe { libc::raise(libc::SIGSEGV) };
    };
    assert_eq!(in_child(sent), 1000 + libc::SIGSEGV);
}

#[test]
fn a_handler_for_one_shot_is_called_once() {
    let status = in_child(|| {
        set_handler(counts as *const () as usize, libc::SA_RESETHAND);
        let (mut store, native) = prepared();
        guest_traps(&mut store, &native);
        // SAFETY: handled the first time, deadly the second.
        unsafe { libc::raise(libc::SIGSEGV) };
        if SEEN.load(Relaxed) != 1 {
            return;
        }
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGSEGV) };
    });
    assert_eq!(status, 1000 + libc::SIGSEGV);
}

#[test]
fn a_fault_at_a_trap_site_outside_of_the_instances_memories_is_not_a_trap() {
    let status = in_child(|| {
        set_handler(libc::SIG_DFL, 0);
        let (mut store, native) = prepared();
        let _ = store.invoke(&native, 2, 0);
    });
    assert_eq!(status, 1000 + libc::SIGSEGV);
}
