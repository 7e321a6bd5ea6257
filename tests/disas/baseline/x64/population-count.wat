;; Without the instruction, bits are counted by arithmetic.
(module
  (func (param i32) (result i32) (i32.popcnt (local.get 0))))
