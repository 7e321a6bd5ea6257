//! wasmparser's types as ours. What `Module` has no room for is an error that names the proposal it comes from.

use crate::error::{DecodeError, Section};
use crate::index::*;
use crate::module::{ConstExpr, ConstOp};
use crate::types::*;
use wasmparser as wp;

/// Where a conversion happens, for its errors.
#[derive(Clone, Copy)]
pub(crate) struct Convert {
    pub(crate) section: Section,
    pub(crate) offset: u64,
}

impl Convert {
    pub(crate) fn unsupported(self, feature: &'static str) -> DecodeError {
        DecodeError::unsupported(self.section, self.offset, feature)
    }

    fn heap_type(self, ty: wp::HeapType) -> Result<HeapType, DecodeError> {
        use wp::AbstractHeapType as Abstract;
        match ty {
            wp::HeapType::Abstract { shared: true, .. } => Err(self.unsupported("shared-everything-threads")),
            wp::HeapType::Abstract { ty: Abstract::Func, .. } => Ok(HeapType::Func),
            wp::HeapType::Abstract { ty: Abstract::Extern, .. } => Ok(HeapType::Extern),
            wp::HeapType::Abstract { ty: Abstract::Exn | Abstract::NoExn, .. } => {
                Err(self.unsupported("exceptions"))
            }
            wp::HeapType::Abstract { ty: Abstract::Cont | Abstract::NoCont, .. } => {
                Err(self.unsupported("stack-switching"))
            }
            wp::HeapType::Abstract { .. } => Err(self.unsupported("gc")),
            wp::HeapType::Concrete(wp::UnpackedIndex::Module(index)) => {
                Ok(HeapType::Concrete(TypeIndex(index)))
            }
            wp::HeapType::Concrete(_) => Err(self.unsupported("gc")),
            wp::HeapType::Exact(_) => Err(self.unsupported("custom-descriptors")),
        }
    }

    pub(crate) fn ref_type(self, ty: wp::RefType) -> Result<RefType, DecodeError> {
        Ok(RefType { nullable: ty.is_nullable(), heap: self.heap_type(ty.heap_type())? })
    }

    pub(crate) fn val_type(self, ty: wp::ValType) -> Result<ValType, DecodeError> {
        Ok(match ty {
            wp::ValType::I32 => ValType::I32,
            wp::ValType::I64 => ValType::I64,
            wp::ValType::F32 => ValType::F32,
            wp::ValType::F64 => ValType::F64,
            wp::ValType::V128 => ValType::V128,
            wp::ValType::Ref(ty) => ValType::Ref(self.ref_type(ty)?),
        })
    }

    pub(crate) fn func_type(self, ty: &wp::SubType) -> Result<FuncType, DecodeError> {
        match &ty.composite_type.inner {
            _ if ty.composite_type.shared => Err(self.unsupported("shared-everything-threads")),
            // A plain function type is final and has no supertype; anything else is subtyping.
            _ if !ty.is_final || !ty.supertype_idxs.is_empty() => Err(self.unsupported("gc")),
            wp::CompositeInnerType::Func(ty) => {
                let list = |types: &[wp::ValType]| -> Result<Vec<ValType>, DecodeError> {
                    types.iter().map(|&ty| self.val_type(ty)).collect()
                };
                Ok(FuncType::new(list(ty.params())?, list(ty.results())?))
            }
            wp::CompositeInnerType::Cont(_) => Err(self.unsupported("stack-switching")),
            wp::CompositeInnerType::Array(_) | wp::CompositeInnerType::Struct(_) => {
                Err(self.unsupported("gc"))
            }
        }
    }

    pub(crate) fn table_type(self, ty: wp::TableType) -> Result<TableType, DecodeError> {
        if ty.table64 {
            return Err(self.unsupported("memory64"));
        }
        if ty.shared {
            return Err(self.unsupported("shared-everything-threads"));
        }
        Ok(TableType { element: self.ref_type(ty.element_type)?, minimum: ty.initial, maximum: ty.maximum })
    }

    pub(crate) fn memory_type(self, ty: wp::MemoryType) -> Result<MemoryType, DecodeError> {
        if ty.page_size_log2.is_some_and(|log2| 1 << log2 != MemoryType::PAGE_SIZE) {
            return Err(self.unsupported("custom-page-sizes"));
        }
        Ok(MemoryType { minimum: ty.initial, maximum: ty.maximum, shared: ty.shared, memory64: ty.memory64 })
    }

    pub(crate) fn global_type(self, ty: wp::GlobalType) -> Result<GlobalType, DecodeError> {
        if ty.shared {
            return Err(self.unsupported("shared-everything-threads"));
        }
        Ok(GlobalType { content: self.val_type(ty.content_type)?, mutable: ty.mutable })
    }

    /// A constant expression, which must be valid. Functions that it names go to `escaped`.
    ///
    /// Read by hand: wasmparser's operator reader would allocate for each of what may be a million expressions.
    pub(crate) fn const_expr(
        self,
        expr: &wp::ConstExpr<'_>,
        escaped: &mut Vec<FuncIndex>,
    ) -> Result<ConstExpr, DecodeError> {
        let mut reader = expr.get_binary_reader();
        let mut ops = Vec::with_capacity(1);
        while let Some(op) = self.const_op(&mut reader)? {
            if let ConstOp::RefFunc(func) = op {
                escaped.push(func);
            }
            ops.push(op);
        }
        Ok(ConstExpr { ops: ops.into() })
    }

    fn const_op(self, reader: &mut wp::BinaryReader<'_>) -> Result<Option<ConstOp>, DecodeError> {
        let parse = |error: wp::Error| DecodeError::from_parser(self.section, &error);
        Ok(Some(match reader.read_u8().map_err(parse)? {
            0x0b => return Ok(None),
            0x23 => ConstOp::GlobalGet(GlobalIndex(reader.read_var_u32().map_err(parse)?)),
            0x41 => ConstOp::I32Const(reader.read_var_i32().map_err(parse)?),
            0x42 => ConstOp::I64Const(reader.read_var_i64().map_err(parse)?),
            0x43 => ConstOp::F32Const(reader.read_f32().map_err(parse)?.bits()),
            0x44 => ConstOp::F64Const(reader.read_f64().map_err(parse)?.bits()),
            0x6a => ConstOp::I32Add,
            0x6b => ConstOp::I32Sub,
            0x6c => ConstOp::I32Mul,
            0x7c => ConstOp::I64Add,
            0x7d => ConstOp::I64Sub,
            0x7e => ConstOp::I64Mul,
            0xd0 => ConstOp::RefNull(self.heap_type(reader.read().map_err(parse)?)?),
            0xd2 => ConstOp::RefFunc(FuncIndex(reader.read_var_u32().map_err(parse)?)),
            0xfd => {
                // The only constant vector operator is v128.const.
                reader.read_var_u32().map_err(parse)?;
                let bytes = reader.read_bytes(16).map_err(parse)?;
                ConstOp::V128Const(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u128::from(byte)))
            }
            _ => return Err(self.unsupported("gc")),
        }))
    }
}
