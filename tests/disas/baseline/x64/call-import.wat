;; An import is called through its code and vmctx pointers.
(module
  (import "host" "function" (func $import (param i32) (result i32)))
  (func (param i32) (result i32) (call $import (local.get 0))))
