;; A constant that is a bit mask is an immediate, any other is built in a register.
(module
  (func (param i64) (result i64)
    (i64.xor
      (i64.and (local.get 0) (i64.const -16))
      (i64.const 0x123456789abcdef0))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   and x1, x0, #0xfffffffffffffff0
;;   mov x2, #0xdef0
;;   movk x2, #0x9abc, lsl #16
;;   movk x2, #0x5678, lsl #32
;;   movk x2, #0x1234, lsl #48
;;   eor x1, x1, x2
;;   mov x8, x1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
