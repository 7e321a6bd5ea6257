//! Every function and every loop of a module compiles, for every CPU and access mode; debug builds check SSA form and registers.

mod support;

use engine_decoder::{DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{AccessMode, Arch, CodeBatch, CodeFlags, Entry, ModuleEnv};
use engine_optimizer::OptimizingCompiler;
use support::flags;

/// Compiles all functions, and all loops that baseline code knows. Returns how many of each.
fn compile(bytes: &[u8], flags: CodeFlags) -> (usize, usize) {
    let decoded = DecodedModule::decode(bytes.to_vec(), Features::default()).expect("valid");
    let baseline = engine_baseline::compile_all(&decoded, flags).expect("compiles");
    let env = ModuleEnv::new(decoded.module.clone(), flags);
    let mut compiler = OptimizingCompiler::new(&env);
    let (mut functions, mut loops) = (0, 0);
    for func in &baseline.functions {
        let defined = DefinedFuncIndex(func.func.0 - decoded.module.num_imported_functions);
        functions += usize::from(
            compiler.compile(&decoded, defined, decoded.body_at(defined), Entry::Function).is_ok(),
        );
        let headers =
            &baseline.loop_headers[func.loop_headers.start as usize..func.loop_headers.end as usize];
        for header in headers {
            let entry = Entry::Loop { wasm_offset: header.wasm_offset };
            compiler
                .compile(&decoded, defined, decoded.body_at(defined), entry)
                .unwrap_or_else(|declined| panic!("{declined} at {header:?}"));
            loops += 1;
        }
        compiler.take_batch(CodeBatch::default());
    }
    (functions, loops)
}

fn check(text: &str, expected: (usize, usize)) {
    let bytes = wat::parse_str(text).expect("well-formed");
    for arch in [Arch::X64, Arch::Aarch64] {
        for mode in [AccessMode::Guarded, AccessMode::Checked] {
            assert_eq!(compile(&bytes, flags(arch, mode)), expected);
        }
    }
}

#[test]
fn an_inner_loop_is_entered_with_operands_below_it() {
    check(
        "(module (memory 1) (func $f (param i32 i64) (result i64) (local f64)
           i64.const 7
           (loop $outer (param i64) (result i64)
             i64.const 1 i64.add
             (local.set 2 (f64.convert_i32_u (local.get 0)))
             local.get 1
             (block $skip
               (br_if $skip (i32.eqz (local.get 0)))
               (loop $inner
                 (i64.store (local.get 0) (i64.load (i32.add (local.get 0) (i32.const 8))))
                 (local.set 0 (i32.sub (local.get 0) (i32.const 8)))
                 (br_if $skip (i32.and (local.get 0) (i32.const 64)))
                 (br_if $inner (local.get 0))))
             (drop (call $f (i32.trunc_sat_f64_u (local.get 2)) (i64.const 0)))
             i64.add
             (br_if $outer (i32.lt_u (local.get 0) (i32.const 1000))))))",
        (1, 2),
    );
}

#[test]
fn a_cycle_around_an_entered_loop_may_have_two_entries() {
    check(
        "(module (func (param i32 i32) (result i32)
           (loop $outer
             (block $latch
               (block $join
                 (br_if $join (local.get 0))
                 (loop $inner
                   (br_if $latch (i32.eq (local.get 1) (i32.const 3)))
                   (br_if $join (i32.eq (local.get 1) (i32.const 4)))
                   (local.set 1 (i32.add (local.get 1) (i32.mul (local.get 0) (i32.const 5))))
                   (br $inner)))
               (local.set 0 (i32.add (local.get 0) (i32.mul (local.get 1) (i32.const 7)))))
             (br_if $outer (i32.lt_u (i32.mul (local.get 1) (i32.const 7)) (i32.const 99))))
           (i32.add (local.get 0) (i32.mul (local.get 1) (i32.const 7)))))",
        (1, 2),
    );
}

#[test]
fn tables_of_blocks_with_results_and_dead_code() {
    check(
        "(module (func (param i32) (result i32 i64)
           (block $a (result i32 i64)
             (block $b (result i32 i64)
               (loop $l (result i32 i64)
                 (i32.const 1) (i64.const 2)
                 (br_table $a $b $a (local.get 0))
                 (unreachable) (br $l)))
             (drop) (drop) (i32.const 5) (i64.const 6) (br 0) (if (then)))))",
        (1, 1),
    );
}
