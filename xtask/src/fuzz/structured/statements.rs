//! Statements and blocks: operators that leave the stack as it is, or with the block's results.

use super::body::Body;
use super::operators;
use super::program::value_type;
use wasm_encoder::{Instruction as I, ValType};

impl Body<'_> {
    /// Some statements.
    pub fn statements(&mut self) {
        for _ in 0..self.choices.below(4) {
            self.statement();
        }
    }

    /// A statement.
    pub fn statement(&mut self) {
        if self.budget <= 0 || self.nesting > 7 {
            return;
        }
        self.nesting += 1;
        match self.choices.below(32) {
            0..=6 => self.assign(),
            7 | 8 => {
                let ty = value_type(self.choices);
                self.expression(ty);
                self.consume(ty);
            }
            9..=11 => self.store(),
            12..=15 => {
                let types = self.some_types();
                self.block(&types);
                self.consume_all(&types);
            }
            16 | 17 => self.branch_if(),
            18 => self.branch_table(),
            19 => self.switch(),
            20 | 21 => {
                let count = self.program.imports.len() + self.program.funcs.len();
                if self.leaf {
                    self.assign();
                } else {
                    let func = self.choices.below(count) as u32;
                    let results = self.call(func);
                    self.consume_all(&results);
                }
            }
            22 => self.permute(),
            23 => self.tee_chain(),
            24 => self.bulk(),
            25 if self.choices.chance(1, 3) => {
                self.leave();
            }
            26 | 27 => {
                // An early way out.
                self.condition();
                self.emit(I::If(wasm_encoder::BlockType::Empty));
                self.within(&[], true, |body| {
                    body.statements();
                    body.leave();
                });
                self.emit(I::End);
            }
            28 | 29 => self.counted_loop(),
            _ => self.assign(),
        }
        self.nesting -= 1;
    }

    /// Assigns to a local, often something made from itself.
    fn assign(&mut self) {
        let ty = value_type(self.choices);
        let Some(local) = self.local(ty) else {
            self.expression(ty);
            return self.emit(I::Drop);
        };
        if self.choices.below(2) == 0 {
            self.expression(ty);
        } else {
            self.emit(I::LocalGet(local));
            self.expression(ty);
            let operator = self.choices.pick(operators::binary(ty)).clone();
            self.emit(operator);
        }
        self.emit(I::LocalSet(local));
    }

    /// Takes a value off the stack.
    pub fn consume(&mut self, ty: ValType) {
        let choice = self.choices.below(8);
        let (local, global) = (self.local(ty), self.global(ty));
        match (choice, local, global) {
            (1..=3, Some(local), _) => self.emit(I::LocalSet(local)),
            (4 | 5, _, Some(global)) => self.emit(I::GlobalSet(global)),
            (6, Some(local), _) => {
                self.emit(I::LocalGet(local));
                let operator = self.choices.pick(operators::binary(ty)).clone();
                self.emit(operator);
                self.emit(I::LocalSet(local));
            }
            (7, Some(local), _) => {
                self.emit(I::LocalTee(local));
                self.emit(I::Drop);
            }
            _ => self.emit(I::Drop),
        }
    }

    fn consume_all(&mut self, types: &[ValType]) {
        for &ty in types.iter().rev() {
            self.consume(ty);
        }
    }

    fn store(&mut self) {
        let ty = value_type(self.choices);
        let (store, align) = *self.choices.pick(operators::stores(ty));
        let memarg = self.address(align);
        self.expression(ty);
        if matches!(ty, ValType::F32 | ValType::F64) {
            self.canonical(ty);
        }
        self.emit(store(memarg));
    }

    /// Locals read first and then assigned in another order.
    fn permute(&mut self) {
        let ty = value_type(self.choices);
        let count = if self.choices.chance(1, 16) { 60 } else { 2 } + self.choices.below(6);
        let locals: Vec<u32> = (0..count).filter_map(|_| self.local(ty)).collect();
        for &local in &locals {
            self.emit(I::LocalGet(local));
        }
        for _ in &locals {
            self.consume(ty);
        }
    }

    fn tee_chain(&mut self) {
        let ty = value_type(self.choices);
        self.expression(ty);
        for _ in 0..1 + self.choices.below(4) {
            if let Some(local) = self.local(ty) {
                self.emit(I::LocalTee(local));
            }
        }
        self.consume(ty);
    }

    /// `memory.fill` and `memory.copy`, in bounds but for one in 16.
    fn bulk(&mut self) {
        if self.leaf {
            return self.assign();
        }
        let fill = self.choices.below(2) == 0;
        let address = |body: &mut Self| {
            body.expression(ValType::I32);
            body.emit(I::I32Const(0x7fff));
            body.emit(I::I32And);
        };
        address(self);
        if fill {
            self.expression(ValType::I32)
        } else {
            address(self)
        }
        if self.choices.chance(1, 16) {
            self.expression(ValType::I32);
        } else {
            let length = self.choices.below(100) as i32;
            self.emit(I::I32Const(length));
        }
        self.emit(if fill { I::MemoryFill(0) } else { I::MemoryCopy { src_mem: 0, dst_mem: 0 } });
    }

    /// Leaves for good and says so, as what follows is unreachable; or does nothing.
    pub fn leave(&mut self) -> bool {
        match self.choices.below(8) {
            0..=4 => {
                let (depth, types) = self.target();
                self.values(&types);
                self.emit(I::Br(depth));
            }
            5 | 6 => {
                let types = self.results.clone();
                self.values(&types);
                self.emit(I::Return);
            }
            _ if self.choices.chance(1, 4) => self.emit(I::Unreachable),
            _ => return false,
        }
        true
    }

    fn branch_if(&mut self) {
        let (depth, types) = self.target();
        self.values(&types);
        self.condition();
        self.emit(I::BrIf(depth));
        self.consume_all(&types);
    }

    /// `br_table` to labels around.
    fn branch_table(&mut self) {
        let (depth, types) = self.target();
        let fitting = self.targets_of(&types);
        let targets: Vec<u32> = (0..self.choices.below(7)).map(|_| *self.choices.pick(&fitting)).collect();
        // Only sometimes, so that not all that follows is unreachable.
        self.condition();
        let block = self.block_type(&[], &[]);
        self.emit(I::If(block));
        let deeper: Vec<u32> = targets.iter().map(|target| target + 1).collect();
        self.within(&[], true, |body| {
            body.values(&types);
            body.expression(ValType::I32);
            if body.choices.chance(2, 3) {
                body.emit(I::I32Const(7));
                body.emit(I::I32And);
            }
            body.emit(I::BrTable(deeper.into(), depth + 1));
        });
        self.emit(I::End);
    }

    /// Blocks inside each other with a `br_table` in the innermost.
    fn switch(&mut self) {
        let types = self.some_types();
        let cases = 1 + self.choices.below(5);
        let block = self.block_type(&[], &types);
        self.cases(&types, block, cases, cases);
        self.consume_all(&types);
    }

    fn cases(&mut self, types: &[ValType], block: wasm_encoder::BlockType, left: usize, cases: usize) {
        self.emit(I::Block(block));
        self.within(types, true, |body| {
            if left > 0 {
                body.cases(types, block, left - 1, cases);
                // The case's own statements, with the values below or anew.
                body.statements();
                if body.choices.below(2) == 1 {
                    body.consume_all(types);
                    body.values(types);
                }
                if body.choices.below(2) == 1 {
                    let depth = body.choices.below(cases - left + 1) as u32;
                    body.emit(I::Br(depth));
                }
                return;
            }
            body.values(types);
            body.expression(ValType::I32);
            if body.choices.chance(3, 4) {
                body.emit(I::I32Const(7));
                body.emit(I::I32And);
            }
            let count = body.choices.below(2 * cases + 1);
            let targets: Vec<u32> = (0..count).map(|_| body.choices.below(cases + 1) as u32).collect();
            let default = body.choices.below(cases + 1) as u32;
            body.emit(I::BrTable(targets.into(), default));
        });
        self.emit(I::End);
    }

    /// Some kind of block with these results.
    pub fn block(&mut self, results: &[ValType]) {
        if self.budget <= 0 || self.nesting > 8 {
            for &ty in results {
                self.expression(ty);
            }
            return;
        }
        let params = if self.choices.chance(1, 3) { self.some_types() } else { Vec::new() };
        match self.choices.below(8) {
            0 | 1 => {
                self.values(&params);
                let ty = self.block_type(&params, results);
                self.emit(I::Block(ty));
                self.within(results, true, |body| body.inside(&params, results));
                self.emit(I::End);
            }
            2..=4 => {
                self.values(&params);
                self.condition();
                let ty = self.block_type(&params, results);
                self.emit(I::If(ty));
                self.within(results, true, |body| body.inside(&params, results));
                if params != results || self.choices.chance(3, 4) {
                    self.emit(I::Else);
                    self.within(results, true, |body| body.inside(&params, results));
                }
                self.emit(I::End);
            }
            5 | 6 if !self.leaf => {
                self.values(&params);
                let ty = self.block_type(&params, results);
                self.emit(I::Loop(ty));
                self.within(&params, true, |body| {
                    body.pay(2);
                    body.inside(&params, results);
                });
                self.emit(I::End);
            }
            _ => self.call_for(results),
        }
    }

    /// What turns a block's parameters into its results.
    fn inside(&mut self, params: &[ValType], results: &[ValType]) {
        let common = params.iter().zip(results).take_while(|(a, b)| a == b).count();
        let kept = self.choices.below(common + 1);
        if self.choices.chance(1, 3) {
            self.statements();
        }
        self.consume_all(&params[kept..]);
        self.statements();
        self.values(&results[kept..]);
    }

    /// A loop that turns a fixed number of times.
    fn counted_loop(&mut self) {
        let Some(counter) = self.counters.pop() else { return self.assign() };
        let types = self.some_types();
        self.values(&types);
        let turns = self.turns();
        self.emit(I::I32Const(turns));
        self.emit(I::LocalSet(counter));
        let ty = self.block_type(&types, &types);
        self.emit(I::Loop(ty));
        self.within(&types, false, |body| {
            body.inside(&types, &types);
            // Counted down at the end, and maybe in the middle, where the loop may turn, too.
            for _ in 0..1 + usize::from(body.choices.chance(1, 4)) {
                body.emit(I::LocalGet(counter));
                body.emit(I::I32Const(1));
                body.emit(I::I32Sub);
                if body.choices.below(2) == 0 {
                    body.emit(I::LocalTee(counter));
                } else {
                    body.emit(I::LocalSet(counter));
                    body.emit(I::LocalGet(counter));
                }
                body.emit(I::I32Const(0));
                body.emit(I::I32GtS);
                body.emit(I::BrIf(0));
            }
        });
        self.emit(I::End);
        self.consume_all(&types);
        self.counters.push(counter);
    }
}
