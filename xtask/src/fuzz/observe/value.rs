//! Values that all engines share.

use crate::rng::Rng;
use engine_instance::ValType;

/// A value, comparable across engines: references only by whether they are null, host references by their number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// Whether there is a function.
    Func(bool),
    /// A host reference.
    Host(Option<u32>),
}

impl Value {
    /// A value to pass in, one in two at the edges. Functions are null.
    pub fn random(rng: &mut Rng, ty: ValType) -> Value {
        const EDGES: [u64; 10] =
            [0, 1, 2, u64::MAX, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 1 << 63, (1 << 63) - 1];
        let bits = if rng.below(2) == 0 { EDGES[rng.below(EDGES.len())] } else { rng.next() };
        match ty {
            ValType::I32 => Value::I32(bits as i32),
            ValType::I64 => Value::I64(bits as i64),
            // No NaN comes in from outside with bits of its own: they need not survive.
            ValType::F32 => without_nan_bits(Value::F32(bits as u32)),
            ValType::F64 => without_nan_bits(Value::F64(bits)),
            ValType::Ref(ty) if ty.is_func() => Value::Func(false),
            _ => Value::Host((bits & 1 == 0).then_some(bits as u32)),
        }
    }
}

/// A value as it is, but for NaNs, which all become the same.
pub fn without_nan_bits(value: Value) -> Value {
    match value {
        Value::F32(bits) if f32::from_bits(bits).is_nan() => Value::F32(0x7fc0_0000),
        Value::F64(bits) if f64::from_bits(bits).is_nan() => Value::F64(0x7ff8_0000_0000_0000),
        other => other,
    }
}
