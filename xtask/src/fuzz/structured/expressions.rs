//! Expressions: operators that leave one value of a type.

use super::body::Body;
use super::operators;
use super::program::value_type;
use wasm_encoder::{Instruction as I, MemArg, MemArgTarget, ValType};

impl Body<'_> {
    /// Pushes values of these types, several at once where a call or block yields them.
    pub fn values(&mut self, types: &[ValType]) {
        let mut rest = types;
        while let [first, after @ ..] = rest {
            if self.budget > 0 && self.nesting < 6 && self.choices.chance(1, 8) {
                let count = 1 + self.choices.below(rest.len());
                self.block(&rest[..count]);
                rest = &rest[count..];
            } else {
                self.expression(*first);
                rest = after;
            }
        }
    }

    /// Pushes a value.
    pub fn expression(&mut self, ty: ValType) {
        self.nesting += 1;
        if self.budget <= 0 || self.nesting > 9 {
            self.leaf(ty);
        } else {
            self.branching_expression(ty);
        }
        self.nesting -= 1;
    }

    fn branching_expression(&mut self, ty: ValType) {
        match self.choices.below(32) {
            0..=6 => self.leaf(ty),
            7..=11 => self.binary(ty),
            12 | 13 => self.unary(ty),
            14 | 15 => self.conversion(ty),
            16 | 17 => self.load(ty),
            18 => self.select(ty),
            19 => self.block(&[ty]),
            20 => self.call_for(&[ty]),
            21 | 22 => {
                self.expression(ty);
                if let Some(local) = self.local(ty) {
                    self.emit(I::LocalTee(local));
                }
            }
            23 | 24 if is_int(ty) => self.division(ty),
            25 if is_int(ty) => self.shift(ty),
            26 => self.many(ty),
            27 => {
                // Statements with operands below.
                self.expression(ty);
                self.statement();
            }
            28 if ty == ValType::I32 => self.condition(),
            29 if ty == ValType::I32 && !self.leaf => {
                if self.choices.chance(1, 3) {
                    self.emit(I::I32Const(0));
                    if self.choices.chance(1, 3) {
                        self.emit(I::I32Eqz);
                    }
                    self.emit(I::MemoryGrow(0));
                } else {
                    self.emit(I::MemorySize(0));
                }
            }
            30 if self.choices.chance(1, 6) => {
                // Leaves; what follows is never run.
                if !self.leave() || self.choices.below(2) == 1 {
                    self.leaf(ty);
                }
            }
            31 if !is_int(ty) => self.copysign(ty),
            _ => self.binary(ty),
        }
    }

    /// A constant, local or global.
    fn leaf(&mut self, ty: ValType) {
        match self.choices.below(8) {
            0 | 1 => self.constant(ty),
            2..=6 => match self.local(ty) {
                Some(local) => self.emit(I::LocalGet(local)),
                None => self.constant(ty),
            },
            _ => match self.global(ty) {
                Some(global) => self.emit(I::GlobalGet(global)),
                None => self.constant(ty),
            },
        }
    }

    pub fn constant(&mut self, ty: ValType) {
        const EDGES: [u64; 16] = [
            0,
            1,
            2,
            u64::MAX,
            7,
            8,
            0x7f,
            0x80,
            0xffff,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            1 << 32,
            1 << 63,
            (1 << 63) - 1,
            0xffff_ffff_8000_0000,
        ];
        const FLOATS: [f64; 12] = [
            0.0,
            1.0,
            -0.0,
            -1.5,
            0.1,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            4294967296.0,
            -2147483649.0,
            9.3e18,
            5e-324,
        ];
        let odd = self.choices.chance(1, 4);
        let (bits, edge, float) = match ty {
            _ if odd => (self.choices.bits(), 0, 0.0),
            ValType::I32 | ValType::I64 => (0, *self.choices.pick(&EDGES), 0.0),
            _ => (0, 0, *self.choices.pick(&FLOATS)),
        };
        self.emit(match ty {
            ValType::I32 => I::I32Const((bits | edge) as i32),
            ValType::I64 => I::I64Const((bits | edge) as i64),
            ValType::F32 if odd => I::F32Const(f32::from_bits(bits as u32).into()),
            ValType::F32 => I::F32Const((float as f32).into()),
            _ if odd => I::F64Const(f64::from_bits(bits).into()),
            _ => I::F64Const(float.into()),
        });
    }

    fn binary(&mut self, ty: ValType) {
        self.expression(ty);
        if self.choices.chance(1, 12) {
            self.statement();
        }
        self.expression(ty);
        let operator = self.choices.pick(operators::binary(ty)).clone();
        self.emit(operator);
    }

    /// Many operands first, then the operators, so that temporaries run out.
    fn many(&mut self, ty: ValType) {
        let count = if self.choices.chance(1, 16) { 60 } else { 2 } + self.choices.below(24);
        for i in 0..count {
            match self.choices.below(6) {
                0 => self.leaf(ty),
                1 if i % 4 == 0 => self.expression(ty),
                2 => self.load(ty),
                3 => self.unary_of_leaf(ty),
                _ => {
                    self.leaf(ty);
                    self.leaf(ty);
                    let operator = self.choices.pick(operators::binary(ty)).clone();
                    self.emit(operator);
                }
            }
        }
        for _ in 1..count {
            if is_int(ty) && self.choices.chance(1, 8) {
                self.one_or(ty);
                let operator = self.choices.pick(operators::divisions(ty)).clone();
                self.emit(operator);
            } else if is_int(ty) && self.choices.chance(1, 6) {
                let operator = self.choices.pick(operators::shifts(ty)).clone();
                self.emit(operator);
            } else {
                let operator = self.choices.pick(operators::binary(ty)).clone();
                self.emit(operator);
            }
        }
    }

    fn unary_of_leaf(&mut self, ty: ValType) {
        self.leaf(ty);
        let operator = self.choices.pick(operators::unary(ty)).clone();
        self.emit(operator);
    }

    fn unary(&mut self, ty: ValType) {
        self.expression(ty);
        let operator = self.choices.pick(operators::unary(ty)).clone();
        self.emit(operator);
    }

    fn conversion(&mut self, ty: ValType) {
        if is_int(ty) && self.choices.chance(1, 12) {
            let (operator, from) = self.choices.pick(operators::trapping_conversions(ty)).clone();
            self.expression(from);
            // Most floats do not fit; small ones do.
            let small =
                if from == ValType::F32 { I::F32Const(0.25.into()) } else { I::F64Const(0.25.into()) };
            let least = if from == ValType::F32 { I::F32Min } else { I::F64Min };
            self.emit(if from == ValType::F32 { I::F32Abs } else { I::F64Abs });
            self.emit(small);
            self.emit(least);
            return self.emit(operator);
        }
        let (operator, from) = self.choices.pick(operators::conversions(ty)).clone();
        self.expression(from);
        if matches!(operator, I::I32ReinterpretF32 | I::I64ReinterpretF64) {
            self.canonical(from);
        }
        self.emit(operator);
    }

    fn copysign(&mut self, ty: ValType) {
        self.expression(ty);
        self.expression(ty);
        self.canonical(ty);
        self.emit(if ty == ValType::F32 { I::F32Copysign } else { I::F64Copysign });
    }

    /// Replaces a NaN on the stack, whose bits could be seen, with the canonical one.
    pub fn canonical(&mut self, ty: ValType) {
        let single = ty == ValType::F32;
        let scratch = self.scratch[usize::from(!single)];
        self.emit(I::LocalTee(scratch));
        self.emit(if single { I::F32Const(f32::NAN.into()) } else { I::F64Const(f64::NAN.into()) });
        self.emit(I::LocalGet(scratch));
        self.emit(I::LocalGet(scratch));
        self.emit(if single { I::F32Eq } else { I::F64Eq });
        self.emit(I::Select);
    }

    fn select(&mut self, ty: ValType) {
        self.expression(ty);
        self.expression(ty);
        self.condition();
        let typed = self.choices.chance(1, 4);
        self.emit(if typed { I::TypedSelect(ty) } else { I::Select });
    }

    fn shift(&mut self, ty: ValType) {
        self.expression(ty);
        if self.choices.below(2) == 0 {
            self.constant(ty)
        } else {
            self.expression(ty)
        }
        let operator = self.choices.pick(operators::shifts(ty)).clone();
        self.emit(operator);
    }

    fn one_or(&mut self, ty: ValType) {
        if ty == ValType::I32 {
            self.emit(I::I32Const(1));
            self.emit(I::I32Or);
        } else {
            self.emit(I::I64Const(1));
            self.emit(I::I64Or);
        }
    }

    fn division(&mut self, ty: ValType) {
        self.expression(ty);
        match self.choices.below(16) {
            0..=9 => {
                self.expression(ty);
                self.one_or(ty);
            }
            10..=14 => {
                let divisor = 1 + self.choices.below(9) as i64;
                let divisor = *self.choices.pick(&[divisor, 1 << divisor, -divisor, 1 << 31, 10]);
                self.emit(if ty == ValType::I32 {
                    I::I32Const(divisor as i32)
                } else {
                    I::I64Const(divisor)
                });
            }
            _ => self.expression(ty),
        }
        let operator = self.choices.pick(operators::divisions(ty)).clone();
        self.emit(operator);
    }

    /// Pushes an address and says what goes with it. Mostly in bounds.
    pub fn address(&mut self, align: u32) -> MemArg {
        let align = self.choices.below(align as usize + 1) as u32;
        let mut offset = match self.choices.below(8) {
            0..=3 => self.choices.below(64),
            4 | 5 => self.choices.below(0x4000),
            _ => self.choices.below(0xbff0),
        } as u64;
        match self.choices.below(64) {
            0..=15 => {
                let at = self.choices.below(0x3ff0) as i32;
                self.emit(I::I32Const(at));
            }
            16..=62 => {
                self.expression(ValType::I32);
                let mask = *self.choices.pick(&[0xff, 0x3fff, 0x3ff8]);
                self.emit(I::I32Const(mask));
                self.emit(I::I32And);
            }
            _ => {
                self.expression(ValType::I32);
                offset = *self.choices.pick(&[0, 0xfff8, 0x7fff_fff0, 0xffff_ffff, 0x1_0000]);
            }
        }
        MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
    }

    fn load(&mut self, ty: ValType) {
        let (load, align) = *self.choices.pick(operators::loads(ty));
        let memarg = self.address(align);
        self.emit(load(memarg));
    }

    /// Something to branch on.
    pub fn condition(&mut self) {
        match self.choices.below(8) {
            0 => self.expression(ValType::I32),
            1 => {
                self.condition();
                self.emit(I::I32Eqz);
            }
            2 => {
                let ty = if self.choices.below(2) == 0 { ValType::I32 } else { ValType::I64 };
                self.expression(ty);
                self.expression(ty);
                if ty == ValType::I32 {
                    self.emit(I::I32And);
                    match self.choices.below(3) {
                        0 => {}
                        1 => self.emit(I::I32Eqz),
                        _ => {
                            self.emit(I::I32Const(0));
                            self.emit(I::I32Ne);
                        }
                    }
                } else {
                    self.emit(I::I64And);
                    self.emit(I::I64Eqz);
                }
            }
            _ => {
                let ty = value_type(self.choices);
                self.expression(ty);
                if self.choices.chance(1, 3) {
                    self.constant(ty)
                } else {
                    self.expression(ty)
                }
                let operator = self.choices.pick(operators::comparisons(ty)).clone();
                self.emit(operator);
            }
        }
    }

    /// Calls a function whose results begin with these types, if there is one, and leaves only them.
    pub fn call_for(&mut self, types: &[ValType]) {
        let count = (self.program.imports.len() + self.program.funcs.len()) as u32;
        let fitting: Vec<u32> =
            (0..count).rev().filter(|&func| self.program.signature(func).1.starts_with(types)).collect();
        if self.leaf || fitting.is_empty() {
            for &ty in types {
                self.binary(ty);
            }
            return;
        }
        let func = *self.choices.pick(&fitting);
        for ty in self.call(func).split_off(types.len()).into_iter().rev() {
            self.consume(ty);
        }
    }

    /// Calls a function, directly or through the table, and says what its results are.
    pub fn call(&mut self, func: u32) -> Vec<ValType> {
        let (params, results) = self.program.signature(func).clone();
        self.nesting += 1;
        self.values(&params);
        self.nesting -= 1;
        if self.choices.below(3) < 2 {
            self.emit(I::Call(func));
            return results;
        }
        let type_index = self.program.type_index(&params, &results);
        if let Some(group) = self.program.groups.iter().find(|group| group.signature == type_index as usize) {
            let (start, size) = (group.start as i32, group.size as i32);
            self.expression(ValType::I32);
            if !self.choices.chance(1, 64) {
                self.emit(I::I32Const(size - 1));
                self.emit(I::I32And);
                self.emit(I::I32Const(start));
                self.emit(I::I32Add);
            }
            self.emit(I::CallIndirect { type_index, table_index: 0 });
        } else {
            self.emit(I::Call(func));
        }
        results
    }
}

fn is_int(ty: ValType) -> bool {
    matches!(ty, ValType::I32 | ValType::I64)
}
