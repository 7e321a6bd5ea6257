//! A host that gives its guest one function and calls the guest back: `cargo run -p engine-cli --example embed`.

use engine_instance::{Caller, Engine, Linker, Module, Result, Store};

const GUEST: &str = r#"(module
    (import "host" "log" (func $log (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "Hello from the guest")
    (func (export "greet") (param $times i32)
        (loop $again
            (call $log (i32.const 0) (i32.const 20))
            (local.set $times (i32.sub (local.get $times) (i32.const 1)))
            (br_if $again (local.get $times)))))"#;

/// What the host keeps beside its guest.
#[derive(Default)]
struct Host {
    lines: Vec<String>,
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;

    let mut linker = Linker::new(&engine);
    linker.func_wrap(
        "host",
        "log",
        |mut caller: Caller<'_, Host>, address: u32, length: u32| -> Result<()> {
            let memory = caller.get_export("memory").and_then(|export| export.into_memory());
            let memory = memory.ok_or_else(|| engine_instance::Error::msg("the guest exports no memory"))?;
            let mut text = vec![0; length as usize];
            memory.read(&caller, address as usize, &mut text)?;
            caller.data_mut().lines.push(String::from_utf8_lossy(&text).into_owned());
            Ok(())
        },
    )?;

    let mut store = Store::new(&engine, Host::default());
    let instance = linker.instantiate(&mut store, &module)?;
    let greet = instance.get_typed_func::<u32, ()>(&mut store, "greet")?;
    greet.call(&mut store, 3)?;
    for line in &store.data().lines {
        println!("{line}");
    }
    Ok(())
}
