;; A value that is needed behind calls is stored once, and loaded once behind each.
(module
  (import "" "" (func $f))
  (func (param i32 i32) (result i32) (local i32)
    (local.set 2 (i32.mul (local.get 0) (local.get 1)))
    (call $f)
    (local.set 0 (i32.xor (i32.add (local.get 2) (i32.const 1)) (local.get 2)))
    (call $f)
    (i32.sub (local.get 0) (local.get 2))))

;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x20
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   stur x0, [x29, #-0x18]
;;   stur x1, [x29, #-0x20]
;;   ldr x8, [x28, #0x30]
;;   ldr x13, [x28, #0x38]
;;   mov x28, x13
;;   blr x8                                  ; call $f
;;   ldur x28, [x29, #-0x8]
;;   ldr x8, [x28, #0x30]
;;   ldr x14, [x28, #0x38]
;;   mov x28, x14
;;   blr x8                                  ; call $f
;;   ldur x13, [x29, #-0x18]
;;   ldur x15, [x29, #-0x20]
;;   mul w13, w13, w15
;;   add w15, w13, #0x1
;;   eor w14, w15, w13
;;   sub w8, w14, w13
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
