;; Two edges meet with two results: a parallel move.
(module
  (func (param i32 i32) (result i32 i32)
    (block (result i32 i32)
      (local.get 1)
      (local.get 0)
      (br_if 0 (local.get 0))
      (drop)
      (i32.const 5))))
