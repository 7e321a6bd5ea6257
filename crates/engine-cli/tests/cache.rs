//! `engine run --cache` and `engine compile -o`, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("engine-cache-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path
    }
    fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }
    /// Files in the cache with their lengths.
    fn entries(&self) -> Vec<(PathBuf, u64)> {
        let Ok(files) = fs::read_dir(self.cache()) else { return Vec::new() };
        files
            .flatten()
            .map(|file| (file.path(), file.metadata().map_or(0, |metadata| metadata.len())))
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn engine() -> Command {
    Command::new(env!("CARGO_BIN_EXE_engine"))
}

/// `engine run --cache=DIR`, with arguments before the file's name.
fn cached(cache: &Path, arguments: &[&str], file: &Path) -> Command {
    let mut command = engine();
    command.arg("run").arg(format!("--cache={}", cache.display())).args(arguments).arg(file);
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// A module of which `all` calls each of many functions.
fn many_functions(count: usize) -> Vec<u8> {
    let mut text = String::from("(module (func (export \"all\") (result i32) i32.const 0\n");
    for i in 1..=count {
        text += &format!("call {i}\n");
    }
    text += ")";
    for i in 0..count {
        text += "(func (param i32) (result i32) local.get 0\n";
        for j in 0..32 {
            text += &format!(
                "i32.const {} i32.xor i32.const {} i32.mul i32.const {j} i32.rotl\n",
                i * 7919 + j,
                2 * i + 1
            );
        }
        text += ")\n";
    }
    text += ")";
    wat::parse_str(text).unwrap()
}

#[test]
fn the_second_run_finds_what_the_first_one_left() {
    let folder = Folder::new("twice");
    let module = folder.file("many.wasm", many_functions(50));
    let run = || output(&mut cached(&folder.cache(), &["--invoke=all"], &module));
    let first = run();
    assert_eq!(first.0, Some(0), "{}", first.2);
    let entries = folder.entries();
    assert!(matches!(&entries[..], [(path, 1..)] if path.extension().unwrap() == "cwasm"), "{entries:?}");
    assert_eq!(run(), first);
    assert_eq!(folder.entries(), entries);
}

#[test]
fn the_default_folder_is_the_user_s() {
    let folder = Folder::new("xdg");
    let module = folder.file("many.wasm", many_functions(3));
    let run = |variables: &[(&str, &Path)]| {
        let mut command = engine();
        command
            .args(["run", "--cache", "--invoke=all"])
            .arg(&module)
            .env_remove("XDG_CACHE_HOME")
            .env_remove("HOME");
        output(command.envs(variables.iter().copied()))
    };
    let count = |dir: &str| fs::read_dir(folder.0.join(dir)).unwrap().count();
    let (xdg, home) = (folder.0.join("xdg"), folder.0.join("home"));
    assert_eq!(run(&[("XDG_CACHE_HOME", &xdg), ("HOME", &home)]).0, Some(0));
    assert_eq!((count("xdg/engine"), home.exists()), (1, false));
    assert_eq!(run(&[("HOME", &home)]).0, Some(0));
    assert_eq!(count("home/.cache/engine"), 1);
    let (code, _, stderr) = run(&[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("--cache=DIR"), "{stderr}");
}

#[test]
fn a_compiled_module_is_known_by_its_contents() {
    let folder = Folder::new("compiled");
    let module = folder.file("many.wasm", many_functions(50));
    let expected = output(engine().args(["run", "--invoke=all"]).arg(&module));
    assert_eq!(expected.0, Some(0), "{}", expected.2);
    for name in ["many.cwasm", "many", "many.txt"] {
        let compiled = folder.0.join(name);
        let (code, _, stderr) = output(engine().args(["compile", "-o"]).arg(&compiled).arg(&module));
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(output(engine().args(["run", "--invoke=all"]).arg(&compiled)), expected);
    }
    let compiled = folder.0.join("many.cwasm");
    let (code, _, stderr) =
        output(engine().args(["run", "--cpu=floor", "--memory-mode=checked", "--invoke=all"]).arg(&compiled));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("many.cwasm") && stderr.contains("this engine"), "{stderr}");
    let (code, _, stderr) = output(engine().arg("validate").arg(&compiled));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is a compiled module"), "{stderr}");
}

#[test]
fn machine_code_does_not_run_under_a_module_s_name() {
    let folder = Folder::new("disguised");
    let module = folder.file("module.wasm", many_functions(1));
    let compiled = folder.0.join("compiled");
    assert_eq!(output(engine().args(["compile", "-o"]).arg(&compiled).arg(&module)).0, Some(0));
    for name in ["other.wasm", "other.wat"] {
        let disguised = folder.0.join(name);
        fs::copy(&compiled, &disguised).unwrap();
        let (code, _, stderr) = output(engine().args(["run", "--invoke=all"]).arg(&disguised));
        assert_eq!(code, Some(1));
        assert!(stderr.contains("machine code"), "{stderr}");
    }
}

#[test]
fn a_module_that_does_not_compile_leaves_no_file() {
    let folder = Folder::new("invalid");
    let module = folder.file("bad.wat", "(module (func i32.add))");
    let target = folder.0.join("bad.cwasm");
    assert_eq!(output(engine().args(["compile", "-o"]).arg(&target).arg(&module)).0, Some(1));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// Starts the command and looks at the cache until `kill` says so or the process has ended. Returns how often it looked.
fn watch(mut command: Command, folder: &Folder, kill: impl Fn(u64, u64) -> bool) -> u64 {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut looks = 0;
    while process.try_wait().unwrap().is_none() {
        let written = folder.entries().iter().map(|(_, len)| len).sum();
        if kill(looks, written) {
            process.kill().unwrap();
        }
        looks += 1;
    }
    looks
}

#[test]
fn killing_a_process_at_any_moment_breaks_nothing() {
    let folder = Folder::new("kill");
    let module = folder.file("many.wasm", many_functions(1100));
    let command = |mode: &str| cached(&folder.cache(), &["--mode", mode, "--invoke=all"], &module);
    let expected = output(&mut command("eager"));
    assert_eq!(expected.0, Some(0), "{}", expected.2);
    let size = folder.entries()[0].1;
    assert!(size > 512 << 10, "an entry of {size} bytes is not written in several portions");
    let looks = ["eager", "lazy"].map(|mode| {
        fs::remove_dir_all(folder.cache()).unwrap();
        watch(command(mode), &folder, |_, _| false)
    });
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut unfinished = 0;
    for round in 0..100 {
        let mode = if round % 4 == 0 { "lazy" } else { "eager" };
        // Half of them at a moment of the whole run, half when so much has been written.
        fs::remove_dir_all(folder.cache()).unwrap();
        if round % 2 == 0 {
            let moment = random.below(looks[usize::from(mode == "lazy")]);
            watch(command(mode), &folder, |look, _| look == moment);
        } else {
            let most = random.below(size);
            watch(command(mode), &folder, |_, written| written > most);
        }
        let left = folder.entries();
        unfinished += usize::from(left.iter().any(|(path, _)| path.extension().is_none()));
        // Whatever it left, the next run gives the right answer, and the one after that finds an entry.
        assert_eq!(output(&mut command("eager")), expected, "round {round}, after {left:?}");
        let left = folder.entries();
        assert!(
            matches!(&left[..], [(path, _)] if path.extension().unwrap() == "cwasm"),
            "round {round}: {left:?}"
        );
    }
    assert!(unfinished >= 20, "only {unfinished} of 100 processes were killed while they wrote");
}
