//! The limits of browsers: the last that fits, and the first that does not.

use engine_decoder::{DecodeError, DecodedModule, Features, Limits, Section};
use wasm_encoder::*;

fn decode(module: Module) -> Result<DecodedModule, DecodeError> {
    let decoded = DecodedModule::decode(module.finish(), Features::supported())?;
    decoded.validate_all()?;
    Ok(decoded)
}

/// `make` builds a module with so many of something.
fn limit(limit: usize, section: engine_decoder::Section, make: impl Fn(usize) -> Module) {
    decode(make(limit)).unwrap();
    let error = decode(make(limit + 1)).unwrap_err();
    assert_eq!(error.section, section, "{error}");
    // The number, or a message that speaks of a limit or bound.
    let says = ["limit", "out of bounds", "must be at most", "exceeds", "too many"];
    assert!(says.iter().any(|word| error.message.contains(word)), "{error}");
}

fn func_module(params: usize, results: usize, body: Option<Vec<u8>>) -> Module {
    let (mut module, mut types, mut functions) = (Module::new(), TypeSection::new(), FunctionSection::new());
    let list = |count| std::iter::repeat_n(ValType::I32, count);
    types.ty().function(list(params), list(results));
    module.section(&types);
    if let Some(body) = body {
        functions.function(0);
        let mut code = CodeSection::new();
        code.raw(&body);
        module.section(&functions).section(&code);
    }
    module
}

#[test]
fn parameters_and_results() {
    limit(Limits::PARAMS, Section::Type, |count| func_module(count, 0, None));
    limit(Limits::RESULTS, Section::Type, |count| func_module(0, count, None));
}

#[test]
fn locals() {
    limit(Limits::FUNCTION_LOCALS as usize, Section::Code, |count| {
        let mut body = Vec::new();
        1u32.encode(&mut body);
        (count as u32 - 3).encode(&mut body);
        body.extend([0x7f, 0x0b]);
        func_module(3, 0, Some(body))
    });
}

#[test]
fn function_size() {
    let make = |size: usize| {
        let mut body = vec![0x01; size];
        body[0] = 0;
        body[size - 1] = 0x0b;
        func_module(0, 0, Some(body))
    };
    limit(Limits::FUNCTION_SIZE, Section::Code, make);
    let error = decode(make(Limits::FUNCTION_SIZE + 1)).unwrap_err();
    let text = "Compiling function #0 failed: function body size 7654322 exceeds limit of 7654321 bytes @+";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn types() {
    limit(Limits::TYPES as usize, Section::Type, |count| {
        let (mut module, mut types) = (Module::new(), TypeSection::new());
        for _ in 0..count {
            types.ty().function([], []);
        }
        module.section(&types);
        module
    });
}

#[test]
fn globals() {
    limit(Limits::GLOBALS as usize, Section::Global, |count| {
        let (mut module, mut globals) = (Module::new(), GlobalSection::new());
        for _ in 0..count {
            let ty = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
            globals.global(ty, &ConstExpr::i32_const(0));
        }
        module.section(&globals);
        module
    });
}

#[test]
fn functions() {
    limit(Limits::FUNCTIONS as usize, Section::Function, |count| {
        let mut module = func_module(0, 0, None);
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for _ in 0..count {
            functions.function(0);
            code.raw(&[0, 0x0b]);
        }
        module.section(&functions).section(&code);
        module
    });
}

#[test]
fn tables_and_memories() {
    limit(Limits::TABLES as usize, Section::Table, |count| {
        let (mut module, mut tables) = (Module::new(), TableSection::new());
        for _ in 0..count {
            let element_type = RefType::FUNCREF;
            tables.table(TableType {
                element_type,
                minimum: 0,
                maximum: None,
                table64: false,
                shared: false,
            });
        }
        module.section(&tables);
        module
    });
    let memories = |count: usize, pages: u64| {
        let (mut module, mut memories) = (Module::new(), MemorySection::new());
        for _ in 0..count {
            let (memory64, shared, page_size_log2) = (false, false, None);
            memories.memory(MemoryType { minimum: pages, maximum: None, memory64, shared, page_size_log2 });
        }
        module.section(&memories);
        module
    };
    limit(Limits::MEMORIES as usize, Section::Memory, |count| memories(count, 0));
    limit(Limits::MEMORY_PAGES as usize, Section::Memory, |pages| memories(1, pages as u64));
}

#[test]
fn segments() {
    limit(Limits::DATA_SEGMENTS as usize, Section::DataCount, |count| {
        let (mut module, mut data) = (Module::new(), DataSection::new());
        for _ in 0..count {
            data.passive([]);
        }
        module.section(&DataCountSection { count: count as u32 }).section(&data);
        module
    });
    limit(Limits::ELEMENT_SEGMENTS as usize, Section::Element, |count| {
        let (mut module, mut elements) = (Module::new(), ElementSection::new());
        for _ in 0..count {
            elements.passive(Elements::Functions((&[]).into()));
        }
        module.section(&elements);
        module
    });
}

#[test]
fn names() {
    limit(Limits::NAME_SIZE, Section::Custom, |size| {
        let mut module = Module::new();
        module.section(&CustomSection { name: "n".repeat(size).into(), data: (&[]).into() });
        module
    });
}

#[test]
fn a_large_table_is_valid() {
    let (mut module, mut tables) = (Module::new(), TableSection::new());
    let minimum = Limits::TABLE_SIZE + 1;
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, minimum, maximum: None, table64: false, shared: false });
    module.section(&tables);
    assert_eq!(decode(module).unwrap().module.tables[0].minimum, minimum);
}
