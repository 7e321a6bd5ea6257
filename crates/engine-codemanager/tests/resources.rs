//! Memory stays flat, pages are never writable and executable, and hosts with little address space are served.
#![allow(unsafe_code)]

mod support;

use core::ptr;
use engine_codemanager::*;
use engine_machine::{AccessMode, Tier, TrapCode};
use std::sync::atomic::{AtomicBool, Ordering};
use support::*;

/// Proportional set size in KiB.
fn memory() -> usize {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[cfg_attr(target_arch = "aarch64", ignore = "emulators enforce no limits and have memory of their own")]
fn ten_thousand_modules_come_and_go_in_the_same_memory() {
    let status = in_child(|| {
        let manager = manager(Strategy::DualMapping);
        let mut large = constant(0);
        large.code.resize(40_000, 0xcc);
        let load = || {
            let native = native(&manager, &[constant(7), one_more_than(0), large.clone()]);
            assert_eq!(call(&native, 1), 8);
        };
        (0..100).for_each(|_| load());
        let before = memory();
        (0..10_000).for_each(|_| load());
        let after = memory();
        assert!(after < before + 1024, "{before} KiB became {after} KiB");
    });
    assert_eq!(status, 0);
}

#[test]
#[cfg_attr(target_arch = "aarch64", ignore = "emulators enforce no limits and have memory of their own")]
fn dropping_many_modules_gives_their_memory_back() {
    let status = in_child(|| {
        let manager = manager(Strategy::DualMapping);
        let mut large = constant(0);
        large.code.resize(20_000, 0xcc);
        let load = || native(&manager, &[constant(7), one_more_than(0), large.clone()]);
        drop(load());
        let before = memory();
        let mut modules: Vec<_> = (0..2000).map(|_| load()).collect();
        assert!(modules.iter().all(|native| call(native, 1) == 8));
        assert!(memory() > before + 30_000);
        // In no particular order.
        for i in 0..1000 {
            modules.swap_remove(i * 7919 % modules.len());
        }
        assert!(modules.iter().all(|native| call(native, 1) == 8));
        modules.clear();
        modules.shrink_to_fit();
        // SAFETY: plain library call. What is left must not be the allocator's own free memory.
        unsafe { libc::malloc_trim(0) };
        let after = memory();
        assert!(after < before + 1024, "{before} KiB became {after} KiB");
        // All addresses are free again, too.
        let regions = manager.regions().len();
        let again: Vec<_> = (0..2000).map(|_| load()).collect();
        assert_eq!((again.len(), manager.regions().len()), (2000, regions));
    });
    assert_eq!(status, 0);
}

#[test]
fn no_page_is_ever_writable_and_executable() {
    let writable_and_executable = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().find(|line| line.split(' ').nth(1).unwrap().starts_with("rwx")).map(str::to_owned)
    };
    for strategy in STRATEGIES {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut looks = 0;
                while !done.load(Ordering::Relaxed) || looks < 3 {
                    assert_eq!(writable_and_executable(), None);
                    looks += 1;
                }
            });
            let manager = manager(strategy);
            for i in 0..200 {
                let native = native(&manager, &[constant(i), one_more_than(0), load(), unreachable()]);
                assert_eq!(call(&native, 1), i + 1);
                native.publish(&batch(Tier::Optimized, &[(0, constant(i + 5))])).unwrap();
                assert_eq!(call(&native, 1), i + 6);
                let mut store = Store::new(&manager, no_host, ptr::null_mut());
                assert!(store.invoke(&native, 2, 1 << 31).is_err());
            }
            done.store(true, Ordering::Relaxed);
            watcher.join().unwrap();
        });
    }
}

fn limit_address_space(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

#[test]
#[cfg_attr(target_arch = "aarch64", ignore = "emulators enforce no limits and have memory of their own")]
fn two_gigabytes_of_address_space_suffice() {
    let status = in_child(|| {
        limit_address_space(2_000_000 << 10);
        let manager = CodeManager::new(CodeConfig::default()).unwrap();
        let native = native(&manager, &[constant(1), one_more_than(0), unreachable()]);
        assert_eq!(call(&native, 1), 2);
        assert!(!LinearMemory::guarded_available());
        let mut store = Store::new(&manager, no_host, ptr::null_mut());
        assert_eq!(store.memory.access_mode(), AccessMode::Checked);
        assert_eq!(store.invoke(&native, 2, 0).unwrap_err().code, TrapCode::Unreachable);
        // Growth ends in an error, with everything else intact.
        let mut grown = 0;
        while store.memory.grow(16 << 20).is_ok() {
            grown += 1;
        }
        assert!((10..128).contains(&grown), "{grown}");
        // SAFETY: within the memory.
        unsafe { store.memory.base().add(store.memory.byte_size() - 1).write(1) };
        assert_eq!(call(&native, 1), 2);
    });
    assert_eq!(status, 0);
}

#[test]
#[cfg_attr(target_arch = "aarch64", ignore = "emulators enforce no limits and have memory of their own")]
fn regions_are_halved_until_the_host_has_room_and_then_errors_say_so() {
    let status = in_child(|| {
        let maps = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = maps.split(' ').next().unwrap().parse().unwrap();
        limit_address_space(pages * 4096 + (48 << 20));
        let manager = CodeManager::new(CodeConfig::default()).unwrap();
        assert!(manager.regions()[0].len() < 64 << 20);
        let mut large = constant(1);
        large.code.resize(3 << 20, 0xcc);
        let mut modules = Vec::new();
        let error = loop {
            let native = NativeModule::new(&manager, module(1), flags(), 0, WithoutCode::Stop);
            match native.and_then(|native| {
                native.publish(&batch(Tier::Baseline, &[(0, large.clone())]))?;
                Ok(native)
            }) {
                Ok(native) => modules.push(native),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CodeError::OutOfSpace { .. }), "{error}");
        assert!(error.to_string().contains("ulimit -v"), "{error}");
        assert!(modules.iter().all(|native| call(native, 0) == 1));
        // Dropping makes room again.
        modules.clear();
        assert_eq!(call(&native(&manager, &[large]), 0), 1);
    });
    assert_eq!(status, 0);
}

#[test]
#[cfg_attr(target_arch = "aarch64", ignore = "emulators enforce no limits and have memory of their own")]
fn a_host_without_executable_memory_is_told_what_is_forbidden() {
    let status = in_child(|| {
        limit_address_space(0);
        let error = CodeManager::new(CodeConfig::default()).unwrap_err();
        let CodeError::Forbidden(refusals) = &error else { panic!("{error}") };
        assert_eq!(refusals.len(), 2);
        assert!(error.to_string().contains("mmap"), "{error}");
    });
    assert_eq!(status, 0);
}

#[test]
fn growing_a_checked_memory_page_by_page_takes_linear_time() {
    let plan = MemoryPlan { minimum: 0, maximum: None, shared: false, prefer: AccessMode::Checked };
    let mut memory = LinearMemory::new(plan).unwrap();
    let mut moves = 0;
    for _ in 0..16_000 {
        let base = memory.base();
        memory.grow(65536).unwrap();
        moves += u32::from(memory.base() != base);
    }
    assert!(moves < 60, "{moves}");
}
