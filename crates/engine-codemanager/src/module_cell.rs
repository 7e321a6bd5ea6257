//! A module that code belongs to while the module may still be arriving.

use engine_decoder::Module;
use std::sync::{Arc, OnceLock};

/// A module as far as it is known. Code depends on the sections before the code section alone, so it is compiled and published before the
/// rest is there; whoever asks later, about names and the places of bodies, is told of the whole.
#[derive(Debug)]
pub(crate) struct ModuleCell {
    /// What came before the first body; the whole, if that was there from the start.
    early: Arc<Module>,
    whole: OnceLock<Arc<Module>>,
}

impl ModuleCell {
    pub fn new(early: Arc<Module>) -> ModuleCell {
        ModuleCell { early, whole: OnceLock::new() }
    }

    /// The whole, if it is there by now. Never blocks.
    #[inline]
    pub fn get(&self) -> &Arc<Module> {
        self.whole.get().unwrap_or(&self.early)
    }

    /// Says what the whole is. Counts once.
    pub fn complete(&self, whole: Arc<Module>) {
        let _ = self.whole.set(whole);
    }
}
