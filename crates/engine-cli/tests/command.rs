//! The `engine` command from outside: what it prints and how it exits.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn engine() -> Command {
    Command::new(env!("CARGO_BIN_EXE_engine"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("engine-cli-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8_lossy(&stdout).into_owned(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

/// Runs a text module with arguments before and after the file's name.
fn run_wat(test: &str, wat: &str, before: &[&str], after: &[&str]) -> (Option<i32>, String, String) {
    let folder = Folder::new(test);
    let file = folder.file("program.wat", wat);
    output(engine().arg("run").args(before).arg(file).args(after))
}

const EXIT_7: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const 7))))"#;

#[test]
fn the_guests_exit_code_is_the_process_s() {
    let (code, stdout, stderr) = run_wat("exit", EXIT_7, &[], &[]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(7), "", ""));
}

#[test]
fn a_start_function_that_returns_is_success() {
    let (code, _, stderr) = run_wat("return", r#"(module (func (export "_start")))"#, &[], &[]);
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_trap_names_the_functions_it_came_through() {
    let wat = r#"(module $program
        (func $innermost unreachable)
        (func $middle (call $innermost))
        (func (export "_start") (call $middle)))"#;
    let (code, _, stderr) = run_wat("trap", wat, &[], &[]);
    assert_eq!(code, Some(134), "{stderr}");
    assert!(stderr.contains("unreachable"), "{stderr}");
    assert!(stderr.contains("program.wat"), "{stderr}");
    let (innermost, middle) = (stderr.find("innermost").unwrap(), stderr.find("middle").unwrap());
    assert!(innermost < middle && middle < stderr.rfind("_start").unwrap(), "{stderr}");
}

#[test]
fn traps_of_every_origin_exit_alike() {
    let cases = [
        ("(drop (i32.load (i32.const -1)))", "out of bounds memory access"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "integer divide by zero"),
        ("(call_indirect (i32.const 0))", "uninitialized element"),
        ("(call $start)", "call stack exhausted"),
        ("(memory.fill (i32.const 65530) (i32.const 0) (i32.const 10))", "out of bounds memory access"),
    ];
    for (i, (body, message)) in cases.into_iter().enumerate() {
        let wat = format!(r#"(module (memory 1) (table 1 funcref) (func $start (export "_start") {body}))"#);
        let (code, _, stderr) = run_wat(&format!("origin-{i}"), &wat, &[], &[]);
        assert_eq!(code, Some(134), "{body}: {stderr}");
        assert!(stderr.contains(message), "{body}: {stderr}");
    }
}

#[test]
fn bad_input_is_one_clear_message() {
    let folder = Folder::new("bad");
    let missing = folder.0.join("missing.wasm");
    let (code, _, stderr) = output(engine().arg("run").arg(&missing));
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: ") && stderr.contains("missing.wasm"), "{stderr}");

    let truncated = folder.file("truncated.wasm", b"\0asm\x01\0\0\0\x01");
    let (code, _, stderr) = output(engine().arg("run").arg(&truncated));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("truncated.wasm") && stderr.contains("offset"), "{stderr}");

    let binary = folder.file("noise", [0xff, 0xfe, 0]);
    let (code, _, stderr) = output(engine().arg("run").arg(&binary));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("not a WebAssembly module"), "{stderr}");
}

#[test]
fn an_invalid_body_is_named_with_its_place() {
    let wat = r#"(module (func $good) (func $broken (result i32) (i64.const 1)) (func (export "_start")))"#;
    let (code, _, stderr) = run_wat("invalid", wat, &[], &[]);
    assert_eq!(code, Some(1));
    for part in ["program.wat", "broken", "#1", "@+"] {
        assert!(stderr.contains(part), "{part} is missing: {stderr}");
    }
}

#[test]
fn a_missing_proposal_is_named() {
    let wat = r#"(module (func (export "_start") (drop (v128.const i32x4 0 0 0 0))))"#;
    let (code, _, stderr) = run_wat("proposal", wat, &[], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("simd"), "{stderr}");
}

