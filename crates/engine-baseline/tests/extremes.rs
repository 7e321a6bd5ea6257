//! Functions at the implementation limits compile on both CPUs, to code whose size is linear in theirs.

use engine_baseline::{CompileError, compile_all};
use engine_decoder::{DecodedModule, Features};
use engine_machine::{AccessMode, Arch, CodeBatch, CodeFlags, TargetFeatures};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction as I, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

fn flags(arch: Arch, memory_access: AccessMode) -> CodeFlags {
    CodeFlags {
        target: TargetFeatures::floor(arch),
        memory_access,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        tier_up_budget: 0,
    }
}

/// A module of one function.
fn module(params: &[ValType], results: &[ValType], function: &Function) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function(params.iter().copied(), results.iter().copied());
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut code = CodeSection::new();
    code.function(function);
    Module::new().section(&types).section(&functions).section(&memories).section(&code).clone().finish()
}

fn function(locals: &[(u32, ValType)], body: impl IntoIterator<Item = I<'static>>) -> Function {
    let mut function = Function::new(locals.iter().copied());
    for operator in body {
        function.instruction(&operator);
    }
    function.instruction(&I::End);
    function
}

/// Compiles on both CPUs and both memory modes; the code must be the same each time and at most `most` bytes.
fn compile(wasm: &[u8], most: usize) {
    let decoded =
        DecodedModule::decode(wasm.to_vec(), Features::default()).unwrap_or_else(|error| panic!("{error}"));
    for arch in [Arch::X64, Arch::Aarch64] {
        for mode in [AccessMode::Guarded, AccessMode::Checked] {
            let batch: CodeBatch =
                compile_all(&decoded, flags(arch, mode)).unwrap_or_else(|error| panic!("{arch}: {error}"));
            assert!(batch.code.len() <= most, "{arch} {mode:?}: {} bytes", batch.code.len());
            assert_eq!(batch.code, compile_all(&decoded, flags(arch, mode)).expect("compiled before").code);
        }
    }
}

#[test]
fn a_function_of_a_megabyte() {
    // local0 = local0 * 7 + load(local0 & 0xffff), again and again.
    let step = [
        I::LocalGet(0),
        I::I32Const(7),
        I::I32Mul,
        I::LocalGet(0),
        I::I32Const(0xffff),
        I::I32And,
        I::I32Load(wasm_encoder::MemArg {
            offset: 0,
            align: 2,
            target: wasm_encoder::MemArgTarget::Memory(0),
            ordering: None,
        }),
        I::I32Add,
        I::LocalSet(0),
    ];
    let body = step.into_iter().cycle().take(9 * 60_000);
    let wasm = module(&[ValType::I32], &[], &function(&[], body));
    assert!(wasm.len() > 1 << 20);
    compile(&wasm, 8 << 20);
}

#[test]
fn fifty_thousand_locals() {
    let n = 50_000u32;
    let body = (0..n).flat_map(|i| [I::LocalGet(i), I::LocalSet((i + 1) % n)]);
    compile(&module(&[], &[], &function(&[(n, ValType::I64)], body)), 4 << 20);
}

#[test]
fn locals_times_blocks() {
    let n = 5_000u32;
    let mut body = Vec::new();
    for i in 0..n {
        body.extend([
            I::Block(BlockType::Empty),
            I::LocalGet(i),
            I::BrIf(0),
            I::I32Const(1),
            I::LocalSet(i),
            I::End,
        ]);
    }
    compile(&module(&[], &[], &function(&[(n, ValType::I32)], body)), 1 << 20);
}

