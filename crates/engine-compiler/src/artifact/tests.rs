use super::header::{HEADER_SIZE, Header};
use super::*;
use crate::cache::ModuleHash;
use crate::tier::{Baseline, FunctionCompiler, Tier, compile_all};
use bytes::Bytes;
use engine_baseline::ModuleEnv;
use engine_decoder::{DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{AccessMode, Arch, CodeBatch, CodeFlags, CompiledFunction, Entry, TargetFeatures};
use std::sync::Arc;

/// Calls, traps, and loops with values in registers.
const TEXT: &str = r#"(module
    (import "" "" (func $import (param i32)))
    (memory 1)
    (func $sum (param $n i32) (result i64) (local $s i64)
        loop $l
            local.get $s local.get $n i64.extend_i32_u i64.add local.set $s
            local.get $n i32.const 1 i32.sub local.tee $n br_if $l
        end
        local.get $s)
    (func (param i32) (result i64)
        local.get 0 call $import
        local.get 0 i32.load offset=8 call $sum)
    (func unreachable))"#;

fn flags() -> CodeFlags {
    CodeFlags {
        target: TargetFeatures::floor(Arch::X64),
        memory_access: AccessMode::Guarded,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        tier_up_budget: 0,
    }
}

fn decode_text(text: &str) -> DecodedModule {
    DecodedModule::decode(wat::parse_str(text).unwrap(), Features::default()).unwrap()
}

fn identity(decoded: &DecodedModule) -> Identity {
    Identity {
        flags: flags(),
        tier: engine_machine::Tier::Baseline,
        features: decoded.features(),
        module: ModuleHash::of(&decoded.bytes),
    }
}

fn artifact_of(decoded: &DecodedModule, threads: usize) -> Vec<u8> {
    let env = ModuleEnv::new(Arc::clone(&decoded.module), flags());
    serialize(decoded, &env, &Baseline, identity(decoded), threads).unwrap()
}

/// Everything about a function that does not depend on where in a batch it is.
fn facts(batch: &CodeBatch, function: &CompiledFunction) -> String {
    let headers =
        &batch.loop_headers[function.loop_headers.start as usize..function.loop_headers.end as usize];
    let headers: Vec<_> = headers
        .iter()
        .map(|h| {
            let values = &batch.header_values[h.values.start as usize..h.values.end as usize];
            (h.offset, h.wasm_offset, h.stack_height, values)
        })
        .collect();
    let CompiledFunction { func, tier, frame_size, .. } = function;
    let (code, relocations) = (batch.code_of(function), batch.relocations_of(function));
    let (sites, inlined) = (batch.sites_of(function), batch.inlined_of(function));
    format!("{func:?} {tier:?} {frame_size} {code:?} {relocations:?} {sites:?} {inlined:?} {headers:?}")
}

#[test]
fn functions_come_back_as_they_were() {
    let batch = compile_all(&decode_text(TEXT), &Baseline, flags()).unwrap();
    assert!(batch.functions.len() == 3 && !batch.relocations.is_empty() && !batch.header_values.is_empty());
    let (mut again, mut record) = (CodeBatch::default(), Vec::new());
    // Backwards, so that nothing is where it was.
    for function in batch.functions.iter().rev() {
        record.clear();
        encode(&batch, function, &mut record);
        assert_eq!(decode(&record, &mut again), Some(function.func));
        assert_eq!(facts(&again, again.functions.last().unwrap()), facts(&batch, function));
    }
}

#[test]
fn what_is_no_record_changes_nothing() {
    let batch = compile_all(&decode_text(TEXT), &Baseline, flags()).unwrap();
    let mut record = Vec::new();
    encode(&batch, &batch.functions[0], &mut record);
    let mut target = CodeBatch::default();
    for len in 0..record.len() {
        assert_eq!(decode(&record[..len], &mut target), None);
    }
    record.push(0);
    assert_eq!(decode(&record, &mut target), None);
    assert!(target.functions.is_empty() && target.code.is_empty() && target.sites.is_empty());
}

