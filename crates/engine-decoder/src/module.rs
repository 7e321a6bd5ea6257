//! The decoded module: everything but the instructions of function bodies.

use crate::index::*;
use crate::types::*;
use bytes::Bytes;
use core::ops::Range;
use std::sync::Arc;

/// A decoded module. Immutable; bodies and segments are byte ranges of the module's bytes, from its first byte.
#[derive(Debug, Default)]
pub struct Module {
    /// Function types of the type section, in order.
    pub types: Vec<FuncType>,
    /// Imports, in order.
    pub imports: Vec<Import>,
    /// Type of every function, imported ones first.
    pub functions: Vec<TypeIndex>,
    /// Type of every table, imported ones first.
    pub tables: Vec<TableType>,
    /// Type of every memory, imported ones first.
    pub memories: Vec<MemoryType>,
    /// Type of every global, imported ones first.
    pub globals: Vec<GlobalType>,
    /// How many of `functions` are imported.
    pub num_imported_functions: u32,
    /// How many of `tables` are imported.
    pub num_imported_tables: u32,
    /// How many of `memories` are imported.
    pub num_imported_memories: u32,
    /// How many of `globals` are imported.
    pub num_imported_globals: u32,
    /// Initial value of each defined table's elements; `None` is null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// Initial value of each defined global.
    pub global_inits: Vec<ConstExpr>,
    /// Exports, in order. Names are unique.
    pub exports: Vec<Export>,
    /// The start function.
    pub start: Option<FuncIndex>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Body of each defined function: the bytes from its local declarations to its final `end`.
    pub bodies: Vec<Range<usize>>,
    /// Contents of the code section (the function count included); empty if there is none.
    pub code_section: Range<usize>,
    /// Functions that may become a `funcref`: exported, in an element segment or initialiser, or named by `ref.func`.
    /// Sorted.
    pub escaped: Vec<FuncIndex>,
    /// Custom sections, in order.
    pub custom_sections: Vec<CustomSection>,
    /// Names from the name section, if it could be read.
    pub names: Names,
}

impl Module {
    /// Type of a function. Panics if there is no such function.
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.functions[func.index()].index()]
    }
    /// Number of functions that the module defines.
    pub fn num_defined_functions(&self) -> u32 {
        self.functions.len() as u32 - self.num_imported_functions
    }
    /// The defined index of a function, or `None` if it is imported.
    pub fn defined(&self, func: FuncIndex) -> Option<DefinedFuncIndex> {
        func.0.checked_sub(self.num_imported_functions).map(DefinedFuncIndex)
    }
    /// The function index of a defined function.
    pub fn func_index(&self, defined: DefinedFuncIndex) -> FuncIndex {
        FuncIndex(defined.0 + self.num_imported_functions)
    }
    /// Position of a function among the escaping ones, if it is one.
    pub fn escaped_index(&self, func: FuncIndex) -> Option<EscapedIndex> {
        self.escaped.binary_search(&func).ok().map(|i| EscapedIndex(i as u32))
    }
    /// The export with this name.
    pub fn export(&self, name: &str) -> Option<&Export> {
        self.exports.iter().find(|export| &*export.name == name)
    }
    /// Type of an exported or imported entity.
    pub fn extern_type(&self, index: ExternIndex) -> ExternType {
        match index {
            ExternIndex::Func(i) => ExternType::Func(self.func_type(i).clone()),
            ExternIndex::Table(i) => ExternType::Table(self.tables[i.index()]),
            ExternIndex::Memory(i) => ExternType::Memory(self.memories[i.index()]),
            ExternIndex::Global(i) => ExternType::Global(self.globals[i.index()]),
        }
    }
    /// A function's name from the name section, else the name it is exported under, if any.
    pub fn func_name(&self, func: FuncIndex) -> Option<&str> {
        self.names.functions.get(func).or_else(|| {
            let export = self.exports.iter().find(|export| export.index == ExternIndex::Func(func))?;
            Some(&export.name)
        })
    }
}

/// An import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// Module part of the name.
    pub module: Box<str>,
    /// Field part of the name.
    pub name: Box<str>,
    /// Which entity of the module it becomes (its type is found there).
    pub index: ExternIndex,
}

/// An export.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Its name.
    pub name: Box<str>,
    /// What it exports.
    pub index: ExternIndex,
}

/// An importable or exportable entity, by kind and index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ExternIndex {
    /// A function.
    Func(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
}

/// A constant expression: a program for a small stack machine (core specification, "Constant Expressions"; with the
/// arithmetic of the extended-const proposal). Validated: the stack never underflows and one value is left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConstExpr {
    /// The operators, without the final `end`.
    pub ops: Box<[ConstOp]>,
}

