;; `local.get` makes no code by itself; an assignment in between is what does.
(module
  (func (param i32 i32) (result i32)
    (local.get 0)
    (local.set 0 (local.get 1))
    (local.get 0)
    (i32.sub)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov w2, w0
;;   mov w0, w1
;;   sub w2, w2, w0
;;   mov w8, w2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
