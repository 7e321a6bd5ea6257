//! Programs: a module's types, functions, globals, table and memory.
//!
//! Every program ends: functions that call or loop without a counter pay from a global, and leave when it is spent. Exported
//! functions fill it up and pass their parameters on. The bits of a NaN are never seen: what would show them makes them canonical.

use super::body::Body;
use super::choices::Choices;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection,
    MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Parameters and results.
pub type Signature = (Vec<ValType>, Vec<ValType>);

/// Where the fuel is kept.
pub const FUEL: u32 = 0;

/// A function.
pub struct Func {
    /// Index of its signature, which is also that of its type.
    pub signature: usize,
    /// It calls nothing, so it pays nothing.
    pub leaf: bool,
}

/// Entries of the table with functions of one signature, as many as a power of two.
pub struct Group {
    pub signature: usize,
    pub start: u32,
    pub size: u32,
}

/// What bodies are made from.
pub struct Program {
    /// Signatures of functions first, then those of blocks as they come up.
    pub types: Vec<Signature>,
    /// Host functions come first in the index space.
    pub imports: Vec<usize>,
    pub funcs: Vec<Func>,
    pub groups: Vec<Group>,
    /// Mutable globals; the first is the fuel.
    pub globals: Vec<ValType>,
    /// What a function does without fuel: traps or returns.
    pub trap_when_spent: bool,
    /// How many operators a body has, about.
    pub size: usize,
}

impl Program {
    /// Index of a signature's type.
    pub fn type_index(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let found = self.types.iter().position(|(p, r)| p == params && r == results);
        found.unwrap_or_else(|| {
            self.types.push((params.to_vec(), results.to_vec()));
            self.types.len() - 1
        }) as u32
    }

    /// Signature of a function by its index, host functions included.
    pub fn signature(&self, func: u32) -> &Signature {
        let imports = self.imports.len();
        match self.imports.get(func as usize) {
            Some(&signature) => &self.types[signature],
            None => &self.types[self.funcs[func as usize - imports].signature],
        }
    }
}

/// The types of numbers, those used most first.
pub fn value_type(choices: &mut Choices) -> ValType {
    use ValType::{F32, F64, I32, I64};
    *choices.pick(&[I32, I64, F64, F32, I32, I64, I32])
}

fn types(choices: &mut Choices, most: usize) -> Vec<ValType> {
    let count = choices.below(most + 1);
    (0..count).map(|_| value_type(choices)).collect()
}

fn signature(choices: &mut Choices) -> Signature {
    let params = match choices.below(8) {
        0..=4 => types(choices, 4),
        5 | 6 => types(choices, 9),
        _ => types(choices, 24),
    };
    let results = match choices.below(8) {
        0..=4 => types(choices, 1),
        5 | 6 => types(choices, 4),
        _ => types(choices, 12),
    };
    (params, results)
}

/// Signatures of the host functions; what they do is the supervisor's to say.
pub fn host_signatures() -> [Signature; 2] {
    use ValType::{F32, F64, I32, I64};
    [
        (vec![I32, I64, F64], vec![I64]),
        (vec![F32, I32, I64, I32, I64, I32, I64, F64, I32], vec![I32, F64, I64, F32, I32]),
    ]
}

