//! How many cases passed.

use std::ops::AddAssign;
use std::process::ExitCode;

/// Result of a step: counts of cases. A step without cases of its own counts as one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Cases that did what they should.
    pub passed: u64,
    /// Cases that did not.
    pub failed: u64,
    /// Cases that were not run; each has been named with the reason.
    pub skipped: u64,
}

impl Tally {
    /// One case.
    pub fn one(passed: bool) -> Tally {
        Tally { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
    }
    /// One case that was not run.
    pub fn skipped_one() -> Tally {
        Tally { skipped: 1, ..Tally::default() }
    }
    /// The exit code of a process with these counts.
    pub fn exit_code(self) -> ExitCode {
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
    /// `Err` if anything failed, so that the process does.
    pub fn check(self, what: &str) -> anyhow::Result<()> {
        anyhow::ensure!(self.failed == 0, "{what}: {} failed", self.failed);
        Ok(())
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}
