//! Binds the functions to a linker.

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::guest::GuestMemory;
use crate::types::Snapshot;
use engine_instance::{Caller, Error, Linker};

/// Runs a call on the caller's memory and context; the result is the errno the guest gets.
///
/// # Errors
/// If the caller exports no memory, which every WASI module must.
fn with_memory<T: 'static>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    call: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<(), Errno>,
) -> Result<u32, Error> {
    let memory = caller
        .get_export("memory")
        .and_then(|export| export.into_memory())
        .ok_or_else(|| Error::msg("the module calls WASI but exports no memory named `memory`"))?;
    let (bytes, data) = memory.data_and_store_mut(caller.as_context_mut());
    Ok(errno(call(get(data), &mut GuestMemory::new(bytes))))
}

fn errno(result: Result<(), Errno>) -> u32 {
    match result {
        Ok(()) => Errno::Success.raw().into(),
        Err(errno) => errno.raw().into(),
    }
}

/// Defines functions that are methods of [`WasiCtx`] of the same name and parameters. `mem` marks those that are given
/// the memory; `mem snapshot`, those whose layouts differ between snapshots.
macro_rules! define {
    ($linker:ident $module:ident $get:ident $snapshot:ident;
        $($name:ident($($arg:ident: $ty:ty),*) $($kind:ident)*;)*
    ) => {
        $($linker.func_wrap(
            $module,
            stringify!($name),
            move |mut caller: Caller<'_, T>, $($arg: $ty),*| -> Result<u32, Error> {
                define!(@call [$($kind)*] caller $get $snapshot $name($($arg),*))
            },
        )?;)*
    };
    (@call [] $caller:ident $get:ident $snapshot:ident $name:ident($($arg:ident),*)) => {
        Ok(errno($get($caller.data_mut()).$name($($arg),*)))
    };
    (@call [mem] $caller:ident $get:ident $snapshot:ident $name:ident($($arg:ident),*)) => {
        with_memory(&mut $caller, $get, |ctx, mem| ctx.$name(mem, $($arg),*))
    };
    (@call [mem snapshot] $caller:ident $get:ident $snapshot:ident $name:ident($($arg:ident),*)) => {
        with_memory(&mut $caller, $get, |ctx, mem| ctx.$name(mem, $snapshot, $($arg),*))
    };
}

/// Defines all of WASI preview 1, as `wasi_snapshot_preview1` and in the older layouts as `wasi_unstable`.
///
/// `get` finds the context in a store's data. A guest that ends by `proc_exit` ends the call into it with an error that
/// is an [`ExitStatus`](crate::ExitStatus).
///
/// # Errors
/// If the linker has one of the functions already and does not allow shadowing.
///
/// # Example
/// ```
/// use engine_instance::{Engine, Linker};
/// use engine_wasi::{WasiCtx, add_to_linker};
///
/// struct Host {
///     wasi: WasiCtx,
/// }
///
/// let mut linker: Linker<Host> = Linker::new(&Engine::default());
/// add_to_linker(&mut linker, |host| &mut host.wasi)?;
/// # Ok::<(), engine_instance::Error>(())
/// ```
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    add_snapshot(linker, "wasi_snapshot_preview1", Snapshot::Preview1, get)?;
    add_snapshot(linker, "wasi_unstable", Snapshot::Unstable, get)
}

