;; A function that counts what it executes: at its entry, and in its loop, below which there is a constant.
;;! tier-up = 100000
;;! interruptible = off
(module
  (func (param i32 i64) (result i64)
    (i64.const 7)
    (loop (param i64) (result i64)
      (local.set 1 (i64.mul (local.get 1)))
      (local.get 1)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i64.const 9)
    (loop
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get 0) (i32.const 50))))
    (i64.add)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x40
;;   stur x28, [x29, #-0x8]
;;   add x16, x28, #0x38
;;   mov w17, #0x866f
;;   movk w17, #0x1b, lsl #16
;;   ldr w8, [x16]
;;   adds w8, w8, w17
;;   str w8, [x16]
;;   b.hs L7
;; L1:
;;   mov w16, #0x7
;;   stur x16, [x29, #-0x28]
;; L2:
;;   add x16, x28, #0x3c
;;   mov w17, #0x2421
;;   movk w17, #0xb, lsl #16
;;   ldr w8, [x16]
;;   adds w8, w8, w17
;;   str w8, [x16]
;;   b.hs L8
;; L3:
;;   ldur x16, [x29, #-0x28]
;;   mul x1, x1, x16
;;   sub w0, w0, #0x1
;;   cmp w0, #0x0
;;   b.eq L4
;;   mov x16, x1
;;   stur x16, [x29, #-0x28]
;;   b L2
;; L4:
;;   stur x1, [x29, #-0x28]
;; L5:
;;   add x16, x28, #0x3c
;;   mov w17, #0xd496
;;   movk w17, #0x9, lsl #16
;;   ldr w8, [x16]
;;   adds w8, w8, w17
;;   str w8, [x16]
;;   b.hs L10
;; L6:
;;   add w0, w0, #0x1
;;   cmp w0, #0x32
;;   b.lo L5
;;   ldur x2, [x29, #-0x28]
;;   add x2, x2, #0x9
;;   mov x8, x2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L7:
;;   mov w17, #0x0
;;   ldr x16, [x28, #0x10]
;;   ldr x16, [x16, #0x68]
;;   blr x16                                 ; i64.const 7
;;   b L1
;; L8:
;;   stur w0, [x29, #-0x18]
;;   stur x1, [x29, #-0x20]
;;   mov w1, #0x0
;;   mov w2, #0x3
;;   mov w3, #0x3
;;   ldr x16, [x28, #0x10]
;;   ldr x16, [x16, #0x70]
;;   blr x16                                 ; loop (type 1) (param i64) (result i64)
;;   cmp x0, #0x0
;;   b.eq L9
;;   br x0
;; L9:
;;   ldur w0, [x29, #-0x18]
;;   ldur x1, [x29, #-0x20]
;;   b L3
;; L10:
;;   stur w0, [x29, #-0x18]
;;   stur x1, [x29, #-0x20]
;;   mov w16, #0x9
;;   stur x16, [x29, #-0x30]
;;   mov w1, #0x0
;;   mov w2, #0x18
;;   mov w3, #0x18
;;   ldr x16, [x28, #0x10]
;;   ldr x16, [x16, #0x70]
;;   blr x16                                 ; loop
;;   cmp x0, #0x0
;;   b.eq L11
;;   br x0
;; L11:
;;   ldur w0, [x29, #-0x18]
;;   ldur x1, [x29, #-0x20]
;;   b L6
