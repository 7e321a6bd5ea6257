;;! interruptible = off
;; A call that does not return is not worth its callee's body.
(module
  (global $code (mut i32) (i32.const 0))
  (func $fail (param i32) (global.set $code (local.get 0)))
  (func (param i32)
    (if (local.get 0) (then (call $fail (i32.const 1)) unreachable))))

;; function 0 "fail":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   str w0, [x28, #0x30]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;;
;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L2
;;   cmp w0, #0x0
;;   b.ne L1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   mov w0, #0x1
;;   bl <function 0 "fail">                  ; call $fail
;;   brk #0xc0de                             ; unreachable (trap: unreachable)
;; L2:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
