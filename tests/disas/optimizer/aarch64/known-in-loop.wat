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
;;   b.ls L2
;;   ldr x27, [x28, #0x8]
;;   ldr w3, [x28, #0x40]
;;   str w1, [x27, x3]                       ; i32.store (trap: out of bounds memory access)
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   add x17, x27, x0
;;   str w3, [x17, #0x4]                     ; i32.store offset=4 (trap: out of bounds memory access)
;;   sub w0, w0, #0x4
;;   cmp w0, #0x0
;;   b.ne L1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L2:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L3:
;;   brk #0xc0de                             ; loop (trap: interrupt)
