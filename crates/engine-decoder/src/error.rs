//! Why a module could not be decoded or validated.

use crate::features::name_of_flags;
use crate::index::FuncIndex;
use crate::module::Module;
use core::fmt;

/// Part of a module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Section {
    /// Magic number and version.
    Header,
    /// Custom section.
    Custom,
    /// Type section.
    Type,
    /// Import section.
    Import,
    /// Function section.
    Function,
    /// Table section.
    Table,
    /// Memory section.
    Memory,
    /// Tag section.
    Tag,
    /// Global section.
    Global,
    /// Export section.
    Export,
    /// Start section.
    Start,
    /// Element section.
    Element,
    /// Data count section.
    DataCount,
    /// Code section.
    Code,
    /// Data section.
    Data,
    /// The module as a whole, or a section of unknown kind.
    Module,
}

impl Section {
    /// The section with this id.
    pub(crate) fn from_id(id: u8) -> Section {
        match id {
            0 => Section::Custom,
            1 => Section::Type,
            2 => Section::Import,
            3 => Section::Function,
            4 => Section::Table,
            5 => Section::Memory,
            6 => Section::Global,
            7 => Section::Export,
            8 => Section::Start,
            9 => Section::Element,
            10 => Section::Code,
            11 => Section::Data,
            12 => Section::DataCount,
            13 => Section::Tag,
            _ => Section::Module,
        }
    }

    /// What it is called in an error message.
    pub const fn name(self) -> &'static str {
        match self {
            Section::Header => "header",
            Section::Custom => "custom section",
            Section::Type => "type section",
            Section::Import => "import section",
            Section::Function => "function section",
            Section::Table => "table section",
            Section::Memory => "memory section",
            Section::Tag => "tag section",
            Section::Global => "global section",
            Section::Export => "export section",
            Section::Start => "start section",
            Section::Element => "element section",
            Section::DataCount => "data count section",
            Section::Code => "code section",
            Section::Data => "data section",
            Section::Module => "module",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a module could not be decoded or validated, and where.
///
/// Two errors are equal if everything but the function's name is: the name depends on whether the name section has been
/// seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DecodeError {
    /// Where in the module's structure.
    pub section: Section,
    /// The function whose body is at fault, if it is a body.
    pub func: Option<FuncIndex>,
    /// That function's name, if known.
    pub func_name: Option<Box<str>>,
    /// Offset from the module's first byte.
    pub offset: u64,
    /// What is wrong. Names the missing proposal, if it is that.
    pub message: Box<str>,
    /// The proposal that the module needs and that is not enabled, by its common name.
    pub missing_feature: Option<&'static str>,
}

impl DecodeError {
    pub(crate) fn new(section: Section, offset: u64, message: impl Into<Box<str>>) -> DecodeError {
        DecodeError {
            section,
            func: None,
            func_name: None,
            offset,
            message: message.into(),
            missing_feature: None,
        }
    }

    /// An error of wasmparser's, with the missing proposal if wasmparser knows it.
    pub(crate) fn from_parser(section: Section, error: &wasmparser::Error) -> DecodeError {
        let missing = error.missing_wasm_feature().and_then(name_of_flags);
        DecodeError::new(section, error.offset(), error.message()).with_missing(missing)
    }

    /// Something that validates with the enabled proposals, but that [`Module`] has no room for.
    pub(crate) fn unsupported(section: Section, offset: u64, feature: &'static str) -> DecodeError {
        let message = format!("needs the {feature} proposal, which this engine does not support");
        let mut error = DecodeError::new(section, offset, message);
        error.missing_feature = Some(feature);
        error
    }

    /// Adds the missing proposal to the error and its message.
    pub(crate) fn with_missing(mut self, feature: Option<&'static str>) -> DecodeError {
        if let (None, Some(feature)) = (self.missing_feature, feature) {
            self.message =
                format!("{} (needs the {feature} proposal, which is not enabled)", self.message).into();
            self.missing_feature = Some(feature);
        }
        self
    }

    /// Says that the error is in the body of a function.
    pub(crate) fn in_function(mut self, func: FuncIndex, module: &Module) -> DecodeError {
        self.section = Section::Code;
        self.func = Some(func);
        self.name_function(module);
        self
    }

    /// Fills in the function's name if the module knows it, as it may once its name section has arrived.
    pub fn name_function(&mut self, module: &Module) {
        if let Some(name) = self.func.and_then(|func| module.func_name(func)) {
            self.func_name = Some(name.into());
        }
    }
}

impl PartialEq for DecodeError {
    fn eq(&self, other: &DecodeError) -> bool {
        self.section == other.section
            && self.func == other.func
            && self.offset == other.offset
            && self.message == other.message
            && self.missing_feature == other.missing_feature
    }
}

impl Eq for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DecodeError { section, func, func_name, offset, message, .. } = self;
        match (func, func_name) {
            (Some(func), Some(name)) => {
                write!(f, "Compiling function #{func} {name:?} failed: {message} @+{offset}")
            }
            (Some(func), None) => write!(f, "Compiling function #{func} failed: {message} @+{offset}"),
            (None, _) => write!(f, "{section}: {message} (at offset {offset:#x})"),
        }
    }
}

impl core::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_the_section_or_the_function() {
        let error = DecodeError::new(Section::Type, 31, "wrong");
        assert_eq!(error.to_string(), "type section: wrong (at offset 0x1f)");
        let mut error = error.in_function(FuncIndex(3), &Module::default());
        assert_eq!(error.to_string(), "Compiling function #3 failed: wrong @+31");
        error.func_name = Some("f\n".into());
        assert_eq!(error.to_string(), r#"Compiling function #3 "f\n" failed: wrong @+31"#);
    }

    #[test]
    fn the_name_is_not_part_of_equality() {
        let a = DecodeError::new(Section::Code, 1, "wrong").in_function(FuncIndex(0), &Module::default());
        let mut b = a.clone();
        b.func_name = Some("f".into());
        assert_eq!(a, b);
        b.offset = 2;
        assert_ne!(a, b);
    }

    #[test]
    fn a_missing_proposal_is_in_the_message_once() {
        let error =
            DecodeError::new(Section::Type, 1, "no").with_missing(Some("simd")).with_missing(Some("gc"));
        assert_eq!(&*error.message, "no (needs the simd proposal, which is not enabled)");
        assert_eq!(error.missing_feature, Some("simd"));
    }
}
