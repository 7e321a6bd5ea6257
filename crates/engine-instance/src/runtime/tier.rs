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
    fn hot_loop(runtime, func, wasm_offset, outermost) {
        // SAFETY: as above.
        let instance = runtime.instance();
        let mode = instance.native.flags().memory_access;
        let func = DefinedFuncIndex(func as u32);
        let (entry, leavable) =
            instance.module.tier_up_loop(mode, func, wasm_offset as u32, outermost as u32);
        if leavable {
            let counter = instance.module.inner().layout.loop_counter(func);
            // SAFETY: code that asks counts, so that there are counters; they are compiled code's, which waits for us.
            instance.vmctx.field::<u32>(counter).write(u32::MAX);
        }
        Ok(entry.map_or(0, |entry| entry.expose_provenance() as u64))
    }
}
