//! Typed and dynamic calls.

use crate::*;

#[test]
fn typed_call_adds() {
    let (mut store, instance) = instance(
        r#"(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))"#,
    );
    assert_eq!(call::<_, i32>(&mut store, instance, "add", (2, 40)).unwrap(), 42);
    assert_eq!(call::<_, u32>(&mut store, instance, "add", (u32::MAX, 2_u32)).unwrap(), 1);
}

#[test]
fn every_number_of_parameters_and_results_up_to_16() {
    for count in 0..=16_usize {
        let types = ["i32", "i64", "f32", "f64"];
        let list = |word: &str| {
            let types: Vec<_> = (0..count).map(|i| types[i % 4]).collect();
            format!("({word} {})", types.join(" "))
        };
        let gets: Vec<_> = (0..count).rev().map(|i| format!("local.get {i}")).collect();
        // Results are the parameters in reverse order, so that no value stays in its register.
        let results: Vec<_> = (0..count).rev().map(|i| types[i % 4]).collect();
        let text = format!(
            r#"(module (func (export "reverse") {} (result {}) {}))"#,
            list("param"),
            results.join(" "),
            gets.join(" ")
        );
        let (mut store, instance) = instance(&text);
        let params = mixed_values(count);
        let mut results = vec![Val::I32(0); count];
        let func = instance.get_func(&mut store, "reverse").unwrap();
        func.call(&mut store, &params, &mut results).unwrap();
        for (param, result) in params.iter().rev().zip(&results) {
            assert_eq!(format!("{param:?}"), format!("{result:?}"), "{count} values");
        }
    }
}

#[test]
fn typed_call_with_16_parameters_and_16_results() {
    let gets: String = (0..16).rev().map(|i| format!("local.get {i} ")).collect();
    let types = "i64 ".repeat(16);
    let text = format!(r#"(module (func (export "f") (param {types}) (result {types}) {gets}))"#);
    let (mut store, instance) = instance(&text);
    type Sixteen = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
    let params: Sixteen = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    let results: Sixteen = call(&mut store, instance, "f", params).unwrap();
    assert_eq!((results.0, results.7, results.8, results.15), (16, 9, 8, 1));
}

#[test]
fn nan_payloads_pass_through() {
    let (mut store, instance) =
        instance(r#"(module (func (export "f") (param f32 f64) (result f64 f32) local.get 1 local.get 0))"#);
    let func = instance.get_func(&mut store, "f").unwrap();
    let mut results = [Val::I32(0), Val::I32(0)];
    let params = [Val::F32(0x7fa0_0001), Val::F64(0xfff4_0000_0000_0001)];
    func.call(&mut store, &params, &mut results).unwrap();
    assert!(matches!(results, [Val::F64(0xfff4_0000_0000_0001), Val::F32(0x7fa0_0001)]));
}

#[test]
fn wrong_types_and_counts_are_errors() {
    let (mut store, instance) =
        instance(r#"(module (func (export "f") (param i32) (result i32) local.get 0))"#);
    let func = instance.get_func(&mut store, "f").unwrap();
    let mut one = [Val::I32(0)];
    assert!(func.call(&mut store, &[], &mut one).is_err());
    assert!(func.call(&mut store, &[Val::I64(0)], &mut one).is_err());
    assert!(func.call(&mut store, &[Val::I32(0)], &mut []).is_err());
    assert!(func.typed::<i64, i32>(&store).is_err());
    assert!(func.typed::<(i32, i32), i32>(&store).is_err());
    assert!(func.typed::<i32, ()>(&store).is_err());
    assert!(func.typed::<(i32,), u32>(&store).is_ok());
    let error = instance.get_typed_func::<(), ()>(&mut store, "g").unwrap_err();
    assert_eq!(error.to_string(), "`g` is not an exported function");
    assert_eq!(func.ty(&store).to_string(), "(i32) -> (i32)");
}

#[test]
#[should_panic(expected = "object used with the wrong store")]
fn a_function_of_another_store_panics() {
    let (mut store, instance) = instance(r#"(module (func (export "f")))"#);
    let func = instance.get_func(&mut store, "f").unwrap();
    let mut other = Store::new(&store.engine().clone(), ());
    let _ = func.call(&mut other, &[], &mut []);
}

#[test]
fn a_store_may_be_used_on_another_thread() {
    let (mut store, instance) =
        instance(r#"(module (memory 1) (func (export "f") (param i32) (result i32) local.get 0 i32.load))"#);
    assert!(call::<_, i32>(&mut store, instance, "f", 65536).is_err());
    let (mut store, code) = std::thread::spawn(move || {
        assert_eq!(call::<_, i32>(&mut store, instance, "f", 0).unwrap(), 0);
        let code = trap_code(&call::<_, i32>(&mut store, instance, "f", 65533).unwrap_err());
        (store, code)
    })
    .join()
    .unwrap();
    assert_eq!(code, Some(TrapCode::MemoryOutOfBounds));
    assert_eq!(call::<_, i32>(&mut store, instance, "f", 4).unwrap(), 0);
}

#[test]
fn engine_module_linker_and_handles_are_send_and_sync() {
    fn check<D: Send + Sync>() {}
    check::<Engine>();
    check::<Module>();
    check::<Linker<std::cell::Cell<i32>>>();
    check::<Instance>();
    check::<Func>();
    check::<TypedFunc<i32, i32>>();
    check::<Memory>();
    check::<ExternRef>();
    check::<Error>();
    check::<InterruptHandle>();
    fn check_send<D: Send>() {}
    check_send::<Store<std::cell::Cell<i32>>>();
}
