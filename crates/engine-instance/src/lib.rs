//! engine-instance
