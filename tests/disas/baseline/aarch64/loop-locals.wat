;; Locals stay in registers around a loop.
(module
  (func (param i32) (result i32)
    (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if 0 (local.get 0)))
    (local.get 1)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L2
;;   mov w1, #0x0
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   add w1, w1, w0
;;   sub w0, w0, #0x1
;;   cmp w0, #0x0
;;   b.ne L1
;;   mov w8, w1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L2:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L3:
;;   brk #0xc0de                             ; loop (trap: interrupt)
