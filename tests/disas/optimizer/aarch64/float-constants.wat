;; Float constants are behind the code, and operands.
(module
  (func (param f64) (result f64)
    (f64.add (f64.mul (local.get 0) (f64.const 1.1)) (f64.const 0x1.23456789abcdep3))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov x17, #0x999a
;;   movk x17, #0x9999, lsl #16
;;   movk x17, #0x9999, lsl #32
;;   movk x17, #0x3ff1, lsl #48
;;   fmov d5, x17
;;   fmul d3, d0, d5
;;   mov x17, #0xbcde
;;   movk x17, #0x789a, lsl #16
;;   movk x17, #0x3456, lsl #32
;;   movk x17, #0x4022, lsl #48
;;   fmov d5, x17
;;   fadd d24, d3, d5
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
