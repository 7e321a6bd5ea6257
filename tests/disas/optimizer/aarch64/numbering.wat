;; Equal operations are one; what nobody needs is gone.
(module
  (func (param i32 i32) (result i32)
    (drop (i32.mul (local.get 0) (local.get 1)))
    (i32.mul
      (i32.xor (i32.add (local.get 0) (local.get 1)) (i32.const 5))
      (i32.add (local.get 1) (local.get 0)))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   add w3, w0, w1
;;   mov w16, #0x5
;;   eor w4, w3, w16
;;   mul w8, w4, w3
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
