;; An offset beyond the guard is checked even in a guarded memory.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=0x10000000 (local.get 0))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x20
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   ldr x27, [x28, #0x8]
;;   ldr x16, [x28, #0x38]
;;   mov w17, #0x4
;;   movk w17, #0x1000, lsl #16
;;   add x1, x0, x17
;;   cmp x1, x16
;;   b.hi L2
;;   sub x1, x1, #0x4
;;   csel x1, x1, xzr, ls
;;   csdb
;;   ldr w1, [x27, x1]                       ; i32.load offset=268435456 (trap: out of bounds memory access)
;;   mov w8, w1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L2:
;;   brk #0xc0de                             ; i32.load offset=268435456 (trap: out of bounds memory access)
