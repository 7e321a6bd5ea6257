//! Running specification scripts (`.wast`), as the test suite of the core specification has them.
//!
//! Every command of a script has one [`Verdict`]. With [`Options::leave_out`], modules that need a proposal which is not
//! enabled are left out, together with the commands that use them, and counted under the proposal's name; without it,
//! a module that should load and does not is a failure.
//!
//! ```
//! use engine_cli::wast::{Options, Verdict, run};
//!
//! let script = r#"
//!     (module (func (export "one") (result i32) (i32.const 1)))
//!     (assert_return (invoke "one") (i32.const 1))"#;
//! let report = run("one.wast", script, &Options::default())?;
//! assert!(report.commands.iter().all(|command| command.verdict == Verdict::Passed));
//! # Ok::<(), engine_instance::Error>(())
//! ```

mod script;
mod spectest;
mod values;

use crate::options::EngineOptions;
use engine_instance::{Config, Error, Features, Result};
use script::Script;
use std::collections::BTreeMap;

/// How to run a script.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How code is made.
    pub engine: EngineOptions,
    /// The proposals that modules may use.
    pub features: Features,
    /// Leave out what needs other proposals, instead of failing.
    pub leave_out: bool,
}

impl Options {
    fn config(&self) -> Config {
        let mut config = self.engine.config();
        config.wasm_features(self.features);
        config
    }
}

/// What came of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It did what it should.
    Passed,
    /// It did not; the reason.
    Failed(String),
    /// It was left out, because it needs this proposal.
    LeftOut(String),
}

/// A command of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Line in the script, from 1.
    pub line: usize,
    /// Column in the script, from 1.
    pub column: usize,
    /// What the command is called in scripts, as `assert_return`.
    pub kind: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a script.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Its commands, in order.
    pub commands: Vec<Command>,
}

impl Report {
    /// Number of commands that did what they should.
    pub fn passed(&self) -> usize {
        self.commands.iter().filter(|command| command.verdict == Verdict::Passed).count()
    }
    /// The commands that did not.
    pub fn failures(&self) -> impl Iterator<Item = (&Command, &str)> {
        self.commands.iter().filter_map(|command| match &command.verdict {
            Verdict::Failed(reason) => Some((command, reason.as_str())),
            _ => None,
        })
    }
    /// How many commands were left out, by proposal.
    pub fn left_out(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for command in &self.commands {
            if let Verdict::LeftOut(proposal) = &command.verdict {
                *counts.entry(proposal.as_str()).or_default() += 1;
            }
        }
        counts
    }
}

/// Runs a script. `name` is used in messages only.
///
/// # Errors
/// If the script cannot be parsed or the engine cannot be made. What its commands do is in the report.
pub fn run(name: &str, text: &str, options: &Options) -> Result<Report> {
    let named = |mut error: wast::Error| {
        error.set_path(name.as_ref());
        error.set_text(text);
        Error::msg(error)
    };
    let mut lexer = wast::lexer::Lexer::new(text);
    // Names with confusable characters are part of the test suite.
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).map_err(named)?;
    let parsed: wast::Wast<'_> = wast::parser::parse(&buffer).map_err(named)?;

    let mut script = Script::new(options)?;
    let mut report = Report::default();
    for directive in parsed.directives {
        let (line, column) = directive.span().linecol_in(text);
        let kind = script::kind(&directive);
        let verdict = script.run(directive);
        report.commands.push(Command { line: line + 1, column: column + 1, kind, verdict });
    }
    Ok(report)
}
