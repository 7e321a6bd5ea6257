//! Modules of a wanted size with function bodies as compilers write them: expressions on locals, loads and stores, calls,
//! branches, loops. The same arguments always give the same bytes.

use crate::rng::Rng;
use wasm_encoder as we;
use we::{BlockType, Function, InstructionSink, MemArg, MemArgTarget, ValType};

/// What a module shall be.
#[derive(Clone, Copy)]
pub struct Plan {
    /// About how many bytes of function bodies it has.
    pub code_bytes: usize,
    /// About how many bytes a function has.
    pub function_bytes: usize,
    /// What it exports.
    pub export: Export,
}

/// What a module exports besides its memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// `f`, its first function.
    Function,
    /// `_start`, which returns at once: a WASI command.
    Command,
}

/// Type of every function but `_start`: two parameters and a result.
const PARAMS: [ValType; 2] = [ValType::I32, ValType::I32];
/// Locals by type; those of type `i32` come first and follow the parameters.
const I32_LOCALS: u32 = 4;
const I64_LOCALS: u32 = 2;
const F64_LOCALS: u32 = 2;
const FIRST_I64: u32 = 2 + I32_LOCALS;
const FIRST_F64: u32 = FIRST_I64 + I64_LOCALS;

/// A binary module.
pub fn module(plan: Plan) -> Vec<u8> {
    let mut rng = Rng::new(plan.code_bytes as u64, plan.function_bytes as u64);
    let mut code = we::CodeSection::new();
    let mut count = 0;
    // The smallest body that is made has this many bytes.
    const LEAST: usize = 16;
    let expected = (plan.code_bytes / plan.function_bytes.max(1)).max(1) as u32;
    loop {
        let left = plan.code_bytes.saturating_sub(code.byte_len());
        if count > 0 && left < LEAST {
            break;
        }
        let wanted = plan.function_bytes / 2 + rng.below(plan.function_bytes.max(1));
        code.function(&function(&mut rng, wanted.min(left), expected.min(count + 1)));
        count += 1;
    }
    let start = count;
    if plan.export == Export::Command {
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
    }
    assemble(plan.export, start, &code)
}