/// An operator of a constant expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConstOp {
    /// `i32.const`.
    I32Const(i32),
    /// `i64.const`.
    I64Const(i64),
    /// `f32.const`, as bits.
    F32Const(u32),
    /// `f64.const`, as bits.
    F64Const(u64),
    /// `v128.const`.
    V128Const(u128),
    /// `ref.null`.
    RefNull(HeapType),
    /// `ref.func`.
    RefFunc(FuncIndex),
    /// `global.get`.
    GlobalGet(GlobalIndex),
    /// `i32.add`.
    I32Add,
    /// `i32.sub`.
    I32Sub,
    /// `i32.mul`.
    I32Mul,
    /// `i64.add`.
    I64Add,
    /// `i64.sub`.
    I64Sub,
    /// `i64.mul`.
    I64Mul,
}

/// When a segment is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SegmentMode<I> {
    /// At instantiation, into this table or memory at this offset.
    Active(I, ConstExpr),
    /// By `table.init` or `memory.init`.
    Passive,
    /// Never; it only declares functions for `ref.func`.
    Declared,
}

/// An element segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElementSegment {
    /// When it is used.
    pub mode: SegmentMode<TableIndex>,
    /// Type of its elements.
    pub ty: RefType,
    /// The elements.
    pub items: ElementItems,
}

/// Elements of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ElementItems {
    /// Functions.
    Functions(Box<[FuncIndex]>),
    /// Constant expressions, one for each element.
    Expressions(Box<[ConstExpr]>),
}

impl ElementItems {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(items) => items.len(),
            ElementItems::Expressions(items) => items.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A data segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataSegment {
    /// When it is used (never `Declared`).
    pub mode: SegmentMode<MemoryIndex>,
    /// Its bytes, as a range of the module's bytes.
    pub bytes: Range<usize>,
}

/// A custom section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomSection {
    /// Its name.
    pub name: Box<str>,
    /// Its contents after the name, as a range of the module's bytes.
    pub bytes: Range<usize>,
}

/// Contents of the name section. A malformed name section is ignored from the first error on, as the specification
/// asks for custom sections.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// The module's name.
    pub module: Option<Box<str>>,
    /// Names of functions.
    pub functions: FunctionNames,
}

/// Function names, in one string, so that 30,000 names are two allocations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FunctionNames {
    text: String,
    /// (function, end of its name in `text`); sorted by function, names in the same order.
    entries: Vec<(FuncIndex, u32)>,
}

impl FunctionNames {
    /// Adds a name; functions must come in ascending order (others are ignored, as malformed).
    pub fn push(&mut self, func: FuncIndex, name: &str) {
        if self.entries.last().is_none_or(|last| last.0 < func) {
            self.text.push_str(name);
            self.entries.push((func, self.text.len() as u32));
        }
    }
    /// The name of a function.
    pub fn get(&self, func: FuncIndex) -> Option<&str> {
        let i = self.entries.binary_search_by_key(&func, |entry| entry.0).ok()?;
        let start = if i == 0 { 0 } else { self.entries[i - 1].1 as usize };
        Some(&self.text[start..self.entries[i].1 as usize])
    }
    /// Number of named functions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether no function is named.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A decoded module with its bytes and what validating its bodies needs. Cheap to clone; usable on any thread.
#[derive(Clone)]
pub struct DecodedModule {
    /// The structure.
    pub module: Arc<Module>,
    /// The module's bytes.
    pub bytes: Bytes,
    /// wasmparser's view of the module, for validating bodies.
    pub(crate) resources: Option<wasmparser::ValidatorResources>,
    /// Features enabled while decoding, as wasmparser's flags.
    pub(crate) features: wasmparser::WasmFeatures,
    /// The same as a set of proposals.
    pub(crate) enabled: crate::features::Features,
    /// Proposals that the module uses without a trace in `module`.
    pub(crate) detected: crate::features::Features,
    /// For the quick validator, if it can be asked about the bodies.
    pub(crate) quick: Option<Arc<crate::quick::FuncTypes>>,
}

impl DecodedModule {
    /// A validator for a defined function's body, for [`wasmparser::FuncToValidate::into_validator`].
    /// Panics if there is no such function.
    pub fn func_to_validate(
        &self,
        func: DefinedFuncIndex,
    ) -> wasmparser::FuncToValidate<wasmparser::ValidatorResources> {
        let index = self.module.func_index(func);
        let resources = self.resources.clone().expect("a module with functions has validator resources");
        wasmparser::FuncToValidate {
            resources,
            index: index.0,
            ty: self.module.functions[index.index()].0,
            features: self.features,
        }
    }
    /// The bytes of a defined function's body. Panics if there is no such function.
    pub fn body(&self, func: DefinedFuncIndex) -> &[u8] {
        &self.bytes[self.module.bodies[func.index()].clone()]
    }
    /// The same, or `None` if there is no such body here: that of an imported function, or of a module that is still arriving.
    pub fn body_if_there(&self, func: FuncIndex) -> Option<&[u8]> {
        let range = self.module.bodies.get(self.module.defined(func)?.index())?;
        self.bytes.get(range.clone())
    }
    /// A body with its place in the module.
    pub fn body_at(&self, func: DefinedFuncIndex) -> crate::Body<'_> {
        let range = self.module.bodies[func.index()].clone();
        crate::Body { offset: range.start as u64, bytes: &self.bytes[range] }
    }
}

impl core::fmt::Debug for DecodedModule {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DecodedModule").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
