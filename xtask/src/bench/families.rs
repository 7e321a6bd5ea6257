//! Families of modules that grow in one respect. A compiler whose time is not linear in a module's bytes shows on one of them.

use super::bodies::{self, Export, Plan};
use wasm_encoder as we;
use we::{BlockType, Function, ValType};

/// Modules that differ only in their size.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What a size counts.
    pub counts: &'static str,
    /// The largest size; each smaller one is half of the next.
    pub largest: u32,
    /// A binary module of a size.
    pub build: fn(u32) -> Vec<u8>,
}

/// How many sizes of each family are measured.
pub const STEPS: u32 = 6;

impl Family {
    /// The sizes that are measured, smallest first.
    pub fn sizes(&self) -> impl Iterator<Item = u32> {
        let largest = self.largest;
        (0..STEPS).rev().map(move |halvings| largest >> halvings)
    }
}

/// All families. The largest member compiles for some 100 ms, where the engine's limits allow.
pub const FAMILIES: [Family; 12] = [
    Family { name: "blocks", counts: "blocks, one after another", largest: 1 << 18, build: blocks },
    Family {
        name: "br_table targets",
        counts: "targets in each of 32 tables",
        largest: 1 << 16,
        build: targets,
    },
    Family { name: "locals", counts: "locals in each of 8 functions", largest: 50_000, build: locals },
    Family {
        name: "locals x blocks",
        counts: "locals, and blocks, in each of 4 functions",
        largest: 50_000,
        build: locals_and_blocks,
    },
    Family {
        name: "results x targets",
        counts: "results carried to as many targets, in each of 32 functions",
        largest: 992,
        build: |size| results_and_targets(size, false),
    },
    Family {
        name: "results x entries",
        counts: "results carried by as many entries of a table to two targets, in each of 32 functions",
        largest: 992,
        build: results_and_entries,
    },
    Family {
        name: "results x targets, moved",
        counts: "results carried to as many targets at different heights, in each of 4 functions",
        largest: 992,
        build: |size| results_and_targets(size, true),
    },
    Family {
        name: "parameters",
        counts: "parameters of each of 512 functions, which call each other",
        largest: 992,
        build: parameters,
    },
    Family { name: "nesting", counts: "blocks inside each other", largest: 1 << 18, build: nesting },
    Family {
        name: "branches out",
        counts: "blocks inside each other, each left for the outermost",
        largest: 1 << 18,
        build: branches_out,
    },
    Family { name: "one function", counts: "bytes of code", largest: 7_500_000, build: one_function },
    Family { name: "functions", counts: "functions", largest: 1 << 17, build: functions },
];

/// `count` functions of one type with this body.
fn module(params: &[ValType], count: u32, body: &Function) -> Vec<u8> {
    typed_module(&[(params, &[])], count, body)
}

/// Like [`module`], with the function's type and further ones, parameters and results.
fn typed_module(all: &[(&[ValType], &[ValType])], count: u32, body: &Function) -> Vec<u8> {
    let mut types = we::TypeSection::new();
    for (params, results) in all {
        types.ty().function(params.iter().copied(), results.iter().copied());
    }
    let mut functions = we::FunctionSection::new();
    let mut code = we::CodeSection::new();
    for _ in 0..count {
        functions.function(0);
        code.function(body);
    }
    let mut module = we::Module::new();
    module.section(&types).section(&functions).section(&code);
    module.finish()
}

fn blocks(size: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for _ in 0..size {
        body.instructions().block(BlockType::Empty).local_get(0).br_if(0).end();
    }
    body.instructions().end();
    module(&[ValType::I32], 1, &body)
}

fn targets(size: u32) -> Vec<u8> {
    const LABELS: u32 = 16;
    let mut body = Function::new([]);
    let mut sink = body.instructions();
    for _ in 0..LABELS {
        sink.block(BlockType::Empty);
    }
    let labels: Vec<u32> = (0..size).map(|i| i.wrapping_mul(7) % LABELS).collect();
    sink.local_get(0).br_table(labels, 0);
    for _ in 0..LABELS {
        // Code between the ends, so that no two targets are the same place.
        sink.end().local_get(0).i32_const(1).i32_add().local_set(0);
    }
    sink.end();
    module(&[ValType::I32], 32, &body)
}

