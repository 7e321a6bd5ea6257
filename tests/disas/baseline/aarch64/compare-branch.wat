;; A comparison and the branch that uses it are one pair of instructions.
(module
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
      (then (local.get 0))
      (else (local.get 1)))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   cmp w0, w1
;;   b.hs L1
;;   mov w8, w0
;;   b L2
;; L1:
;;   mov w8, w1
;; L2:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
