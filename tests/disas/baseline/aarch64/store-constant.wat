;; Zero is stored from the zero register, another constant from a scratch register.
(module
  (memory 1)
  (func (param i32)
    (i32.store8 offset=1 (local.get 0) (i32.const 7))
    (i64.store (local.get 0) (i64.const 0))))
