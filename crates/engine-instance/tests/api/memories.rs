//! Memories: sharing, growth, bulk operators, data segments, both access modes.

use crate::*;

const OWNER: &str = r#"(module (memory (export "memory") 1 5)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) memory.size)
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))"#;

const USER: &str = r#"(module (memory (import "m" "memory") 1)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) memory.size)
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))"#;

fn both_modes(test: impl Fn(&Engine)) {
    for guard in [true, false] {
        let mut config = Config::new();
        config.memory_guard(guard);
        test(&Engine::new(&config).unwrap());
    }
}

#[test]
fn sharers_see_writes_and_growth() {
    both_modes(|engine| {
        let mut store = Store::new(engine, ());
        let owner = Instance::new(&mut store, &compile(engine, OWNER), &[]).unwrap();
        let memory = owner.get_memory(&mut store, "memory").unwrap();
        let user = Instance::new(&mut store, &compile(engine, USER), &[memory.into()]).unwrap();
        call::<_, ()>(&mut store, owner, "store", (10, 1)).unwrap();
        assert_eq!(call::<_, i32>(&mut store, user, "load", 10).unwrap(), 1);
        assert_eq!(call::<_, i32>(&mut store, user, "grow", 2).unwrap(), 1);
        assert_eq!(call::<_, i32>(&mut store, owner, "size", ()).unwrap(), 3);
        call::<_, ()>(&mut store, owner, "store", (3 * 65536 - 1, 2)).unwrap();
        assert_eq!(memory.data(&store)[3 * 65536 - 1], 2);
        assert_eq!(memory.data_size(&store), 3 * 65536);
        memory.data_mut(&mut store)[10] = 3;
        assert_eq!(call::<_, i32>(&mut store, user, "load", 10).unwrap(), 3);
        assert_eq!(call::<_, i32>(&mut store, owner, "grow", 3).unwrap(), -1);
        assert_eq!(call::<_, i32>(&mut store, owner, "grow", -1).unwrap(), -1);
        assert_eq!(memory.grow(&mut store, 2).unwrap(), 3);
        assert!(memory.grow(&mut store, 1).is_err());
        assert_eq!(call::<_, i32>(&mut store, user, "size", ()).unwrap(), 5);
        let error = call::<_, i32>(&mut store, user, "load", 5 * 65536).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
        assert_eq!(call::<_, i32>(&mut store, user, "load", 5 * 65536 - 1).unwrap(), 0);
    });
}

#[test]
fn a_host_memory_is_imported_by_two_modules() {
    both_modes(|engine| {
        let mut store = Store::new(engine, ());
        let ty = MemoryType { minimum: 1, maximum: None, shared: false, memory64: false };
        let memory = Memory::new(&mut store, ty).unwrap();
        assert_eq!(memory.ty(&store), ty);
        let module = compile(engine, USER);
        let one = Instance::new(&mut store, &module, &[memory.into()]).unwrap();
        let two = Instance::new(&mut store, &module, &[memory.into()]).unwrap();
        call::<_, ()>(&mut store, one, "store", (0, 9)).unwrap();
        assert_eq!(call::<_, i32>(&mut store, two, "grow", 10).unwrap(), 1);
        assert_eq!(call::<_, i32>(&mut store, two, "load", 0).unwrap(), 9);
        assert_eq!(call::<_, i32>(&mut store, one, "load", 11 * 65536 - 1).unwrap(), 0);
    });
}

#[test]
fn the_host_reads_and_writes_in_bounds_only() {
    let (mut store, instance) = instance(OWNER);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    memory.write(&mut store, 65534, &[1, 2]).unwrap();
    assert_eq!(memory.write(&mut store, 65535, &[1, 2]), Err(MemoryAccessError));
    assert_eq!(memory.write(&mut store, usize::MAX, &[1, 2]), Err(MemoryAccessError));
    let mut bytes = [0; 2];
    memory.read(&store, 65534, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2]);
    assert_eq!(memory.read(&store, 65535, &mut bytes), Err(MemoryAccessError));
    memory.read(&store, 65536, &mut []).unwrap();
}

#[test]
fn an_empty_memory_has_no_bytes() {
    let (mut store, instance) = instance(
        r#"(module (memory (export "memory") 0) (func (export "load") (result i32) (i32.load (i32.const 0))))"#,
    );
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert!(memory.data(&store).is_empty());
    assert!(call::<_, i32>(&mut store, instance, "load", ()).is_err());
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 0);
    assert_eq!(call::<_, i32>(&mut store, instance, "load", ()).unwrap(), 0);
}

