//! Functions that are compiled when they are first called.

use super::entries;
use engine_decoder::DefinedFuncIndex;

entries! {
    /// Compiles a function of the instance's module and returns where it is: called by the lazy stub, on behalf of a call.
    fn compile_function(runtime, func) {
        // SAFETY: nothing here mutates the instance.
        let instance = runtime.instance();
        let func = DefinedFuncIndex(func as u32);
        instance.module.compile_function(instance.native.flags().memory_access, func)?;
        Ok(instance.native.slot(func) as u64)
    }
}
