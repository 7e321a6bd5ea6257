;;! cpu = bmi2
;; With BMI2 the count may be in any register.
(module
  (func (param i32 i32) (result i32)
    (i32.shl (local.get 0) (local.get 1))))
