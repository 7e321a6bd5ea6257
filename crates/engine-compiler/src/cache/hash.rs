//! The hash that a module is known by.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes that are hashed as one, by one thread.
const PIECE: usize = 1 << 20;

/// BLAKE3 of the BLAKE3 hashes of a module's bytes, by pieces of 1 MiB: so several threads can work on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ModuleHash(pub(crate) [u8; 32]);

impl ModuleHash {
    /// The hash of a module's bytes.
    pub fn of(bytes: &[u8]) -> ModuleHash {
        ModuleHash::meanwhile(bytes, false, || ()).0
    }

    /// Hashes a module's bytes while `work` is done; if `helper` is set, on a second thread.
    pub fn meanwhile<R>(bytes: &[u8], helper: bool, work: impl FnOnce() -> R) -> (ModuleHash, R) {
        let next = AtomicUsize::new(0);
        let hashes = Mutex::new(vec![[0; 32]; bytes.len().div_ceil(PIECE)]);
        let run = || {
            while let Some(piece) = bytes.chunks(PIECE).nth(next.fetch_add(1, Ordering::Relaxed)) {
                let hash = *blake3::hash(piece).as_bytes();
                let mut hashes = hashes.lock().unwrap_or_else(PoisonError::into_inner);
                // Pieces are parts of one allocation.
                hashes[(piece.as_ptr().addr() - bytes.as_ptr().addr()) / PIECE] = hash;
            }
        };
        let result = std::thread::scope(|scope| {
            if helper && bytes.len() > PIECE {
                // Without a thread this one does it all.
                let _ = std::thread::Builder::new().name("wasm-hash".to_owned()).spawn_scoped(scope, run);
            }
            let result = work();
            run();
            result
        });
        let hashes = hashes.into_inner().unwrap_or_else(PoisonError::into_inner);
        (ModuleHash(*blake3::hash(hashes.as_flattened()).as_bytes()), result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_change_nothing() {
        let bytes: Vec<u8> = (0..5 * PIECE + 3).map(|i| (i / 1000) as u8).collect();
        for len in [0, 1, PIECE, PIECE + 1, bytes.len()] {
            let bytes = &bytes[..len];
            assert_eq!(ModuleHash::meanwhile(bytes, true, || 7), (ModuleHash::of(bytes), 7));
        }
    }

    #[test]
    fn every_piece_counts() {
        let mut bytes = vec![0; 3 * PIECE];
        let mut seen = vec![ModuleHash::of(&bytes)];
        for at in [0, PIECE - 1, PIECE, 2 * PIECE + 5] {
            bytes[at] ^= 1;
            let hash = ModuleHash::of(&bytes);
            assert!(!seen.contains(&hash));
            seen.push(hash);
        }
    }
}
