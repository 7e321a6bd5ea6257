//! Initial contents of memories as images that instances map copy on write.
//!
//! Copying a first byte into a fresh memory costs a page and its page tables, four times as much as mapping an image of
//! any size. But an image takes time to make and holds a file descriptor, of which a process may have as few as 1024: a
//! module gets its images at its second instantiation, and only so many modules get any, those with much data more of them.

use core::sync::atomic::{AtomicUsize, Ordering};
use engine_codemanager::DataImage;
use engine_decoder::{ConstOp, DecodedModule, MemoryIndex, MemoryType, SegmentMode};

/// Images in this process.
static IMAGES: AtomicUsize = AtomicUsize::new(0);

/// Most images in a process, for modules with at least so many bytes of data.
const BUDGETS: [(usize, usize); 2] = [(64 << 10, 256), (1, 128)];

/// An image that counts.
pub(crate) struct CountedImage(DataImage);

impl CountedImage {
    fn new(pieces: &[(u64, &[u8])], limit: u64, budget: usize) -> Option<CountedImage> {
        let more = |count| if count < budget { Some(count + 1) } else { None };
        IMAGES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        match DataImage::new(pieces, limit) {
            Ok(image) => Some(CountedImage(image)),
            // Out of bounds, or no file to be had.
            Err(_) => {
                IMAGES.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }

    pub(crate) fn image(&self) -> &DataImage {
        &self.0
    }
}

impl Drop for CountedImage {
    fn drop(&mut self) {
        IMAGES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Images of a module's defined memories, by defined index. A memory without data has none.
pub(crate) type DataImages = Box<[Option<CountedImage>]>;

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
    let (_, budget) = BUDGETS.into_iter().find(|(least, _)| total >= *least)?;
    let memories = &module.memories[module.num_imported_memories as usize..];
    memories
        .iter()
        .zip(&pieces)
        .map(|(ty, pieces)| {
            if pieces.is_empty() {
                return Some(None);
            }
            CountedImage::new(pieces, ty.minimum * MemoryType::PAGE_SIZE, budget).map(Some)
        })
        .collect()
}
