;; A comparison and the branch that uses it are one pair of instructions.
(module
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
      (then (local.get 0))
      (else (local.get 1)))))