#[test]
fn a_missing_import_is_named() {
    let wat = r#"(module (import "some" "thing" (func)) (func (export "_start")))"#;
    let (code, _, stderr) = run_wat("import", wat, &[], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("some") && stderr.contains("thing"), "{stderr}");
}

const ADD: &str = r#"(module
    (func (export "add") (param i32 i64 f64) (result i32 i64 f64)
        (i32.add (local.get 0) (i32.const 1)) (i64.mul (local.get 1) (i64.const 2)) (f64.neg (local.get 2))))"#;

#[test]
fn an_export_is_called_with_arguments() {
    let (code, stdout, stderr) = run_wat("invoke", ADD, &["--invoke", "add"], &["-5", "0x10", "1.5"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "-4\n32\n-1.5\n"), "{stderr}");
}

#[test]
fn wrong_arguments_of_an_export_are_refused() {
    let (code, _, stderr) = run_wat("arity", ADD, &["--invoke", "add"], &["1"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("1 arguments"), "{stderr}");
    let (code, _, stderr) = run_wat("type", ADD, &["--invoke", "add"], &["1", "2", "x"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("f64"), "{stderr}");
    let (code, _, stderr) = run_wat("name", ADD, &["--invoke", "subtract"], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("\"add\""), "{stderr}");
}

#[test]
fn a_module_comes_from_standard_input_too() {
    for module in [EXIT_7.as_bytes().to_vec(), wat::parse_str(EXIT_7).unwrap()] {
        let mut child = engine().args(["run", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&module).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}

fn wordcount() -> Command {
    let mut command = engine();
    command.arg("run").arg("--dir").arg(repository().join("examples"));
    command.arg(repository().join("examples/wordcount.wat"));
    command
}

#[test]
fn a_guest_reads_a_directory_it_was_given() {
    let poem = std::fs::read_to_string(repository().join("examples/poem.txt")).unwrap();
    let expected =
        format!("{} {} {} poem.txt\n", poem.lines().count(), poem.split_whitespace().count(), poem.len());
    let (code, stdout, stderr) = output(wordcount().arg("poem.txt"));
    assert_eq!((code, stdout), (Some(0), expected), "{stderr}");
}

#[test]
fn a_guest_reads_nothing_else() {
    let (code, _, stderr) = output(wordcount().args(["../Cargo.toml", "/etc/passwd"]));
    assert_eq!(code, Some(1));
    assert_eq!(stderr, "wordcount: cannot read ../Cargo.toml\nwordcount: cannot read /etc/passwd\n");
}

#[test]
fn what_follows_the_file_is_the_guests() {
    let (code, _, stderr) = output(wordcount().args(["--help", "--dir", "--"]));
    assert_eq!(code, Some(1));
    let expected = ["--help", "--dir", "--"].map(|arg| format!("wordcount: cannot read {arg}\n")).concat();
    assert_eq!(stderr, expected);
}

#[test]
fn a_guest_reads_standard_input() {
    let mut child = wordcount().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"two words\nand more\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"2 4 19\n");
}

/// Prints the first environment variable.
const PRINT_ENVIRONMENT: &str = r#"(module
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (drop (call $environ_get (i32.const 64) (i32.const 1024)))
        (i32.store (i32.const 8) (i32.const 1024))
        (i32.store (i32.const 12) (i32.load (i32.const 4)))
        (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))"#;

#[test]
fn a_guest_sees_only_the_variables_it_was_given() {
    let folder = Folder::new("env");
    let file = folder.file("env.wat", PRINT_ENVIRONMENT);
    let mut command = engine();
    command.env("INHERITED", "from the host").env("HIDDEN", "x").arg("run");
    let (code, stdout, _) =
        output(command.args(["--env", "GIVEN=a=b", "--env", "INHERITED", "--env", "ABSENT"]).arg(file));
    assert_eq!((code, stdout.as_str()), (Some(0), "GIVEN=a=b\0INHERITED=from the host\0"));
}

#[test]
fn an_endless_guest_is_stopped() {
    let wat = r#"(module (func $spin (export "_start") (loop (br 0))))"#;
    let (code, _, stderr) = run_wat("timeout", wat, &["--timeout", "50ms"], &[]);
    assert_eq!(code, Some(134), "{stderr}");
    assert!(stderr.contains("50ms") && stderr.contains("spin"), "{stderr}");
}

#[test]
fn a_guest_that_waits_in_the_host_is_stopped() {
    // Standard input is a pipe on which nothing ever comes.
    let command = wordcount();
    let file = command.get_args().last().unwrap().to_owned();
    let mut child = engine()
        .args(["run", "--timeout", "50ms"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(134));
    drop(stdin);
}

#[test]
fn a_guest_that_is_in_time_is_not_stopped() {
    let (code, _, stderr) = run_wat("in-time", EXIT_7, &["--timeout", "1m"], &[]);
    assert_eq!(code, Some(7), "{stderr}");
}

#[test]
fn memory_is_limited() {
    let wat = r#"(module
        (memory 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let grow = |limit: &str, pages: &str| {
        run_wat("limit", wat, &["--max-memory", limit, "--invoke", "grow"], &[pages]).1
    };
    assert_eq!(grow("256k", "3"), "1\n");
    assert_eq!(grow("256k", "4"), "-1\n");
    assert_eq!(grow("300k", "4"), "-1\n");
    let (code, ..) = run_wat("limit-initial", wat, &["--max-memory", "1k", "--invoke", "grow"], &["0"]);
    assert_eq!(code, Some(1));
}

#[test]
fn tables_are_limited() {
    let wat = r#"(module
        (table 2 funcref)
        (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;
    let grow = |n: &str| run_wat("table", wat, &["--max-table-elements", "10", "--invoke", "grow"], &[n]).1;
    assert_eq!(grow("8"), "2\n");
    assert_eq!(grow("9"), "-1\n");
}

#[test]
fn the_stack_is_as_large_as_asked_for() {
    let wat = r#"(module
        (func $depth (export "depth") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $depth (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0)))))"#;
    let depth =
        |stack: &str, n: &str| run_wat("stack", wat, &["--max-stack", stack, "--invoke", "depth"], &[n]);
    assert_eq!(depth("64k", "100").1, "100\n");
    assert_eq!(depth("64k", "1000000").0, Some(134));
    let (code, stdout, stderr) = depth("256M", "1000000");
    assert_eq!((code, stdout.as_str()), (Some(0), "1000000\n"), "{stderr}");
}

#[test]
fn both_memory_modes_and_cpus_run() {
    for options in [["--memory-mode", "checked"], ["--cpu", "floor"], ["--tier", "baseline"]] {
        let (code, stdout, stderr) = run_wat(
            &options[1].replace('/', "-"),
            r#"(module (memory 1) (data (i32.const 3) "\2a")
                (func (export "f") (result i32) (i32.popcnt (i32.load8_u (i32.const 3)))))"#,
            &[options[0], options[1], "--invoke", "f"],
            &[],
        );
        assert_eq!((code, stdout.as_str()), (Some(0), "3\n"), "{options:?}: {stderr}");
    }
}

#[test]
fn programs_run_where_addresses_are_short() {
    let script = "ulimit -v 2000000; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_engine")).arg("run").arg("--dir").arg(repository().join("examples"));
    command.arg(repository().join("examples/wordcount.wat")).arg("poem.txt");
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.ends_with(" poem.txt\n"), "{stdout}");
}

