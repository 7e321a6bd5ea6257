//! `cargo xtask tidy`: house rules that a machine can check.

use crate::tally::Tally;
use crate::{process, repo};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file, in lines.
const MAX_LINES: usize = 900;
/// How far above an `unsafe` its argument may begin, in lines.
const SAFETY_DISTANCE: usize = 10;

/// A rule that a file breaks.
struct Finding {
    file: PathBuf,
    line: usize,
    rule: &'static str,
    text: String,
}

/// `cargo xtask tidy [--json]`
pub fn main(json: bool) -> Result<Tally> {
    let files = tracked_files()?;
    let mut findings = Vec::new();
    for file in &files {
        let Ok(text) = std::fs::read_to_string(repo::root().join(file)) else { continue };
        check_text(file, &text, &mut findings);
        if file.extension().is_some_and(|e| e == "rs") {
            check_rust(file, &text, &mut findings);
        }
    }
    check_repository(&files, &mut findings)?;

    for finding in &findings {
        if json {
            println!(
                "{}",
                json!({ "file": finding.file, "line": finding.line, "rule": finding.rule, "text": finding.text })
            );
        } else {
            println!("{}:{}: {}: {}", finding.file.display(), finding.line, finding.rule, finding.text);
        }
    }
    if json {
        println!("{}", json!({ "summary": true, "files": files.len(), "failed": findings.len() }));
    } else {
        println!("tidy: {} files, {} findings", files.len(), findings.len());
    }
    Ok(Tally { passed: u64::from(findings.is_empty()), failed: findings.len() as u64, skipped: 0 })
}

