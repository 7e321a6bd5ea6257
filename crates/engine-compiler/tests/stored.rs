//! Modules from a cache in the hands of the module compiler.

use engine_compiler::artifact::Artifact;
use engine_compiler::cache::{Cache, ModuleHash};
use engine_compiler::*;
use engine_decoder::{DecodedModule, DefinedFuncIndex, Features};
use engine_machine::{AccessMode, TargetFeatures, Tier};
use std::sync::Arc;

fn compiler(tiering: Tiering) -> Arc<Compiler> {
    let config = CompilerConfig {
        target: TargetFeatures::detect().expect("a supported CPU"),
        spectre: true,
        interruptible: true,
        canonicalize_nans: false,
        compile_tasks: 0,
        tiering,
        tier_up_budget: 1,
        passes: engine_compiler::Passes::ALL,
    };
    Compiler::new(config).expect("code memory")
}

#[test]
fn where_everything_is_optimised_so_is_what_was_stored() {
    let dir = std::env::temp_dir().join(format!("engine-stored-{}", std::process::id()));
    let cache = Cache::open(&dir, 1 << 20).unwrap();
    let bytes = wat::parse_str("(module (func (result i32) i32.const 7))").unwrap();
    let decoded = DecodedModule::decode(bytes, Features::default()).unwrap();
    let (compiler, mode) = (compiler(Tiering::Eager), AccessMode::Guarded);
    let tier = |state: Arc<CompilationState>| state.native().tier(DefinedFuncIndex(0));
    for hits in 0..2 {
        let hash = ModuleHash::of(&decoded.bytes);
        let state = compiler.compile_cached(&cache, hash, &decoded, mode, Start::Eager).unwrap();
        assert_eq!((tier(state), cache.stats().hits), (Some(Tier::Optimized), hits));
    }
    let bytes = compiler.serialize(&decoded, mode).unwrap();
    let artifact = Artifact::from_bytes(bytes.into()).unwrap();
    assert_eq!(tier(compiler.load(artifact, &decoded, mode).unwrap()), Some(Tier::Optimized));
    std::fs::remove_dir_all(dir).unwrap();
}
