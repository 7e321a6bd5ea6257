//! Tests of AArch64 code against a disassembler. Constants and addresses, whose sequences are chosen by value, are executed
//! by a small interpreter instead.

mod control;
mod float;
mod immediates;
mod integer;
mod memory;
mod stubs;

use super::Aarch64;
use crate::masm::Masm;
use crate::{
    AccessMode, Arch, CodeFlags, CompiledFunction, RelocTarget, Site, TargetFeatures, Tier, TrapCode,
};
use engine_decoder::FuncIndex;
use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{ARMv8, Instruction};

const FLAGS: CodeFlags = CodeFlags {
    target: TargetFeatures::floor(Arch::Aarch64),
    memory_access: AccessMode::Guarded,
    spectre: true,
    interruptible: true,
    canonicalize_nans: false,
    tier_up_budget: 0,
};

/// A finished function.
struct Code {
    bytes: Vec<u8>,
    sites: Vec<Site>,
    relocations: Vec<(u32, RelocTarget)>,
}

impl Code {
    /// The instructions' text.
    fn text(&self) -> Vec<String> {
        decode(&self.bytes).iter().map(ToString::to_string).collect()
    }
    fn traps(&self) -> Vec<(u32, TrapCode)> {
        self.sites.iter().filter_map(|site| Some((site.offset, site.trap()?))).collect()
    }
}

/// Decodes instructions; an undefined one is a failure.
fn decode(bytes: &[u8]) -> Vec<Instruction> {
    let decoder = <ARMv8 as yaxpeax_arch::Arch>::Decoder::default();
    let mut reader = U8Reader::new(bytes);
    let decode_one = |at: usize, reader: &mut U8Reader<'_>| {
        decoder.decode(reader).unwrap_or_else(|error| {
            panic!("{error:?} at {at}: {:08x}", u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
        })
    };
    (0..bytes.len()).step_by(4).map(|at| decode_one(at, &mut reader)).collect()
}

/// Assembles one function.
fn assemble(far: bool, body: impl FnOnce(&mut Aarch64)) -> Option<Code> {
    let mut asm = Aarch64::new(&FLAGS);
    asm.set_far_branches(far);
    asm.emitter().begin_function();
    body(&mut asm);
    let function: CompiledFunction = asm.emitter().end_function(FuncIndex(0), Tier::Baseline, 0)?.clone();
    let batch = asm.emitter().batch();
    Some(Code {
        bytes: batch.code_of(&function).to_vec(),
        sites: batch.sites_of(&function).to_vec(),
        relocations: batch.relocations_of(&function).iter().map(|r| (r.offset, r.target)).collect(),
    })
}

/// Asserts that instructions are those of `expected`, one a line.
#[track_caller]
fn same(text: &[String], expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(text, expected);
}

/// Asserts that `body` emits the instructions of `expected`.
#[track_caller]
fn expect(body: impl FnOnce(&mut Aarch64), expected: &str) {
    same(&assemble(false, body).expect("in range").text(), expected);
}