#[test]
fn modules_are_validated() {
    let folder = Folder::new("validate");
    let good = folder.file("good.wat", "(module (func))");
    let bad = folder.file("bad.wat", "(module (func (result i32)))");
    let (code, _, stderr) = output(engine().arg("validate").arg(&good));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let (code, _, stderr) = output(engine().arg("validate").arg(&bad).arg(&good));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("bad.wat") && !stderr.contains("good.wat"), "{stderr}");
}

#[test]
fn compiling_is_measured() {
    let file = repository().join("examples/wordcount.wat");
    let stats = || {
        let (code, stdout, stderr) =
            output(engine().args(["compile", "--stats", "json", "--repeat", "2"]).arg(&file));
        assert_eq!(code, Some(0), "{stderr}");
        serde_json::from_str::<serde_json::Value>(&stdout).unwrap()
    };
    let first = stats();
    for key in ["bytes", "code_section_bytes", "functions", "machine_code_bytes"] {
        assert!(first[key].as_u64().unwrap() > 0, "{key}: {first}");
    }
    for key in ["validate_ms", "compile_ms"] {
        assert!(first[key].as_f64().unwrap() > 0.0, "{key}: {first}");
    }
    assert!(first["peak_bytes"].is_u64());
    assert_eq!(first["code_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(first["code_sha256"], stats()["code_sha256"]);
}

#[test]
fn code_is_shown_for_both_cpus() {
    let folder = Folder::new("objdump");
    let file = folder.file(
        "a.wat",
        r#"(module (memory 1)
            (func $first (param i32) (result i32) (i32.load (local.get 0)))
            (func $second (call $second)))"#,
    );
    for (arch, last) in [("x86_64", "ret"), ("aarch64", "ret")] {
        let (code, stdout, stderr) = output(engine().args(["objdump", "--arch", arch]).arg(&file));
        assert_eq!(code, Some(0), "{stderr}");
        for part in ["function 0 \"first\":", "function 1 \"second\":", "i32.load", "out of bounds", last] {
            assert!(stdout.contains(part), "{part} is missing: {stdout}");
        }
    }
    let (code, stdout, _) = output(engine().args(["objdump", "--func", "second"]).arg(&file));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("second") && !stdout.contains("first"), "{stdout}");
    let (code, _, stderr) = output(engine().args(["objdump", "--func", "third"]).arg(&file));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("third"), "{stderr}");
}