fn locals(size: u32) -> Vec<u8> {
    let mut body = Function::new([(size, ValType::I32)]);
    for i in 0..size {
        body.instructions().local_get(i).i32_const(1).i32_add().local_set((i + 1) % size);
    }
    body.instructions().end();
    module(&[], 8, &body)
}

fn locals_and_blocks(size: u32) -> Vec<u8> {
    let mut body = Function::new([(size, ValType::I32)]);
    for i in 0..size {
        let mut sink = body.instructions();
        sink.block(BlockType::Empty).local_get(i).br_if(0);
        sink.local_get(size - 1 - i).local_set(i).end();
    }
    body.instructions().end();
    module(&[], 4, &body)
}

/// Blocks inside each other, all with the same results, and a table that takes them to each. With `moved`, each block
/// begins one operand higher than the one around it, so that no two targets expect the results in the same place.
fn results_and_targets(size: u32, moved: bool) -> Vec<u8> {
    let results = vec![ValType::I32; size as usize];
    let mut body = Function::new([]);
    let mut sink = body.instructions();
    for _ in 0..size {
        if moved {
            sink.local_get(0);
        }
        sink.block(BlockType::FunctionType(1));
    }
    for _ in 0..size {
        sink.local_get(0);
    }
    sink.local_get(0).br_table(0..size - 1, size - 1);
    for i in 0..size {
        sink.end();
        // The operand below the results has to go before the next block ends.
        if moved && i + 1 < size {
            sink.br(0);
        }
    }
    for _ in 0..size + u32::from(moved) {
        sink.drop();
    }
    sink.end();
    typed_module(&[(&[ValType::I32], &[]), (&[], &results)], if moved { 4 } else { 32 }, &body)
}

/// Two blocks with the same results, and a table with many entries that takes them to either.
fn results_and_entries(size: u32) -> Vec<u8> {
    let results = vec![ValType::I32; size as usize];
    let mut body = Function::new([]);
    let mut sink = body.instructions();
    sink.block(BlockType::FunctionType(1)).block(BlockType::FunctionType(1));
    for _ in 0..size {
        sink.local_get(0);
    }
    let entries: Vec<u32> = (0..size).map(|i| i % 2).collect();
    sink.local_get(0).br_table(entries, 0).end().end();
    for _ in 0..size {
        sink.drop();
    }
    sink.end();
    typed_module(&[(&[ValType::I32], &[]), (&[], &results)], 32, &body)
}

fn parameters(size: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for i in 0..size {
        body.instructions().local_get(size - 1 - i);
    }
    body.instructions().call(0).end();
    module(&vec![ValType::I32; size as usize], 512, &body)
}

fn nesting(size: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    let mut sink = body.instructions();
    for i in 0..size {
        match i % 3 {
            0 => sink.block(BlockType::Empty),
            1 => sink.loop_(BlockType::Empty),
            _ => sink.local_get(0).if_(BlockType::Empty),
        };
    }
    for _ in 0..size {
        sink.local_get(0).br_if(0).end();
    }
    sink.end();
    module(&[ValType::I32], 1, &body)
}

fn branches_out(size: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    let mut sink = body.instructions();
    for i in 0..size {
        sink.block(BlockType::Empty).local_get(0).br_if(i);
    }
    for _ in 0..size {
        sink.end();
    }
    sink.end();
    module(&[ValType::I32], 1, &body)
}

fn one_function(size: u32) -> Vec<u8> {
    let bytes = size as usize;
    // A plan's functions are half to one and a half times as long as it says; what is left over bounds the first.
    bodies::module(Plan { code_bytes: bytes, function_bytes: 2 * bytes, export: Export::Function })
}

fn functions(size: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    body.instructions().local_get(0).local_get(1).i32_add().local_tee(0).i32_const(7).i32_mul();
    body.instructions().local_get(1).i32_xor().local_set(1).end();
    module(&[ValType::I32; 2], size, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_valid_and_grow() {
        for family in &FAMILIES {
            let lengths: Vec<usize> = [20, 40, 80]
                .map(|size| {
                    let bytes = (family.build)(size);
                    wasmparser::validate(&bytes).unwrap_or_else(|error| panic!("{}: {error}", family.name));
                    bytes.len()
                })
                .to_vec();
            assert!(lengths.is_sorted(), "{}: {lengths:?}", family.name);
        }
    }

    #[test]
    fn sizes_double() {
        assert_eq!(FAMILIES[0].sizes().collect::<Vec<_>>(), [13, 14, 15, 16, 17, 18].map(|n| 1 << n));
    }
}
