;; A loop that only stores leaves globals as they were.
(module
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (func (param i32 i32)
    (i32.store (global.get $g) (local.get 1))
    (loop
      (i32.store offset=4 (local.get 0) (global.get $g))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   ldr x27, [x28, #0x8]
;;   ldr w4, [x28, #0x40]
;;   str w1, [x27, x4]                       ; i32.store (trap: out of bounds memory access)
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L4
;;   add x17, x27, x0
;;   str w4, [x17, #0x4]                     ; i32.store offset=4 (trap: out of bounds memory access)
;;   sub w11, w0, #0x4
;;   cmp w11, #0x0
;;   b.eq L2
;;   add x17, x27, x11
;;   str w4, [x17, #0x4]                     ; (trap: out of bounds memory access)
;;   sub w14, w0, #0x8
;;   cmp w14, #0x0
;;   b.eq L2
;;   add x17, x27, x14
;;   str w4, [x17, #0x4]                     ; (trap: out of bounds memory access)
;;   sub w19, w0, #0xc
;;   cmp w19, #0x0
;;   b.eq L2
;;   add x17, x27, x19
;;   str w4, [x17, #0x4]                     ; (trap: out of bounds memory access)
;;   sub w0, w0, #0x10
;;   cmp w0, #0x0
;;   b.ne L1
;; L2:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L4:
;;   brk #0xc0de                             ; loop (trap: interrupt)
