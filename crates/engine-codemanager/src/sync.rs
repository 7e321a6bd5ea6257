//! What lock-free code is made of. The models in `models` replace this module by one of a model checker's.

pub(crate) use core::hint::spin_loop;
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
pub(crate) use std::sync::Mutex;
pub(crate) use std::thread::yield_now;
