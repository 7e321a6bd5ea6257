//! Hot functions and loops: where baseline code asks for better code.

use super::entries;
use crate::instance::InstanceData;
use engine_decoder::{DefinedFuncIndex, FuncIndex};
use engine_machine::CallTargets;

entries! {
    /// A function is hot, counted at its entry.
    fn function(runtime, func) {
        // SAFETY: nothing here mutates the instance.
        let instance = runtime.instance();
        let mode = instance.native.flags().memory_access;
        instance.module.tier_up(mode, DefinedFuncIndex(func as u32), &|targets| note_targets(instance, targets));
        Ok(0)
    }

    /// A loop is hot: where to go on with the caller's frame, or 0.
    fn hot_loop(runtime, func, wasm_offset, outermost) {
        // SAFETY: as above.
        let instance = runtime.instance();
        let mode = instance.native.flags().memory_access;
        let func = DefinedFuncIndex(func as u32);
        let note = &|targets: &_| note_targets(instance, targets);
        let (entry, leavable) =
            instance.module.tier_up_loop(mode, func, wasm_offset as u32, outermost as u32, note);
        if leavable {
            let counter = instance.module.inner().layout.loop_counter(func);
            // SAFETY: code that asks counts, so that there are counters; they are compiled code's, which waits for us.
            instance.vmctx.field::<u32>(counter).write(u32::MAX);
        }
        Ok(entry.map_or(0, |entry| entry.expose_provenance() as u64))
    }
}

/// Adds what the calls of an instance's code have called to what is known of its module.
fn note_targets(instance: &InstanceData, targets: &CallTargets) {
    let layout = &instance.module.inner().layout;
    let count = layout.num_call_targets();
    if count == 0 {
        return;
    }
    // SAFETY: the layout says that the words are there; they are compiled code's, which waits for us.
    let words = unsafe {
        let first = instance.vmctx.field::<u32>(layout.call_targets());
        core::slice::from_raw_parts(first.as_ptr(), count as usize)
    };
    let base = instance.vmctx.as_ptr().addr() as u32;
    let escaped = &instance.module.decoded().module.escaped;
    targets.add(words, |word| -> Option<FuncIndex> {
        let index = layout.escaped_at(word.wrapping_sub(base))?;
        escaped.get(index.0 as usize).copied()
    });
}