fn add_snapshot<T: 'static>(
    linker: &mut Linker<T>,
    module: &str,
    snapshot: Snapshot,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    define! { linker module get snapshot;
        args_get(argv: u32, argv_buf: u32) mem;
        args_sizes_get(argc: u32, size: u32) mem;
        environ_get(environ: u32, environ_buf: u32) mem;
        environ_sizes_get(count: u32, size: u32) mem;
        clock_res_get(id: u32, res: u32) mem;
        clock_time_get(id: u32, precision: u64, time: u32) mem;
        fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, len: u64);
        fd_close(fd: u32);
        fd_datasync(fd: u32);
        fd_fdstat_get(fd: u32, buf: u32) mem;
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_filestat_get(fd: u32, buf: u32) mem snapshot;
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32);
        fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) mem;
        fd_prestat_get(fd: u32, buf: u32) mem;
        fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) mem;
        fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) mem;
        fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) mem;
        fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, used: u32) mem;
        fd_renumber(fd: u32, to: u32);
        fd_seek(fd: u32, offset: i64, whence: u32, position: u32) mem snapshot;
        fd_sync(fd: u32);
        fd_tell(fd: u32, position: u32) mem;
        fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) mem;
        path_create_directory(fd: u32, path: u32, path_len: u32) mem;
        path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, buf: u32) mem snapshot;
        path_filestat_set_times(
            fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32
        ) mem;
        path_link(
            old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32,
            new_fd: u32, new_path: u32, new_path_len: u32
        ) mem;
        path_open(
            fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32,
            rights_base: u64, rights_inheriting: u64, fdflags: u32, opened: u32
        ) mem;
        path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, used: u32) mem;
        path_remove_directory(fd: u32, path: u32, path_len: u32) mem;
        path_rename(
            fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32
        ) mem;
        path_symlink(old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32) mem;
        path_unlink_file(fd: u32, path: u32, path_len: u32) mem;
        poll_oneoff(subscriptions: u32, events: u32, count: u32, nevents: u32) mem snapshot;
        sched_yield();
        random_get(buf: u32, buf_len: u32) mem;
        sock_recv(fd: u32, iovs: u32, iovs_len: u32, ri_flags: u32, nread: u32, ro_flags: u32) mem;
        sock_send(fd: u32, iovs: u32, iovs_len: u32, si_flags: u32, nwritten: u32) mem;
        sock_shutdown(fd: u32, how: u32);
    }
    if snapshot == Snapshot::Preview1 {
        define! { linker module get snapshot;
            sock_accept(fd: u32, flags: u32, connection: u32) mem;
        }
    }
    linker.func_wrap(
        module,
        "proc_exit",
        move |mut caller: Caller<'_, T>, code: u32| -> Result<(), Error> {
            Err(Error::new(get(caller.data_mut()).proc_exit(code)))
        },
    )?;
    linker.func_wrap(
        module,
        "proc_raise",
        move |mut caller: Caller<'_, T>, signal: u32| -> Result<u32, Error> {
            match get(caller.data_mut()).proc_raise(signal) {
                Ok(Some(status)) => Err(Error::new(status)),
                result => Ok(errno(result.map(drop))),
            }
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_instance::Engine;

    /// The functions of preview 1 with their types, as `wasi_snapshot_preview1.witx` lowers to core Wasm.
    const PREVIEW1: &str = "
        args_get ii:i args_sizes_get ii:i environ_get ii:i environ_sizes_get ii:i
        clock_res_get ii:i clock_time_get iIi:i
        fd_advise iIIi:i fd_allocate iII:i fd_close i:i fd_datasync i:i
        fd_fdstat_get ii:i fd_fdstat_set_flags ii:i fd_fdstat_set_rights iII:i
        fd_filestat_get ii:i fd_filestat_set_size iI:i fd_filestat_set_times iIIi:i
        fd_pread iiiIi:i fd_prestat_get ii:i fd_prestat_dir_name iii:i fd_pwrite iiiIi:i
        fd_read iiii:i fd_readdir iiiIi:i fd_renumber ii:i fd_seek iIii:i
        fd_sync i:i fd_tell ii:i fd_write iiii:i
        path_create_directory iii:i path_filestat_get iiiii:i path_filestat_set_times iiiiIIi:i
        path_link iiiiiii:i path_open iiiiiIIii:i path_readlink iiiiii:i path_remove_directory iii:i
        path_rename iiiiii:i path_symlink iiiii:i path_unlink_file iii:i
        poll_oneoff iiii:i proc_exit i: proc_raise i:i sched_yield :i random_get ii:i
        sock_accept iii:i sock_recv iiiiii:i sock_send iiiii:i sock_shutdown ii:i";

    fn linker() -> Linker<WasiCtx> {
        let mut linker = Linker::new(&Engine::default());
        add_to_linker(&mut linker, |ctx| ctx).unwrap();
        linker
    }

    /// The lines in which a linker shows what it has defined, with types in the short form used above.
    fn shown(linker: &Linker<WasiCtx>) -> Vec<String> {
        format!("{linker:#?}").lines().map(|line| line.trim().trim_end_matches(',').to_owned()).collect()
    }

    fn ty(short: &str) -> String {
        let (params, results) = short.split_once(':').unwrap();
        let list = |short: &str| {
            let types: Vec<_> = short.chars().map(|c| if c == 'I' { "i64" } else { "i32" }).collect();
            types.join(", ")
        };
        format!("({}) -> ({})", list(params), list(results))
    }

    #[test]
    fn every_function_is_defined_with_its_type() {
        let shown = shown(&linker());
        let words: Vec<_> = PREVIEW1.split_whitespace().collect();
        assert_eq!(words.len(), 2 * 46);
        for pair in words.chunks(2) {
            let expected = ty(pair[1]);
            for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
                let line = format!("\"{module}::{}\": \"host function {expected}\"", pair[0]);
                let new = pair[0] == "sock_accept" && module == "wasi_unstable";
                assert_eq!(shown.contains(&line), !new, "{line} in {shown:#?}");
            }
        }
        // The braces, and `sock_accept` in one snapshot only.
        assert_eq!(shown.len(), 2 * 46 - 1 + 2);
    }

    #[test]
    fn defining_twice_fails() {
        assert!(add_to_linker(&mut linker(), |ctx| ctx).is_err());
    }

    #[test]
    fn the_errno_of_success_is_zero() {
        assert_eq!(errno(Ok(())), 0);
        assert_eq!(errno(Err(Errno::Badf)), 8);
    }
}
