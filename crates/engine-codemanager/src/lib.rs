//! engine-codemanager
