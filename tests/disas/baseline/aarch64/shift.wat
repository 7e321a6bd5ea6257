;; A shift by a constant is one instruction, and so is one by a variable.
(module
  (func (param i32 i32) (result i32)
    (i32.shl (i32.shr_u (local.get 0) (i32.const 3)) (local.get 1))))
