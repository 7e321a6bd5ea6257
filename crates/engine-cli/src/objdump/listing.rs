//! The code of one function as lines of text.

use super::{aarch64, x64};
use engine_decoder::{DecodedModule, FuncIndex, Module};
use engine_instance::{Error, Result};
use engine_machine::{Arch, CodeBatch, CodeFlags, CompiledFunction, InlinedBody, RelocTarget, TrapCode};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// What a disassembler makes of one instruction.
pub(super) struct Instruction {
    /// Offset of its first byte.
    pub(super) offset: u32,
    /// Its length in bytes.
    pub(super) length: u32,
    /// Where it branches to, as an offset, if it is a branch or takes a code address.
    pub(super) target: Option<u32>,
    /// Its text; the target's place is taken by [`TARGET`].
    pub(super) text: String,
}

/// Stands for a branch's target in [`Instruction::text`].
pub(super) const TARGET: &str = "\u{1}";

/// Operators of a module's bodies as text, by offset from the module's first byte.
pub(super) struct Operators(HashMap<u64, Box<str>>);

impl Operators {
    pub(super) fn new(bytes: &[u8]) -> Result<Operators> {
        let mut text = String::new();
        let mut config = wasmprinter::Config::new();
        let lines = config.name_unnamed(false).offsets_and_lines(bytes, &mut text).map_err(Error::msg)?;
        let operators = lines
            .filter_map(|(offset, line)| Some((offset?, line.trim())))
            .filter(|(_, line)| !line.starts_with(['(', ')']))
            // The printer numbers unnamed labels in comments.
            .map(|(offset, line)| (offset, Box::from(line.split(" ;;").next().unwrap_or(line))));
        Ok(Operators(operators.collect()))
    }
    fn at(&self, offset: u64) -> Option<&str> {
        self.0.get(&offset).map(|text| &**text)
    }
}

/// One line: an instruction, perhaps with a label before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The label that branches to this instruction name.
    pub label: Option<String>,
    /// Offset of the instruction from the function's first byte.
    pub offset: u32,
    /// The instruction.
    pub text: String,
    /// The WebAssembly operator that it belongs to, on the first of its lines where that is known.
    pub operator: Option<String>,
    /// The trap that the instruction may end in.
    pub trap: Option<TrapCode>,
}

/// The code of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Which function.
    pub func: FuncIndex,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Bytes of code.
    pub bytes: usize,
    /// Its instructions.
    pub lines: Vec<Line>,
}

impl Listing {
    pub(super) fn new(
        decoded: &DecodedModule,
        batch: &CodeBatch,
        function: &CompiledFunction,
        flags: &CodeFlags,
        operators: &Operators,
    ) -> Listing {
        let code = batch.code_of(function);
        let instructions = match flags.target.arch {
            Arch::X64 => x64::disassemble(code),
            Arch::Aarch64 => aarch64::disassemble(code),
        };
        let module = &*decoded.module;
        let callees = callees(module, batch, function);
        let labels = labels(&instructions, &callees, code.len() as u32);
        let inlined = batch.inlined_of(function);
        let place = |wasm_offset| {
            let (func, offset) = InlinedBody::frames(inlined, function.func, wasm_offset).next()?;
            let body = module.defined(func).and_then(|defined| module.bodies.get(defined.index()))?;
            Some(body.start as u64 + u64::from(offset))
        };

        let mut sites = batch.sites_of(function).iter().peekable();
        let mut last_operator = None;
        let mut lines = Vec::with_capacity(instructions.len());
        for instruction in instructions {
            let end = instruction.offset + instruction.length;
            // A trap's site is its instruction, a call's the address after it.
            let mut trap = None;
            let mut operator = None;
            while let Some(site) =
                sites.next_if(|site| site.offset < end || site.offset == end && site.trap().is_none())
            {
                trap = trap.or(site.trap());
                // An operator is shown once, however many of its instructions have sites.
                if last_operator != Some(site.wasm_offset()) {
                    last_operator = Some(site.wasm_offset());
                    operator = place(site.wasm_offset()).and_then(|place| operators.at(place));
                }
            }
            let text = match instruction.target {
                Some(target) => {
                    let callee = callees.range(instruction.offset..end).next();
                    let name = callee.map(|(_, name)| name).or_else(|| labels.get(&target));
                    let name = name.cloned().unwrap_or_else(|| format!("{target:#x}"));
                    instruction.text.replace(TARGET, &name)
                }
                None => instruction.text,
            };
            lines.push(Line {
                label: labels.get(&instruction.offset).cloned(),
                offset: instruction.offset,
                text,
                operator: operator.map(str::to_owned),
                trap,
            });
        }
        Listing {
            func: function.func,
            name: module.func_name(function.func).map(str::to_owned),
            bytes: code.len(),
            lines,
        }
    }

    /// With the offset of each instruction.
    pub fn with_offsets(&self) -> impl fmt::Display {
        fmt::from_fn(|f| self.print(f, true))
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, offsets: bool) -> fmt::Result {
        write!(f, "function {}", self.func)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        writeln!(f, ":")?;
        for line in &self.lines {
            if let Some(label) = &line.label {
                writeln!(f, "{label}:")?;
            }
            let offset = if offsets { format!("{:6x}  ", line.offset) } else { "  ".to_owned() };
            let note = match (&line.operator, line.trap) {
                (Some(operator), Some(trap)) => format!("; {operator} (trap: {})", trap.message()),
                (Some(operator), None) => format!("; {operator}"),
                (None, Some(trap)) => format!("; (trap: {})", trap.message()),
                (None, None) => String::new(),
            };
            let text = format!("{offset}{:<40}{note}", line.text);
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Without offsets: what golden tests show.
impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, false)
    }
}

/// Names of the functions that relocations lead to, by the relocations' offsets.
fn callees(module: &Module, batch: &CodeBatch, function: &CompiledFunction) -> BTreeMap<u32, String> {
    let relocations = batch.relocations_of(function).iter();
    relocations
        .map(|relocation| {
            let RelocTarget::Function(func) = relocation.target;
            let name = match module.func_name(func) {
                Some(name) => format!("<function {func} {name:?}>"),
                None => format!("<function {func}>"),
            };
            (relocation.offset, name)
        })
        .collect()
}

/// Labels for every offset that an instruction branches to, numbered from the first.
fn labels(
    instructions: &[Instruction],
    callees: &BTreeMap<u32, String>,
    length: u32,
) -> HashMap<u32, String> {
    let targets: BTreeSet<u32> = instructions
        .iter()
        .filter(|instruction| {
            callees.range(instruction.offset..instruction.offset + instruction.length).next().is_none()
        })
        .filter_map(|instruction| instruction.target)
        .filter(|target| *target < length)
        .collect();
    targets.into_iter().enumerate().map(|(i, target)| (target, format!("L{}", i + 1))).collect()
}
