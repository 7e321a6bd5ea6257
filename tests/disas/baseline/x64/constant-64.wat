;; A constant that fits in 32 bits is sign-extended, a larger one goes through a register.
(module
  (func (param i64) (result i64)
    (i64.xor
      (i64.and (local.get 0) (i64.const -16))
      (i64.const 0x123456789abcdef0))))
