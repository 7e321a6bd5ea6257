;; Zero is stored from the zero register, another constant from a scratch register.
(module
  (memory 1)
  (func (param i32)
    (i32.store8 offset=1 (local.get 0) (i32.const 7))
    (i64.store (local.get 0) (i64.const 0))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   ldr x27, [x28, #0x8]
;;   mov w16, #0x7
;;   add x17, x27, x0
;;   strb w16, [x17, #0x1]                   ; i32.store8 offset=1 (trap: out of bounds memory access)
;;   str xzr, [x27, x0]                      ; i64.store (trap: out of bounds memory access)
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
