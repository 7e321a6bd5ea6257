//! Code that was once wrong, or could have been.

use crate::*;

/// Calls `f(a, b)` of a module under a configuration.
fn run(config: &Config, text: &str, a: i32, b: i32) -> i32 {
    let engine = Engine::new(config).expect("engine");
    let module = compile(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiation");
    call::<_, i32>(&mut store, instance, "f", (a, b)).expect("no trap")
}

fn config(features: Features, guard: bool) -> Config {
    let mut config = Config::new();
    config.wasm_features(features).memory_guard(guard);
    config
}

#[test]
fn a_memory_index_is_no_operator() {
    // The offset 33 is the opcode of `local.set`, and `nop` looks like the local's index.
    let text = r#"(module (memory 1) (memory 1)
        (func (export "f") (param i32 i32) (result i32)
            local.get 0 i32.load 1 offset=33 nop drop
            local.get 1 local.get 1 i32.add))"#;
    for guard in [true, false] {
        assert_eq!(run(&config(Features::supported(), guard), text, 0, 21), 42);
    }
}

#[test]
fn checked_accesses_with_large_offsets() {
    let text = r#"(module (memory 1)
        (func (export "f") (param i32 i32) (result i32)
            local.get 0 local.get 1 i32.store offset=60000
            local.get 0 i32.load offset=60000))"#;
    for guard in [true, false] {
        assert_eq!(run(&config(Features::default(), guard), text, 16, -7), -7);
    }
    let text = r#"(module (memory 1) (func (export "f") (param i32) (result i32)
        local.get 0 i32.load offset=0xffff0000))"#;
    for guard in [true, false] {
        let engine = Engine::new(&config(Features::default(), guard)).expect("engine");
        let module = compile(&engine, text);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("instantiation");
        let error = call::<_, i32>(&mut store, instance, "f", (0x2_0000,)).expect_err("out of bounds");
        assert!(error.to_string().contains("out of bounds memory access"), "{error}");
    }
}

#[test]
fn proposals_that_the_engine_lacks_are_refused_by_name() {
    let error = Engine::new(&config(Features::all(), true)).map(|_| ()).expect_err("no such engine");
    assert!(error.to_string().contains("gc"), "{error}");
}

#[test]
fn br_table_shares_edges_with_values() {
    // Three values to blocks and a loop, through a table that repeats its targets.
    let text = r#"(module (func (export "f") (param i32 i32) (result i32)
        (local i32)
        block (result i32 i32 i32)
            block (result i32 i32 i32)
                local.get 1 i32.const 20 i32.const 300 local.get 0
                br_table 0 1 0 1 0 1 0 1 0 1 1
            end
            i32.add i32.add
            i32.const 1000 i32.const 2000
        end
        i32.add i32.add))"#;
    for index in 0..12 {
        // Even entries take the inner block, and so add the constants behind it.
        let expected = if index < 10 && index % 2 == 0 { 3325 } else { 325 };
        assert_eq!(run(&config(Features::default(), true), text, index, 5), expected, "{index}");
    }
}

#[test]
fn functions_with_many_unused_locals() {
    let functions: String = (0..2000)
        .map(|i| format!("(func (param i32) (result i32) {} local.get 0)", "(local i64)".repeat(i % 3 * 100)))
        .collect();
    let text = format!(
        r#"(module (func (export "f") (param i32 i32) (result i32) (local f64 i64 i32)
            local.get 1 local.set 4 local.get 4) {functions})"#
    );
    assert_eq!(run(&config(Features::default(), true), &text, 1, 2), 2);
}

#[test]
fn br_table_with_values_in_all_registers() {
    // The default edge leaves before the index is masked, which may take a register from a value.
    for count in 2..=20 {
        let results = "i32 ".repeat(count);
        let values: String = (0..count).map(|i| format!("local.get 0 i32.const {i} i32.mul ")).collect();
        let sum = "i32.add ".repeat(count - 1);
        let text = format!(
            r#"(module (func (export "f") (param i32 i32) (result i32)
                block (result {results})
                    block (result {results})
                        {values} local.get 1 i32.const 1 i32.add
                        br_table 0 0 1
                    end
                    {sum} i32.const 1000 i32.add return
                end
                {sum}))"#
        );
        let expected = 3 * (count * (count - 1) / 2) as i32;
        for (index, expected) in [(0, 1000 + expected), (1, expected), (9, expected)] {
            let result = run(&config(Features::default(), true), &text, 3, index);
            assert_eq!(result, expected, "{count} values, index {index}");
        }
    }
}
