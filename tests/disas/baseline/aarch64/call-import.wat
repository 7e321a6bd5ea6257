;; An import is called through its code and vmctx pointers.
(module
  (import "host" "function" (func $import (param i32) (result i32)))
  (func (param i32) (result i32) (call $import (local.get 0))))

;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x20
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   stur w0, [x29, #-0x18]
;;   ldr x8, [x28, #0x30]
;;   ldr x28, [x28, #0x38]
;;   blr x8                                  ; call $import
;;   ldur x28, [x29, #-0x8]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
