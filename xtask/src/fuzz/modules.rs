//! Random modules.

use crate::rng::Rng;
use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// How many times to draw when a draw yields no module, which happens when the random bytes run out early.
const DRAWS: u64 = 64;

/// A module of every proposal that the generator knows, now and then of only those that the engine has.
pub fn any(rng: &mut Rng) -> Vec<u8> {
    let everything = rng.below(4) == 0;
    let config = move |rng: &mut Rng| {
        let mut config = if everything { Config::default() } else { in_scope() };
        config.max_memories = 1 + rng.below(3);
        config.max_tables = 1 + rng.below(3);
        config.max_instructions = [20, 200, 2000][rng.below(3)];
        config.generate_custom_sections = true;
        config.allow_invalid_funcs = rng.below(8) == 0;
        populate(rng, &mut config);
        config
    };
    generate(rng, config, None)
}

/// A module that ends, whose floats are canonical and which needs nothing from the host.
pub fn deterministic(rng: &mut Rng) -> Vec<u8> {
    let config = |rng: &mut Rng| {
        let mut config = in_scope();
        config.canonicalize_nans = true;
        config.export_everything = true;
        config.max_imports = 0;
        config.max_memories = 1;
        config.max_tables = 1 + rng.below(4);
        config.max_funcs = 12;
        config.max_instructions = [50, 300, 1500][rng.below(3)];
        config.memory_max_size_required = true;
        config.max_memory32_bytes = 16 << 16;
        config.table_max_size_required = true;
        config.max_table_elements = 500;
        populate(rng, &mut config);
        config
    };
    generate(rng, config, Some(1000))
}

/// Asks for something of everything: left alone, the generator stops early, and most modules are next to empty.
fn populate(rng: &mut Rng, config: &mut Config) {
    config.min_types = 1 + rng.below(6);
    config.min_funcs = 1 + rng.below(8);
    config.min_globals = rng.below(6);
    config.min_tables = rng.below(2) as u32;
    config.min_memories = u32::from(rng.below(8) > 0);
    config.min_exports = rng.below(4);
    if config.min_memories > 0 {
        config.min_data_segments = rng.below(3);
    }
    if config.min_tables > 0 {
        config.min_element_segments = rng.below(4);
    }
}

/// Only what the engine can run.
fn in_scope() -> Config {
    Config {
        simd_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        tail_call_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        wide_arithmetic_enabled: false,
        extended_const_enabled: false,
        custom_page_sizes_enabled: false,
        compact_imports_enabled: false,
        ..Config::default()
    }
}

fn generate(rng: &mut Rng, mut config: impl FnMut(&mut Rng) -> Config, fuel: Option<u32>) -> Vec<u8> {
    for _ in 0..DRAWS {
        let config = config(rng);
        let length = 512 << rng.below(6);
        let bytes = rng.bytes(length);
        let Ok(mut module) = Module::new(config, &mut Unstructured::new(&bytes)) else { continue };
        if let Some(fuel) = fuel
            && module.ensure_termination(fuel).is_err()
        {
            continue;
        }
        return module.to_bytes();
    }
    // The empty module.
    b"\0asm\x01\0\0\0".to_vec()
}

/// Damages a module: bytes changed, moved, repeated, taken out, or the end cut off.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.below(8) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(8) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next() as u8,
            2 => bytes[at] = [0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xfc, 0xff][rng.below(8)],
            3 => bytes.insert(at, rng.next() as u8),
            4 => {
                bytes.remove(at);
            }
            5 => bytes.truncate(at),
            6 => {
                let length = rng.below(16).min(bytes.len() - at);
                let piece = bytes[at..at + length].to_vec();
                let to = rng.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let other = rng.below(bytes.len());
                bytes.swap(at, other);
            }
        }
    }
}
