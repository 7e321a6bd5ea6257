;; The product is computed before the loop; the loop is tested at its end.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (loop
      (local.set 2 (i32.add (local.get 2) (i32.load offset=8 (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.mul (local.get 1) (local.get 1))))
      (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
    (local.get 2)))

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
;;   mul w7, w1, w1
;;   mov w8, #0x0
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L4
;;   add x17, x27, x0
;;   ldr w15, [x17, #0x8]                    ; i32.load offset=8 (trap: out of bounds memory access)
;;   add w8, w8, w15
;;   add w14, w0, w7
;;   cmp w14, w1
;;   b.hs L2
;;   add x17, x27, x14
;;   ldr w15, [x17, #0x8]                    ; (trap: out of bounds memory access)
;;   add w0, w7, w14
;;   add w8, w15, w8
;;   cmp w0, w1
;;   b.lo L1
;; L2:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L4:
;;   brk #0xc0de                             ; loop (trap: interrupt)
