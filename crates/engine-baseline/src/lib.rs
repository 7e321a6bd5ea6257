//! engine-baseline