#[test]
fn scripts_run() {
    let folder = Folder::new("wast");
    let file = folder.file(
        "script.wast",
        r#"(module (func (export "f") (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0))))
           (assert_return (invoke "f" (i32.const 2)) (i32.const 3))
           (assert_return (invoke "f" (i32.const 3)) (i32.const 3))
           (assert_trap (invoke "f" (i32.const 0)) "integer divide by zero")
           (assert_invalid (module (func (result i32))) "type mismatch")
           (module (func (drop (v128.const i32x4 0 0 0 0))))"#,
    );
    let (code, stdout, stderr) = output(engine().arg("wast").arg(&file));
    assert_eq!(code, Some(1));
    assert_eq!(stdout.lines().last(), Some("4 passed, 1 failed, 1 skipped"), "{stdout}");
    assert!(stderr.contains("script.wast:3:"), "{stderr}");
    let (_, stdout, _) = output(engine().args(["wast", "--json"]).arg(&file));
    let last: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last, serde_json::json!({ "summary": true, "passed": 4, "failed": 1, "skipped": 1 }));
}

#[test]
fn settings_and_version() {
    let (code, stdout, _) = output(engine().arg("settings"));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("bulk-memory") && stdout.contains("baseline"), "{stdout}");
    let (code, stdout, _) = output(engine().args(["settings", "--json"]));
    assert_eq!(code, Some(0));
    serde_json::from_str::<serde_json::Value>(&stdout).unwrap();
    let (code, stdout, _) = output(engine().arg("--version"));
    assert_eq!((code, stdout), (Some(0), format!("engine {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_options_are_refused() {
    for args in [&["run"][..], &["run", "--timeout", "5", "x"], &["run", "--max-memory", "x", "x"], &["fly"]]
    {
        let (code, _, stderr) = output(engine().args(args));
        assert_eq!(code, Some(2), "{args:?}: {stderr}");
    }
}

/// Two functions with names that are called, and one that is not.
const NAMED: &str = r#"(module
    (func $unused (result i32) (i32.const 1))
    (func $inner (param i32) (result i32) (i32.extend8_s (local.get 0)))
    (func $outer (export "f") (result i32) (call $inner (i32.const 255))))"#;

#[test]
fn a_run_is_measured() {
    let (code, stdout, stderr) = run_wat("stats", NAMED, &["--stats", "--invoke", "f"], &[]);
    assert_eq!((code, stdout.as_str()), (Some(0), "-1\n"));
    for part in ["compile ", "instantiate ", "run ", "baseline ", "2 functions, ", "sign-extension"] {
        assert!(stderr.contains(part), "{part} is missing: {stderr}");
    }
    let (_, _, stderr) = run_wat("stats-json", NAMED, &["--stats=json", "--invoke", "f"], &[]);
    let stats: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(stats["tiers"]["baseline"]["functions"], 2);
    assert_eq!(stats["tiers"]["validation"]["functions"], 3);
    assert_eq!(stats["lazy"]["functions"], 2);
    assert_eq!(stats["modules"], 1);
    assert_eq!(stats["features"], serde_json::json!(["sign-extension"]));
    for key in ["decode_ms", "compile_ms", "instantiate_ms", "run_ms"] {
        assert!(stats[key].as_f64().unwrap() > 0.0, "{key}: {stats}");
    }
    assert!(stats["code_memory"]["code_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_that_ends_early_is_measured() {
    let (code, _, stderr) = run_wat("stats-exit", EXIT_7, &["--stats"], &[]);
    assert_eq!(code, Some(7));
    assert!(stderr.contains("executable memory"), "{stderr}");
}

/// The functions in the lines of `--trace-compilation`.
fn traced(stderr: &str) -> Vec<&str> {
    stderr
        .lines()
        .map(|line| line.strip_prefix("compiled func=").unwrap().split(' ').next().unwrap())
        .collect()
}

#[test]
fn compiled_functions_are_listed() {
    let run = |option: &str, mode: &str| {
        run_wat("trace", NAMED, &[option, "--mode", mode, "--invoke", "f", "--compile-tasks", "1"], &[]).2
    };
    let all = run("--trace-compilation", "eager");
    assert_eq!(traced(&all), ["0", "1", "2"]);
    let first = all.lines().next().unwrap();
    assert!(first.starts_with("compiled func=0 name=\"unused\" tier=baseline wasm_bytes=4 "), "{first}");
    assert!(first.ends_with(" thread=main"), "{first}");
    assert_eq!(traced(&run("--trace-compilation", "lazy")), ["2", "1"]);
    assert_eq!(traced(&run("--trace-compilation=1-2", "eager")), ["1", "2"]);
    assert_eq!(traced(&run("--trace-compilation=0", "eager")), ["0"]);
    assert_eq!(traced(&run("--trace-compilation=nne", "eager")), ["1"]);
}

#[test]
fn steps_of_tier_up_are_listed() {
    const LOOP: &str = r#"(module (func (export "f") (result i32) (local i32)
        (loop (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (i32.lt_u (local.get 0) (i32.const 100000))))
        (local.get 0)))"#;
    let options = [
        "--trace-tier-up",
        "--tier",
        "dynamic",
        "--tier-up-budget",
        "10",
        "--compile-tasks",
        "0",
        "--invoke",
        "f",
    ];
    let (_, stdout, stderr) = run_wat("tier-up-trace", LOOP, &options, &[]);
    assert_eq!(stdout, "100000\n");
    let steps: Vec<_> = stderr.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    for step in ["hot", "optimized"] {
        assert!(steps.iter().any(|words| words[..] == ["tier-up", step, "func=0"]), "{stderr}");
    }
    let last = steps.last().unwrap();
    assert!(last[1] == "entered" && last[3].starts_with("loop=0x"), "{stderr}");
}

#[test]
fn compiling_lists_functions_too() {
    let folder = Folder::new("compile-trace");
    let file = folder.file("a.wat", NAMED);
    let (code, _, stderr) = output(engine().args(["compile", "--trace-compilation=outer"]).arg(&file));
    assert_eq!(code, Some(0));
    assert_eq!(traced(&stderr), ["2"]);
    // Standard error is no terminal here: there is no progress bar, however long it takes.
    let (_, stdout, stderr) = output(engine().arg("compile").arg(&file));
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
}

#[test]
fn the_log_is_filtered() {
    let (code, stdout, stderr) =
        run_wat("log", NAMED, &["--log", "engine_instance=debug", "--invoke", "f"], &[]);
    assert_eq!((code, stdout.as_str()), (Some(0), "-1\n"));
    assert!(stderr.contains("instantiated") && !stderr.contains("engine_compiler"), "{stderr}");
    let folder = Folder::new("log-variable");
    let file = folder.file("a.wat", NAMED);
    let (_, _, stderr) =
        output(engine().env("ENGINE_LOG", "engine_compiler=debug").arg("compile").arg(&file));
    assert!(stderr.contains("piece compiled"), "{stderr}");
    let (code, _, stderr) = output(engine().env("ENGINE_LOG", "a=b=c").arg("compile").arg(&file));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("ENGINE_LOG"), "{stderr}");
    assert_eq!(output(engine().args(["--log", "engine=loud", "settings"])).0, Some(2));
}

