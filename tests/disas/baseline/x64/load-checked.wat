;;! memory = checked
;; The access is compared with the memory's length, and masked against speculation.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))
