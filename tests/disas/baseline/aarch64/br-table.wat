;; A table of offsets in the code, the index bounded first.
(module
  (func (param i32) (result i32)
    (block
      (block
        (block
          (br_table 0 1 2 (local.get 0)))
        (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x20
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   mov w1, w0
;;   cmp w1, #0x2
;;   b.hs L4
;;   mov w2, #0x0
;;   csel w1, w2, w1, hs
;;   adr x16, L1
;;   csdb
;;   add x16, x16, x1, lsl #2
;;   ldrsw x17, [x16], #0x4
;;   add x16, x16, x17
;;   br x16
;; L1:
;;   .branch L2
;;   .branch L3
;; L2:
;;   mov w8, #0xa
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   mov w8, #0x14
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L4:
;;   mov w8, #0x1e
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L5:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
