;; A loop that is tested at its top ends with the test: one branch a turn.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (block
      (loop
        (br_if 1 (i32.ge_u (local.get 0) (local.get 1)))
        (local.set 2 (i32.add (local.get 2) (i32.load (local.get 0))))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (br 0)))
    (local.get 2)))

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
;;   mov w8, #0x0
;;   b L2
;; L1:
;;   ldr w14, [x27, x0]                      ; i32.load (trap: out of bounds memory access)
;;   add w8, w14, w8
;;   add w15, w0, #0x4
;;   cmp w15, w1
;;   b.hs L3
;;   ldr w15, [x27, x15]                     ; (trap: out of bounds memory access)
;;   add w0, w0, #0x8
;;   add w8, w15, w8
;; L2:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   cmp w0, w1
;;   b.lo L1
;; L3:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L4:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L5:
;;   brk #0xc0de                             ; loop (trap: interrupt)
