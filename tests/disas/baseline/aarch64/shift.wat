;; A shift by a constant is one instruction, and so is one by a variable.
(module
  (func (param i32 i32) (result i32)
    (i32.shl (i32.shr_u (local.get 0) (i32.const 3)) (local.get 1))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   lsr w2, w0, #0x3
;;   lsl w2, w2, w1
;;   mov w8, w2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
