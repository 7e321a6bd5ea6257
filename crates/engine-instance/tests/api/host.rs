//! Host functions: callers, errors, panics, recursion.

use crate::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `run` calls the imported `f`.
const CALLS: &str = r#"(module $calls (import "m" "f" (func $f)) (memory (export "memory") 1)
    (data (i32.const 8) "hello")
    (func $run (export "run") call $f))"#;

fn calling(engine: &Engine, store: &mut Store<()>, func: Func) -> TypedFunc<(), ()> {
    let instance = Instance::new(&mut *store, &compile(engine, CALLS), &[func.into()]).unwrap();
    instance.get_typed_func(store, "run").unwrap()
}

#[derive(Debug, PartialEq)]
struct Custom(u32);

impl std::fmt::Display for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "custom {}", self.0)
    }
}

impl std::error::Error for Custom {}

#[test]
fn a_caller_reaches_memory_and_data() {
    let (engine, module) = module(CALLS);
    let mut linker: Linker<Vec<u8>> = Linker::new(&engine);
    linker
        .func_wrap("m", "f", |mut caller: Caller<'_, Vec<u8>>| -> Result<()> {
            let memory = caller.get_export("memory").unwrap().into_memory().unwrap();
            assert!(caller.get_export("missing").is_none());
            let (bytes, data) = memory.data_and_store_mut(&mut caller);
            data.extend(&bytes[8..13]);
            bytes[8] = b'j';
            let mut first = [0];
            memory.read(&caller, 8, &mut first)?;
            caller.data_mut().push(first[0]);
            Ok(())
        })
        .unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    run.call(&mut store, ()).unwrap();
    assert_eq!(store.data(), b"helloj");
    assert_eq!(store.into_data(), b"helloj");
}

#[test]
fn an_error_passes_with_its_type_and_a_backtrace() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || -> Result<()> { Err(Custom(7).into()) });
    let run = calling(&engine, &mut store, func);
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<Custom>(), Some(&Custom(7)));
    assert_eq!(error.to_string(), "custom 7");
    let frames = error.backtrace().unwrap().frames();
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].module_name(), frames[0].func_name()), (Some("calls"), Some("run")));
    assert!(format!("{error:?}").contains("calls!run"), "{error:?}");
    assert_eq!(error.downcast::<Custom>().unwrap(), Custom(7));
    // The store is as good as before.
    assert!(run.call(&mut store, ()).is_err());
}

#[test]
fn a_trap_of_the_host_is_a_trap() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || -> Result<()> { Err(Trap::new(TrapCode::Unreachable).into()) });
    let run = calling(&engine, &mut store, func);
    assert_eq!(trap_code(&run.call(&mut store, ()).unwrap_err()), Some(TrapCode::Unreachable));
}

#[test]
fn a_panic_crosses_wasm() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || -> () { std::panic::panic_any(Custom(3)) });
    let run = calling(&engine, &mut store, func);
    for _ in 0..3 {
        let payload = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, ()))).unwrap_err();
        assert_eq!(payload.downcast_ref::<Custom>(), Some(&Custom(3)));
    }
}

#[test]
fn panics_and_errors_cross_several_activations() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    for panics in [false, true] {
        let inner = Func::wrap(&mut store, move || -> Result<()> {
            if panics { panic!("deep") } else { Err(Custom(1).into()) }
        });
        let inner_run = calling(&engine, &mut store, inner);
        let outer = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| inner_run.call(&mut caller, ()));
        let run = calling(&engine, &mut store, outer);
        let result = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, ())));
        match result {
            Err(payload) => assert!(panics && payload.downcast_ref::<&str>() == Some(&"deep")),
            Ok(result) => {
                let error = result.unwrap_err();
                assert!(!panics && error.is::<Custom>());
                assert_eq!(error.backtrace().unwrap().frames().len(), 2, "{error:?}");
            }
        }
    }
}

#[test]
fn an_error_of_an_inner_call_may_be_handled() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let inner = Func::wrap(&mut store, || -> Result<()> { Err(Custom(1).into()) });
    let inner_run = calling(&engine, &mut store, inner);
    let outer = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| {
        assert!(inner_run.call(&mut caller, ()).is_err());
    });
    calling(&engine, &mut store, outer).call(&mut store, ()).unwrap();
}