#[test]
fn nesting_of_ten_thousand() {
    for open in [I::Block(BlockType::Empty), I::Loop(BlockType::Empty)] {
        let n = 10_000;
        let mut body = vec![open; n];
        body.extend((0..n).flat_map(|i| [I::LocalGet(0), I::BrIf((i % 100).min(n - i) as u32), I::End]));
        compile(&module(&[ValType::I32], &[], &function(&[], body)), 2 << 20);
    }
    let n = 10_000;
    let mut body = Vec::new();
    for _ in 0..n {
        body.extend([I::LocalGet(0), I::If(BlockType::Empty)]);
    }
    for _ in 0..n {
        body.extend([I::Else, I::End]);
    }
    compile(&module(&[ValType::I32], &[], &function(&[], body)), 2 << 20);
}

#[test]
fn deep_operand_stack() {
    let n = 100_000;
    let mut body: Vec<_> = (0..n).map(|i| if i % 2 == 0 { I::LocalGet(0) } else { I::I32Const(i) }).collect();
    body.extend(vec![I::I32Xor; n as usize - 1]);
    compile(&module(&[ValType::I32], &[ValType::I32], &function(&[], body)), 4 << 20);
}

#[test]
fn lazy_operands_of_many_locals() {
    // Each local is pushed, buried under operands, and then changed.
    let n = 1_000u32;
    let mut body: Vec<_> = (0..n).map(I::LocalGet).collect();
    body.extend((0..10_000).map(I::I32Const));
    body.extend((0..n).flat_map(|i| [I::I32Const(1), I::LocalSet(i)]));
    body.extend(vec![I::Drop; 10_000 + n as usize]);
    compile(&module(&[], &[], &function(&[(n, ValType::I32)], body)), 1 << 20);
}

#[test]
fn br_table_of_many_targets() {
    let n = 50_000usize;
    let depth = 100u32;
    let mut body = vec![I::Block(BlockType::Empty); depth as usize];
    body.push(I::LocalGet(0));
    body.push(I::BrTable((0..n as u32).map(|i| i % depth).collect::<Vec<_>>().into(), 0));
    for _ in 0..depth {
        body.extend([I::End, I::I32Const(1), I::LocalSet(0)]);
    }
    compile(&module(&[ValType::I32], &[], &function(&[], body)), 1 << 20);
}

#[test]
fn a_thousand_parameters_and_results() {
    let kinds = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    let types: Vec<_> = (0..1000).map(|i| kinds[i % 4]).collect();
    let body = (0..1000).map(I::LocalGet).chain([I::Call(0)]);
    compile(&module(&types, &types, &function(&[], body)), 1 << 20);
}

#[test]
fn a_small_body_of_much_code() {
    // Each call moves a thousand results: 2 MB of code between a branch and its target.
    let mut body = vec![I::Block(BlockType::Empty), I::LocalGet(0), I::BrIf(0)];
    for _ in 0..300 {
        body.extend([I::Block(BlockType::Empty), I::LocalGet(0), I::Call(0), I::Br(0), I::End]);
    }
    body.extend([I::End, I::Unreachable]);
    compile(&module(&[ValType::I32], &[ValType::I64; 1000], &function(&[], body)), 8 << 20);
}

#[test]
fn an_invalid_body_leaves_the_batch_as_it_was() {
    let wasm =
        wat::parse_str("(module (func (result i32) i32.const 1) (func (result i32)))").expect("parses");
    let decoded = DecodedModule::decode(wasm, Features::default()).expect("structure is valid");
    let env = engine_baseline::ModuleEnv::new(decoded.module.clone(), flags(Arch::X64, AccessMode::Guarded));
    let mut compiler = engine_baseline::BaselineCompiler::new(&env);
    let [good, bad] = [0, 1].map(engine_decoder::DefinedFuncIndex);
    compiler.compile(&decoded, good, decoded.body_at(good)).expect("valid");
    let before = compiler.batch().code.len();
    let error = compiler.compile(&decoded, bad, decoded.body_at(bad)).expect_err("invalid");
    let CompileError::Invalid(error) = error else { panic!("{error}") };
    assert_eq!(error.func, Some(engine_decoder::FuncIndex(1)));
    assert_eq!(compiler.batch().functions.len(), 1);
    assert!(compiler.batch().code.len() - before < 16, "only alignment");
}
