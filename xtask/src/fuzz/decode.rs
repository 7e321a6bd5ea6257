//! Mutated modules through decoder, validator and compiler.

use super::{Fuzzer, Verdict, modules};
use crate::rng::Rng;
use anyhow::Result;
use engine_cli::objdump::DumpOptions;
use engine_cli::stats::compile_batch;
use engine_decoder::{
    BodyValidator, DecodeError, DecodedModule, DefinedFuncIndex, Features, ModuleDecoder, QuickValidator,
};
use engine_instance::{Config, Engine, Module};
use engine_machine::Arch;

/// Modules over this size are decoded but not compiled: the count of cases matters more.
const LARGE: usize = 1 << 20;

pub struct Decode {
    engine: Engine,
}

impl Decode {
    pub fn new() -> Result<Decode> {
        let engine = Engine::new(&Config::new()).map_err(|error| anyhow::anyhow!("{error:#}"))?;
        Ok(Decode { engine })
    }
}

impl Fuzzer for Decode {
    fn name(&self) -> &'static str {
        "decode"
    }

    fn module(&self, seed: u64, case: u64) -> Vec<u8> {
        let mut rng = Rng::new(seed, case);
        let mut bytes = modules::any(&mut rng);
        modules::mutate(&mut rng, &mut bytes);
        bytes
    }

    fn run(&self, seed: u64, case: u64) -> Result<Verdict, String> {
        let bytes = self.module(seed, case);
        let whole = DecodedModule::decode(bytes.clone(), Features::default());
        let pieces = decode_in_pieces(&mut Rng::new(!seed, case), &bytes);
        match (&whole, &pieces) {
            (Ok(_), Ok(_)) => {}
            (Err(a), Err(b)) if a == b => {}
            (whole, pieces) => {
                let show = |result: &Result<DecodedModule, DecodeError>| match result {
                    Ok(_) => "decodes".to_owned(),
                    Err(error) => error.to_string(),
                };
                return Err(format!("whole: {}; in pieces: {}", show(whole), show(pieces)));
            }
        }
        let Ok(decoded) = whole else { return Ok(Verdict::Passed) };

        let validated = decoded.validate_all();
        let first = first_invalid(&decoded);
        if validated.as_ref().err() != first.as_ref() {
            return Err(format!("validating all: {validated:?}; one by one: {first:?}"));
        }
        if validated.is_ok() {
            quick_accepts_valid(&decoded)?;
        }
        if bytes.len() > LARGE {
            return Ok(Verdict::Passed);
        }
        // Valid modules compile (or are refused with an error, for their size), invalid ones do not, on either CPU.
        for arch in [Arch::X64, Arch::Aarch64] {
            let options = DumpOptions::floor(arch);
            let batch = compile_batch(&decoded, options.tier, options.passes, &options.flags);
            if batch.is_ok() && validated.is_err() {
                return Err(format!("an invalid module compiles for {arch}"));
            }
        }
        match (Module::new(&self.engine, &bytes), validated) {
            (Ok(_), Err(error)) => Err(format!("an invalid module loads: {error}")),
            (Err(error), Ok(())) if error.is::<DecodeError>() => {
                Err(format!("a valid module is invalid: {error:#}"))
            }
            (Err(error), Err(expected)) if error.downcast_ref() != Some(&expected) => {
                Err(format!("loading: {error:#}; validating: {expected}"))
            }
            _ => Ok(Verdict::Passed),
        }
    }
}

fn decode_in_pieces(rng: &mut Rng, bytes: &[u8]) -> Result<DecodedModule, DecodeError> {
    let largest = [1, 2, 7, 64, 4096][rng.below(5)];
    let mut decoder = ModuleDecoder::new(Features::default());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + rng.below(largest)).min(rest.len()));
        decoder.feed(piece)?;
        rest = after;
    }
    decoder.finish()
}

/// The error of the first invalid body, each validated on its own by wasmparser alone, last to first.
fn first_invalid(decoded: &DecodedModule) -> Option<DecodeError> {
    let mut validator = BodyValidator::new();
    let mut first = None;
    for i in (0..decoded.module.num_defined_functions()).rev() {
        let func = DefinedFuncIndex(i);
        if let Err(error) = validator.validate_slowly(decoded, func, decoded.body_at(func)) {
            first = Some(error);
        }
    }
    first
}

/// What quick validation makes of a body that wasmparser accepts: with the default features it knows everything but what
/// needs proposals, which are off.
fn quick_accepts_valid(decoded: &DecodedModule) -> Result<(), String> {
    let mut quick = QuickValidator::new();
    for i in 0..decoded.module.num_defined_functions() {
        let func = DefinedFuncIndex(i);
        quick
            .validate(decoded, func, decoded.body(func))
            .map_err(|_| format!("the quick validator does not accept valid function {i}"))?;
    }
    Ok(())
}
