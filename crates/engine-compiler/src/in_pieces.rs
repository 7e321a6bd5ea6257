//! All functions of a module, on several threads, in pieces that are put together in order.

use crate::{CompileError, HELP_BYTES};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use engine_decoder::{DecodedModule, DefinedFuncIndex};
use std::sync::{Mutex, PoisonError};

/// Bytes of bodies in a piece.
const PIECE_BYTES: usize = 256 << 10;

/// Calls `work` with every piece and returns what it gave, in order.
///
/// # Errors
/// That of the first piece that has one. Pieces are begun in order, and none after a failure: so those before it are all done.
pub(crate) fn compile<R: Send>(
    decoded: &DecodedModule,
    threads: usize,
    work: impl Fn(&mut dyn ExactSizeIterator<Item = DefinedFuncIndex>) -> Result<R, CompileError> + Sync,
) -> Result<Vec<R>, CompileError> {
    let bodies = &decoded.module.bodies;
    let mut pieces: Vec<Range<u32>> = Vec::new();
    let mut bytes = PIECE_BYTES;
    for (i, body) in (0..).zip(bodies) {
        match pieces.last_mut() {
            Some(piece) if bytes < PIECE_BYTES => piece.end = i + 1,
            _ => {
                pieces.push(i..i + 1);
                bytes = 0;
            }
        }
        bytes += body.len();
    }

    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(pieces.len()));
    let run = || {
        while !failed.load(Ordering::Relaxed)
            && let i = next.fetch_add(1, Ordering::Relaxed)
            && let Some(piece) = pieces.get(i)
        {
            let result = work(&mut piece.clone().map(DefinedFuncIndex));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
        }
    };
    std::thread::scope(|scope| {
        let helpers = decoded.module.code_section.len() / HELP_BYTES;
        for _ in 1..threads.min(helpers) {
            // Without a thread the others do the work, in the end this one.
            let _ = std::thread::Builder::new().name("wasm-compile".to_owned()).spawn_scoped(scope, run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}
