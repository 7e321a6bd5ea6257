//! Function types shared by all modules of an engine.

use crate::index::SignatureId;
use crate::types::FuncType;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Gives equal function types equal ids, so that compiled code compares types by comparing two integers.
///
/// One per engine; usable from any thread. Ids are counted: each `register` is to be answered by one `release`, and an
/// id means the same type until the last is. Id 0 is never given out: it stands for "no signature".
///
/// Types are equal if they look the same. That is right as long as no concrete reference types ([`HeapType::Concrete`])
/// cross modules: their indices mean something in their own module only.
///
/// [`HeapType::Concrete`]: crate::HeapType::Concrete
///
/// ```
/// use engine_decoder::{FuncType, TypeRegistry, ValType};
/// let registry = TypeRegistry::new();
/// let id = registry.register(&FuncType::new([ValType::I32], []));
/// assert_eq!(registry.register(&FuncType::new([ValType::I32], [])), id);
/// assert_ne!(registry.register(&FuncType::new([ValType::I64], [])), id);
/// ```
#[derive(Debug, Default)]
pub struct TypeRegistry {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    ids: HashMap<Arc<FuncType>, SignatureId>,
    /// By id less one.
    entries: Vec<Entry>,
    /// Ids to be used again.
    free: Vec<SignatureId>,
}

#[derive(Debug)]
struct Entry {
    /// `None` if the id is free.
    ty: Option<Arc<FuncType>>,
    count: u64,
}

impl TypeRegistry {
    /// An empty registry.
    pub fn new() -> TypeRegistry {
        TypeRegistry::default()
    }

    /// The id of a type, counted once more.
    pub fn register(&self, ty: &FuncType) -> SignatureId {
        self.lock().register(ty)
    }

    /// The ids of all types, in order, each counted once more.
    pub fn register_all(&self, types: &[FuncType]) -> Vec<SignatureId> {
        let mut inner = self.lock();
        types.iter().map(|ty| inner.register(ty)).collect()
    }

    /// Takes back one `register` that returned this id. Unknown ids are ignored.
    pub fn release(&self, id: SignatureId) {
        self.lock().release(id);
    }

    /// Takes back one `register` for each of these ids.
    pub fn release_all(&self, ids: &[SignatureId]) {
        let mut inner = self.lock();
        ids.iter().for_each(|&id| inner.release(id));
    }

    /// The type with this id, if there is one.
    pub fn get(&self, id: SignatureId) -> Option<FuncType> {
        self.lock().entry(id)?.ty.as_deref().cloned()
    }

    /// Number of different types.
    pub fn len(&self) -> usize {
        self.lock().ids.len()
    }

    /// Whether there are no types.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half-way, save for want of memory.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn entry(&mut self, id: SignatureId) -> Option<&mut Entry> {
        self.entries.get_mut((id.0 as usize).checked_sub(1)?)
    }

    fn register(&mut self, ty: &FuncType) -> SignatureId {
        if let Some(&id) = self.ids.get(ty) {
            if let Some(entry) = self.entry(id) {
                entry.count += 1;
            }
            return id;
        }
        let ty = Arc::new(ty.clone());
        let entry = Entry { ty: Some(ty.clone()), count: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id.index() - 1] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                SignatureId(self.entries.len() as u32)
            }
        };
        self.ids.insert(ty, id);
        id
    }

    fn release(&mut self, id: SignatureId) {
        let Some(entry) = self.entry(id).filter(|entry| entry.count > 0) else { return };
        entry.count -= 1;
        if entry.count == 0
            && let Some(ty) = entry.ty.take()
        {
            self.ids.remove(&ty);
            self.free.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ValType;

    fn ty(params: usize) -> FuncType {
        FuncType::new(std::iter::repeat_n(ValType::I32, params), [])
    }

    #[test]
    fn ids_are_shared_counted_and_never_zero() {
        let registry = TypeRegistry::new();
        let a = registry.register(&ty(1));
        let b = registry.register(&ty(2));
        assert!(a.0 != 0 && b.0 != 0 && a != b);
        assert_eq!(registry.register(&ty(1)), a);
        registry.release(a);
        assert_eq!(registry.get(a), Some(ty(1)), "still counted once");
        registry.release(a);
        assert_eq!(registry.get(a), None);
        assert_eq!(registry.len(), 1);
        assert_eq!(registry.register(&ty(3)), a, "free ids are used again");
        assert_eq!(registry.get(b), Some(ty(2)));
    }

    #[test]
    fn unknown_ids_are_ignored() {
        let registry = TypeRegistry::new();
        registry.release_all(&[SignatureId(0), SignatureId(9)]);
        assert_eq!(registry.get(SignatureId(0)), None);
        let a = registry.register(&ty(0));
        registry.release_all(&[a, a]);
        assert_eq!(registry.register(&ty(1)), a);
        assert_ne!(registry.register(&ty(2)), a, "released twice, free once");
    }

    #[test]
    fn many_at_once() {
        let registry = TypeRegistry::new();
        let ids = registry.register_all(&[ty(0), ty(1), ty(0)]);
        assert_eq!(ids[0], ids[2]);
        assert_ne!(ids[0], ids[1]);
        registry.release_all(&ids);
        assert!(registry.is_empty());
    }

    #[test]
    fn threads_agree() {
        let registry = TypeRegistry::new();
        let ids: Vec<Vec<SignatureId>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..50).map(|i| registry.register(&ty(i))).collect()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|other| *other == ids[0]));
        assert_eq!(registry.len(), 50);
    }
}
