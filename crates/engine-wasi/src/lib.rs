//! engine-wasi
