//! The passes that can be switched off.

use core::fmt;

macro_rules! passes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A pass of the optimiser that code is right without.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Pass { $($(#[$doc])* $name,)* }

        impl Pass {
            /// All passes, in the order in which they run.
            pub const ALL: &'static [Pass] = &[$(Pass::$name,)*];
            /// Its name, as `--disable-pass` and `--pass` take it.
            pub const fn name(self) -> &'static str {
                match self { $(Pass::$name => $text,)* }
            }
        }
    };
}

passes! {
    /// Small functions are built in place of their calls (`build/inline.rs`).
    Inline = "inline";
    /// Parameters of blocks that are another value (`params.rs`).
    Params = "params";
    /// Branches whose outcome is known on some ways to them (`thread.rs`).
    Thread = "thread";
    /// Small loops get several turns (`unroll.rs`).
    Unroll = "unroll";
    /// Indices that cannot be out of bounds are not checked (`ranges.rs`).
    Ranges = "ranges";
    /// Loads of what is known, and checks of what was checked (`memory.rs`).
    Memory = "memory";
    /// Assignments to globals that nobody can see (`dead_sets.rs`).
    DeadSets = "dead-sets";
    /// Values over calls go to the frame once, and come back once for each region without calls (`spill.rs`).
    Spill = "spill";
    /// Loops end with the block that leaves them (`rotate.rs`).
    Rotate = "rotate";
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no pass of that name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no pass {0:?}")]
pub struct UnknownPass(String);

impl core::str::FromStr for Pass {
    type Err = UnknownPass;
    fn from_str(name: &str) -> Result<Pass, UnknownPass> {
        Pass::ALL.iter().copied().find(|pass| pass.name() == name).ok_or_else(|| UnknownPass(name.to_owned()))
    }
}

/// A set of passes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Passes(u32);

impl Passes {
    /// All of them.
    pub const ALL: Passes = Passes(u32::MAX);

    /// These without one.
    #[must_use]
    pub const fn without(self, pass: Pass) -> Passes {
        Passes(self.0 & !(1 << pass as u32))
    }
    /// Membership.
    pub const fn contains(self, pass: Pass) -> bool {
        self.0 >> pass as u32 & 1 != 0
    }
}

impl Default for Passes {
    fn default() -> Passes {
        Passes::ALL
    }
}
