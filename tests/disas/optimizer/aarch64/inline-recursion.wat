;;! interruptible = off
;; Recursion is unrolled twice, and then calls.
(module
  (func $sum (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0)))))

;; function 0 "sum":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L7
;;   stur x0, [x29, #-0x18]
;;   cmp w0, #0x0
;;   b.eq L5
;;   sub w19, w0, #0x1
;;   stur x19, [x29, #-0x20]
;;   cmp w19, #0x0
;;   b.eq L3
;;   sub w21, w0, #0x2
;;   stur x21, [x29, #-0x28]
;;   cmp w21, #0x0
;;   b.eq L1
;;   sub w0, w0, #0x3
;;   bl <function 0 "sum">                   ; call $sum
;;   ldur x22, [x29, #-0x28]
;;   add w20, w22, w8
;;   b L2
;; L1:
;;   mov w20, #0x0
;; L2:
;;   ldur x23, [x29, #-0x20]
;;   add w21, w23, w20
;;   b L4
;; L3:
;;   mov w21, #0x0
;; L4:
;;   ldur x24, [x29, #-0x18]
;;   add w8, w24, w21
;;   b L6
;; L5:
;;   mov w8, #0x0
;; L6:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L7:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
