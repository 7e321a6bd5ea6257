;; A mask compared with zero is a `test`.
(module
  (func (param i32)
    (block
      (br_if 0 (i32.eqz (i32.and (local.get 0) (i32.const 8))))
      (unreachable))))