#[test]
fn bulk_operators_check_before_they_write() {
    both_modes(|engine| {
        let text = r#"(module (memory (export "memory") 1)
            (data $d "abcdef")
            (func (export "init") (param i32 i32 i32)
                (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
            (func (export "drop") (data.drop $d))
            (func (export "copy") (param i32 i32 i32)
                (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "fill") (param i32 i32 i32)
                (memory.fill (local.get 0) (local.get 1) (local.get 2))))"#;
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &compile(engine, text), &[]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        call::<_, ()>(&mut store, instance, "init", (0, 1, 4)).unwrap();
        assert_eq!(&memory.data(&store)[..6], b"bcde\0\0");
        call::<_, ()>(&mut store, instance, "copy", (1, 0, 4)).unwrap();
        assert_eq!(&memory.data(&store)[..6], b"bbcde\0");
        call::<_, ()>(&mut store, instance, "fill", (65530, 0x107, 6)).unwrap();
        assert_eq!(memory.data(&store)[65529..], [0, 7, 7, 7, 7, 7, 7]);
        for (name, params) in [
            ("init", (65535, 0, 2)),
            ("init", (0, 5, 2)),
            ("init", (0, 0, -1)),
            ("copy", (65535, 0, 2)),
            ("copy", (0, 65535, 2)),
            ("copy", (-1, 0, 1)),
            ("fill", (65535, 1, 2)),
            ("fill", (65537, 1, 0)),
        ] {
            let error = call::<_, ()>(&mut store, instance, name, params).unwrap_err();
            assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds), "{name} {params:?}");
        }
        assert_eq!(&memory.data(&store)[..6], b"bbcde\0");
        assert_eq!(memory.data(&store)[65535], 7);
        call::<_, ()>(&mut store, instance, "init", (65536, 6, 0)).unwrap();
        call::<_, ()>(&mut store, instance, "drop", ()).unwrap();
        call::<_, ()>(&mut store, instance, "drop", ()).unwrap();
        call::<_, ()>(&mut store, instance, "init", (65536, 0, 0)).unwrap();
        assert!(call::<_, ()>(&mut store, instance, "init", (0, 0, 1)).is_err());
    });
}

#[test]
fn data_segments_apply_in_order_until_one_traps() {
    both_modes(|engine| {
        let mut store = Store::new(engine, ());
        let ty = MemoryType { minimum: 1, maximum: None, shared: false, memory64: false };
        let memory = Memory::new(&mut store, ty).unwrap();
        let text = r#"(module (memory (import "m" "memory") 1)
            (data (i32.const 0) "aaaa") (data (i32.const 2) "bb") (data (i32.const 65535) "cc") (data (i32.const 0) "d"))"#;
        let error = Instance::new(&mut store, &compile(engine, text), &[memory.into()]).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::MemoryOutOfBounds));
        assert_eq!(&memory.data(&store)[..5], b"aabb\0");
        assert_eq!(memory.data(&store)[65535], 0);
    });
}

#[test]
fn many_instances_have_their_own_data() {
    // Large enough for an image, with a hole, an overlap and data in the last page.
    let page = "x".repeat(40_000);
    let text = format!(
        r#"(module (memory (export "memory") 4)
            (data (i32.const 100) "{page}") (data (i32.const 50) "overlap{page}") (data (i32.const 262143) "z")
            (func (export "poke") (i32.store8 (i32.const 50) (i32.const 111))))"#
    );
    both_modes(|engine| {
        let module = compile(engine, &text);
        let mut store = Store::new(engine, ());
        for _ in 0..5 {
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let memory = instance.get_memory(&mut store, "memory").unwrap();
            let bytes = memory.data(&store);
            assert_eq!(&bytes[..60], [&[0; 50], b"overlapxxx".as_slice()].concat());
            assert_eq!(bytes[262143], b'z');
            assert_eq!(bytes.iter().filter(|byte| **byte == b'x').count(), 40_043);
            // Written to, so that a later instance would see it if pages were shared.
            call::<_, ()>(&mut store, instance, "poke", ()).unwrap();
            memory.data_mut(&mut store)[100_000] = 1;
        }
    });
}
