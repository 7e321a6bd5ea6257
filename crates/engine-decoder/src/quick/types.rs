//! Types, one byte each.

use crate::types::{FuncType, HeapType, RefType, ValType};

/// The type of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
    FuncRef,
    ExternRef,
    /// Of an operand in unreachable code: any type.
    Bottom,
    /// A type that the quick validator does not know. Modules that use one are not given to it.
    Unknown,
}

impl Ty {
    #[inline(always)]
    pub fn of(ty: ValType) -> Ty {
        match ty {
            ValType::I32 => Ty::I32,
            ValType::I64 => Ty::I64,
            ValType::F32 => Ty::F32,
            ValType::F64 => Ty::F64,
            ValType::V128 => Ty::V128,
            ValType::Ref(ty) => Ty::of_ref(ty),
        }
    }

    #[inline]
    pub fn of_ref(ty: RefType) -> Ty {
        match ty {
            RefType { nullable: true, heap: HeapType::Func } => Ty::FuncRef,
            RefType { nullable: true, heap: HeapType::Extern } => Ty::ExternRef,
            _ => Ty::Unknown,
        }
    }

    /// The value type that a byte stands for; `Unknown` for others.
    #[inline]
    pub fn from_byte(byte: u8) -> Ty {
        match byte {
            0x7f => Ty::I32,
            0x7e => Ty::I64,
            0x7d => Ty::F32,
            0x7c => Ty::F64,
            0x7b => Ty::V128,
            0x70 => Ty::FuncRef,
            0x6f => Ty::ExternRef,
            _ => Ty::Unknown,
        }
    }

    pub fn is_ref(self) -> bool {
        matches!(self, Ty::FuncRef | Ty::ExternRef)
    }

    /// As wasmparser knows it. Not for `Bottom` and `Unknown`.
    pub fn to_wasmparser(self) -> wasmparser::ValType {
        match self {
            Ty::I32 => wasmparser::ValType::I32,
            Ty::I64 => wasmparser::ValType::I64,
            Ty::F32 => wasmparser::ValType::F32,
            Ty::F64 => wasmparser::ValType::F64,
            Ty::V128 => wasmparser::ValType::V128,
            Ty::FuncRef => wasmparser::ValType::FUNCREF,
            Ty::ExternRef => wasmparser::ValType::EXTERNREF,
            Ty::Bottom | Ty::Unknown => unreachable!("no type of the binary format"),
        }
    }
}

/// A module's function types, with one byte for each parameter and result.
#[derive(Debug)]
pub(crate) struct FuncTypes {
    types: Vec<Entry>,
    /// Parameters and results of all types, in order.
    all: Vec<Ty>,
}

#[derive(Debug)]
struct Entry {
    params: u32,
    results: u32,
    end: u32,
}

impl FuncTypes {
    /// `None` if there is a type that the quick validator does not know.
    pub fn new(types: &[FuncType]) -> Option<FuncTypes> {
        let mut this = FuncTypes { types: Vec::with_capacity(types.len()), all: Vec::new() };
        for ty in types {
            let params = u32::try_from(this.all.len()).ok()?;
            this.all.extend(ty.params().iter().map(|&ty| Ty::of(ty)));
            let results = u32::try_from(this.all.len()).ok()?;
            this.all.extend(ty.results().iter().map(|&ty| Ty::of(ty)));
            let end = u32::try_from(this.all.len()).ok()?;
            this.types.push(Entry { params, results, end });
        }
        if this.all.contains(&Ty::Unknown) { None } else { Some(this) }
    }

    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Parameters and results of a type. `None` if there is no such type.
    #[inline]
    pub fn get(&self, index: u32) -> Option<(&[Ty], &[Ty])> {
        let entry = self.types.get(index as usize)?;
        self.all
            .get(entry.params as usize..entry.end as usize)?
            .split_at_checked((entry.results - entry.params) as usize)
    }
}

/// Types of a block's parameters or results.
#[derive(Clone, Copy)]
pub(super) enum Types<'a> {
    One(Ty),
    List(&'a [Ty]),
}

impl Types<'_> {
    pub const NONE: Types<'static> = Types::List(&[]);

    pub fn len(self) -> usize {
        match self {
            Types::One(_) => 1,
            Types::List(types) => types.len(),
        }
    }

    #[inline]
    pub fn get(self, index: usize) -> Ty {
        match self {
            Types::One(ty) => ty,
            Types::List(types) => types[index],
        }
    }
}