/// The program that the choices make.
pub fn module(choices: &mut Choices) -> Vec<u8> {
    let mut program = outline(choices);
    let bodies: Vec<Function> =
        (0..program.funcs.len()).map(|func| Body::generate(choices, &mut program, func)).collect();
    let fuel = 100 + choices.below(1500) as i32;

    // Those of functions come before those of blocks.
    let (mut functions, mut code, mut exports) =
        (FunctionSection::new(), CodeSection::new(), ExportSection::new());
    for (func, body) in program.funcs.iter().zip(&bodies) {
        functions.function(func.signature as u32);
        code.function(body);
    }
    let imported = program.imports.len() as u32;
    for (i, func) in program.funcs.iter().enumerate() {
        functions.function(func.signature as u32);
        let mut body = Function::new([]);
        body.instruction(&Instruction::I32Const(fuel)).instruction(&Instruction::GlobalSet(FUEL));
        for param in 0..program.types[func.signature].0.len() {
            body.instruction(&Instruction::LocalGet(param as u32));
        }
        body.instruction(&Instruction::Call(imported + i as u32)).instruction(&Instruction::End);
        code.function(&body);
        let index = imported + (program.funcs.len() + i) as u32;
        exports.export(&format!("f{i}"), ExportKind::Func, index);
    }

    let mut types = TypeSection::new();
    for (params, results) in &program.types {
        types.ty().function(params.iter().copied(), results.iter().copied());
    }
    let mut imports = ImportSection::new();
    for (i, &signature) in program.imports.iter().enumerate() {
        imports.import("host", &format!("h{i}"), EntityType::Function(signature as u32));
    }
    let (mut tables, mut elements) = (TableSection::new(), ElementSection::new());
    let length = program.groups.last().map_or(0, |group| group.start + group.size) + 2;
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: length.into(),
        maximum: Some(length.into()),
        table64: false,
        shared: false,
    });
    for group in &program.groups {
        let members: Vec<u32> = (0..(program.imports.len() + program.funcs.len()) as u32)
            .filter(|&func| match program.imports.get(func as usize) {
                Some(&signature) => signature == group.signature,
                None => program.funcs[func as usize - program.imports.len()].signature == group.signature,
            })
            .collect();
        let entries: Vec<u32> = members.iter().copied().cycle().take(group.size as usize).collect();
        let start = ConstExpr::i32_const(group.start as i32);
        elements.active(None, &start, Elements::Functions(entries.into()));
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(3),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exports.export("memory", ExportKind::Memory, 0);
    let mut globals = GlobalSection::new();
    for (i, &ty) in program.globals.iter().enumerate() {
        let value = match ty {
            ValType::I32 => ConstExpr::i32_const(i as i32),
            ValType::I64 => ConstExpr::i64_const(-(i as i64) << 31),
            ValType::F32 => ConstExpr::f32_const((i as f32 + 0.5).into()),
            _ => ConstExpr::f64_const((i as f64 * -1e10).into()),
        };
        globals.global(GlobalType { val_type: ty, mutable: true, shared: false }, &value);
        exports.export(&format!("g{i}"), ExportKind::Global, i as u32);
    }
    let mut data = DataSection::new();
    let bytes: Vec<u8> = (0..512u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    data.active(0, &ConstExpr::i32_const(0), bytes.iter().copied());
    data.active(0, &ConstExpr::i32_const(65536 - 512), bytes);

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements).section(&code).section(&data);
    module.finish()
}

/// Everything but the bodies.
fn outline(choices: &mut Choices) -> Program {
    let count = 1 + choices.below(4);
    let mut types: Vec<Signature> = Vec::new();
    for _ in 0..count {
        let new = signature(choices);
        if !types.contains(&new) {
            types.push(new);
        }
    }
    let signatures = types.len();
    let mut funcs = Vec::new();
    for _ in 0..1 + choices.below(6) {
        funcs.push(Func { signature: choices.below(signatures), leaf: choices.chance(1, 4) });
    }
    let mut imports = Vec::new();
    if choices.chance(1, 3) {
        for signature in host_signatures() {
            let index = types.iter().position(|ty| *ty == signature);
            imports.push(index.unwrap_or_else(|| {
                types.push(signature);
                types.len() - 1
            }));
        }
    }
    let (mut groups, mut start) = (Vec::new(), 0);
    for signature in 0..types.len() {
        let members = funcs.iter().filter(|func| func.signature == signature).count()
            + imports.iter().filter(|&&import| import == signature).count();
        if members > 0 {
            let size = members.next_power_of_two() as u32;
            groups.push(Group { signature, start, size });
            start += size;
        }
    }
    let mut globals = vec![ValType::I32];
    for _ in 0..choices.below(8) {
        globals.push(value_type(choices));
    }
    let size = *choices.pick(&[20, 60, 150, 400]);
    Program { types, imports, funcs, groups, globals, trap_when_spent: choices.chance(1, 4), size }
}
