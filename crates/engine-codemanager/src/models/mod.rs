//! The lock-free parts under a model checker that knows what weak memory orders allow: every order of the threads (with at most three preemptions) and
//! every value that a load may see. `cargo xtask models` runs them.
//!
//! The code under test is that of the files named, compiled again with [`sync`] in place of the crate's own.
#![allow(unsafe_code)]

mod sync;

#[path = "../append_list.rs"]
#[allow(dead_code, clippy::duplicate_mod)]
mod append_list;
#[path = "../epochs.rs"]
#[allow(dead_code, clippy::duplicate_mod)]
mod epochs;

use append_list::AppendList;
use epochs::Epochs;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use sync::{AtomicUsize, Mutex, Ordering};

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn epochs() -> Epochs {
    Epochs {
        current: AtomicUsize::new(0),
        readers: [AtomicUsize::new(0), AtomicUsize::new(0)],
        writer: Mutex::new(()),
    }
}

/// Memory that is written, published, read and freed; the checker reports every access that is not ordered after the one before.
struct Tracked(UnsafeCell<u32>);

impl Tracked {
    fn new(value: u32) -> Tracked {
        Tracked(UnsafeCell::new(value))
    }
    fn read(&self) -> u32 {
        // SAFETY: the checker fails the model if another thread writes at the same time.
        self.0.with(|value| unsafe { *value })
    }
    fn write(&self, value: u32) {
        // SAFETY: the checker fails the model if another thread accesses it at the same time.
        self.0.with_mut(|place| unsafe { *place = value });
    }
}

#[test]
fn readers_of_a_growing_list_see_whole_elements() {
    check(|| {
        let list = Arc::new(AppendList::new());
        let readers = [(); 2].map(|()| {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                let len = list.len();
                for index in 0..len {
                    assert_eq!(AppendList::<Tracked>::get(&list, index).read(), index as u32);
                }
                assert!(list.partition_point(|element| element.read() < 1) <= 1);
            })
        });
        for value in 0..2 {
            // SAFETY: the only thread that pushes.
            unsafe { list.push(Tracked::new(value)) };
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_segment_is_seen_with_its_first_element() {
    check(|| {
        let list = Arc::new(AppendList::new());
        for value in 0..8 {
            // SAFETY: the only thread that pushes.
            unsafe { list.push(Tracked::new(value)) };
        }
        let reader = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                let last = list.len() - 1;
                assert_eq!(AppendList::<Tracked>::get(&list, last).read(), last as u32);
            })
        };
        // The first of the second segment.
        // SAFETY: the only thread that pushes.
        unsafe { list.push(Tracked::new(8)) };
        reader.join().unwrap();
    });
}

fn reads((epochs, link, thing): &(Epochs, AtomicUsize, Tracked)) {
    let epoch = epochs.enter();
    if link.load(Ordering::SeqCst) == 1 {
        assert_eq!(thing.read(), 7);
    }
    epochs.leave(epoch);
}

/// Readers find what a link leads to; the writer unlinks it, waits and frees it.
fn unlinked_and_freed(readers: usize) {
    let shared = Arc::new((epochs(), AtomicUsize::new(1), Tracked::new(7)));
    let threads: Vec<_> = (0..readers)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                reads(&shared);
            })
        })
        .collect();
    let (epochs, link, thing) = &*shared;
    link.store(0, Ordering::SeqCst);
    epochs.synchronize();
    thing.write(0);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn nothing_is_freed_while_it_is_read() {
    check(|| unlinked_and_freed(1));
}

/// Why `synchronize` waits for both epochs: the reader may count itself into the one that the first writer has looked at already.
#[test]
fn nothing_is_freed_by_the_next_writer_either() {
    check(|| {
        let shared = Arc::new((epochs(), AtomicUsize::new(1), Tracked::new(7)));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (epochs, link, thing) = &*shared;
                // Somebody else's.
                epochs.synchronize();
                link.store(0, Ordering::SeqCst);
                epochs.synchronize();
                thing.write(0);
            })
        };
        reads(&shared);
        writer.join().unwrap();
    });
}

#[test]
fn nothing_is_freed_while_either_of_two_reads_it() {
    check(|| unlinked_and_freed(2));
}

/// The order of `NativeModule::publish`: code, then its block in the list, then the slot. Whoever goes by the slot runs the code, may trap in it, and
/// must find its block.
#[test]
fn whoever_sees_a_slot_finds_the_code_and_its_block() {
    check(|| {
        let code = [(); 2].map(|()| UnsafeCell::new(0));
        let shared = Arc::new((AtomicUsize::new(0), AppendList::new(), code, epochs()));
        let running = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (slot, blocks, code, epochs) = &*shared;
                for _ in 0..2 {
                    let target = slot.load(Ordering::Acquire);
                    let Some(index) = target.checked_sub(1) else { continue };
                    // SAFETY: the checker fails the model if another thread writes at the same time.
                    assert_eq!(code[index].with(|code| unsafe { *code }), target);
                    let epoch = epochs.enter();
                    let at = blocks.partition_point(|block: &Tracked| block.read() <= index as u32);
                    assert_eq!(at, target);
                    epochs.leave(epoch);
                }
            })
        };
        let (slot, blocks, code, _) = &*shared;
        for (index, code) in code.iter().enumerate() {
            // SAFETY: as above.
            code.with_mut(|code| unsafe { *code = index + 1 });
            // SAFETY: the only thread that pushes.
            unsafe { blocks.push(Tracked::new(index as u32)) };
            slot.store(index + 1, Ordering::Release);
        }
        running.join().unwrap();
    });
}
