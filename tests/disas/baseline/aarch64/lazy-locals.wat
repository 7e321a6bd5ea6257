;; `local.get` makes no code by itself; an assignment in between is what does.
(module
  (func (param i32 i32) (result i32)
    (local.get 0)
    (local.set 0 (local.get 1))
    (local.get 0)
    (i32.sub)))
