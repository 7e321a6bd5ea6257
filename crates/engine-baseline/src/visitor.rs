//! From validator to generator: one decode of each operator serves both.

use crate::generator::Generator;
use engine_decoder::{BodyVisitor, ValKind};
use engine_machine::RuntimeEntry;
use engine_machine::masm::{
    Alu, Cond, Conversion, FloatBinary, FloatCond, FloatUnary, Load, Masm, Shift, Size, Store, Unary,
};
use wasmparser::{
    BinaryReaderError, FrameKind, FrameStack, FuncValidator, ValidatorResources, VisitOperator,
    VisitSimdOperator, for_each_visit_operator, for_each_visit_simd_operator,
};

/// Feeds each operator to the validator and, if it is valid and reachable, to the generator.
pub(crate) struct Both<'v, 'g, 'a, M> {
    pub validator: &'v mut FuncValidator<ValidatorResources>,
    pub generator: &'g mut Generator<'a, M>,
    /// Offset of the operator in the module.
    pub offset: u64,
}

impl<M: Masm> FrameStack for Both<'_, '_, '_, M> {
    fn current_frame(&self) -> Option<FrameKind> {
        // The generator opens and closes blocks where the validator does.
        self.generator.frame_kind()
    }
}

/// Whether an operator matters even where it cannot be reached.
macro_rules! is_structure {
    (Block) => {
        true
    };
    (Loop) => {
        true
    };
    (If) => {
        true
    };
    (Else) => {
        true
    };
    (End) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! generate {
    (mvp $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (sign_extension $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (saturating_float_to_int $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (bulk_memory $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (reference_types $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (@yes $this:ident $op:ident $visit:ident ($($arg:ident),*)) => {
        if is_structure!($op) || $this.generator.reachable {
            $this.generator.$visit($($arg),*);
        }
    };
    ($other:ident $this:ident $op:ident $visit:ident ($($arg:ident),*)) => {{
        $(_ = $arg;)*
        $this.generator.refused = Some(concat!("operator ", stringify!($op), " is not supported by the baseline compiler"));
    }};
}

macro_rules! visit_both {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline]
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
            self.validator.visitor(self.offset).$visit($($($arg.clone()),*)?)?;
            generate!($proposal self $op $visit ($($($arg),*)?));
            Ok(())
        }
    )*};
}

macro_rules! validate_only {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
            self.validator.simd_visitor(self.offset).$visit($($($arg.clone()),*)?)?;
            generate!($proposal self $op $visit ($($($arg),*)?));
            Ok(())
        }
    )*};
}

impl<'a, M: Masm> VisitOperator<'a> for Both<'_, '_, '_, M> {
    type Output = Result<(), BinaryReaderError>;
    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }
    for_each_visit_operator!(visit_both);
}

impl<'a, M: Masm> VisitSimdOperator<'a> for Both<'_, '_, '_, M> {
    for_each_visit_simd_operator!(validate_only);
}

/// The generator as the quick validator's visitor: it is shown valid operators, and takes those that can be reached.
pub(crate) struct Reachable<'g, 'a, M> {
    pub generator: &'g mut Generator<'a, M>,
}

macro_rules! visit_reachable {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline(always)]
        fn $visit(&mut self $($(, $arg: $argty)*)?) {
            generate!($proposal self $op $visit ($($($arg),*)?));
        }
    )*};
}

impl<'a, M: Masm> VisitOperator<'a> for Reachable<'_, 'a, M> {
    type Output = ();
    for_each_visit_operator!(visit_reachable);
}

impl<'a, M: Masm> BodyVisitor<'a> for Reachable<'_, 'a, M> {
    fn locals(&mut self, count: u32, ty: wasmparser::ValType) {
        self.generator.declare_locals(count, ty);
    }
    fn start(&mut self, operators: &'a [u8]) {
        self.generator.start(operators);
    }
    #[inline(always)]
    fn operator(&mut self, position: usize) -> bool {
        self.generator.begin_operator(position)
    }
}

/// Operators that are one call of a generator method with constants.
macro_rules! simple {
    ($($visit:ident: $method:ident($($arg:expr),*);)*) => {$(
        #[inline]
        pub fn $visit(&mut self) {
            self.$method($($arg),*);
        }
    )*};
}

