//! Operators by the type of their result.

use wasm_encoder::Instruction::{self as I, *};
use wasm_encoder::ValType;

type Ops = &'static [I<'static>];

/// Binary operators that never trap; `copysign` is not among them, as it reveals the sign of a NaN.
pub fn binary(ty: ValType) -> Ops {
    match ty {
        ValType::I32 => {
            &[I32Add, I32Sub, I32Mul, I32And, I32Or, I32Xor, I32Shl, I32ShrS, I32ShrU, I32Rotl, I32Rotr]
        }
        ValType::I64 => {
            &[I64Add, I64Sub, I64Mul, I64And, I64Or, I64Xor, I64Shl, I64ShrS, I64ShrU, I64Rotl, I64Rotr]
        }
        ValType::F32 => &[F32Add, F32Sub, F32Mul, F32Div, F32Min, F32Max],
        _ => &[F64Add, F64Sub, F64Mul, F64Div, F64Min, F64Max],
    }
}

/// Shifts and rotates, which want their count in a certain register.
pub fn shifts(ty: ValType) -> Ops {
    match ty {
        ValType::I32 => &[I32Shl, I32ShrS, I32ShrU, I32Rotl, I32Rotr],
        _ => &[I64Shl, I64ShrS, I64ShrU, I64Rotl, I64Rotr],
    }
}

/// Divisions.
pub fn divisions(ty: ValType) -> Ops {
    match ty {
        ValType::I32 => &[I32DivU, I32RemU, I32DivS, I32RemS],
        _ => &[I64DivU, I64RemU, I64DivS, I64RemS],
    }
}

/// Unary operators from a type to itself.
pub fn unary(ty: ValType) -> Ops {
    match ty {
        ValType::I32 => &[I32Clz, I32Ctz, I32Popcnt, I32Extend8S, I32Extend16S, I32Eqz],
        ValType::I64 => &[I64Clz, I64Ctz, I64Popcnt, I64Extend8S, I64Extend16S, I64Extend32S],
        ValType::F32 => &[F32Neg, F32Abs, F32Sqrt, F32Ceil, F32Floor, F32Trunc, F32Nearest],
        _ => &[F64Neg, F64Abs, F64Sqrt, F64Ceil, F64Floor, F64Trunc, F64Nearest],
    }
}

/// Conversions to a type, with the type that they take. None traps.
pub fn conversions(to: ValType) -> &'static [(I<'static>, ValType)] {
    use ValType::{F32, F64, I32, I64};
    match to {
        I32 => &[
            (I32WrapI64, I64),
            (I32ReinterpretF32, F32),
            (I32TruncSatF32S, F32),
            (I32TruncSatF32U, F32),
            (I32TruncSatF64S, F64),
            (I32TruncSatF64U, F64),
            (I64Eqz, I64),
        ],
        I64 => &[
            (I64ExtendI32U, I32),
            (I64ExtendI32S, I32),
            (I64ReinterpretF64, F64),
            (I64TruncSatF32S, F32),
            (I64TruncSatF32U, F32),
            (I64TruncSatF64S, F64),
            (I64TruncSatF64U, F64),
        ],
        F32 => &[
            (F32ConvertI32S, I32),
            (F32ConvertI32U, I32),
            (F32ConvertI64S, I64),
            (F32ConvertI64U, I64),
            (F32DemoteF64, F64),
            (F32ReinterpretI32, I32),
        ],
        _ => &[
            (F64ConvertI32S, I32),
            (F64ConvertI32U, I32),
            (F64ConvertI64S, I64),
            (F64ConvertI64U, I64),
            (F64PromoteF32, F32),
            (F64ReinterpretI64, I64),
        ],
    }
}

/// Conversions to a type that trap when the value does not fit.
pub fn trapping_conversions(to: ValType) -> &'static [(I<'static>, ValType)] {
    use ValType::{F32, F64};
    match to {
        ValType::I32 => &[(I32TruncF32S, F32), (I32TruncF32U, F32), (I32TruncF64S, F64), (I32TruncF64U, F64)],
        _ => &[(I64TruncF32S, F32), (I64TruncF32U, F32), (I64TruncF64S, F64), (I64TruncF64U, F64)],
    }
}

/// Comparisons of a type.
pub fn comparisons(of: ValType) -> Ops {
    match of {
        ValType::I32 => &[I32Eq, I32Ne, I32LtS, I32LtU, I32GtS, I32GtU, I32LeS, I32LeU, I32GeS, I32GeU],
        ValType::I64 => &[I64Eq, I64Ne, I64LtS, I64LtU, I64GtS, I64GtU, I64LeS, I64LeU, I64GeS, I64GeU],
        ValType::F32 => &[F32Eq, F32Ne, F32Lt, F32Gt, F32Le, F32Ge],
        _ => &[F64Eq, F64Ne, F64Lt, F64Gt, F64Le, F64Ge],
    }
}

/// A load or store, made from its address operand.
pub type Access = (fn(wasm_encoder::MemArg) -> I<'static>, u32);

/// Loads to a type, with the logarithm of their width.
pub fn loads(ty: ValType) -> &'static [Access] {
    match ty {
        ValType::I32 => &[(I32Load, 2), (I32Load8U, 0), (I32Load8S, 0), (I32Load16U, 1), (I32Load16S, 1)],
        ValType::I64 => &[
            (I64Load, 3),
            (I64Load8U, 0),
            (I64Load8S, 0),
            (I64Load16U, 1),
            (I64Load16S, 1),
            (I64Load32U, 2),
            (I64Load32S, 2),
        ],
        ValType::F32 => &[(F32Load, 2)],
        _ => &[(F64Load, 3)],
    }
}

/// Stores of a type.
pub fn stores(ty: ValType) -> &'static [Access] {
    match ty {
        ValType::I32 => &[(I32Store, 2), (I32Store8, 0), (I32Store16, 1)],
        ValType::I64 => &[(I64Store, 3), (I64Store8, 0), (I64Store16, 1), (I64Store32, 2)],
        ValType::F32 => &[(F32Store, 2)],
        _ => &[(F64Store, 3)],
    }
}
