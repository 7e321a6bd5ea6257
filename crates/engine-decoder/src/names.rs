//! The name section (core specification, appendix "Custom Sections", "Name Section").

use crate::index::FuncIndex;
use crate::module::Names;
use wasmparser::{BinaryReader, Name, NameSectionReader};

/// Reads module and function names up to the first error.
pub(crate) fn read(contents: BinaryReader<'_>, names: &mut Names) {
    for subsection in NameSectionReader::new(contents) {
        match subsection {
            Ok(Name::Module { name, .. }) => names.module = Some(name.into()),
            Ok(Name::Function(functions)) => {
                for naming in functions {
                    let Ok(naming) = naming else { return };
                    names.functions.push(FuncIndex(naming.index), naming.name);
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