/// Opens an artifact and takes all functions; whether all went well.
fn all_is_well(bytes: &Bytes, functions: u32) -> bool {
    let Ok(artifact) = Artifact::from_bytes(bytes.clone()) else { return false };
    let (mut buffer, mut batch) = (Vec::new(), CodeBatch::default());
    // The first function is imported.
    (1..=functions)
        .all(|func| artifact.load(engine_decoder::FuncIndex(func), &mut buffer, &mut batch) == Loaded::Yes)
}

#[test]
fn every_bit_counts() {
    let mut bytes = artifact_of(&decode_text(TEXT), 1);
    assert!(all_is_well(&Bytes::from(bytes.clone()), 3));
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!all_is_well(&Bytes::copy_from_slice(&bytes), 3), "bit {bit} of {}", 8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_truncation_is_found() {
    let bytes = Bytes::from(artifact_of(&decode_text(TEXT), 1));
    for len in 0..bytes.len() {
        assert!(Artifact::from_bytes(bytes.slice(..len)).is_err(), "{len} bytes");
    }
}

#[test]
fn threads_do_not_show() {
    let body =
        "(func (param i32) (result i32) local.get 0 i32.const 77777777 i32.add i32.const 99999999 i32.mul)\n";
    let decoded = decode_text(&format!("(module {})", body.repeat(40_000)));
    assert!(artifact_of(&decoded, 1) == artifact_of(&decoded, 4));
}

#[test]
fn the_first_error_is_reported() {
    let good =
        "(func (param i32) (result i32) local.get 0 i32.const 77777777 i32.add i32.const 99999999 i32.mul)\n";
    let text = format!("(module {0} (func i32.add) {0} (func i64.add))", good.repeat(30_000));
    let decoded = decode_text(&text);
    let env = ModuleEnv::new(Arc::clone(&decoded.module), flags());
    let expected = decoded.validate_all().unwrap_err();
    for threads in [1, 4] {
        let error = serialize(&decoded, &env, &Baseline, identity(&decoded), threads).unwrap_err();
        assert_eq!(error, crate::CompileError::Decode(expected.clone()));
    }
}

/// A tier that must not be used.
struct Never;

impl Tier for Never {
    fn name(&self) -> &'static str {
        "never"
    }
    fn functions<'a>(&self, _: &'a ModuleEnv) -> Box<dyn FunctionCompiler<'a> + 'a> {
        panic!("a function is compiled")
    }
}

#[test]
fn what_an_artifact_has_is_not_compiled() {
    let decoded = decode_text(TEXT);
    let artifact = Artifact::from_bytes(artifact_of(&decoded, 1).into()).unwrap();
    assert_eq!(artifact.wasm().as_ref(), Some(&decoded.bytes));
    let tier = ArtifactTier::new(Some(Arc::new(artifact)), None, None, Arc::new(Never));
    let env = ModuleEnv::new(Arc::clone(&decoded.module), flags());
    let mut functions = tier.functions(&env);
    for func in 0..3 {
        let func = DefinedFuncIndex(func);
        functions.compile(&decoded, func, decoded.body_at(func), Entry::Function).unwrap();
    }
    let (batch, expected) = (functions.batch(), compile_all(&decoded, &Baseline, flags()).unwrap());
    for (found, expected_function) in batch.functions.iter().zip(&expected.functions) {
        assert_eq!(facts(batch, found), facts(&expected, expected_function));
    }
}

