//! Fills a [`Module`] from the sections of a validated module.

use crate::convert::Convert;
use crate::error::{DecodeError, Section};
use crate::index::*;
use crate::module::*;
use wasmparser as wp;

/// A module that is being filled.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) module: Module,
    /// Whether a name section has been read: only the first counts.
    named: bool,
}

/// An offset of wasmparser's as an index into the bytes, all of which are in memory.
pub(crate) fn range(range: core::ops::Range<u64>) -> core::ops::Range<usize> {
    range.start as usize..range.end as usize
}

impl Builder {
    /// Adds what a payload holds. It must have passed validation.
    pub(crate) fn payload(&mut self, payload: &wp::Payload<'_>) -> Result<(), DecodeError> {
        match payload {
            wp::Payload::TypeSection(section) => self.types(section),
            wp::Payload::ImportSection(section) => self.imports(section),
            wp::Payload::FunctionSection(section) => self.functions(section),
            wp::Payload::TableSection(section) => self.tables(section),
            wp::Payload::MemorySection(section) => self.memories(section),
            wp::Payload::GlobalSection(section) => self.globals(section),
            wp::Payload::ExportSection(section) => self.exports(section),
            wp::Payload::ElementSection(section) => self.elements(section),
            wp::Payload::DataSection(section) => self.data(section),
            wp::Payload::StartSection { func, .. } => {
                self.module.start = Some(FuncIndex(*func));
                Ok(())
            }
            wp::Payload::TagSection(section) if section.count() > 0 => {
                Err(DecodeError::unsupported(Section::Tag, section.range().start, "exceptions"))
            }
            wp::Payload::CodeSectionStart { unchecked_range, count, .. } => {
                self.module.code_section = range(unchecked_range.clone());
                // The function section has as many entries: the count is backed by bytes.
                self.module.bodies.reserve(*count as usize);
                self.sort_escaped();
                Ok(())
            }
            wp::Payload::CodeSectionEntry(body) => {
                self.module.bodies.push(range(body.range()));
                Ok(())
            }
            wp::Payload::CustomSection(section) => {
                self.custom(section);
                Ok(())
            }
            wp::Payload::End(_) => {
                self.sort_escaped();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn sort_escaped(&mut self) {
        self.module.escaped.sort_unstable();
        self.module.escaped.dedup();
    }

    fn types(&mut self, section: &wp::TypeSectionReader<'_>) -> Result<(), DecodeError> {
        self.module.types.reserve(section.count() as usize);
        each(Section::Type, section, |at, group| {
            for ty in group.types() {
                self.module.types.push(at.func_type(ty)?);
            }
            Ok(())
        })
    }

    fn imports(&mut self, section: &wp::ImportSectionReader<'_>) -> Result<(), DecodeError> {
        let module = &mut self.module;
        module.imports.reserve(section.count() as usize);
        for import in section.clone().into_imports_with_offsets() {
            let (offset, import) =
                import.map_err(|error| DecodeError::from_parser(Section::Import, &error))?;
            let at = Convert { section: Section::Import, offset };
            let index = match import.ty {
                wp::TypeRef::Func(ty) => {
                    module.functions.push(TypeIndex(ty));
                    module.num_imported_functions += 1;
                    ExternIndex::Func(FuncIndex(module.functions.len() as u32 - 1))
                }
                wp::TypeRef::Table(ty) => {
                    module.tables.push(at.table_type(ty)?);
                    module.num_imported_tables += 1;
                    ExternIndex::Table(TableIndex(module.tables.len() as u32 - 1))
                }
                wp::TypeRef::Memory(ty) => {
                    module.memories.push(at.memory_type(ty)?);
                    module.num_imported_memories += 1;
                    ExternIndex::Memory(MemoryIndex(module.memories.len() as u32 - 1))
                }
                wp::TypeRef::Global(ty) => {
                    module.globals.push(at.global_type(ty)?);
                    module.num_imported_globals += 1;
                    ExternIndex::Global(GlobalIndex(module.globals.len() as u32 - 1))
                }
                wp::TypeRef::Tag(_) => return Err(at.unsupported("exceptions")),
                wp::TypeRef::FuncExact(_) => return Err(at.unsupported("custom-descriptors")),
            };
            module.imports.push(Import { module: import.module.into(), name: import.name.into(), index });
        }
        Ok(())
    }

    fn functions(&mut self, section: &wp::FunctionSectionReader<'_>) -> Result<(), DecodeError> {
        self.module.functions.reserve(section.count() as usize);
        each(Section::Function, section, |_, ty| {
            self.module.functions.push(TypeIndex(ty));
            Ok(())
        })
    }

    fn tables(&mut self, section: &wp::TableSectionReader<'_>) -> Result<(), DecodeError> {
        let module = &mut self.module;
        each(Section::Table, section, |at, table| {
            module.tables.push(at.table_type(table.ty)?);
            module.table_inits.push(match &table.init {
                wp::TableInit::RefNull => None,
                wp::TableInit::Expr(expr) => Some(at.const_expr(expr, &mut module.escaped)?),
            });
            Ok(())
        })
    }

    fn memories(&mut self, section: &wp::MemorySectionReader<'_>) -> Result<(), DecodeError> {
        each(Section::Memory, section, |at, ty| {
            self.module.memories.push(at.memory_type(ty)?);
            Ok(())
        })
    }

    fn globals(&mut self, section: &wp::GlobalSectionReader<'_>) -> Result<(), DecodeError> {
        let module = &mut self.module;
        module.globals.reserve(section.count() as usize);
        module.global_inits.reserve(section.count() as usize);
        each(Section::Global, section, |at, global| {
            module.globals.push(at.global_type(global.ty)?);
            module.global_inits.push(at.const_expr(&global.init_expr, &mut module.escaped)?);
            Ok(())
        })
    }

    fn exports(&mut self, section: &wp::ExportSectionReader<'_>) -> Result<(), DecodeError> {
        let module = &mut self.module;
        module.exports.reserve(section.count() as usize);
        each(Section::Export, section, |at, export| {
            let index = match export.kind {
                wp::ExternalKind::Func => {
                    module.escaped.push(FuncIndex(export.index));
                    ExternIndex::Func(FuncIndex(export.index))
                }
                wp::ExternalKind::Table => ExternIndex::Table(TableIndex(export.index)),
                wp::ExternalKind::Memory => ExternIndex::Memory(MemoryIndex(export.index)),
                wp::ExternalKind::Global => ExternIndex::Global(GlobalIndex(export.index)),
                wp::ExternalKind::Tag => return Err(at.unsupported("exceptions")),
                wp::ExternalKind::FuncExact => return Err(at.unsupported("custom-descriptors")),
            };
            module.exports.push(Export { name: export.name.into(), index });
            Ok(())
        })
    }

    fn elements(&mut self, section: &wp::ElementSectionReader<'_>) -> Result<(), DecodeError> {
        let module = &mut self.module;
        module.elements.reserve(section.count() as usize);
        each(Section::Element, section, |at, segment| {
            let mode = match &segment.kind {
                wp::ElementKind::Passive => SegmentMode::Passive,
                wp::ElementKind::Declared => SegmentMode::Declared,
                wp::ElementKind::Active { table_index, offset_expr } => SegmentMode::Active(
                    TableIndex(table_index.unwrap_or(0)),
                    at.const_expr(offset_expr, &mut module.escaped)?,
                ),
            };
            let (ty, items) = match segment.items {
                wp::ElementItems::Functions(items) => {
                    let mut functions = Vec::with_capacity(items.count() as usize);
                    each(Section::Element, &items, |_, func| {
                        functions.push(FuncIndex(func));
                        Ok(())
                    })?;
                    module.escaped.extend_from_slice(&functions);
                    (crate::types::RefType::FUNCREF, ElementItems::Functions(functions.into()))
                }
                wp::ElementItems::Expressions(ty, items) => {
                    let mut expressions = Vec::with_capacity(items.count() as usize);
                    each(Section::Element, &items, |at, expr| {
                        expressions.push(at.const_expr(&expr, &mut module.escaped)?);
                        Ok(())
                    })?;
                    (at.ref_type(ty)?, ElementItems::Expressions(expressions.into()))
                }
            };
            module.elements.push(ElementSegment { mode, ty, items });
            Ok(())
        })
    }

    fn data(&mut self, section: &wp::DataSectionReader<'_>) -> Result<(), DecodeError> {
        let module = &mut self.module;
        module.data.reserve(section.count() as usize);
        each(Section::Data, section, |at, segment| {
            let mode = match &segment.kind {
                wp::DataKind::Passive => SegmentMode::Passive,
                wp::DataKind::Active { memory_index, offset_expr } => SegmentMode::Active(
                    MemoryIndex(*memory_index),
                    at.const_expr(offset_expr, &mut module.escaped)?,
                ),
            };
            // A segment ends with its bytes.
            let end = segment.range.end as usize;
            module.data.push(DataSegment { mode, bytes: end - segment.data.len()..end });
            Ok(())
        })
    }

    fn custom(&mut self, section: &wp::CustomSectionReader<'_>) {
        self.module
            .custom_sections
            .push(CustomSection { name: section.name().into(), bytes: range(section.data_range()) });
        if section.name() == "name" && !self.named {
            self.named = true;
            crate::names::read(section.data_reader(), &mut self.module.names);
        }
    }
}

/// Calls `f` with each item of a section and its place.
fn each<'a, T: wp::FromReader<'a>>(
    section: Section,
    items: &wp::SectionLimited<'a, T>,
    mut f: impl FnMut(Convert, T) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    for item in items.clone().into_iter_with_offsets() {
        let (offset, item) = item.map_err(|error| DecodeError::from_parser(section, &error))?;
        f(Convert { section, offset }, item)?;
    }
    Ok(())
}
