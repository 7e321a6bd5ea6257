//! Which proposals a module's structure uses.

use crate::features::Features;
use crate::module::*;
use crate::types::*;

/// The proposals without which the structure would not be valid, as far as it shows.
pub(crate) fn detect(module: &Module) -> Features {
    let mut found = Features::NONE;
    for ty in &module.types {
        if ty.results().len() > 1 {
            found = found.with(Features::MULTI_VALUE);
        }
        found = ty.params().iter().chain(ty.results()).fold(found, |found, &ty| found.with(val_type(ty)));
    }
    for global in &module.globals {
        found = found.with(val_type(global.content));
    }
    for table in &module.tables {
        // `funcref` tables are as old as WebAssembly.
        if table.element != RefType::FUNCREF {
            found = found.with(ref_type(table.element));
        }
    }
    for memory in &module.memories {
        if memory.shared {
            found = found.with(Features::THREADS);
        }
        if memory.memory64 {
            found = found.with(Features::MEMORY64);
        }
    }
    if module.tables.len() > 1 {
        found = found.with(Features::REFERENCE_TYPES);
    }
    if module.memories.len() > 1 {
        found = found.with(Features::MULTI_MEMORY);
    }
    let imported = module.imports.iter().map(|import| import.index);
    for index in imported.chain(module.exports.iter().map(|export| export.index)) {
        if matches!(index, ExternIndex::Global(global) if module.globals[global.index()].mutable) {
            found = found.with(Features::MUTABLE_GLOBAL);
        }
    }
    segments(module, &mut found);
    for init in module.table_inits.iter().flatten() {
        found = found.with(Features::FUNCTION_REFERENCES).with(const_expr(module, init));
    }
    for init in &module.global_inits {
        found = found.with(const_expr(module, init));
    }
    found
}

fn segments(module: &Module, found: &mut Features) {
    for segment in &module.elements {
        *found = found.with(mode(module, &segment.mode));
        if segment.ty != RefType::FUNCREF {
            *found = found.with(ref_type(segment.ty));
        }
        if let ElementItems::Expressions(items) = &segment.items {
            *found = found.with(Features::BULK_MEMORY);
            *found = items.iter().fold(*found, |found, item| found.with(const_expr(module, item)));
        }
    }
    for segment in &module.data {
        *found = found.with(mode(module, &segment.mode));
    }
}

fn mode<I>(module: &Module, mode: &SegmentMode<I>) -> Features {
    match mode {
        SegmentMode::Active(_, offset) => const_expr(module, offset),
        SegmentMode::Passive => Features::BULK_MEMORY,
        SegmentMode::Declared => Features::BULK_MEMORY.with(Features::REFERENCE_TYPES),
    }
}

fn const_expr(module: &Module, expr: &ConstExpr) -> Features {
    expr.ops.iter().fold(Features::NONE, |found, op| {
        found.with(match op {
            ConstOp::I32Const(_) | ConstOp::I64Const(_) | ConstOp::F32Const(_) | ConstOp::F64Const(_) => {
                Features::NONE
            }
            ConstOp::V128Const(_) => Features::SIMD,
            ConstOp::RefNull(_) | ConstOp::RefFunc(_) => Features::REFERENCE_TYPES,
            ConstOp::GlobalGet(global) if global.0 < module.num_imported_globals => Features::NONE,
            ConstOp::GlobalGet(_) => Features::GC,
            ConstOp::I32Add
            | ConstOp::I32Sub
            | ConstOp::I32Mul
            | ConstOp::I64Add
            | ConstOp::I64Sub
            | ConstOp::I64Mul => Features::EXTENDED_CONST,
        })
    })
}

fn val_type(ty: ValType) -> Features {
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => Features::NONE,
        ValType::V128 => Features::SIMD,
        ValType::Ref(ty) => ref_type(ty),
    }
}

fn ref_type(ty: RefType) -> Features {
    match ty {
        RefType { nullable: true, heap: HeapType::Func | HeapType::Extern } => Features::REFERENCE_TYPES,
        _ => Features::REFERENCE_TYPES.with(Features::FUNCTION_REFERENCES),
    }
}
