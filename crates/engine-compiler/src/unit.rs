//! Compiling one function, told to whoever listens.

use crate::CompileError;
use crate::state::CompilationState;
use crate::tier::FunctionCompiler;
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex};
use engine_machine::Entry;
use std::time::Instant;
use tracing::Level;

/// The target under which `tracing` is told of single functions, at trace level: a span `unit` for each, and in it an event `compiled` with the function's
/// index in the module (`func`), its `name` in the name section or an empty one, `tier`, `wasm_bytes` of its body, `code_bytes` (0 if it was only validated), and
/// the time in `micros`.
pub const UNIT_TARGET: &str = "engine_compiler::unit";

/// Compiles functions for a module, and tells of them if somebody listens, which is asked once for each piece.
pub(crate) struct Units<'s> {
    state: &'s CompilationState,
    tier: &'static str,
    heard: bool,
}

impl<'s> Units<'s> {
    /// For functions that a tier compiles now.
    pub fn new(state: &'s CompilationState, tier: &'static str) -> Units<'s> {
        Units { state, tier, heard: tracing::enabled!(target: UNIT_TARGET, Level::TRACE) }
    }

    /// Compiles a function.
    #[inline]
    pub fn compile<'a>(
        &self,
        compiler: &mut (dyn FunctionCompiler<'a> + 'a),
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), CompileError> {
        if self.heard {
            self.compile_heard(compiler, decoded, func, body, entry)
        } else {
            compiler.compile(decoded, func, body, entry)
        }
    }

    #[cold]
    fn compile_heard<'a>(
        &self,
        compiler: &mut (dyn FunctionCompiler<'a> + 'a),
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: Body<'a>,
        entry: Entry,
    ) -> Result<(), CompileError> {
        // Not the export's name, which takes a search for each function. Names come behind the code: a module that is still arriving has none.
        let module = self.state.native().module();
        let index = module.func_index(func);
        let name = module.names.functions.get(index).unwrap_or_default();
        let (tier, wasm_bytes) = (self.tier, body.bytes.len());
        let span = tracing::trace_span!(target: UNIT_TARGET, "unit", func = index.0, name, tier, wasm_bytes);
        let _entered = span.enter();
        let start = Instant::now();
        let result = compiler.compile(decoded, func, body, entry);
        let micros = start.elapsed().as_micros() as u64;
        match &result {
            Ok(()) => {
                let code = compiler.batch().functions.last().filter(|function| function.func == index);
                let code_bytes = code.map_or(0, |function| function.code.len());
                tracing::trace!(target: UNIT_TARGET, func = index.0, name, tier, wasm_bytes, code_bytes, micros, "compiled");
            }
            Err(error) => tracing::trace!(target: UNIT_TARGET, func = index.0, name, tier, %error, "failed"),
        }
        result
    }
}
