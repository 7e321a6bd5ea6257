;; Bounds, then signature, then the call: one load deep.
(module
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (func (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1))))
