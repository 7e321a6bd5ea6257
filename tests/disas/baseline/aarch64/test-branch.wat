;; A mask compared with zero is a `tst`.
(module
  (func (param i32)
    (block
      (br_if 0 (i32.eqz (i32.and (local.get 0) (i32.const 8))))
      (unreachable))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L2
;;   tst w0, #0x8
;;   b.eq L1
;;   brk #0xc0de                             ; unreachable (trap: unreachable)
;; L1:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L2:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
