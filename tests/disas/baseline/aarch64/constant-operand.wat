;; A constant becomes an immediate.
(module
  (func (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 42))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   add w1, w0, #0x2a
;;   mov w8, w1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
