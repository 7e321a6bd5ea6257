//! Wrappers between host and Wasm, and runtime-entry stubs: position-independent machine code for the target of the flags.

use crate::{Arch, CodeFlags, RuntimeEntry, aarch64, x64};
use engine_decoder::FuncType;

/// Host-to-Wasm wrapper for a signature: an [`EntryWrapper`](crate::EntryWrapper).
pub fn entry_wrapper(flags: &CodeFlags, ty: &FuncType) -> Vec<u8> {
    match flags.target.arch {
        Arch::X64 => x64::stubs::entry_wrapper(flags, ty),
        Arch::Aarch64 => aarch64::stubs::entry_wrapper(flags, ty),
    }
}

/// Wasm-to-host wrapper for a signature: the code of host functions, called with a
/// [`HostFuncContext`](crate::HostFuncContext) as vmctx.
pub fn import_wrapper(flags: &CodeFlags, ty: &FuncType) -> Vec<u8> {
    match flags.target.arch {
        Arch::X64 => x64::stubs::import_wrapper(flags, ty),
        Arch::Aarch64 => aarch64::stubs::import_wrapper(flags, ty),
    }
}

/// What the slots of functions without code lead to, with the defined index of the function in the second scratch register (x86-64: r11,
/// AArch64: x17): calls [`RuntimeEntry::CompileFunction`] with all argument registers saved, and goes on at the address that it returns.
pub fn lazy_stub(flags: &CodeFlags) -> Vec<u8> {
    match flags.target.arch {
        Arch::X64 => x64::stubs::saving_stub(flags, RuntimeEntry::CompileFunction, After::Jump),
        Arch::Aarch64 => aarch64::stubs::saving_stub(flags, RuntimeEntry::CompileFunction, After::Jump),
    }
}

/// Where a stub that saves the argument registers goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// At the address that the runtime entry returns.
    Jump,
    /// Where it was called.
    Return,
}

/// The stub that compiled code calls for a runtime entry.
pub fn runtime_stub(flags: &CodeFlags, entry: RuntimeEntry) -> Vec<u8> {
    match (flags.target.arch, entry) {
        (Arch::X64, RuntimeEntry::TierUp) => x64::stubs::saving_stub(flags, entry, After::Return),
        (Arch::X64, _) => x64::stubs::runtime_stub(flags, entry),
        (Arch::Aarch64, RuntimeEntry::TierUp) => aarch64::stubs::saving_stub(flags, entry, After::Return),
        (Arch::Aarch64, _) => aarch64::stubs::runtime_stub(flags, entry),
    }
}
