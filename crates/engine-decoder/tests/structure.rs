//! What a decoded module holds.

use engine_decoder::*;

fn decode(text: &str) -> DecodedModule {
    let features = Features::all().without(Features::GC).without(Features::FUNCTION_REFERENCES);
    DecodedModule::decode(wat::parse_str(text).unwrap(), features).unwrap()
}

#[test]
fn bytes_are_not_copied() {
    let bytes = wat::parse_str("(module)").unwrap();
    let first = bytes.as_ptr();
    let decoded = DecodedModule::decode(bytes, Features::default()).unwrap();
    assert_eq!(decoded.bytes.as_ptr(), first);
}

#[test]
fn imports_come_first_in_every_index_space() {
    let decoded = decode(
        r#"(module
            (import "a" "g" (global (mut i64)))
            (import "a" "f" (func (param i32)))
            (import "b" "t" (table 1 2 externref))
            (import "b" "m" (memory 3 4))
            (global f32 (f32.const -0))
            (table 5 funcref)
            (func (result f64) f64.const 0))"#,
    );
    let module = &decoded.module;
    assert_eq!(module.num_imported_functions, 1);
    assert_eq!(module.num_imported_tables, 1);
    assert_eq!(module.num_imported_memories, 1);
    assert_eq!(module.num_imported_globals, 1);
    assert_eq!(module.functions, [TypeIndex(0), TypeIndex(1)]);
    assert_eq!(module.types[0], FuncType::new([ValType::I32], []));
    assert_eq!(module.types[1], FuncType::new([], [ValType::F64]));
    assert_eq!(
        module.globals,
        [
            GlobalType { content: ValType::I64, mutable: true },
            GlobalType { content: ValType::F32, mutable: false }
        ]
    );
    assert_eq!(
        module.tables,
        [
            TableType { element: RefType::EXTERNREF, minimum: 1, maximum: Some(2) },
            TableType { element: RefType::FUNCREF, minimum: 5, maximum: None }
        ]
    );
    let memory = MemoryType { minimum: 3, maximum: Some(4), shared: false, memory64: false };
    assert_eq!(module.memories, [memory]);
    assert_eq!(*module.global_inits[0].ops, [ConstOp::F32Const(0x8000_0000)]);
    assert_eq!(module.table_inits, [None]);
    let names: Vec<_> =
        module.imports.iter().map(|import| (&*import.module, &*import.name, import.index)).collect();
    assert_eq!(
        names,
        [
            ("a", "g", ExternIndex::Global(GlobalIndex(0))),
            ("a", "f", ExternIndex::Func(FuncIndex(0))),
            ("b", "t", ExternIndex::Table(TableIndex(0))),
            ("b", "m", ExternIndex::Memory(MemoryIndex(0))),
        ]
    );
}

#[test]
fn constant_expressions_keep_their_operators() {
    let decoded = decode(
        r#"(module
            (import "" "" (global i32))
            (global i32 (i32.sub (global.get 0) (i32.mul (i32.const -7) (i32.const 0x7fffffff))))
            (global i64 (i64.add (i64.const -9223372036854775808) (i64.const 1)))
            (global f64 (f64.const nan:0x4000000000001))
            (global v128 (v128.const i64x2 1 2))
            (global externref (ref.null extern)))"#,
    );
    let inits: Vec<&[ConstOp]> = decoded.module.global_inits.iter().map(|init| &*init.ops).collect();
    assert_eq!(
        inits,
        [
            &[
                ConstOp::GlobalGet(GlobalIndex(0)),
                ConstOp::I32Const(-7),
                ConstOp::I32Const(i32::MAX),
                ConstOp::I32Mul,
                ConstOp::I32Sub,
            ][..],
            &[ConstOp::I64Const(i64::MIN), ConstOp::I64Const(1), ConstOp::I64Add],
            &[ConstOp::F64Const(0x7ff4_0000_0000_0001)],
            &[ConstOp::V128Const(1 | 2 << 64)],
            &[ConstOp::RefNull(HeapType::Extern)],
        ]
    );
}

#[test]
fn segments() {
    let decoded = decode(
        r#"(module
            (memory 1) (memory 1)
            (table 1 externref) (table 9 funcref)
            (func $f) (func $g)
            (elem (table 1) (i32.const 3) func $g $f)
            (elem funcref (ref.func $f) (ref.null func))
            (elem declare func $g)
            (data (memory 1) (i32.const 5) "ab" "c")
            (data ""))"#,
    );
    let expr = |op| ConstExpr { ops: Box::new([op]) };
    let module = &decoded.module;
    let functions =
        |items: &[u32]| ElementItems::Functions(items.iter().map(|&func| FuncIndex(func)).collect());
    assert_eq!(module.elements[0].mode, SegmentMode::Active(TableIndex(1), expr(ConstOp::I32Const(3))));
    assert_eq!(module.elements[0].items, functions(&[1, 0]));
    assert_eq!(module.elements[1].mode, SegmentMode::Passive);
    let items = [ConstOp::RefFunc(FuncIndex(0)), ConstOp::RefNull(HeapType::Func)].map(expr);
    assert_eq!(module.elements[1].items, ElementItems::Expressions(Box::new(items)));
    assert_eq!(module.elements[2].mode, SegmentMode::Declared);
    assert_eq!(module.elements[2].items, functions(&[1]));
    assert_eq!(module.data[0].mode, SegmentMode::Active(MemoryIndex(1), expr(ConstOp::I32Const(5))));
    assert_eq!(&decoded.bytes[module.data[0].bytes.clone()], b"abc");
    assert_eq!(module.data[1].mode, SegmentMode::Passive);
    assert!(module.data[1].bytes.is_empty());
}

