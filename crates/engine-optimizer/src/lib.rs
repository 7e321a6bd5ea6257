//! The optimising tier.
//!
//! This crate owns the SSA graph, its passes, instruction selection, register allocation and emission. It is never
//! needed for correctness: a function that it declines stays in baseline code. It holds nothing yet; the tier arrives
//! with its own design chapter, and the crates around it already speak of more than one [`engine_machine::Tier`].
