//! A function's body: what its expressions and statements are made from.

use super::choices::Choices;
use super::program::{FUEL, Program, value_type};
use wasm_encoder::{BlockType, Function, Instruction as I, ValType};

/// An open block.
pub struct Label {
    /// What a branch to it carries.
    pub types: Vec<ValType>,
    /// Branches may go there: it is no loop that counts its turns.
    pub open: bool,
}

/// A body under way.
pub struct Body<'a> {
    pub choices: &'a mut Choices,
    pub program: &'a mut Program,
    pub leaf: bool,
    pub results: Vec<ValType>,
    /// Parameters, then variables.
    pub locals: Vec<ValType>,
    /// Locals that only what introduced them assigns: counters of loops and scratch.
    pub reserved: usize,
    pub counters: Vec<u32>,
    /// A local of each float type for making NaNs canonical.
    pub scratch: [u32; 2],
    pub labels: Vec<Label>,
    pub code: Vec<I<'static>>,
    /// Operators still to spend.
    pub budget: i32,
    /// Statements and blocks around.
    pub nesting: u32,
}

/// Counted loops inside each other, and their turns.
const COUNTERS: usize = 2;
const MOST_TURNS: usize = 4;
/// What a function pays at its entry.
const ENTRY_COST: i32 = 20;

impl Body<'_> {
    /// Makes the body of a function.
    pub fn generate(choices: &mut Choices, program: &mut Program, func: usize) -> Function {
        let (params, results) = program.types[program.funcs[func].signature].clone();
        let mut locals = params.clone();
        let variables = match choices.below(8) {
            0..=3 => choices.below(6),
            4..=6 => 4 + choices.below(16),
            _ => 40 + choices.below(60),
        };
        // Sometimes all of one type, so that its registers run out.
        let only = choices.chance(1, 4).then(|| value_type(choices));
        for _ in 0..variables {
            locals.push(only.unwrap_or_else(|| value_type(choices)));
        }
        let reserved = locals.len();
        let counters: Vec<u32> = (0..COUNTERS).map(|i| (reserved + i) as u32).collect();
        locals.extend([ValType::I32; COUNTERS]);
        let scratch = [locals.len() as u32, locals.len() as u32 + 1];
        locals.extend([ValType::F32, ValType::F64]);
        let budget = program.size as i32;
        let leaf = program.funcs[func].leaf;
        let mut body = Body {
            choices,
            program,
            leaf,
            results: results.clone(),
            locals,
            reserved,
            counters,
            scratch,
            labels: vec![Label { types: results.clone(), open: true }],
            code: Vec::new(),
            budget,
            nesting: 0,
        };
        if !leaf {
            body.pay(ENTRY_COST);
        }
        while body.budget > 0 {
            let before = body.budget;
            body.statement();
            // A tape at its end would make the emptiest of statements for ever.
            body.budget = body.budget.min(before - 2);
        }
        body.values(&results);
        body.emit(I::End);
        let mut function =
            Function::new(body.locals[params.len()..].iter().map(|&ty| (1, ty)).collect::<Vec<_>>());
        for instruction in &body.code {
            function.instruction(instruction);
        }
        function
    }

    /// Appends an operator.
    pub fn emit(&mut self, instruction: I<'static>) {
        self.budget -= 1;
        // `wasmi` returns either zero as the least or greatest of both: adding 0 makes it the positive one.
        let zero = match instruction {
            I::F32Min | I::F32Max => Some([I::F32Const(0.0.into()), I::F32Add]),
            I::F64Min | I::F64Max => Some([I::F64Const(0.0.into()), I::F64Add]),
            _ => None,
        };
        self.code.push(instruction);
        self.code.extend(zero.into_iter().flatten());
    }

    /// Leaves the function if there is no fuel, and takes some.
    pub fn pay(&mut self, cost: i32) {
        self.emit(I::GlobalGet(FUEL));
        self.emit(I::I32Const(0));
        self.emit(I::I32LeS);
        self.emit(I::If(BlockType::Empty));
        if self.program.trap_when_spent {
            self.emit(I::Unreachable);
        } else {
            for ty in self.results.clone() {
                self.zero(ty);
            }
            self.emit(I::Return);
        }
        self.emit(I::End);
        self.emit(I::GlobalGet(FUEL));
        self.emit(I::I32Const(cost));
        self.emit(I::I32Sub);
        self.emit(I::GlobalSet(FUEL));
        self.budget += 10;
    }

    /// Pushes a zero.
    pub fn zero(&mut self, ty: ValType) {
        self.emit(match ty {
            ValType::I32 => I::I32Const(0),
            ValType::I64 => I::I64Const(0),
            ValType::F32 => I::F32Const(0.0.into()),
            _ => I::F64Const(0.0.into()),
        });
    }

    /// A local of a type that anyone may assign; low ones more often, so that some are hot.
    pub fn local(&mut self, ty: ValType) -> Option<u32> {
        let fitting = self.locals[..self.reserved].iter().filter(|&&local| local == ty).count();
        if fitting == 0 {
            return None;
        }
        let mut nth = self.choices.below(fitting);
        if self.choices.below(2) == 0 {
            nth = nth.min(self.choices.below(fitting)).min(3);
        }
        let mut of_type = (0..self.reserved).filter(|&index| self.locals[index] == ty);
        of_type.nth(nth).map(|index| index as u32)
    }

    /// A global of a type, but not the fuel.
    pub fn global(&mut self, ty: ValType) -> Option<u32> {
        let fitting: Vec<usize> =
            (1..self.program.globals.len()).filter(|&index| self.program.globals[index] == ty).collect();
        if fitting.is_empty() { None } else { Some(*self.choices.pick(&fitting) as u32) }
    }

    /// Some types for a block or a branch, mostly few.
    pub fn some_types(&mut self) -> Vec<ValType> {
        let count = match self.choices.below(8) {
            0..=2 => 0,
            3 | 4 => 1,
            5 | 6 => 2,
            _ => 1 + self.choices.below(7),
        };
        (0..count).map(|_| value_type(self.choices)).collect()
    }

    /// The type of a block.
    pub fn block_type(&mut self, params: &[ValType], results: &[ValType]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [ty]) if self.choices.below(4) != 3 => BlockType::Result(*ty),
            _ => BlockType::FunctionType(self.program.type_index(params, results)),
        }
    }

    /// Opens a block whose inside `inside` makes.
    pub fn within(&mut self, types: &[ValType], open: bool, inside: impl FnOnce(&mut Self)) {
        self.labels.push(Label { types: types.to_vec(), open });
        self.nesting += 1;
        inside(self);
        self.nesting -= 1;
        self.labels.pop();
    }

    /// A label that a branch may go to, as depth, with what it carries.
    pub fn target(&mut self) -> (u32, Vec<ValType>) {
        let open: Vec<usize> = (0..self.labels.len()).rev().filter(|&i| self.labels[i].open).collect();
        let index = *self.choices.pick(&open);
        ((self.labels.len() - 1 - index) as u32, self.labels[index].types.clone())
    }

    /// All labels that carry these types.
    pub fn targets_of(&self, types: &[ValType]) -> Vec<u32> {
        let depth = |index: usize| (self.labels.len() - 1 - index) as u32;
        (0..self.labels.len())
            .rev()
            .filter(|&index| self.labels[index].open && self.labels[index].types == types)
            .map(depth)
            .collect()
    }

    /// How often a counted loop turns.
    pub fn turns(&mut self) -> i32 {
        1 + self.choices.below(MOST_TURNS) as i32
    }
}