#[test]
fn functions_escape_by_export_segment_and_initialiser() {
    let decoded = decode(
        r#"(module
            (import "" "" (func $imported))
            (func $exported) (func $hidden) (func $element) (func $global) (func $declared) (func $expression)
            (table 1 funcref)
            (global funcref (ref.func $global))
            (export "b" (func $exported)) (export "a" (func $imported)) (export "c" (func $exported))
            (elem (i32.const 0) func $element)
            (elem funcref (ref.func $expression))
            (elem declare func $declared))"#,
    );
    assert_eq!(decoded.module.escaped, [0, 1, 3, 4, 5, 6].map(FuncIndex));
    assert_eq!(decoded.module.escaped_index(FuncIndex(4)), Some(EscapedIndex(3)));
    assert_eq!(decoded.module.escaped_index(FuncIndex(2)), None);
}

#[test]
fn bodies_and_the_code_section_are_ranges() {
    let decoded = decode("(module (func) (func (local i32) nop))");
    let module = &decoded.module;
    assert_eq!(decoded.body(DefinedFuncIndex(0)), [0, 0x0b]);
    assert_eq!(decoded.body(DefinedFuncIndex(1)), [1, 1, 0x7f, 0x01, 0x0b]);
    assert_eq!(&decoded.bytes[module.code_section.clone()], [2, 2, 0, 0x0b, 5, 1, 1, 0x7f, 0x01, 0x0b]);
    assert_eq!(decode("(module)").module.code_section, 0..0);
}

#[test]
fn start_function() {
    assert_eq!(decode("(module (func) (func $s) (start $s))").module.start, Some(FuncIndex(1)));
    assert_eq!(decode("(module (func))").module.start, None);
}

/// A module with two functions and a name section with these contents.
fn named(contents: &[u8]) -> DecodedModule {
    let mut module = wasm_encoder::Module::new();
    let mut types = wasm_encoder::TypeSection::new();
    types.ty().function([], []);
    let mut functions = wasm_encoder::FunctionSection::new();
    functions.function(0).function(0);
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export("exported", wasm_encoder::ExportKind::Func, 1);
    let mut code = wasm_encoder::CodeSection::new();
    code.raw(&[0, 0x0b]).raw(&[0, 0x0b]);
    let name = wasm_encoder::CustomSection { name: "name".into(), data: contents.into() };
    module.section(&types).section(&functions).section(&exports).section(&code).section(&name);
    DecodedModule::decode(module.finish(), Features::default()).unwrap()
}

#[test]
fn names() {
    let decoded = named(b"\x00\x02\x01m\x01\x07\x02\x00\x01f\x01\x01g\x02\x01\x00");
    let names = &decoded.module.names;
    assert_eq!(names.module.as_deref(), Some("m"));
    assert_eq!(names.functions.get(FuncIndex(0)), Some("f"));
    assert_eq!(names.functions.get(FuncIndex(1)), Some("g"));
    assert_eq!(decoded.module.func_name(FuncIndex(1)), Some("g"));
    assert_eq!(named(b"").module.func_name(FuncIndex(1)), Some("exported"));
    assert_eq!(named(b"").module.func_name(FuncIndex(0)), None);
}

#[test]
fn a_malformed_name_section_counts_up_to_the_first_error() {
    // The second name is no UTF-8; the third would be fine.
    let decoded = named(b"\x01\x0a\x03\x00\x01f\x01\x01\xff\x02\x01h");
    assert_eq!(decoded.module.names.functions.get(FuncIndex(0)), Some("f"));
    assert_eq!(decoded.module.names.functions.len(), 1);
    // Names out of order.
    let decoded = named(b"\x01\x0a\x03\x01\x01f\x00\x01g\x02\x01h");
    assert_eq!(decoded.module.names.functions.len(), 1);
    // A count that promises more than there is, then a subsection that is cut off.
    assert_eq!(named(b"\x01\x05\xff\xff\xff\xff\x0f").module.names, Names::default());
    assert_eq!(named(b"\x01\x7f").module.names, Names::default());
    assert_eq!(named(b"\x00").module.names, Names::default());
}
