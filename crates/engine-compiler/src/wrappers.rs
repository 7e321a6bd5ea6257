//! Wrappers by signature, shared by all modules of an engine.

use engine_codemanager::{CodeError, StubCode};
use engine_decoder::FuncType;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Which way a wrapper leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    HostToWasm,
    WasmToHost,
}

/// Wrappers in use. Holds no wrapper alive: the last user's drop frees the code.
#[derive(Default)]
pub(crate) struct WrapperCache {
    maps: [Mutex<HashMap<FuncType, Weak<StubCode>>>; 2],
}

impl WrapperCache {
    /// Wrappers that somebody uses.
    pub fn alive(&self) -> usize {
        let alive = |map: &Mutex<HashMap<_, Weak<_>>>| {
            let map = map.lock().unwrap_or_else(PoisonError::into_inner);
            map.values().filter(|wrapper| wrapper.strong_count() > 0).count()
        };
        self.maps.iter().map(alive).sum()
    }

    /// The wrapper for a signature, made by `make` if there is none. The lock is held meanwhile, so that it is made once:
    /// a wrapper takes microseconds.
    pub fn get(
        &self,
        direction: Direction,
        ty: &FuncType,
        make: impl FnOnce() -> Result<StubCode, CodeError>,
    ) -> Result<Arc<StubCode>, CodeError> {
        let mut map = self.maps[direction as usize].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wrapper) = map.get(ty).and_then(Weak::upgrade) {
            return Ok(wrapper);
        }
        // Dead entries are few as long as new ones are; sweep when the map would grow.
        if map.len() == map.capacity() {
            map.retain(|_, wrapper| wrapper.strong_count() > 0);
        }
        let wrapper = Arc::new(make()?);
        map.insert(ty.clone(), Arc::downgrade(&wrapper));
        Ok(wrapper)
    }
}