#[test]
fn what_an_artifact_lacks_is_compiled() {
    let decoded = decode_text(TEXT);
    let artifact = artifact_of(&decode_text(r#"(module (import "" "" (func)) (func) (func))"#), 1);
    let artifact = Arc::new(Artifact::from_bytes(artifact.into()).unwrap());
    let tier = ArtifactTier::new(Some(artifact), None, None, Arc::new(Baseline));
    let env = ModuleEnv::new(Arc::clone(&decoded.module), flags());
    let mut functions = tier.functions(&env);
    let func = DefinedFuncIndex(2);
    functions.compile(&decoded, func, decoded.body_at(func), Entry::Function).unwrap();
    let (batch, expected) = (functions.batch(), compile_all(&decoded, &Baseline, flags()).unwrap());
    assert_eq!(facts(batch, &batch.functions[0]), facts(&expected, &expected.functions[2]));
}

/// An artifact with its header made anew after a change.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Header)) -> Bytes {
    let mut header = Header::from_bytes(bytes).unwrap();
    change(&mut header);
    let mut bytes = bytes.to_vec();
    bytes[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    bytes.into()
}

#[test]
fn sections_of_unknown_kinds_and_levels_are_passed_over() {
    let bytes = artifact_of(&decode_text(TEXT), 1);
    let table = Header::from_bytes(&bytes).unwrap().table;
    let old = &bytes[table.offset as usize..];
    for (kind, level) in [(77, 0), (Kind::Code as u32, 1), (Kind::Index as u32, 1)] {
        let section = Section { kind, level, offset: 0, len: 8, checksum: [9; 16] };
        let mut longer = bytes.clone();
        let new = [&section.to_bytes()[..], old, &section.to_bytes()].concat();
        longer.extend_from_slice(&new);
        let longer = with_header(&longer, |header| {
            header.table.sections += 2;
            header.table.offset = bytes.len() as u64;
            header.table.checksum = checksum(&new);
        });
        assert!(all_is_well(&longer, 3), "{kind} {level}");
    }
}

#[test]
fn sections_lie_in_the_artifact() {
    let bytes = artifact_of(&decode_text(TEXT), 1);
    for (offset, len) in
        [(u64::MAX, 1), (1, u64::MAX), (bytes.len() as u64 + 40, 1), (0, bytes.len() as u64 + 41)]
    {
        let table = Section { kind: Kind::Index as u32, level: 0, offset, len, checksum: [0; 16] }.to_bytes();
        let mut longer = bytes.clone();
        longer.extend_from_slice(&table);
        let longer = with_header(&longer, |header| {
            header.table =
                super::header::Table { sections: 1, offset: bytes.len() as u64, checksum: checksum(&table) };
        });
        assert_eq!(Artifact::from_bytes(longer).unwrap_err(), ArtifactError::Damaged("it is cut off"));
    }
}

#[test]
fn errors_say_what_differs() {
    let bytes = artifact_of(&decode_text(TEXT), 1);
    let check = |change: fn(&mut Identity)| {
        let changed = with_header(&bytes, |header| change(&mut header.identity));
        let artifact = Artifact::from_bytes(changed).unwrap();
        let result = artifact.header().identity.check(&flags(), Features::default());
        result.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(check(|_| ()), "");
    assert!(check(|identity| identity.flags.target.bmi2 = true).contains("bmi2"));
    assert!(check(|identity| identity.flags.target.arch = Arch::Aarch64).contains("aarch64"));
    assert!(check(|identity| identity.flags.memory_access = AccessMode::Checked).contains("guard pages"));
    assert!(
        check(|identity| identity.flags.spectre = false)
            .contains("misspeculation off; in this engine it is on")
    );
    assert!(check(|identity| identity.flags.interruptible = false).contains("interruption"));
    assert!(
        check(|identity| identity.flags.canonicalize_nans = true)
            .contains("NaNs on; in this engine it is off")
    );
    assert!(check(|identity| identity.features = Features::all()).contains("threads"));
}

#[test]
fn other_builds_and_formats_are_named() {
    let mut bytes = artifact_of(&decode_text(TEXT), 1);
    let sum = |bytes: &mut Vec<u8>| {
        let sum = checksum(&bytes[..HEADER_SIZE - 16]);
        bytes[HEADER_SIZE - 16..HEADER_SIZE].copy_from_slice(&sum);
        Artifact::from_bytes(Bytes::copy_from_slice(bytes)).unwrap_err().to_string()
    };
    bytes[12..44].copy_from_slice(b"9.9.9+0123456789abcdef\0\0\0\0\0\0\0\0\0\0");
    assert!(sum(&mut bytes).contains("build 9.9.9+0123456789abcdef of the engine"));
    bytes[8] = 99;
    assert!(sum(&mut bytes).contains("format 99"));
    bytes[0] = 0;
    assert!(sum(&mut bytes).contains("no serialized module"));
}
