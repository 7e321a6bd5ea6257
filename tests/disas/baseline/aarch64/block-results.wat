;; Two edges meet with two results: a parallel move.
(module
  (func (param i32 i32) (result i32 i32)
    (block (result i32 i32)
      (local.get 1)
      (local.get 0)
      (br_if 0 (local.get 0))
      (drop)
      (i32.const 5))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x40
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   stur w1, [x29, #-0x28]
;;   stur w0, [x29, #-0x30]
;;   cmp w0, #0x0
;;   b.eq L1
;;   b L2
;; L1:
;;   mov w16, #0x5
;;   stur w16, [x29, #-0x30]
;; L2:
;;   ldur w8, [x29, #-0x28]
;;   ldur w9, [x29, #-0x30]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