fn assemble(export: Export, start: u32, code: &we::CodeSection) -> Vec<u8> {
    let mut types = we::TypeSection::new();
    types.ty().function(PARAMS, [ValType::I32]);
    let mut functions = we::FunctionSection::new();
    (0..start).for_each(|_| {
        functions.function(0);
    });
    let mut exports = we::ExportSection::new();
    match export {
        Export::Function => {
            exports.export("f", we::ExportKind::Func, 0);
        }
        Export::Command => {
            types.ty().function([], []);
            functions.function(1);
            exports.export("_start", we::ExportKind::Func, start);
            // Hosts of WASI commands look for it.
            exports.export("memory", we::ExportKind::Memory, 0);
        }
    }
    let mut memories = we::MemorySection::new();
    memories.memory(we::MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = we::Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(code);
    module.finish()
}

/// A body of about `bytes` bytes that may call the first `callees` functions.
pub fn function(rng: &mut Rng, bytes: usize, callees: u32) -> Function {
    let locals = [(I32_LOCALS, ValType::I32), (I64_LOCALS, ValType::I64), (F64_LOCALS, ValType::F64)];
    let mut body = Function::new(locals);
    while body.byte_len() + 3 < bytes {
        Body { rng, sink: &mut body.instructions(), callees: callees.max(1) }.statement(3);
    }
    body.instructions().local_get(0).end();
    body
}

struct Body<'a, 'b> {
    rng: &'a mut Rng,
    sink: &'a mut InstructionSink<'b>,
    callees: u32,
}

impl Body<'_, '_> {
    /// A local of type `i32`, one of the first more often.
    fn local(&mut self) -> u32 {
        let reach = 1 + self.rng.below(FIRST_I64 as usize);
        self.rng.below(reach) as u32
    }

    fn address(&mut self, align: u32) -> MemArg {
        let offset = 8 * self.rng.below(64) as u64;
        MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
    }

    fn statement(&mut self, depth: u32) {
        let kinds = if depth == 0 { 7 } else { 10 };
        match self.rng.below(kinds) {
            0..=2 => {
                self.int(2);
                let local = self.local();
                self.sink.local_set(local);
            }
            3 => {
                self.int(1);
                self.int(2);
                let address = self.address(2);
                self.sink.i32_store(address);
            }
            4 => {
                self.int(1);
                self.int(1);
                let callee = self.rng.below(self.callees as usize) as u32;
                let local = self.local();
                self.sink.call(callee).local_set(local);
            }
            5 => self.wide(),
            6 => self.float(),
            7 => self.choice(depth - 1),
            8 => self.exit(depth - 1),
            _ => self.repetition(depth - 1),
        }
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..1 + self.rng.below(3) {
            self.statement(depth);
        }
    }

    fn choice(&mut self, depth: u32) {
        self.condition();
        self.sink.if_(BlockType::Empty);
        self.statements(depth);
        if self.rng.below(2) == 0 {
            self.sink.else_();
            self.statements(depth);
        }
        self.sink.end();
    }

    fn exit(&mut self, depth: u32) {
        self.sink.block(BlockType::Empty);
        self.statements(depth);
        self.condition();
        self.sink.br_if(0);
        self.statements(depth);
        self.sink.end();
    }

    fn repetition(&mut self, depth: u32) {
        self.sink.loop_(BlockType::Empty);
        self.statements(depth);
        let counter = self.local();
        self.sink.local_get(counter).i32_const(1).i32_sub().local_tee(counter).br_if(0).end();
    }

    fn condition(&mut self) {
        self.int(1);
        self.int(0);
        match self.rng.below(3) {
            0 => self.sink.i32_lt_s(),
            1 => self.sink.i32_ne(),
            _ => self.sink.i32_ge_u(),
        };
    }

    /// An expression of type `i32`.
    fn int(&mut self, depth: u32) {
        if depth == 0 || self.rng.below(4) == 0 {
            if self.rng.below(3) == 0 {
                let bits = 1 + self.rng.below(16);
                let value = self.rng.below(1 << bits) as i32;
                self.sink.i32_const(value);
            } else {
                let local = self.local();
                self.sink.local_get(local);
            }
            return;
        }
        self.int(depth - 1);
        if self.rng.below(4) == 0 {
            let address = self.address(2);
            self.sink.i32_load(address);
            return;
        }
        self.int(depth - 1);
        match self.rng.below(7) {
            0 | 1 => self.sink.i32_add(),
            2 => self.sink.i32_sub(),
            3 => self.sink.i32_mul(),
            4 => self.sink.i32_and(),
            5 => self.sink.i32_shl(),
            _ => self.sink.i32_xor(),
        };
    }

    fn wide(&mut self) {
        let (a, b) = (FIRST_I64, FIRST_I64 + 1);
        self.int(1);
        let address = self.address(3);
        self.sink.i64_load(address).local_get(a).i64_add().local_tee(b).local_get(a).i64_xor().local_set(a);
    }

    fn float(&mut self) {
        let (a, b) = (FIRST_F64, FIRST_F64 + 1);
        self.int(1);
        let address = self.address(3);
        self.sink.f64_load(address).local_get(a).f64_mul().local_get(b).f64_add().local_set(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_valid_and_as_large_as_asked_for() {
        for (code_bytes, function_bytes) in [(50, 50), (900, 200), (100_000, 400), (50_000, 50_000)] {
            for export in [Export::Function, Export::Command] {
                let plan = Plan { code_bytes, function_bytes, export };
                let bytes = module(plan);
                wasmparser::validate(&bytes).unwrap();
                let (least, most) = (code_bytes * 3 / 4, code_bytes * 3 / 2 + 200);
                assert!((least..most).contains(&bytes.len()), "{code_bytes}: {}", bytes.len());
                assert_eq!(bytes, module(plan));
            }
        }
    }
}
