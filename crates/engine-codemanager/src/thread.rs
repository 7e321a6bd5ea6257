//! What a thread needs to run Wasm: an alternate signal stack, and the end of its stack.
#![allow(unsafe_code)]

use crate::invoke::HOST_STACK_RESERVE;
use crate::os::{self, Access, At};
use crate::signals;
use core::cell::Cell;
use core::ptr;

thread_local! {
    /// What [`stack_end`] returns; 0 before [`init_thread`].
    static STACK_END: Cell<usize> = const { Cell::new(0) };
    /// The alternate stack, if the thread's own was missing or too small.
    static SIGNAL_STACK: Cell<Option<SignalStack>> = const { Cell::new(None) };
}

/// Where Wasm's part of this thread's stack ends: [`HOST_STACK_RESERVE`] above its lowest address (guard excluded). Prepares the
/// thread at the first call.
#[inline]
pub(crate) fn stack_end() -> usize {
    match STACK_END.get() {
        0 => first_stack_end(),
        end => end,
    }
}

#[cold]
fn first_stack_end() -> usize {
    init_thread();
    STACK_END.get()
}

/// Installs the process's trap handlers and gives this thread what it needs to run Wasm. [`invoke`](crate::invoke) does it
/// when needed; hosts call it to choose the moment, for instance before they install handlers of their own.
pub fn init_thread() {
    if STACK_END.get() != 0 {
        return;
    }
    signals::install();
    SIGNAL_STACK.set(SignalStack::install());
    STACK_END.set(find_stack_bottom().saturating_add(HOST_STACK_RESERVE));
}

fn find_stack_bottom() -> usize {
    // SAFETY: an attribute object is initialised by `pthread_getattr_np` and destroyed after use.
    unsafe {
        let mut attributes = core::mem::zeroed();
        let (mut bottom, mut size) = (ptr::null_mut(), 0);
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) == 0 {
            libc::pthread_attr_getstack(&attributes, &mut bottom, &mut size);
            libc::pthread_attr_destroy(&mut attributes);
        }
        // An unknown bottom leaves the limit to the embedder's `max_stack`.
        bottom.addr()
    }
}

/// An alternate signal stack with a guard page below, in use until the thread ends.
struct SignalStack {
    mapping: usize,
    len: usize,
}

/// What handlers of hosts may need as well as ours (which takes a few hundred bytes).
const MIN_SIZE: usize = 64 << 10;

impl SignalStack {
    /// Gives the thread an alternate stack unless it has one that is large enough. On failure the thread keeps what it has: then
    /// only a fault when its stack is already exhausted is fatal.
    fn install() -> Option<SignalStack> {
        // SAFETY: `sigaltstack` reads and writes live objects; the new stack is ours until the thread ends.
        unsafe {
            let mut old: libc::stack_t = core::mem::zeroed();
            libc::sigaltstack(ptr::null(), &mut old);
            if old.ss_flags & libc::SS_DISABLE == 0 && old.ss_size >= MIN_SIZE {
                return None;
            }
            // The kernel says how much the CPU's registers take in a signal frame.
            let frame = libc::getauxval(libc::AT_MINSIGSTKSZ) as usize;
            let guard = os::page_size();
            let len = guard + os::round_to_page(MIN_SIZE + frame);
            let mapping = os::reserve(At::Anywhere, len).ok()?;
            let stack = SignalStack { mapping, len };
            os::protect(mapping + guard, len - guard, Access::ReadWrite).ok()?;
            let new = libc::stack_t {
                ss_sp: ptr::with_exposed_provenance_mut(mapping + guard),
                ss_flags: 0,
                ss_size: len - guard,
            };
            (libc::sigaltstack(&new, ptr::null_mut()) == 0).then_some(stack)
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: nothing runs on the stack: the thread is ending, or the stack was never installed. If somebody put another in
        // its place, that one stays.
        unsafe {
            let mut current: libc::stack_t = core::mem::zeroed();
            libc::sigaltstack(ptr::null(), &mut current);
            if (self.mapping..self.mapping + self.len).contains(&current.ss_sp.addr()) {
                let disable =
                    libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
                libc::sigaltstack(&disable, ptr::null_mut());
            }
            os::unmap(self.mapping, self.len);
        }
    }
}
