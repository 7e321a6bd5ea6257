;; A global of the module's own lies in the vmctx; an imported one behind a pointer.
(module
  (import "host" "global" (global $import (mut i32)))
  (global $own (mut i32) (i32.const 1))
  (func
    (global.set $own (i32.add (global.get $own) (i32.const 1)))
    (global.set $import (global.get $own))))
