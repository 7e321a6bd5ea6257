//! Traps and Wasm backtraces.

use core::fmt;
use engine_codemanager::{MAX_BACKTRACE, TrapInfo};
use engine_decoder::{DefinedFuncIndex, FuncIndex, Module};
use engine_machine::{MAX_TRAP_FRAMES, TrapCode};
use std::sync::Arc;

/// Wasm stopped: why, and where.
///
/// `Display` prints the specification's message; `{:#}` and `Debug` add the backtrace.
#[derive(Clone)]
pub struct Trap {
    code: TrapCode,
    backtrace: Option<WasmBacktrace>,
}

impl Trap {
    /// A trap for a host function to return.
    pub fn new(code: TrapCode) -> Trap {
        Trap { code, backtrace: None }
    }

    pub(crate) fn with_backtrace(code: TrapCode, backtrace: WasmBacktrace) -> Trap {
        Trap { code, backtrace: Some(backtrace) }
    }

    /// Why it stopped.
    pub fn code(&self) -> TrapCode {
        self.code
    }

    /// Where it stopped, unless a host function made the trap.
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.backtrace.as_ref()
    }
}

impl From<TrapCode> for Trap {
    fn from(code: TrapCode) -> Trap {
        Trap::new(code)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.message())?;
        match &self.backtrace {
            Some(backtrace) if f.alternate() && !backtrace.frames().is_empty() => write!(f, "\n{backtrace}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl std::error::Error for Trap {}

/// Wasm frames, innermost first.
#[derive(Clone, Default)]
pub struct WasmBacktrace {
    frames: Arc<[FrameInfo]>,
}

impl WasmBacktrace {
    /// The frames of what stopped an entry; addresses that belong to no Wasm function are left out.
    pub(crate) fn of_trap(info: &TrapInfo) -> WasmBacktrace {
        let (newest, older) = info.frames.split_at(info.newest);
        // An address may be in several functions, all but one of which are inlined there. They count as if they were not.
        let newest = newest.iter().flat_map(|&pc| FrameInfo::at(pc)).take(MAX_TRAP_FRAMES);
        let older = older.iter().flat_map(|&pc| FrameInfo::at(pc));
        let frames = newest.chain(older).take(MAX_BACKTRACE).collect();
        WasmBacktrace { frames }
    }

    /// The frames, innermost first. Of a very deep stack, only the innermost.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm backtrace:")?;
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n{i:>5}: {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One frame of a [`WasmBacktrace`].
#[derive(Clone)]
pub struct FrameInfo {
    module: Arc<Module>,
    func: FuncIndex,
    /// Offset from the first byte of the function's body.
    offset: Option<u32>,
}

impl FrameInfo {
    /// The frames of a code address, innermost first.
    fn at(pc: usize) -> Vec<FrameInfo> {
        let Some(location) = engine_codemanager::lookup(pc) else { return Vec::new() };
        let frame = |func, offset| FrameInfo { module: Arc::clone(&location.module), func, offset };
        match &location.frames[..] {
            [] => vec![frame(location.func, None)],
            frames => frames.iter().map(|&(func, offset)| frame(func, Some(offset))).collect(),
        }
    }

    /// The module's name, from its name section.
    pub fn module_name(&self) -> Option<&str> {
        self.module.names.module.as_deref()
    }

    /// The function's index in its module.
    pub fn func_index(&self) -> FuncIndex {
        self.func
    }

    /// The function's name, from the name section or else the name it is exported under.
    pub fn func_name(&self) -> Option<&str> {
        self.module.func_name(self.func)
    }

    /// Offset of the operator from the first byte of the function's body.
    pub fn func_offset(&self) -> Option<usize> {
        self.offset.map(|offset| offset as usize)
    }

    /// Offset of the operator from the first byte of the module.
    pub fn module_offset(&self) -> Option<usize> {
        let DefinedFuncIndex(defined) = self.module.defined(self.func)?;
        Some(self.module.bodies.get(defined as usize)?.start + self.offset? as usize)
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module_offset() {
            Some(offset) => write!(f, "{offset:#8x} - ")?,
            None => f.write_str("         - ")?,
        }
        write!(f, "{}!", self.module_name().unwrap_or("<unnamed>"))?;
        match self.func_name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "<wasm function {}>", self.func)?,
        }
        match self.offset {
            Some(offset) => write!(f, " + {offset:#x}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