macro_rules! accesses {
    ($($visit:ident: $method:ident($($arg:expr),*);)*) => {$(
        #[inline]
        pub fn $visit(&mut self, memarg: wasmparser::MemArg) {
            self.$method($($arg,)* &memarg);
        }
    )*};
}

const fn truncate(from: ValKind, to: Size, signed: bool, saturating: bool) -> Conversion {
    Conversion::Truncate { from, to, signed, saturating }
}
const fn convert(from: Size, signed: bool, to: ValKind) -> Conversion {
    Conversion::Convert { from, signed, to }
}
const fn reinterpret(from: ValKind) -> Conversion {
    Conversion::Reinterpret { from }
}

use Size::{S32, S64};
use ValKind::{F32, F64, I32, I64};

impl<M: Masm> Generator<'_, M> {
    simple! {
        visit_i32_add: alu(Alu::Add, I32);
        visit_i32_sub: alu(Alu::Sub, I32);
        visit_i32_mul: alu(Alu::Mul, I32);
        visit_i32_and: alu(Alu::And, I32);
        visit_i32_or: alu(Alu::Or, I32);
        visit_i32_xor: alu(Alu::Xor, I32);
        visit_i64_add: alu(Alu::Add, I64);
        visit_i64_sub: alu(Alu::Sub, I64);
        visit_i64_mul: alu(Alu::Mul, I64);
        visit_i64_and: alu(Alu::And, I64);
        visit_i64_or: alu(Alu::Or, I64);
        visit_i64_xor: alu(Alu::Xor, I64);
        visit_i32_shl: shift(Shift::Shl, I32);
        visit_i32_shr_s: shift(Shift::ShrS, I32);
        visit_i32_shr_u: shift(Shift::ShrU, I32);
        visit_i32_rotl: shift(Shift::Rotl, I32);
        visit_i32_rotr: shift(Shift::Rotr, I32);
        visit_i64_shl: shift(Shift::Shl, I64);
        visit_i64_shr_s: shift(Shift::ShrS, I64);
        visit_i64_shr_u: shift(Shift::ShrU, I64);
        visit_i64_rotl: shift(Shift::Rotl, I64);
        visit_i64_rotr: shift(Shift::Rotr, I64);
        visit_i32_div_s: divide(true, false, I32);
        visit_i32_div_u: divide(false, false, I32);
        visit_i32_rem_s: divide(true, true, I32);
        visit_i32_rem_u: divide(false, true, I32);
        visit_i64_div_s: divide(true, false, I64);
        visit_i64_div_u: divide(false, false, I64);
        visit_i64_rem_s: divide(true, true, I64);
        visit_i64_rem_u: divide(false, true, I64);
        visit_i32_eqz: eqz(I32);
        visit_i64_eqz: eqz(I64);
        visit_i32_eq: int_compare(Cond::Eq, I32);
        visit_i32_ne: int_compare(Cond::Ne, I32);
        visit_i32_lt_s: int_compare(Cond::LtS, I32);
        visit_i32_lt_u: int_compare(Cond::LtU, I32);
        visit_i32_gt_s: int_compare(Cond::GtS, I32);
        visit_i32_gt_u: int_compare(Cond::GtU, I32);
        visit_i32_le_s: int_compare(Cond::LeS, I32);
        visit_i32_le_u: int_compare(Cond::LeU, I32);
        visit_i32_ge_s: int_compare(Cond::GeS, I32);
        visit_i32_ge_u: int_compare(Cond::GeU, I32);
        visit_i64_eq: int_compare(Cond::Eq, I64);
        visit_i64_ne: int_compare(Cond::Ne, I64);
        visit_i64_lt_s: int_compare(Cond::LtS, I64);
        visit_i64_lt_u: int_compare(Cond::LtU, I64);
        visit_i64_gt_s: int_compare(Cond::GtS, I64);
        visit_i64_gt_u: int_compare(Cond::GtU, I64);
        visit_i64_le_s: int_compare(Cond::LeS, I64);
        visit_i64_le_u: int_compare(Cond::LeU, I64);
        visit_i64_ge_s: int_compare(Cond::GeS, I64);
        visit_i64_ge_u: int_compare(Cond::GeU, I64);
        visit_f32_eq: float_compare(FloatCond::Eq, F32);
        visit_f32_ne: float_compare(FloatCond::Ne, F32);
        visit_f32_lt: float_compare(FloatCond::Lt, F32);
        visit_f32_gt: float_compare(FloatCond::Gt, F32);
        visit_f32_le: float_compare(FloatCond::Le, F32);
        visit_f32_ge: float_compare(FloatCond::Ge, F32);
        visit_f64_eq: float_compare(FloatCond::Eq, F64);
        visit_f64_ne: float_compare(FloatCond::Ne, F64);
        visit_f64_lt: float_compare(FloatCond::Lt, F64);
        visit_f64_gt: float_compare(FloatCond::Gt, F64);
        visit_f64_le: float_compare(FloatCond::Le, F64);
        visit_f64_ge: float_compare(FloatCond::Ge, F64);
        visit_i32_clz: unary(Unary::Clz, I32, I32);
        visit_i32_ctz: unary(Unary::Ctz, I32, I32);
        visit_i32_popcnt: unary(Unary::Popcnt, I32, I32);
        visit_i64_clz: unary(Unary::Clz, I64, I64);
        visit_i64_ctz: unary(Unary::Ctz, I64, I64);
        visit_i64_popcnt: unary(Unary::Popcnt, I64, I64);
        visit_i32_extend8_s: unary(Unary::Extend8S, I32, I32);
        visit_i32_extend16_s: unary(Unary::Extend16S, I32, I32);
        visit_i64_extend8_s: unary(Unary::Extend8S, I64, I64);
        visit_i64_extend16_s: unary(Unary::Extend16S, I64, I64);
        visit_i64_extend32_s: unary(Unary::Extend32S, I64, I64);
        visit_i64_extend_i32_s: unary(Unary::Extend32S, I32, I64);
        visit_i64_extend_i32_u: extend_u32();
        visit_i32_wrap_i64: unary(Unary::Extend32U, I64, I32);
        visit_f32_add: float_binary(FloatBinary::Add, F32);
        visit_f32_sub: float_binary(FloatBinary::Sub, F32);
        visit_f32_mul: float_binary(FloatBinary::Mul, F32);
        visit_f32_div: float_binary(FloatBinary::Div, F32);
        visit_f32_min: float_binary(FloatBinary::Min, F32);
        visit_f32_max: float_binary(FloatBinary::Max, F32);
        visit_f32_copysign: float_binary(FloatBinary::CopySign, F32);
        visit_f64_add: float_binary(FloatBinary::Add, F64);
        visit_f64_sub: float_binary(FloatBinary::Sub, F64);
        visit_f64_mul: float_binary(FloatBinary::Mul, F64);
        visit_f64_div: float_binary(FloatBinary::Div, F64);
        visit_f64_min: float_binary(FloatBinary::Min, F64);
        visit_f64_max: float_binary(FloatBinary::Max, F64);
        visit_f64_copysign: float_binary(FloatBinary::CopySign, F64);
        visit_f32_abs: float_unary(FloatUnary::Abs, F32);
        visit_f32_neg: float_unary(FloatUnary::Neg, F32);
        visit_f32_sqrt: float_unary(FloatUnary::Sqrt, F32);
        visit_f32_ceil: float_unary(FloatUnary::Ceil, F32);
        visit_f32_floor: float_unary(FloatUnary::Floor, F32);
        visit_f32_trunc: float_unary(FloatUnary::Trunc, F32);
        visit_f32_nearest: float_unary(FloatUnary::Nearest, F32);
        visit_f64_abs: float_unary(FloatUnary::Abs, F64);
        visit_f64_neg: float_unary(FloatUnary::Neg, F64);
        visit_f64_sqrt: float_unary(FloatUnary::Sqrt, F64);
        visit_f64_ceil: float_unary(FloatUnary::Ceil, F64);
        visit_f64_floor: float_unary(FloatUnary::Floor, F64);
        visit_f64_trunc: float_unary(FloatUnary::Trunc, F64);
        visit_f64_nearest: float_unary(FloatUnary::Nearest, F64);
        visit_i32_trunc_f32_s: convert(truncate(F32, S32, true, false), F32, I32, true);
        visit_i32_trunc_f32_u: convert(truncate(F32, S32, false, false), F32, I32, true);
        visit_i32_trunc_f64_s: convert(truncate(F64, S32, true, false), F64, I32, true);
        visit_i32_trunc_f64_u: convert(truncate(F64, S32, false, false), F64, I32, true);
        visit_i64_trunc_f32_s: convert(truncate(F32, S64, true, false), F32, I64, true);
        visit_i64_trunc_f32_u: convert(truncate(F32, S64, false, false), F32, I64, true);
        visit_i64_trunc_f64_s: convert(truncate(F64, S64, true, false), F64, I64, true);
        visit_i64_trunc_f64_u: convert(truncate(F64, S64, false, false), F64, I64, true);
        visit_i32_trunc_sat_f32_s: convert(truncate(F32, S32, true, true), F32, I32, true);
        visit_i32_trunc_sat_f32_u: convert(truncate(F32, S32, false, true), F32, I32, true);
        visit_i32_trunc_sat_f64_s: convert(truncate(F64, S32, true, true), F64, I32, true);
        visit_i32_trunc_sat_f64_u: convert(truncate(F64, S32, false, true), F64, I32, true);
        visit_i64_trunc_sat_f32_s: convert(truncate(F32, S64, true, true), F32, I64, true);
        visit_i64_trunc_sat_f32_u: convert(truncate(F32, S64, false, true), F32, I64, true);
        visit_i64_trunc_sat_f64_s: convert(truncate(F64, S64, true, true), F64, I64, true);
        visit_i64_trunc_sat_f64_u: convert(truncate(F64, S64, false, true), F64, I64, true);
        visit_f32_convert_i32_s: convert(convert(S32, true, F32), I32, F32, true);
        visit_f32_convert_i32_u: convert(convert(S32, false, F32), I32, F32, true);
        visit_f32_convert_i64_s: convert(convert(S64, true, F32), I64, F32, true);
        visit_f32_convert_i64_u: convert(convert(S64, false, F32), I64, F32, true);
        visit_f64_convert_i32_s: convert(convert(S32, true, F64), I32, F64, true);
        visit_f64_convert_i32_u: convert(convert(S32, false, F64), I32, F64, true);
        visit_f64_convert_i64_s: convert(convert(S64, true, F64), I64, F64, true);
        visit_f64_convert_i64_u: convert(convert(S64, false, F64), I64, F64, true);
        visit_f32_demote_f64: convert(Conversion::Demote, F64, F32, true);
        visit_f64_promote_f32: convert(Conversion::Promote, F32, F64, true);
        visit_i32_reinterpret_f32: convert(reinterpret(F32), F32, I32, true);
        visit_i64_reinterpret_f64: convert(reinterpret(F64), F64, I64, true);
        visit_f32_reinterpret_i32: convert(reinterpret(I32), I32, F32, true);
        visit_f64_reinterpret_i64: convert(reinterpret(I64), I64, F64, true);
        visit_ref_is_null: eqz(ValKind::Ref);
    }

    accesses! {
        visit_i32_load: load(Load::I32, I32, 4);
        visit_i64_load: load(Load::I64, I64, 8);
        visit_f32_load: load(Load::F32, F32, 4);
        visit_f64_load: load(Load::F64, F64, 8);
        visit_i32_load8_s: load(Load::I32S8, I32, 1);
        visit_i32_load8_u: load(Load::I32U8, I32, 1);
        visit_i32_load16_s: load(Load::I32S16, I32, 2);
        visit_i32_load16_u: load(Load::I32U16, I32, 2);
        visit_i64_load8_s: load(Load::I64S8, I64, 1);
        visit_i64_load8_u: load(Load::I64U8, I64, 1);
        visit_i64_load16_s: load(Load::I64S16, I64, 2);
        visit_i64_load16_u: load(Load::I64U16, I64, 2);
        visit_i64_load32_s: load(Load::I64S32, I64, 4);
        visit_i64_load32_u: load(Load::I64U32, I64, 4);
        visit_i32_store: store(Store::I32, 4);
        visit_i64_store: store(Store::I64, 8);
        visit_f32_store: store(Store::F32, 4);
        visit_f64_store: store(Store::F64, 8);
        visit_i32_store8: store(Store::I8, 1);
        visit_i32_store16: store(Store::I16, 2);
        visit_i64_store8: store(Store::I8, 1);
        visit_i64_store16: store(Store::I16, 2);
        visit_i64_store32: store(Store::I32, 4);
    }

    pub fn visit_nop(&mut self) {}

    #[inline]
    pub fn visit_local_get(&mut self, index: u32) {
        self.push_local(index);
    }
    #[inline]
    pub fn visit_local_set(&mut self, index: u32) {
        let value = self.pop();
        let position = self.stack.len();
        self.set_local(index, value, position);
        self.end_operator();
    }
    #[inline]
    pub fn visit_local_tee(&mut self, index: u32) {
        self.visit_local_set(index);
        self.push_local(index);
    }

    #[inline]
    pub fn visit_i32_const(&mut self, value: i32) {
        self.int_const(I32, i64::from(value));
    }
    #[inline]
    pub fn visit_i64_const(&mut self, value: i64) {
        self.int_const(I64, value);
    }
    pub fn visit_f32_const(&mut self, value: wasmparser::Ieee32) {
        self.float_const(F32, u64::from(value.bits()));
    }
    pub fn visit_f64_const(&mut self, value: wasmparser::Ieee64) {
        self.float_const(F64, value.bits());
    }
    pub fn visit_ref_null(&mut self, _: wasmparser::HeapType) {
        self.int_const(ValKind::Ref, 0);
    }

    pub fn visit_typed_select(&mut self, _: wasmparser::ValType) {
        self.visit_select();
    }
    pub fn visit_typed_select_multi(&mut self, _: Vec<wasmparser::ValType>) {
        self.refused = Some("select of more than one value is not valid WebAssembly");
    }

    pub fn visit_memory_grow(&mut self, memory: u32) {
        self.call_runtime(RuntimeEntry::MemoryGrow, &[memory], 1, Some(I32));
    }
    pub fn visit_memory_fill(&mut self, memory: u32) {
        self.call_runtime(RuntimeEntry::MemoryFill, &[memory], 3, None);
    }
    pub fn visit_memory_copy(&mut self, destination: u32, source: u32) {
        self.call_runtime(RuntimeEntry::MemoryCopy, &[destination, source], 3, None);
    }
    pub fn visit_memory_init(&mut self, segment: u32, memory: u32) {
        self.call_runtime(RuntimeEntry::MemoryInit, &[memory, segment], 3, None);
    }
    pub fn visit_data_drop(&mut self, segment: u32) {
        self.call_runtime(RuntimeEntry::DataDrop, &[segment], 0, None);
    }
    pub fn visit_table_get(&mut self, table: u32) {
        self.call_runtime(RuntimeEntry::TableGet, &[table], 1, Some(ValKind::Ref));
    }
    pub fn visit_table_set(&mut self, table: u32) {
        self.call_runtime(RuntimeEntry::TableSet, &[table], 2, None);
    }
    pub fn visit_table_grow(&mut self, table: u32) {
        self.call_runtime(RuntimeEntry::TableGrow, &[table], 2, Some(I32));
    }
    pub fn visit_table_fill(&mut self, table: u32) {
        self.call_runtime(RuntimeEntry::TableFill, &[table], 3, None);
    }
    pub fn visit_table_copy(&mut self, destination: u32, source: u32) {
        self.call_runtime(RuntimeEntry::TableCopy, &[destination, source], 3, None);
    }
    pub fn visit_table_init(&mut self, segment: u32, table: u32) {
        self.call_runtime(RuntimeEntry::TableInit, &[table, segment], 3, None);
    }
    pub fn visit_elem_drop(&mut self, segment: u32) {
        self.call_runtime(RuntimeEntry::ElemDrop, &[segment], 0, None);
    }
}