#[test]
fn recursion_between_host_and_wasm_ends_in_stack_overflow() {
    let (engine, module) = module(
        r#"(module (import "m" "f" (func $f (param i32))) (func (export "run") (param i32)
            (call $f (i32.add (local.get 0) (i32.const 1)))))"#,
    );
    let mut linker: Linker<u32> = Linker::new(&engine);
    linker
        .func_wrap("m", "f", |mut caller: Caller<'_, u32>, depth: u32| -> Result<()> {
            *caller.data_mut() = depth;
            let run = caller.get_export("run").unwrap().into_func().unwrap();
            run.typed::<u32, ()>(&caller)?.call(&mut caller, depth)
        })
        .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<u32, ()>(&mut store, "run").unwrap();
    for _ in 0..2 {
        let error = run.call(&mut store, 0).unwrap_err();
        assert_eq!(trap_code(&error), Some(TrapCode::StackOverflow), "{error}");
        assert!(*store.data() > 100, "{}", store.data());
    }
}

#[test]
fn host_functions_called_by_the_host() {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, |mut caller: Caller<'_, ()>, a: f64, b: i64| {
        assert!(caller.get_export("memory").is_none());
        (b, a, 5_u32)
    });
    assert_eq!(func.ty(&store).to_string(), "(f64, i64) -> (i64, f64, i32)");
    let typed = func.typed::<(f64, i64), (i64, f64, i32)>(&store).unwrap();
    assert_eq!(typed.call(&mut store, (1.5, -2)).unwrap(), (-2, 1.5, 5));
}

#[test]
fn closures_with_0_and_16_parameters() {
    let mut store = Store::new(&Engine::default(), ());
    let none = Func::wrap(&mut store, || 9_i64);
    assert_eq!(none.typed::<(), i64>(&store).unwrap().call(&mut store, ()).unwrap(), 9);
    #[rustfmt::skip]
    let many = Func::wrap(&mut store, |
        a: i32, b: i64, c: f32, d: f64, e: i32, f: i64, g: f32, h: f64,
        i: i32, j: i64, k: f32, l: f64, m: i32, n: i64, o: f32, p: f64,
    | f64::from(a + e + i + m) + (b + f + j + n) as f64 + f64::from(c + g + k + o) + d + h + l + p);
    #[rustfmt::skip]
    let sum = many
        .typed::<(i32, i64, f32, f64, i32, i64, f32, f64, i32, i64, f32, f64, i32, i64, f32, f64), f64>(&store)
        .unwrap()
        .call(&mut store, (1, 2, 3.0, 4.0, 5, 6, 7.0, 8.0, 9, 10, 11.0, 12.0, 13, 14, 15.0, 16.0));
    assert_eq!(sum.unwrap(), 136.0);
}

#[test]
fn dynamic_host_functions() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty =
        FuncType::new([ValType::I32, ValType::EXTERNREF], [ValType::EXTERNREF, ValType::I32, ValType::F32]);
    let func = Func::new(&mut store, ty.clone(), |_, params, results| {
        results[0] = params[1].clone();
        results[1] = Val::I32(params[0].unwrap_i32() + 1);
        Ok(())
    });
    let mut results = [Val::I32(0), Val::I32(0), Val::I32(0)];
    let value = ExternRef::new(11_u8);
    func.call(&mut store, &[Val::I32(1), value.clone().into()], &mut results).unwrap();
    assert!(results[0].unwrap_extern_ref().unwrap().ptr_eq(&value));
    assert_eq!(results[1].unwrap_i32(), 2);
    assert_eq!(results[2].unwrap_f32(), 0.0);
    let wrong = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::I32(0);
        Ok(())
    });
    let error = wrong.call(&mut store, &[Val::I32(1), Val::null_extern_ref()], &mut results).unwrap_err();
    assert_eq!(error.to_string(), "type mismatch: expected externref, found i32");
}

#[test]
fn host_functions_may_instantiate_and_grow() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let inner = compile(&engine, r#"(module (func (export "f") (result i32) i32.const 77))"#);
    let func = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| -> Result<()> {
        let memory = caller.get_export("memory").unwrap().into_memory().unwrap();
        memory.grow(&mut caller, 3)?;
        let instance = Instance::new(&mut caller, &inner, &[])?;
        let f = instance.get_typed_func::<(), i32>(&mut caller, "f")?;
        assert_eq!(f.call(&mut caller, ())?, 77);
        Ok(())
    });
    calling(&engine, &mut store, func).call(&mut store, ()).unwrap();
}
