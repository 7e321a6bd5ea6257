;; The static offset is part of the address; a guarded memory needs no check.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
