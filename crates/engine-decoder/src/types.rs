//! Value, function and external types (core specification, section "Types").

use crate::index::TypeIndex;
use core::fmt;

/// What a reference may refer to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HeapType {
    /// Any function.
    Func,
    /// Any host value.
    Extern,
    /// A function (later: struct or array) of the module's type with this index.
    Concrete(TypeIndex),
}

/// A reference type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefType {
    /// Whether null is a value of the type.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// `funcref`, short for `(ref null func)`.
    pub const FUNCREF: RefType = RefType { nullable: true, heap: HeapType::Func };
    /// `externref`, short for `(ref null extern)`.
    pub const EXTERNREF: RefType = RefType { nullable: true, heap: HeapType::Extern };

    /// Whether values of this type are functions (`FuncRef` pointers in compiled code) rather than host references.
    pub const fn is_func(self) -> bool {
        matches!(self.heap, HeapType::Func | HeapType::Concrete(_))
    }
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit IEEE 754 float.
    F32,
    /// 64-bit IEEE 754 float.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference.
    Ref(RefType),
}

impl ValType {
    /// `funcref` as a value type.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// `externref` as a value type.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);

    /// The machine-level kind: everything that code generation needs to know of a type.
    #[inline]
    pub const fn kind(self) -> ValKind {
        match self {
            ValType::I32 => ValKind::I32,
            ValType::I64 => ValKind::I64,
            ValType::F32 => ValKind::F32,
            ValType::F64 => ValKind::F64,
            ValType::V128 => ValKind::V128,
            ValType::Ref(_) => ValKind::Ref,
        }
    }
}

/// The machine-level kind of a value, one byte. References are one 64-bit word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ValKind {
    /// 32-bit integer; in a 64-bit register its upper half is zero.
    I32,
    /// 64-bit integer.
    I64,
    /// Single-precision float.
    F32,
    /// Double-precision float.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference, 64 bits, null is 0.
    Ref,
}

impl From<wasmparser::ValType> for ValKind {
    fn from(ty: wasmparser::ValType) -> ValKind {
        match ty {
            wasmparser::ValType::I32 => ValKind::I32,
            wasmparser::ValType::I64 => ValKind::I64,
            wasmparser::ValType::F32 => ValKind::F32,
            wasmparser::ValType::F64 => ValKind::F64,
            wasmparser::ValType::V128 => ValKind::V128,
            wasmparser::ValType::Ref(_) => ValKind::Ref,
        }
    }
}

impl ValKind {
    /// Whether values of this kind live in floating-point and vector registers.
    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self, ValKind::F32 | ValKind::F64 | ValKind::V128)
    }
    /// Whether an integer register must be treated as 64 bits wide.
    #[inline]
    pub const fn is_64(self) -> bool {
        matches!(self, ValKind::I64 | ValKind::F64 | ValKind::Ref)
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeapType::Func => f.write_str("func"),
            HeapType::Extern => f.write_str("extern"),
            HeapType::Concrete(index) => write!(f, "{index}"),
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RefType::FUNCREF => f.write_str("funcref"),
            RefType::EXTERNREF => f.write_str("externref"),
            RefType { nullable: true, heap } => write!(f, "(ref null {heap})"),
            RefType { nullable: false, heap } => write!(f, "(ref {heap})"),
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(r) => r.fmt(f),
        }
    }
}

/// A function type: parameters and results.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// A function type from its parameters and results.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        FuncType { params: params.into_iter().collect(), results: results.into_iter().collect() }
    }
    /// Parameter types.
    #[inline]
    pub fn params(&self) -> &[ValType] {
        &self.params
    }
    /// Result types.
    #[inline]
    pub fn results(&self) -> &[ValType] {
        &self.results
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                ty.fmt(f)?;
            }
            f.write_str(")")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// A global's type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// Type of the value.
    pub content: ValType,
    /// Whether it can be set after instantiation.
    pub mutable: bool,
}

/// A memory's type. Sizes are in pages of [`MemoryType::PAGE_SIZE`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    /// Smallest size, in pages.
    pub minimum: u64,
    /// Largest size, in pages, if declared.
    pub maximum: Option<u64>,
    /// Whether it may be shared between threads.
    pub shared: bool,
    /// Whether addresses are 64 bits wide (memory64).
    pub memory64: bool,
}

impl MemoryType {
    /// Bytes in a page.
    pub const PAGE_SIZE: u64 = 65536;
}

/// A table's type. Sizes are in elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// Type of the elements.
    pub element: RefType,
    /// Smallest size, in elements.
    pub minimum: u64,
    /// Largest size, in elements, if declared.
    pub maximum: Option<u64>,
}

/// The type of an import or an export.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ExternType {
    /// A function, with its type.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}