/// Every file that is in the repository or could be added to it.
fn tracked_files() -> Result<Vec<PathBuf>> {
    let list = process::output(Command::new("git").current_dir(repo::root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut files: Vec<PathBuf> = list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
        .filter(|file| repo::root().join(file).is_file())
        .collect();
    files.sort();
    Ok(files)
}

/// Words that mean unfinished work, and folders of somebody's machine. Assembled here so that this file passes itself.
fn forbidden() -> [(String, &'static str); 9] {
    let unfinished = "unfinished work";
    let machine = "a path of one machine";
    [
        (["TO", "DO"].concat(), unfinished),
        (["FIX", "ME"].concat(), unfinished),
        (["todo", "!("].concat(), unfinished),
        (["unimplemented", "!("].concat(), unfinished),
        (["dbg", "!("].concat(), unfinished),
        (["/ho", "me/"].concat(), machine),
        (["/wo", "rk/"].concat(), machine),
        (["/ro", "ot/"].concat(), machine),
        (["/Us", "ers/"].concat(), machine),
    ]
}

fn check_text(file: &Path, text: &str, findings: &mut Vec<Finding>) {
    let mut report = |line: usize, rule, text: &str| {
        findings.push(Finding { file: file.to_path_buf(), line, rule, text: text.trim().to_owned() });
    };
    if file == Path::new("LICENSE") || file == Path::new("Cargo.lock") {
        return;
    }
    let forbidden = forbidden();
    for (i, line) in text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            report(i + 1, "trailing space", line);
        }
        for (word, rule) in &forbidden {
            if line.contains(word.as_str()) {
                report(i + 1, rule, line);
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        report(text.lines().count(), "no newline at the end", "");
    }
}

fn check_rust(file: &Path, text: &str, findings: &mut Vec<Finding>) {
    let mut report = |line: usize, rule, text: String| {
        findings.push(Finding { file: file.to_path_buf(), line, rule, text });
    };
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > MAX_LINES {
        report(lines.len(), "too long", format!("{} lines, at most {MAX_LINES}", lines.len()));
    }
    for (i, line) in lines.iter().enumerate() {
        if !uses_unsafe(line) {
            continue;
        }
        let near = &lines[i.saturating_sub(SAFETY_DISTANCE)..=i];
        if !near.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
            report(i + 1, "unsafe without its argument", line.trim().to_owned());
        }
    }
}

/// Whether a line opens an `unsafe` block, implementation or function (in code, not in a comment or an attribute).
fn uses_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or("");
    if code.contains('"') {
        return false;
    }
    let Some((before, after)) = code.split_once(&["un", "safe "].concat()) else { return false };
    let starts_a_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    // A function pointer's type is not a definition: `unsafe extern "C" fn(…)`, `unsafe fn(…)`.
    let after = after.trim_start();
    starts_a_word
        && (after.starts_with('{')
            || after.starts_with("impl")
            || after.strip_prefix("fn").is_some_and(|rest| rest.starts_with(' ')))
}

fn check_repository(files: &[PathBuf], findings: &mut Vec<Finding>) -> Result<()> {
    let mut report = |file: &Path, rule, text: &str| {
        findings.push(Finding { file: file.to_path_buf(), line: 1, rule, text: text.to_owned() });
    };
    let root = repo::root();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();

    if !read("LICENSE").contains("LLVM Exceptions to the Apache 2.0 License") {
        report(Path::new("LICENSE"), "licence", "Apache-2.0 WITH LLVM-exception is missing");
    }
    for name in ["README.md", "ARCHITECTURE.md", "RATIONALE.md"] {
        if read(name).is_empty() {
            report(Path::new(name), "missing document", name);
        }
    }
    let architecture = read("ARCHITECTURE.md");
    for manifest in
        files.iter().filter(|file| file.ends_with("Cargo.toml") && file.parent() != Some(Path::new("")))
    {
        let folder = manifest.parent().context("a manifest lies in a folder")?;
        let text = read(&manifest.to_string_lossy());
        let Some(name) = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        else {
            report(manifest, "manifest", "names no package");
            continue;
        };
        if !architecture.contains(&format!("`{name}`")) && !architecture.contains(&format!("{name} ")) {
            report(Path::new("ARCHITECTURE.md"), "architecture", &format!("`{name}` is not described"));
        }
        if !text.contains("license.workspace = true") {
            report(manifest, "manifest", "the licence is not the workspace's");
        }
        if !text.contains("[lints]\nworkspace = true") {
            report(manifest, "manifest", "the lints are not the workspace's");
        }
        for source in ["src/lib.rs", "src/main.rs"] {
            let source = folder.join(source);
            let text = read(&source.to_string_lossy());
            if !text.is_empty() && !text.starts_with("//!") {
                report(&source, "documentation", "the crate does not say what it is (`//!`)");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<&'static str> {
        let mut findings = Vec::new();
        check_text(Path::new(file), text, &mut findings);
        check_rust(Path::new(file), text, &mut findings);
        findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn clean_text_passes() {
        assert!(rules("a.rs", "//! A.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn unfinished_work_is_found() {
        let text = format!("fn a() {{ {}) }}\n", ["todo", "!("].concat());
        assert_eq!(rules("a.rs", &text), ["unfinished work"]);
    }

    #[test]
    fn trailing_space_is_found() {
        assert_eq!(rules("a.rs", "fn a() {} \n"), ["trailing space"]);
    }

    #[test]
    fn unsafe_needs_an_argument_nearby() {
        let block = ["un", "safe { b() }"].concat();
        assert_eq!(rules("a.rs", &format!("fn a() {{\n{block}\n}}\n")), ["unsafe without its argument"]);
        assert!(rules("a.rs", &format!("fn a() {{\n// SAFETY: b is harmless.\n{block}\n}}\n")).is_empty());
    }

    #[test]
    fn types_of_function_pointers_are_no_definitions() {
        assert!(!uses_unsafe(&["type A = un", "safe fn(u32);"].concat()));
        assert!(uses_unsafe(&["pub un", "safe fn a(x: u32) {}"].concat()));
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(rules("a.rs", &"\n".repeat(MAX_LINES + 1)), ["too long"]);
    }
}
