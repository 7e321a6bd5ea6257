;; A loop that turns three times, as constants say, is no loop: its counter becomes three constants.
(module
  (memory 1)
  (func (param i32) (result i32) (local i32 i32)
    (loop
      (local.set 2 (i32.add (local.get 2)
        (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2))))))
      (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 3))))
    (local.get 2)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   ldr x27, [x28, #0x8]
;;   ldr w5, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   add w11, w0, #0x4
;;   ldr w9, [x27, x11]                      ; (trap: out of bounds memory access)
;;   add w12, w0, #0x8
;;   ldr w10, [x27, x12]                     ; (trap: out of bounds memory access)
;;   add w12, w5, w9
;;   add w8, w12, w10
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
