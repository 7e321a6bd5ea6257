//! Matching imports (core specification, "External Types", "Import Subtyping").

#![allow(unsafe_code)]

use crate::store::StoreOpaque;
use crate::{Extern, ImportProblem, LinkError, Module, Result, bail};
use engine_decoder::{ExternIndex, FuncIndex, Import};

/// Checks that `imports` are what the module declares, and that they belong to the store.
pub(crate) fn check(store: &StoreOpaque, module: &Module, imports: &[Extern]) -> Result<()> {
    if !module.engine().same(store.engine()) {
        bail!("the module belongs to another engine than the store");
    }
    let declared = &module.decoded().module.imports;
    if declared.len() != imports.len() {
        bail!("expected {} imports, found {}", declared.len(), imports.len());
    }
    for (index, (import, given)) in declared.iter().zip(imports).enumerate() {
        if !given.belongs_to(store) {
            bail!("import {index} (`{}::{}`) belongs to another store", import.module, import.name);
        }
        if let Some(problem) = mismatch(store, module, import, given) {
            return Err(link_error(index, import, problem).into());
        }
    }
    Ok(())
}

/// What is wrong with an import.
pub(crate) fn link_error(index: usize, import: &Import, problem: ImportProblem) -> LinkError {
    LinkError::Import { index, module: import.module.clone(), field: import.name.clone(), problem }
}

fn mismatch(store: &StoreOpaque, module: &Module, import: &Import, given: &Extern) -> Option<ImportProblem> {
    let declared = &module.decoded().module;
    match (import.index, given) {
        (ExternIndex::Func(index), Extern::Func(func)) => {
            let FuncIndex(func_index) = index;
            let expected = module.inner().signatures[declared.functions[func_index as usize].index()];
            let found = func.signature(store);
            (found != expected.0).then(|| ImportProblem::FunctionType {
                expected: declared.func_type(index).clone(),
                found: Some(store.func_type(found)),
            })
        }
        (ExternIndex::Table(index), Extern::Table(table)) => {
            let expected = declared.tables[index.index()];
            // SAFETY: the table belongs to the store.
            let data = unsafe { table.ptr().get(store).as_ref() };
            let found = data.ty();
            let size = data.len() as u64;
            if expected.element != found.element {
                return Some(ImportProblem::TableElement {
                    expected: expected.element,
                    found: found.element,
                });
            }
            if size < expected.minimum {
                return Some(ImportProblem::TableTooSmall { minimum: expected.minimum, size });
            }
            match (expected.maximum, found.maximum) {
                (Some(maximum), None) => Some(ImportProblem::TableWithoutMaximum { maximum }),
                (Some(maximum), Some(found)) if found > maximum => {
                    Some(ImportProblem::TableMaximumTooLarge { maximum, found })
                }
                _ => None,
            }
        }
        (ExternIndex::Memory(index), Extern::Memory(memory)) => {
            let expected = declared.memories[index.index()];
            // SAFETY: the memory belongs to the store.
            let data = unsafe { memory.ptr().get(store).as_ref() };
            let found = data.ty();
            let size = data.pages();
            if expected.memory64 != found.memory64 {
                return Some(ImportProblem::MemoryIndexType);
            }
            if expected.shared != found.shared {
                return Some(ImportProblem::MemoryShared { expected: expected.shared });
            }
            if size < expected.minimum {
                return Some(ImportProblem::MemoryTooSmall { minimum: expected.minimum, size });
            }
            match (expected.maximum, found.maximum) {
                (Some(maximum), None) => Some(ImportProblem::MemoryWithoutMaximum { maximum }),
                (Some(maximum), Some(found)) if found > maximum => {
                    Some(ImportProblem::MemoryMaximumTooLarge { maximum, found })
                }
                _ => None,
            }
        }
        (ExternIndex::Global(index), Extern::Global(global)) => {
            let expected = declared.globals[index.index()];
            let found = *global.global_type();
            if expected.mutable != found.mutable {
                Some(ImportProblem::GlobalMutability { expected: expected.mutable })
            } else if expected.content != found.content {
                Some(ImportProblem::GlobalType { expected, found })
            } else {
                None
            }
        }
        (ExternIndex::Func(_), other) => Some(ImportProblem::NotAFunction(other.kind())),
        (ExternIndex::Table(_), other) => Some(ImportProblem::NotATable(other.kind())),
        (ExternIndex::Memory(_), other) => Some(ImportProblem::NotAMemory(other.kind())),
        (ExternIndex::Global(_), other) => Some(ImportProblem::NotAGlobal(other.kind())),
        // Kinds of import that this crate does not know cannot be given either.
        _ => Some(ImportProblem::NotFound),
    }
}
