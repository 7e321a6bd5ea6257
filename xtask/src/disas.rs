//! `cargo xtask disas`: golden tests of machine code.
//!
//! A test is a module in text form below `tests/disas/TIER/CPU/`, with the code that is expected for it in comments
//! (`;;`) at its end. Comments at its beginning may change how it is compiled:
//!
//! ```text
//! ;;! cpu = native-like feature list, as: sse4.1, popcnt      (none unless named)
//! ;;! memory = checked                                         (guarded unless named)
//! ```

use crate::repo;
use crate::tally::Tally;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use engine_cli::objdump::{DumpOptions, dump};
use engine_cli::options::Tier;
use engine_machine::{AccessMode, Arch, Entry, TargetFeatures};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `cargo xtask disas`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Only tests whose path contains this
    pub filter: Option<String>,
}

/// `cargo xtask disas`
pub fn main(args: &Args, json: bool) -> Result<Tally> {
    let bless = std::env::var_os("BLESS").is_some_and(|value| value != "0");
    let mut tally = Tally::default();
    let files: Vec<PathBuf> = repo::files_below(&repo::root().join("tests/disas"), &["wat"])
        .into_iter()
        .filter(|file| {
            args.filter.as_ref().is_none_or(|filter| repo::relative(file).to_string_lossy().contains(filter))
        })
        .collect();
    ensure!(!files.is_empty(), "no golden test is named so");
    for file in &files {
        let result = check(file, bless);
        let passed = result.is_ok();
        if json {
            println!("{}", json!({ "file": repo::relative(file), "passed": passed }));
        }
        if let Err(error) = result {
            let name = repo::relative(file).display();
            eprintln!("{name}: {error:#}");
            eprintln!(
                "    to run it alone: cargo xtask disas {name}; to accept: BLESS=1 cargo xtask disas {name}"
            );
        }
        tally += Tally::one(passed);
    }
    if json {
        println!("{}", json!({ "summary": true, "passed": tally.passed, "failed": tally.failed }));
    } else {
        println!("disas: {tally}");
    }
    Ok(tally)
}

fn check(file: &Path, bless: bool) -> Result<()> {
    let text = std::fs::read_to_string(file)?;
    let (module, expected) = split(&text);
    let bytes = wat::parse_str(module).map_err(|mut error| {
        error.set_path(repo::relative(file));
        anyhow!("{error}")
    })?;
    let listings = dump(&bytes, &options(file, module)?, None).map_err(|error| anyhow!("{error:#}"))?;
    let found: String = listings.iter().map(|listing| format!("{listing}\n")).collect();
    let found = found.trim_end();
    if found == expected {
        return Ok(());
    }
    if bless {
        let mut golden = format!("{}\n", module.trim_end());
        for line in found.lines() {
            golden.push_str(format!("\n;; {line}").trim_end());
        }
        golden.push('\n');
        return std::fs::write(file, golden).context("writing what was found");
    }
    bail!("the code is not as expected:\n{}", diff(&expected, found));
}

/// The module, and the expected code without its comment signs.
fn split(text: &str) -> (&str, String) {
    let mut start = text.len();
    for line in text.lines().rev() {
        let from = line.as_ptr() as usize - text.as_ptr() as usize;
        if line.starts_with(";;") && !line.starts_with(";;!") || line.is_empty() {
            start = from;
        } else {
            break;
        }
    }
    let lines = text[start..].lines().map(|line| line.strip_prefix(";;").unwrap_or(line));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    (&text[..start], lines.join("\n").trim().to_owned())
}

fn options(file: &Path, module: &str) -> Result<DumpOptions> {
    let cpu = file.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let arch = match cpu {
        Some("x64") => Arch::X64,
        Some("aarch64") => Arch::Aarch64,
        _ => bail!("a golden test lies in a folder named for its CPU: x64 or aarch64"),
    };
    let mut options = DumpOptions::floor(arch);
    let tier = file.parent().and_then(Path::parent).and_then(Path::file_name).and_then(|name| name.to_str());
    options.tier = match tier {
        Some("baseline") => Tier::Baseline,
        Some("optimizer") => Tier::Optimized,
        _ => bail!("a folder of golden tests is named for its tier: baseline or optimizer"),
    };
    for line in module.lines().filter_map(|line| line.strip_prefix(";;!")) {
        let (key, value) = line.split_once('=').context("options are written `;;! key = value`")?;
        match (key.trim(), value.trim()) {
            ("memory", "checked") => options.flags.memory_access = AccessMode::Checked,
            ("spectre", "off") => options.flags.spectre = false,
            ("interruptible", "off") => options.flags.interruptible = false,
            ("tier-up", budget) => options.flags.tier_up_budget = budget.parse()?,
            ("loop", offset) => options.entry = Entry::Loop { wasm_offset: offset.parse()? },
            ("nans", "canonical") => options.flags.canonicalize_nans = true,
            ("cpu", list) => {
                list.split(',').try_for_each(|name| enable(&mut options.flags.target, name.trim()))?
            }
            (key, value) => bail!("unknown option `{key} = {value}`"),
        }
    }
    Ok(options)
}

fn enable(target: &mut TargetFeatures, name: &str) -> Result<()> {
    let feature = match name {
        "sse4.1" => &mut target.sse41,
        "popcnt" => &mut target.popcnt,
        "lzcnt" => &mut target.lzcnt,
        "bmi1" => &mut target.bmi1,
        "bmi2" => &mut target.bmi2,
        "avx" => &mut target.avx,
        _ => bail!("unknown CPU feature {name:?}"),
    };
    *feature = true;
    Ok(())
}

/// Lines of both, those that differ marked: a longest common subsequence by dynamic programming, which is fine for the
/// sizes of golden tests.
fn diff(expected: &str, found: &str) -> String {
    let old: Vec<&str> = expected.lines().collect();
    let new: Vec<&str> = found.lines().collect();
    let width = new.len() + 1;
    let mut common = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < old.len() || j < new.len() {
        let (sign, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]
        {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        text.push(sign);
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expectation_is_the_comment_at_the_end() {
        let (module, expected) = split(";;! memory = checked\n(module)\n\n;; function 0:\n;;   ret\n");
        assert_eq!(module, ";;! memory = checked\n(module)\n");
        assert_eq!(expected, "function 0:\n  ret");
    }

    #[test]
    fn a_new_test_expects_nothing() {
        assert_eq!(split("(module)\n"), ("(module)\n", String::new()));
    }

    #[test]
    fn differences_are_marked() {
        assert_eq!(diff("a\nb\nc", "a\nx\nc"), " a\n-b\n+x\n c\n");
        assert_eq!(diff("", "a"), "+a\n");
    }
}
