//! Locks, flags and threads: the standard library's or, with the feature `model`, those of a model checker, which tries the orders in which threads
//! may come (see `models`). `Arc` and `OnceLock` are the standard library's always: nothing here waits for them.

#[cfg(feature = "model")]
pub(crate) use shuttle::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
#[cfg(not(feature = "model"))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
