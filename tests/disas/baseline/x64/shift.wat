;; A shift by a constant needs no particular register, one by a variable needs ecx.
(module
  (func (param i32 i32) (result i32)
    (i32.shl (i32.shr_u (local.get 0) (i32.const 3)) (local.get 1))))
