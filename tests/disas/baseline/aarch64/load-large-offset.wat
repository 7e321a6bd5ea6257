;; An offset beyond the guard is checked even in a guarded memory.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=0x10000000 (local.get 0))))
