//! What can be imported and exported.

use crate::store::StoreOpaque;
use crate::{AsContext, Func, Global, Memory, Table};
use engine_decoder::ExternType;

/// Something that a module can import or an instance export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
}

impl Extern {
    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        if let Extern::Func(func) = self { Some(func) } else { None }
    }
    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        if let Extern::Table(table) = self { Some(table) } else { None }
    }
    /// The memory, if it is one.
    pub fn into_memory(self) -> Option<Memory> {
        if let Extern::Memory(memory) = self { Some(memory) } else { None }
    }
    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        if let Extern::Global(global) = self { Some(global) } else { None }
    }

    /// Its type, as it was declared.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        match self {
            Extern::Func(func) => ExternType::Func(func.ty(store)),
            Extern::Table(table) => ExternType::Table(table.ty(store)),
            Extern::Memory(memory) => ExternType::Memory(memory.ty(store)),
            Extern::Global(global) => ExternType::Global(global.ty(store)),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Extern::Func(_) => "function",
            Extern::Table(_) => "table",
            Extern::Memory(_) => "memory",
            Extern::Global(_) => "global",
        }
    }

    pub(crate) fn belongs_to(&self, store: &StoreOpaque) -> bool {
        match self {
            Extern::Func(func) => func.belongs_to(store),
            Extern::Table(table) => table.ptr().belongs_to(store),
            Extern::Memory(memory) => memory.ptr().belongs_to(store),
            Extern::Global(global) => global.cell().belongs_to(store),
        }
    }
}

macro_rules! from {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Extern {
            fn from(value: $kind) -> Extern {
                Extern::$kind(value)
            }
        }
    )*};
}

from! { Func Table Memory Global }

/// An export of an instance, with its name.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    name: &'a str,
    definition: Extern,
}

impl<'a> Export<'a> {
    pub(crate) fn new(name: &'a str, definition: Extern) -> Export<'a> {
        Export { name, definition }
    }
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }
    /// What it is.
    pub fn into_extern(self) -> Extern {
        self.definition
    }
    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        self.definition.into_func()
    }
    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        self.definition.into_table()
    }
    /// The memory, if it is one.
    pub fn into_memory(self) -> Option<Memory> {
        self.definition.into_memory()
    }
    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        self.definition.into_global()
    }
}
