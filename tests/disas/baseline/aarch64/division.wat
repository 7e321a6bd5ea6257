;; Division does not fault on this CPU: divisor and overflow are tested.
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1)))
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 10))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   cbz w1, L2
;;   cmn w1, #0x1
;;   ccmp w0, #0x1, #0x0, eq
;;   b.vs L3
;;   sdiv w2, w0, w1
;;   mov w8, w2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L2:
;;   brk #0xc0de                             ; i32.div_s (trap: integer divide by zero)
;; L3:
;;   brk #0xc0de                             ; (trap: integer overflow)
;;
;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   cbz w1, L2
;;   sdiv w16, w0, w1
;;   msub w2, w16, w1, w0
;;   mov w8, w2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L2:
;;   brk #0xc0de                             ; i32.rem_s (trap: integer divide by zero)
;;
;; function 2:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov w1, #0xa
;;   udiv w2, w0, w1
;;   mov w8, w2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
