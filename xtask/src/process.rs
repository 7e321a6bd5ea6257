//! Other programs: started with a clear error where they are missing, and measured by the kernel's own accounts.

#![allow(unsafe_code)]

use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Runs a command to its end with our own standard streams.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed: {status}", show(command));
    }
    Ok(())
}

/// Runs a command to its end and returns its standard output; its errors go to ours.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", show(command), output.status);
    }
    Ok(output.stdout)
}

/// Runs a command to its end, passing every line of its standard output on and to `line`.
pub fn run_watching(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let stdout = child.stdout.take().expect("standard output is piped");
    for text in BufReader::new(stdout).split(b'\n') {
        let text = text.context("reading a command's output")?;
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        line(&text);
    }
    child.wait().context("waiting for a command")
}

/// The command as a person would type it.
pub fn show(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`: is it installed and on PATH?", show(command))
}

/// The first program with this name on `PATH`.
pub fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// `cargo`, as the one that runs us.
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(crate::repo::root());
    command
}

/// Builds the `engine` binary in this xtask's own profile and returns its path.
pub fn build_engine() -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding our own binary")?;
    let dir = own.parent().context("our own binary has no folder")?;
    // Both packages, so that features are resolved as they were for us and nothing is built twice.
    let profile = match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    run(cargo().args(["build", "--quiet", "--profile", profile, "-p", "engine-cli", "-p", "xtask"]))?;
    Ok(dir.join("engine"))
}

/// Builds the `engine` binary as a user does and returns its path.
pub fn build_release_engine() -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding our own binary")?;
    let target = own.parent().and_then(Path::parent).context("our own binary is not in a target folder")?;
    run(cargo().args(["build", "--quiet", "--release", "-p", "engine-cli"]).arg("--target-dir").arg(target))?;
    Ok(target.join("release").join("engine"))
}

/// Profiles in which our own process may be measured.
const MEASURABLE: [&str; 2] = ["embed", "release"];

/// Runs this very command in a build of ourselves that may be measured, and returns how it ended. `None` if we are such a build.
///
/// The profile that commands are usually built in leaves calls between crates, and even trivial closures, out of line: a typed call
/// into Wasm takes twice as long in it.
pub fn rerun_measurable() -> Result<Option<ExitStatus>> {
    let own = std::env::current_exe().context("finding our own binary")?;
    let dir = own.parent().context("our own binary has no folder")?;
    if dir.file_name().is_some_and(|name| MEASURABLE.iter().any(|profile| name == *profile)) {
        return Ok(None);
    }
    let target = dir.parent().context("our own binary is not in a target folder")?;
    let profile = MEASURABLE[0];
    run(cargo().args(["build", "--quiet", "--profile", profile, "-p", "xtask", "--target-dir"]).arg(target))?;
    let mut command = Command::new(target.join(profile).join("xtask"));
    command.args(std::env::args_os().skip(1));
    command.status().map(Some).with_context(|| cannot_start(&command))
}

/// How a process ended and what it cost.
pub struct Measured {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// User and system time of the whole process.
    pub cpu: Duration,
    /// Time from before its start to after its end.
    pub wall: Duration,
}

/// Runs a command to its end, with standard input from a file (or empty), and reads its accounts with `wait4`.
/// Its standard error is ours.
pub fn measure(command: &mut Command, stdin: Option<&Path>) -> Result<Measured> {
    match stdin {
        Some(file) => {
            let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
            command.stdin(opened);
        }
        None => {
            command.stdin(Stdio::null());
        }
    }
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let mut stdout = Vec::new();
    let read = child.stdout.take().expect("standard output is piped").read_to_end(&mut stdout);
    let (status, usage) = wait4(&child)?;
    let wall = start.elapsed();
    read.context("reading a command's output")?;
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    Ok(Measured { status, stdout, cpu: time(usage.ru_utime) + time(usage.ru_stime), wall })
}

fn wait4(child: &Child) -> Result<(ExitStatus, libc::rusage)> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut status = 0;
    // SAFETY: `rusage` is a plain C structure of integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live locals of the right type; the child has not been waited for, since the
        // only other waiters are methods of `Child`, which are not called for a measured process.
        let pid = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
        if pid == child.id() as libc::pid_t {
            return Ok((ExitStatus::from_raw(status), usage));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error).context("wait4");
        }
    }
}

/// Limits the address space of a command's process, as `ulimit -v` does.
pub fn limit_address_space(command: &mut Command, kilobytes: u64) {
    use std::os::unix::process::CommandExt as _;
    let bytes = kilobytes * 1024;
    // SAFETY: between fork and exec the closure calls only setrlimit, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: bytes as libc::rlim_t, rlim_max: bytes as libc::rlim_t };
            match libc::setrlimit(libc::RLIMIT_AS, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
}

/// Time that the hypervisor has taken from this machine since it started, in clock ticks (`/proc/stat`).
pub fn steal_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(8))
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}
