//! The embedding API, from outside, one file for each theme.

mod background;
mod cache;
mod calls;
mod codegen;
mod concurrency;
mod folder;
mod globals;
mod host;
mod inlining;
mod instances;
mod interrupts;
mod lazy;
mod lifecycle;
mod limits;
mod linking;
mod memories;
mod references;
mod seeing;
mod serialize;
mod tables;
mod tiers;
mod traps;

use engine_instance::*;

/// A module from text, in a default engine of its own.
fn module(text: &str) -> (Engine, Module) {
    let engine = Engine::default();
    let module = compile(&engine, text);
    (engine, module)
}

fn compile(engine: &Engine, text: &str) -> Module {
    Module::new(engine, wat::parse_str(text).expect("text format")).expect("module")
}

/// A module from text, instantiated without imports.
fn instance(text: &str) -> (Store<()>, Instance) {
    let (engine, module) = module(text);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiation");
    (store, instance)
}

/// Another module from text, in the same store.
fn import(store: &mut Store<()>, text: &str, imports: &[Extern]) -> Instance {
    let module = compile(&store.engine().clone(), text);
    Instance::new(store, &module, imports).expect("instantiation")
}

/// Calls an exported function with Rust types.
fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    params: P,
) -> Result<R> {
    instance.get_typed_func::<P, R>(&mut *store, name)?.call(store, params)
}

/// Values of the four number types in turn: `i32`, `i64`, `f32`, `f64`.
fn mixed_values(count: usize) -> Vec<Val> {
    let value = |i| match i % 4 {
        0 => Val::I32(-(i as i32)),
        1 => Val::I64(i as i64 - (1 << 40)),
        2 => Val::from(i as f32 + 0.5),
        _ => Val::from(i as f64 - 0.25),
    };
    (0..count).map(value).collect()
}

fn trap_code(error: &Error) -> Option<TrapCode> {
    error.downcast_ref::<Trap>().map(Trap::code)
}