/// The name and size of each piece of code in a jitdump, and how many records of debug information there are.
fn read_jitdump(bytes: &[u8]) -> (Vec<(String, usize)>, usize) {
    let u32_at = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!((u32_at(0), u32_at(4), u32_at(8)), (0x4a69_5444, 1, 40));
    let (mut pieces, mut debug, mut time) = (Vec::new(), 0, u64_at(24));
    let mut at = 40;
    while at < bytes.len() {
        let (id, size) = (u32_at(at), u32_at(at + 4) as usize);
        assert!(u64_at(at + 8) >= time, "records are in the order of time");
        time = u64_at(at + 8);
        match id {
            0 => {
                let len = u64_at(at + 40) as usize;
                let name = &bytes[at + 56..at + size - len];
                let name = str::from_utf8(name).unwrap().strip_suffix('\0').unwrap();
                pieces.push((name.to_owned(), len));
            }
            2 => debug += 1,
            id => panic!("record {id}"),
        }
        at += size;
    }
    assert_eq!(at, bytes.len());
    (pieces, debug)
}

/// The one file of a folder with this extension.
fn file_in(folder: &Folder, extension: &str) -> PathBuf {
    let files = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|path| path.extension().is_some_and(|other| other == extension));
    found.next().expect("there is one")
}

