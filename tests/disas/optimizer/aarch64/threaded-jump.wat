;; Where the first half of a condition is not met, the second branch is not gone through.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (if (result i32)
      (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
        (then (i32.ne (i32.load (local.get 0)) (local.get 1)))
        (else (i32.const 0)))
      (then (i32.load offset=4 (local.get 0)))
      (else (i32.load offset=8 (local.get 1))))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   ldr x27, [x28, #0x8]
;;   cmp w0, w1
;;   b.hs L1
;;   ldr w7, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   cmp w1, w7
;;   b.eq L1
;;   add x17, x27, x0
;;   ldr w8, [x17, #0x4]                     ; i32.load offset=4 (trap: out of bounds memory access)
;;   b L2
;; L1:
;;   add x17, x27, x1
;;   ldr w8, [x17, #0x8]                     ; i32.load offset=8 (trap: out of bounds memory access)
;; L2:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
