//! Initial contents of memories as images that instances map copy on write.
//!
//! An image pays if a module is instantiated again and again and has much data. It holds a file descriptor, so that a
//! module gets its images only at its second instantiation, and only if its data is large.

use engine_codemanager::DataImage;
use engine_decoder::{ConstOp, DecodedModule, MemoryIndex, MemoryType, SegmentMode};

/// Least data, in bytes, for images. Copying less is as fast as mapping it.
const MIN_BYTES: usize = 16 << 10;

/// Images of a module's defined memories, by defined index. A memory without data has none.
pub(crate) type DataImages = Box<[Option<DataImage>]>;

/// The images, if they can stand for all active data segments: in defined memories, at constant offsets, in bounds of
/// the minimum size. (If one segment could trap, those after it must not show.)
pub(crate) fn make(decoded: &DecodedModule) -> Option<DataImages> {
    let module = &*decoded.module;
    let defined = module.memories.len() - module.num_imported_memories as usize;
    let mut pieces: Vec<Vec<(u64, &[u8])>> = vec![Vec::new(); defined];
    let mut total = 0;
    for segment in &module.data {
        let SegmentMode::Active(MemoryIndex(memory), offset) = &segment.mode else { continue };
        let memory = memory.checked_sub(module.num_imported_memories)?;
        let [ConstOp::I32Const(offset)] = *offset.ops else { return None };
        let bytes = &decoded.bytes[segment.bytes.clone()];
        pieces[memory as usize].push((u64::from(offset as u32), bytes));
        total += bytes.len();
    }
    if total < MIN_BYTES {
        return None;
    }
    let memories = &module.memories[module.num_imported_memories as usize..];
    memories
        .iter()
        .zip(&pieces)
        .map(|(ty, pieces)| {
            if pieces.is_empty() {
                return Some(None);
            }
            // Out of bounds, or no file to be had: segments are copied.
            DataImage::new(pieces, ty.minimum * MemoryType::PAGE_SIZE).ok().map(Some)
        })
        .collect()
}