#[test]
fn code_is_dumped_for_perf() {
    let folder = Folder::new("jitdump");
    let file = folder.file("a.wat", NAMED);
    let mut command = engine();
    command
        .current_dir(&folder.0)
        .env_remove("JITDUMPDIR")
        .args(["run", "--tier", "baseline", "--perf", "jitdump", "--invoke", "f"]);
    let (code, stdout, stderr) = output(command.arg(&file));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "-1\n", ""));
    let (pieces, debug) = read_jitdump(&std::fs::read(file_in(&folder, "dump")).unwrap());
    let size = |name: &str| pieces.iter().find(|(other, _)| other == name).map(|&(_, size)| size);
    assert!(size("wasm[1]::inner [baseline]").unwrap() > 0, "{pieces:?}");
    assert!(size("wasm[2]::outer [baseline]").unwrap() > 0, "{pieces:?}");
    assert_eq!(size("wasm[0]::unused [baseline]"), None);
    assert!(pieces.iter().any(|(name, _)| name.starts_with("entry wrapper")), "{pieces:?}");
    // Only one of the two calls, and can run out of stack.
    assert_eq!(debug, 1);
}

#[test]
fn perf_reports_names_and_tiers() {
    let folder = Folder::new("perf");
    let spin = r#"(module
        (func $spin (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "f") (call $spin (i32.const 200000000))))"#;
    let file = folder.file("a.wat", spin);
    let perf = |args: &[&str]| Command::new("perf").current_dir(&folder.0).args(args).output();
    let record = |form: &str| {
        let args = ["record", "-q", "-N", "-e", "cpu-clock", "-k", "mono", "-o", "data", "--"];
        let run =
            [env!("CARGO_BIN_EXE_engine"), "run", "--perf", form, "--invoke", "f", file.to_str().unwrap()];
        perf(&[&args[..], &run].concat()).is_ok_and(|output| output.status.success())
    };
    let report = |data: &str| {
        let output = perf(&["report", "--stdio", "-i", data]).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if !record("jitdump") {
        eprintln!("perf cannot record here");
        return;
    }
    assert!(perf(&["inject", "--jit", "-i", "data", "-o", "injected"]).unwrap().status.success());
    let text = report("injected");
    assert!(text.contains("wasm[0]::spin [baseline]"), "{text}");

    assert!(record("map"));
    let text = report("data");
    // `perf` says whose map it has read, which is how the map is found that the process has left.
    let pid = text.split("[JIT] tid ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let map = pid.map(|pid| std::fs::remove_file(format!("/tmp/perf-{pid}.map")));
    assert!(map.is_some_and(|removed| removed.is_ok()), "{text}");
    assert!(text.contains("wasm[0]::spin [baseline]"), "{text}");
}

/// A terminal: our side of it, and its own.
fn terminal() -> (std::fs::File, std::fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    (ours.into(), std::fs::File::options().read(true).write(true).open(name).unwrap())
}

#[test]
fn a_module_that_takes_long_has_a_progress_bar() {
    let (mut ours, theirs) = terminal();
    let mut command = engine();
    command.args(["compile", "-"]).env("TERM", "xterm").stdin(Stdio::piped()).stderr(theirs);
    let mut child = command.spawn().unwrap();
    // The terminal's end is the end of whoever writes to it.
    drop(command);
    let module = wat::parse_str(NAMED).unwrap();
    let (first, rest) = module.split_at(module.len() / 2);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(first).unwrap();
    let mut shown = Vec::new();
    let mut chunk = [0; 256];
    // Until there is a bar, the rest of the module does not come.
    while !String::from_utf8_lossy(&shown).contains("compiling [") {
        let count = std::io::Read::read(&mut ours, &mut chunk).expect("the bar comes before the end");
        shown.extend_from_slice(&chunk[..count]);
    }
    stdin.write_all(rest).unwrap();
    drop(stdin);
    // After the last writer a terminal gives an error.
    while let Ok(count @ 1..) = std::io::Read::read(&mut ours, &mut chunk) {
        shown.extend_from_slice(&chunk[..count]);
    }
    assert!(child.wait().unwrap().success());
    assert!(shown.ends_with(b"\r\x1b[2K"), "the bar is gone at the end: {}", shown.escape_ascii());
}

/// A pipe whose reader has gone.
fn unread() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

/// A reader that has seen enough does not keep the guest running.
#[test]
fn the_time_is_up_though_nobody_reads() {
    let folder = Folder::new("unread");
    let file = folder.file("endless.wat", r#"(module (func (export "_start") (loop (br 0))))"#);
    let mut command = engine();
    command.args(["run", "--timeout", "100ms"]).arg(file).stdout(unread()).stderr(unread());
    assert_eq!(command.status().unwrap().code(), Some(134));
}

#[test]
fn what_nobody_reads_is_no_error() {
    let child = engine().arg("settings").stdout(unread()).stderr(Stdio::piped()).spawn().unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""));
}

