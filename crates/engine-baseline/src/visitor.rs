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

macro_rules! generate {
    (mvp $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (sign_extension $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (saturating_float_to_int $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (bulk_memory $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (reference_types $this:ident $op:ident $visit:ident ($($arg:ident),*)) => { generate!(@yes $this $op $visit ($($arg),*)) };
    (@yes $this:ident $op:ident $visit:ident ($($arg:ident),*)) => {
        if engine_machine::is_structure!($op) || $this.generator.reachable {
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

/// Operators that are a call of the runtime.
macro_rules! runtime {
    ($($visit:ident($($arg:ident),*): $entry:ident [$($constant:ident),*] $count:literal $result:expr;)*) => {$(
        pub fn $visit(&mut self $(, $arg: u32)*) {
            self.call_runtime(RuntimeEntry::$entry, &[$($constant),*], $count, $result);
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

use Size::{S32, S64};
use ValKind::{F32, F64, I32, I64};

impl<M: Masm> Generator<'_, M> {
    engine_machine::plain_operators!(simple);
    engine_machine::access_operators!(accesses);

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

    engine_machine::runtime_operators!(runtime);
}
