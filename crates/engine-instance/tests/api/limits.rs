//! Resource limits.

use crate::*;

const GROWS: &str = r#"(module (memory (export "memory") 1) (table 1 funcref)
    (func (export "memory_grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table_grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;

fn limited(limits: StoreLimits, text: &str) -> (Store<StoreLimits>, Result<Instance>) {
    let (engine, module) = module(text);
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let instance = Instance::new(&mut store, &module, &[]);
    (store, instance)
}

fn grow(store: &mut Store<StoreLimits>, instance: Instance, name: &str, delta: i32) -> Result<i32> {
    instance.get_typed_func::<i32, i32>(&mut *store, name)?.call(store, delta)
}

#[test]
fn growth_over_a_limit_fails() {
    let limits = StoreLimitsBuilder::new().memory_size(3 << 16).table_elements(10).build();
    let (mut store, instance) = limited(limits, GROWS);
    let instance = instance.unwrap();
    assert_eq!(grow(&mut store, instance, "memory_grow", 2).unwrap(), 1);
    assert_eq!(grow(&mut store, instance, "memory_grow", 1).unwrap(), -1);
    assert_eq!(grow(&mut store, instance, "table_grow", 9).unwrap(), 1);
    assert_eq!(grow(&mut store, instance, "table_grow", 1).unwrap(), -1);
}

#[test]
fn growth_over_a_limit_traps_if_asked_to() {
    let limits = StoreLimitsBuilder::new().memory_size(1 << 16).trap_on_grow_failure(true).build();
    let (mut store, instance) = limited(limits, GROWS);
    let instance = instance.unwrap();
    let error = grow(&mut store, instance, "memory_grow", 1).unwrap_err();
    assert_eq!(error.to_string(), "a memory may not grow to 131072, over its limit of 65536");
    assert_eq!(error.backtrace().unwrap().frames().len(), 1);
    assert_eq!(grow(&mut store, instance, "memory_grow", 0).unwrap(), 1);
}

#[test]
fn initial_sizes_and_counts_are_limited() {
    let build = StoreLimitsBuilder::new;
    assert!(limited(build().memory_size(65535).build(), GROWS).1.is_err());
    assert!(limited(build().table_elements(0).build(), GROWS).1.is_err());
    assert!(limited(build().instances(0).build(), GROWS).1.is_err());
    assert!(limited(build().memories(0).build(), GROWS).1.is_err());
    assert!(limited(build().tables(0).build(), GROWS).1.is_err());
    assert!(limited(build().instances(1).memories(1).tables(1).build(), GROWS).1.is_ok());
}

#[test]
fn a_limiter_that_panics_does_not_hurt_the_store() {
    struct Panics(bool);
    impl ResourceLimiter for Panics {
        fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
            assert!(!self.0, "limiter");
            Ok(true)
        }
        fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
            Ok(true)
        }
    }
    let (engine, module) = module(GROWS);
    let mut store = Store::new(&engine, Panics(false));
    store.limiter(|limiter| limiter);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let grow = instance.get_typed_func::<i32, i32>(&mut store, "memory_grow").unwrap();
    store.data_mut().0 = true;
    let call = std::panic::AssertUnwindSafe(|| grow.call(&mut store, 1));
    let payload = std::panic::catch_unwind(call).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"limiter"));
    store.data_mut().0 = false;
    assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
}
