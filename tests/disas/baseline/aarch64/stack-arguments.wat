;; Arguments and results beyond the registers travel on the stack.
(module
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64 i64)
    (local.get 8) (local.get 7) (local.get 6) (local.get 5))
  (func (result i64)
    (call $many
      (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))
    (drop) (drop) (drop)))
