//! Hot functions and loops: where baseline code asks for better code.

use super::entries;
use engine_decoder::DefinedFuncIndex;

entries! {
    /// A function is hot, counted at its entry.
    fn function(runtime, func) {
        // SAFETY: nothing here mutates the instance.
        let instance = runtime.instance();
        instance.module.tier_up(instance.native.flags().memory_access, DefinedFuncIndex(func as u32));
        Ok(0)
    }

    /// A loop is hot: where to go on with the caller's frame, or 0.
    fn hot_loop(runtime, func, wasm_offset) {
        // SAFETY: as above.
        let instance = runtime.instance();
        let mode = instance.native.flags().memory_access;
        let entry = instance.module.tier_up_loop(mode, DefinedFuncIndex(func as u32), wasm_offset as u32);
        Ok(entry.map_or(0, |entry| entry.expose_provenance() as u64))
    }
}
