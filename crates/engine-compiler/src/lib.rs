//! engine-compiler
