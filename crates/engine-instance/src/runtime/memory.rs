//! Memory operators.

#![allow(unsafe_code)]

use super::{entries, low};
use crate::instance::drop_segment;
use crate::memory::MemoryData;
use engine_decoder::DataIndex;
use engine_machine::TrapCode;

entries! {
    /// `memory.grow`.
    fn grow(runtime, memory, delta) {
        let memory = runtime.instance().memories[memory as usize];
        Ok(MemoryData::grow(runtime.store, memory, low(delta))?.unwrap_or(u64::MAX))
    }

    /// `memory.init`.
    fn init(runtime, memory, segment, destination, source, length) {
        let instance = runtime.instance();
        let bytes = instance.data_segment(DataIndex(segment as u32));
        let (source, length) = (low(source), low(length));
        let from = bytes.get(source as usize..).and_then(|bytes| bytes.get(..length as usize));
        let to = instance.memories[memory as usize].as_ref().range_ptr(low(destination), length);
        let (from, to) = from.zip(to).ok_or(TrapCode::MemoryOutOfBounds)?;
        to.copy_from_nonoverlapping(from.as_ptr(), from.len());
        Ok(0)
    }

    /// `data.drop`.
    fn data_drop(runtime, segment) {
        drop_segment(&mut (*runtime.instance.as_ptr()).dropped_data, segment as usize);
        Ok(0)
    }
}

entries! {
    through enter_plainly;

    /// `memory.fill`.
    fn fill(runtime, memory, destination, value, length) {
        let memories = &runtime.instance().memories;
        let length = low(length);
        let to = memories.get(memory as usize).and_then(|memory| memory.as_ref().range_ptr(low(destination), length));
        let to = to.ok_or(TrapCode::MemoryOutOfBounds)?;
        to.write_bytes(value as u8, length as usize);
        Ok(0)
    }

    /// `memory.copy`.
    fn copy(runtime, destination_memory, source_memory, destination, source, length) {
        let memories = &runtime.instance().memories;
        let length = low(length);
        let range = |memory: u64, start| memories.get(memory as usize)?.as_ref().range_ptr(low(start), length);
        let from = range(source_memory, source).ok_or(TrapCode::MemoryOutOfBounds)?;
        let to = range(destination_memory, destination).ok_or(TrapCode::MemoryOutOfBounds)?;
        to.copy_from(from, length as usize);
        Ok(0)
    }
}
