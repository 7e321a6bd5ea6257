//! Host references.

use core::any::Any;
use core::fmt;
use std::sync::Arc;

/// A host value that Wasm may hold but not look into. Cheap to clone; clones are the same reference.
///
/// ```
/// use engine_instance::ExternRef;
///
/// let reference = ExternRef::new(String::from("mine"));
/// assert_eq!(reference.downcast_ref::<String>().unwrap(), "mine");
/// assert!(reference.clone().ptr_eq(&reference));
/// ```
#[derive(Clone)]
pub struct ExternRef(Arc<dyn Any + Send + Sync>);

impl ExternRef {
    /// A new reference to a value.
    pub fn new(value: impl Any + Send + Sync) -> ExternRef {
        ExternRef(Arc::new(value))
    }

    /// The value.
    pub fn data(&self) -> &(dyn Any + Send + Sync) {
        &*self.0
    }

    /// The value, if it is a `D`.
    pub fn downcast_ref<D: Any>(&self) -> Option<&D> {
        self.0.downcast_ref()
    }

    /// Whether both are the same reference.
    pub fn ptr_eq(&self, other: &ExternRef) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl fmt::Debug for ExternRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternRef({:p})", Arc::as_ptr(&self.0))
    }
}