/// Code is right without any pass, and a pass that is left out leaves other code.
#[test]
fn passes_are_left_out() {
    let wat = r#"(module
        (func $double (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
        (func (export "f") (param i32) (result i32) (call $double (local.get 0))))"#;
    let all: Vec<&str> =
        engine_optimizer::Pass::ALL.iter().flat_map(|pass| ["--disable-pass", pass.name()]).collect();
    for options in [&all[..], &all[..2], &[]] {
        let before = [&["--tier", "optimized", "--invoke", "f"], options].concat();
        assert_eq!(run_wat("passes", wat, &before, &["21"]), (Some(0), "42\n".to_owned(), String::new()));
    }
    let folder = Folder::new("passes-compiled");
    let file = folder.file("double.wat", wat);
    let compile = |options: &[&str]| {
        let output = folder.0.join("double.cwasm");
        let mut command = engine();
        command.arg("compile").args(options).arg("-o").arg(&output).arg(&file);
        assert!(command.status().unwrap().success());
        std::fs::read(&output).unwrap()
    };
    assert_eq!(compile(&[]), compile(&[]));
    assert_ne!(compile(&[]), compile(&["--disable-pass", "inline"]));
    let (code, _, stderr) = run_wat("no-pass", wat, &["--disable-pass", "none"], &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("there is no pass \"none\"; there are inline, params,"), "{stderr}");
}
