//! Who is measured: the engine in its tiers and memory modes, and other engines.

use crate::{process, repo};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A way of running WASI commands.
pub struct Contestant {
    /// Its name.
    pub name: String,
    /// Program and first arguments, to which the module and its arguments are added.
    words: Vec<String>,
    /// Command that compiles a module to a file, which is then run in its place: the file's name and the module's are added. What it takes is not measured.
    precompile: Option<Vec<String>>,
}

impl Contestant {
    /// The engine with these options of `engine run`.
    pub fn ours(name: &str, engine: &Path, options: &[&str]) -> Contestant {
        let first = [engine.display().to_string(), "run".to_owned()];
        let options = options.iter().map(|option| (*option).to_owned());
        let words = first.into_iter().chain(options).collect();
        Contestant { name: name.to_owned(), words, precompile: None }
    }

    /// The engine with modules that are compiled beforehand, with these options of `engine compile`.
    pub fn ours_precompiled(name: &str, engine: &Path, options: &[&str]) -> Contestant {
        let mut words = vec![engine.display().to_string(), "compile".to_owned()];
        words.extend(options.iter().map(|option| (*option).to_owned()));
        words.push("-o".to_owned());
        Contestant { precompile: Some(words), ..Contestant::ours(name, engine, options) }
    }

    /// What is to be run for a module: the module, or what it is compiled to now.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub fn prepare(&self, wasm: &Path) -> Result<PathBuf> {
        let Some(words) = &self.precompile else { return Ok(wasm.to_owned()) };
        let dir = repo::root().join("target").join("bench").join("precompiled");
        std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        let stem = wasm.file_stem().unwrap_or_default().to_string_lossy();
        let file = dir.join(format!("{stem}.{}.cwasm", self.name));
        let mut compile = command(words);
        let output = compile.arg(&file).arg(wasm).output().context("starting a compiler")?;
        ensure!(
            output.status.success(),
            "`{}`: {}",
            process::show(&compile),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(file)
    }

    /// The command that runs what was prepared.
    pub fn command(&self, prepared: &Path) -> Command {
        let mut command = command(&self.words);
        command.arg(prepared);
        command
    }
}

/// A command of these words, of which there must be one.
pub fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Which other engines are measured.
#[derive(Clone, Debug, clap::Args)]
pub struct PeerArgs {
    /// Another engine: a name, and the command to which module and arguments are added. May be repeated. Without any, those
    /// of wasmtime, node and wasmer that are on PATH
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    peers: Vec<String>,
    /// Measure no other engine
    #[arg(long, conflicts_with = "peers")]
    pub no_peers: bool,
}

impl PeerArgs {
    /// The engines that were asked for and are there. Each that is not is named with a line.
    ///
    /// # Errors
    /// If a peer is not written as `NAME=COMMAND`.
    pub fn find(&self) -> Result<Vec<Contestant>> {
        if self.no_peers {
            return Ok(Vec::new());
        }
        let asked = self.peers.iter().map(|peer| parse(peer)).collect::<Result<Vec<_>>>()?;
        let all = if asked.is_empty() { known() } else { asked };
        Ok(all.into_iter().filter(present).collect())
    }
}

fn parse(peer: &str) -> Result<Contestant> {
    let usage = || format!("a peer is written NAME=COMMAND, not `{peer}`");
    let (name, command) = peer.split_once('=').with_context(usage)?;
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    ensure!(!name.is_empty() && !words.is_empty(), usage());
    Ok(Contestant { name: name.to_owned(), words, precompile: None })
}

/// Engines that are measured if they are there, without caches of compiled code.
fn known() -> Vec<Contestant> {
    let runner = repo::root().join("xtask/src/wasi.mjs").display().to_string();
    let known: [(&str, &[&str]); 3] = [
        ("wasmtime", &["run", "-C", "cache=n"]),
        ("node", &["--no-warnings", &runner]),
        ("wasmer", &["run"]),
    ];
    let contestant = |(name, first): (&str, &[&str])| {
        let words = std::iter::once(&name).chain(first).map(|word| (*word).to_owned()).collect();
        Contestant { name: name.to_owned(), words, precompile: None }
    };
    known.into_iter().map(contestant).collect()
}

/// wasmtime with modules that are compiled beforehand, if it is there.
pub fn wasmtime_precompiled() -> Option<Contestant> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let contestant = Contestant {
        name: "wasmtime-precompiled".to_owned(),
        words: words(&["wasmtime", "run", "--allow-precompiled"]),
        precompile: Some(words(&["wasmtime", "compile", "-o"])),
    };
    present(&contestant).then_some(contestant)
}

/// wasmtime's optimising compiler, which is Cranelift, on one thread, if it is there: what a module is added to.
pub fn cranelift_compiler() -> Option<Contestant> {
    let file = repo::root().join("target").join("bench").join("cranelift.cwasm").display().to_string();
    let words = ["wasmtime", "compile", "-C", "parallel-compilation=n", "-o", &file];
    let words = words.map(str::to_owned).to_vec();
    let contestant = Contestant { name: "cranelift".to_owned(), words, precompile: None };
    present(&contestant).then_some(contestant)
}

fn present(peer: &Contestant) -> bool {
    let program = &peer.words[0];
    if Path::new(program).is_file() || process::find_on_path(program).is_some() {
        return true;
    }
    eprintln!("{}: skipped, as there is no `{program}`", peer.name);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_a_name_and_a_command() {
        let peer = parse("fast=engine run --quick").unwrap();
        assert_eq!((peer.name.as_str(), peer.words.len()), ("fast", 3));
        for wrong in ["engine", "=engine", "fast=", "fast= "] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn absent_peers_are_left_out() {
        let args = PeerArgs { peers: vec!["a=no-such-program-anywhere".to_owned()], no_peers: false };
        assert!(args.find().unwrap().is_empty());
    }
}
