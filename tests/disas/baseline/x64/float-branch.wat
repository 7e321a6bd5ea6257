;; An unordered comparison sets the parity flag: NaN is not equal to itself.
(module
  (func (param f64) (result i32)
    (if (result i32) (f64.eq (local.get 0) (local.get 0))
      (then (i32.const 1))
      (else (i32.const 0)))))
