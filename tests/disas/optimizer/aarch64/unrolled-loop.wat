;; A small loop has two turns, each with its test.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (loop
      (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1)))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (local.get 1))))
    (local.get 0)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L4
;;   ldr x27, [x28, #0x8]
;;   mov x8, x0
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   ldr w11, [x27, x8]                      ; i32.load (trap: out of bounds memory access)
;;   add w11, w11, w1
;;   str w11, [x27, x8]                      ; i32.store (trap: out of bounds memory access)
;;   add w10, w8, #0x4
;;   cmp w10, w1
;;   b.lo L2
;;   mov x8, x10
;;   b L3
;; L2:
;;   ldr w15, [x27, x10]                     ; i32.load (trap: out of bounds memory access)
;;   add w15, w15, w1
;;   str w15, [x27, x10]                     ; i32.store (trap: out of bounds memory access)
;;   add w8, w8, #0x8
;;   cmp w8, w1
;;   b.lo L1
;; L3:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L4:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L5:
;;   brk #0xc0de                             ; loop (trap: interrupt)
