//! What would take more than linear time is declined.

mod support;

use support::compile;

/// A function that leaves a block with this many results, by a branch.
fn results(count: usize) -> String {
    let (types, values) = ("i32 ".repeat(count), "local.get 0 ".repeat(count));
    let drops = "drop ".repeat(count);
    format!("(module (func (param i32) (block (result {types}) {values} (br_if 0 (local.get 0))) {drops}))")
}

#[test]
fn labels_take_few_values() {
    assert_eq!(compile(&results(64)), Ok(()));
    assert_eq!(compile(&results(65)), Err("it carries too many values at once"));
}

#[test]
fn calls_take_few_values() {
    let call = |count: usize| {
        let (types, values) = ("i32 ".repeat(count), "local.get 0 ".repeat(count));
        format!("(module (func (param i32) {values} call $f) (func $f (param {types})))")
    };
    assert_eq!(compile(&call(64)), Ok(()));
    assert_eq!(compile(&call(65)), Err("it carries too many values at once"));
}

/// Blocks in a row, each of which may leave for this label, in `(block $end (loop $loop ...))`.
fn row(label: &str) -> String {
    let branches = format!("local.get 0 br_if {label} ").repeat(10_000);
    format!("(module (func (param i32) (block $end (loop $loop {branches}))))")
}

#[test]
fn very_many_branches_lead_to_one_end() {
    assert_eq!(compile(&row("$end")), Ok(()));
}

#[test]
fn very_many_branches_back_are_declined() {
    assert_eq!(compile(&row("$loop")), Err("its control flow is too deep"));
}

/// Operands that are loaded before this many blocks, and used behind them.
fn crossing(values: usize, blocks: usize) -> String {
    let loads: String = (0..values).map(|i| format!("(i32.load offset={} (local.get 0))", 4 * i)).collect();
    let blocks = "(block local.get 0 br_if 0 i32.const 0 i32.const 1 i32.store)".repeat(blocks);
    let uses = "i32.xor ".repeat(values - 1);
    format!("(module (memory 1) (func (param i32) (result i32) {loads} {blocks} {uses}))")
}

#[test]
fn values_that_cross_too_many_blocks_are_declined() {
    assert_eq!(compile(&crossing(100, 100)), Ok(()));
    assert_eq!(compile(&crossing(1000, 1000)), Err("it has too many values at once"));
}

/// What a shift is of is looked at before its operands are: those of a parameter are no values, but where its many arguments are.
#[test]
fn a_shift_of_a_block_result_with_many_sources() {
    let sources = "(br_if 0 (local.get 0) (local.get 0)) drop ".repeat(200);
    let text = format!(
        "(module (func (param i32) (result i32)
            (i32.shl (block (result i32) {sources} (i32.const 2)) (i32.const 1))
            (i32.shl (block (result i32) {sources} (i32.const 1)) (i32.const 1)) drop))"
    );
    assert_eq!(compile(&text), Ok(()));
}

/// An address that is known only in a branch, and used before and behind very many blocks.
#[test]
fn uses_too_far_apart_to_look_for_what_dominates_both() {
    let store = "(i32.store offset=8 (local.get 1) (local.get 0))";
    let blocks = "(block local.get 0 br_if 0 i32.const 0 i32.const 1 i32.store)".repeat(1000);
    let text = format!(
        "(module (memory 1) (global $g (mut i32) (i32.const 0)) (func (param i32) (local i32)
            (if (i32.load (local.get 0)) (then
                (local.set 1 (i32.add (global.get $g) (i32.const -5000)))
                {store} {blocks} {store}))))"
    );
    assert_eq!(compile(&text), Ok(()));
}
