;; Direct calls go to the jump table; what is needed afterwards is in its slot.
(module
  (func $callee (param i32 i64 f64) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (i32.add
      (local.get 0)
      (call $callee (local.get 0) (i64.const 1) (f64.const 2)))))
