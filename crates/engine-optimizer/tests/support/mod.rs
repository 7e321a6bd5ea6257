//! What these tests share.

#![allow(dead_code)] // Not every test uses everything.

use engine_decoder::{DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{AccessMode, Arch, CodeFlags, Entry, ModuleEnv, TargetFeatures};
use engine_optimizer::OptimizingCompiler;

/// Flags for the least CPU of an architecture.
pub fn flags(arch: Arch, memory_access: AccessMode) -> CodeFlags {
    CodeFlags {
        target: TargetFeatures::floor(arch),
        memory_access,
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        tier_up_budget: 0,
    }
}

pub fn decode(text: &str) -> DecodedModule {
    let bytes = wat::parse_str(text).expect("well-formed");
    DecodedModule::decode(bytes, Features::default()).expect("valid")
}

/// Compiles the first function of a module.
pub fn compile(text: &str) -> Result<(), &'static str> {
    let decoded = decode(text);
    let env = ModuleEnv::new(decoded.module.clone(), flags(Arch::X64, AccessMode::Guarded));
    let func = DefinedFuncIndex(0);
    OptimizingCompiler::new(&env)
        .compile(&decoded, func, decoded.body_at(func), Entry::Function)
        .map_err(|declined| declined.reason)
}
