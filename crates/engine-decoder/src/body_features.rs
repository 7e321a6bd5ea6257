//! Which proposals a function body uses.
//!
//! The quick validator notes it on its way, where it meets something that is younger than WebAssembly 1.0. Bodies that it does not decide are
//! looked at here, once they are known to be valid. What an index leads to (a second memory, a table) shows in the module's structure.

use crate::features::Features;
use crate::quick::Ty;
use wasmparser::{
    BinaryReader, BlockType, FunctionBody, VisitOperator, VisitSimdOperator, WasmFeatures,
    for_each_visit_operator, for_each_visit_simd_operator,
};

/// The proposals that a valid body uses.
pub(crate) fn of_body(body: &[u8], enabled: WasmFeatures) -> Features {
    let mut found = Found(Features::NONE);
    // A valid body has no errors; if there were one, what was found before it stands.
    let _ = found.scan(body, enabled);
    found.0
}

/// The proposal that brought an operand type.
pub(crate) fn of_type(ty: Ty) -> Features {
    match ty {
        Ty::V128 => Features::SIMD,
        Ty::FuncRef | Ty::ExternRef => Features::REFERENCE_TYPES,
        _ => Features::NONE,
    }
}

struct Found(Features);

impl Found {
    fn add(&mut self, feature: Features) {
        self.0 = self.0.with(feature);
    }

    fn scan(&mut self, body: &[u8], enabled: WasmFeatures) -> wasmparser::Result<()> {
        let body = FunctionBody::new(BinaryReader::new_features(body, 0, enabled));
        for run in body.get_locals_reader()? {
            self.value_type(run?.1);
        }
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            reader.visit_operator(self)?;
        }
        Ok(())
    }

    fn value_type(&mut self, ty: wasmparser::ValType) {
        match ty {
            wasmparser::ValType::V128 => self.add(Features::SIMD),
            wasmparser::ValType::Ref(ty) => {
                self.add(Features::REFERENCE_TYPES);
                if ty != wasmparser::RefType::FUNCREF && ty != wasmparser::RefType::EXTERNREF {
                    self.add(Features::FUNCTION_REFERENCES);
                }
            }
            _ => {}
        }
    }
}

/// What an immediate says beyond its operator.
trait Immediate {
    fn look(&self, _: &mut Found) {}
}

impl Immediate for BlockType {
    fn look(&self, found: &mut Found) {
        match *self {
            BlockType::Empty => {}
            BlockType::Type(ty) => found.value_type(ty),
            BlockType::FuncType(_) => found.add(Features::MULTI_VALUE),
        }
    }
}

impl Immediate for wasmparser::TryTable {
    fn look(&self, found: &mut Found) {
        self.ty.look(found);
    }
}

macro_rules! silent {
    ($($ty:ty)*) => { $(impl Immediate for $ty {})* };
}
silent! {
    u8 u32 i32 i64 wasmparser::Ieee32 wasmparser::Ieee64 wasmparser::V128 wasmparser::MemArg wasmparser::HeapType
    wasmparser::RefType wasmparser::ValType Vec<wasmparser::ValType> wasmparser::BrTable<'_> wasmparser::Ordering
    wasmparser::ResumeTable [u8; 16]
}

/// The set for the name that wasmparser's table of operators has for a proposal. What has no flag in this crate counts for nothing.
macro_rules! proposal {
    (mvp) => {
        Features::NONE
    };
    (sign_extension) => {
        Features::SIGN_EXTENSION
    };
    (saturating_float_to_int) => {
        Features::SATURATING_FLOAT_TO_INT
    };
    (bulk_memory) => {
        Features::BULK_MEMORY
    };
    (reference_types) => {
        Features::REFERENCE_TYPES
    };
    (simd) => {
        Features::SIMD
    };
    (relaxed_simd) => {
        Features::SIMD.with(Features::RELAXED_SIMD)
    };
    (tail_call) => {
        Features::TAIL_CALL
    };
    (threads) => {
        Features::THREADS
    };
    (exceptions) => {
        Features::EXCEPTIONS
    };
    (function_references) => {
        Features::FUNCTION_REFERENCES
    };
    (gc) => {
        Features::GC
    };
    (wide_arithmetic) => {
        Features::WIDE_ARITHMETIC
    };
    (stack_switching) => {
        Features::STACK_SWITCHING
    };
    ($other:ident) => {
        Features::NONE
    };
}

macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        fn $visit(&mut self $($(, $arg: $argty)*)?) {
            self.add(proposal!($proposal));
            $($(Immediate::look(&$arg, self);)*)?
        }
    )*};
}

impl<'a> VisitOperator<'a> for Found {
    type Output = ();
    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }
    for_each_visit_operator!(visit);
}

impl<'a> VisitSimdOperator<'a> for Found {
    for_each_visit_simd_operator!(visit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BodyValidator, DecodedModule, DefinedFuncIndex, QuickValidator};

    const BODIES: &[(Features, &str)] = &[
        (Features::NONE, "(block (result i32) (i32.load (i32.const 0))) drop (call_indirect (i32.const 0))"),
        (Features::SIGN_EXTENSION, "(drop (i64.extend32_s (i64.const 1)))"),
        (Features::SATURATING_FLOAT_TO_INT, "(drop (i64.trunc_sat_f64_u (f64.const 1)))"),
        (Features::MULTI_VALUE, "(block (result i32 i32) (i32.const 1) (i32.const 2)) drop drop"),
        (Features::BULK_MEMORY, "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))"),
        (Features::BULK_MEMORY, "(table.copy (i32.const 0) (i32.const 0) (i32.const 0))"),
        (Features::REFERENCE_TYPES, "(drop (table.size 0))"),
        (Features::REFERENCE_TYPES, "(drop (ref.is_null (ref.null extern)))"),
        (Features::REFERENCE_TYPES, "(local externref)"),
        (Features::REFERENCE_TYPES, "(block (result funcref) unreachable) drop"),
        (Features::REFERENCE_TYPES, "(drop (select (result i32) (i32.const 0) (i32.const 1) (i32.const 0)))"),
        (Features::SIMD, "(local v128)"),
    ];
    /// What the quick validator does not decide.
    const SLOW_BODIES: &[(Features, &str)] = &[
        (Features::SIMD, "(drop (v128.const i64x2 0 0))"),
        (
            Features::SIMD.with(Features::RELAXED_SIMD),
            "(local v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
        ),
        (Features::TAIL_CALL, "(return_call 0)"),
        (Features::THREADS, "(drop (i32.atomic.load (i32.const 0)))"),
    ];

    fn module(body: &str) -> DecodedModule {
        let text = format!("(module (memory 1 1) (table 1 funcref) (func {body}))");
        let known = Features::WASM2.with(Features::SIMD).with(Features::RELAXED_SIMD);
        let features = known.with(Features::TAIL_CALL).with(Features::THREADS);
        DecodedModule::decode(wat::parse_str(text).unwrap(), features).unwrap()
    }

    #[test]
    fn bodies_are_seen_alike_quickly_and_slowly() {
        for &(features, body) in BODIES {
            let decoded = module(body);
            let mut quick = QuickValidator::new();
            quick.validate(&decoded, DefinedFuncIndex(0), decoded.body(DefinedFuncIndex(0))).expect(body);
            assert_eq!(quick.used(), features, "quick: {body}");
            assert_eq!(of_body(decoded.body(DefinedFuncIndex(0)), decoded.features), features, "{body}");
        }
    }

    #[test]
    fn validation_gathers_what_all_bodies_use() {
        let mut validator = BodyValidator::new();
        let mut all = Features::NONE;
        for &(features, body) in SLOW_BODIES.iter().chain(BODIES) {
            let decoded = module(body);
            validator.validate(&decoded, DefinedFuncIndex(0)).expect(body);
            all = all.with(features);
            assert_eq!(validator.used(), all, "{body}");
        }
    }
}
