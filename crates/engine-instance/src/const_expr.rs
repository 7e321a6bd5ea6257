//! Evaluation of constant expressions (core specification, "Constant Expressions").

#![allow(unsafe_code)]

use crate::instance::InstanceData;
use engine_decoder::{ConstExpr, ConstOp};
use engine_machine::ValRaw;

/// The value of a constant expression in an instance whose imports, functions and earlier globals are in place.
/// References come out as compiled code has them.
pub(crate) fn evaluate(instance: &InstanceData, expr: &ConstExpr) -> ValRaw {
    if let [op] = &*expr.ops {
        return leaf(instance, *op).unwrap_or_default();
    }
    let mut stack: Vec<ValRaw> = Vec::with_capacity(expr.ops.len());
    for &op in &expr.ops {
        let value = match leaf(instance, op) {
            Some(value) => value,
            None => {
                let right = stack.pop().unwrap_or_default();
                let left = stack.pop().unwrap_or_default();
                binary(op, left, right)
            }
        };
        stack.push(value);
    }
    stack.pop().unwrap_or_default()
}

fn i32(value: i32) -> ValRaw {
    ValRaw { i64: i64::from(value as u32) }
}

fn leaf(instance: &InstanceData, op: ConstOp) -> Option<ValRaw> {
    Some(match op {
        ConstOp::I32Const(value) => i32(value),
        ConstOp::I64Const(value) => ValRaw { i64: value },
        ConstOp::F32Const(bits) => ValRaw { i64: i64::from(bits) },
        ConstOp::F64Const(bits) => ValRaw { f64: bits },
        ConstOp::V128Const(value) => ValRaw { v128: value },
        ConstOp::RefNull(_) => ValRaw::default(),
        ConstOp::RefFunc(func) => ValRaw { i64: instance.func_ref(func).as_ptr() as i64 },
        // SAFETY: cells of imported and earlier globals hold values.
        ConstOp::GlobalGet(global) => unsafe { instance.global_cell(global).read() },
        _ => return None,
    })
}

fn binary(op: ConstOp, left: ValRaw, right: ValRaw) -> ValRaw {
    // SAFETY: every field of the union is valid for any bits; validation has checked the types.
    unsafe {
        match op {
            ConstOp::I32Add => i32(left.i32.wrapping_add(right.i32)),
            ConstOp::I32Sub => i32(left.i32.wrapping_sub(right.i32)),
            ConstOp::I32Mul => i32(left.i32.wrapping_mul(right.i32)),
            ConstOp::I64Add => ValRaw { i64: left.i64.wrapping_add(right.i64) },
            ConstOp::I64Sub => ValRaw { i64: left.i64.wrapping_sub(right.i64) },
            ConstOp::I64Mul => ValRaw { i64: left.i64.wrapping_mul(right.i64) },
            _ => ValRaw::default(),
        }
    }
}
