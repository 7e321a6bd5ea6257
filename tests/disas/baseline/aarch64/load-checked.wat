;;! memory = checked
;; The access is compared with the memory's length, and masked against speculation.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x20
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   ldr x27, [x28, #0x30]
;;   ldr x16, [x28, #0x38]
;;   add x1, x0, #0x14
;;   cmp x1, x16
;;   b.hi L2
;;   sub x1, x1, #0x4
;;   csel x1, x1, xzr, ls
;;   csdb
;;   ldr w1, [x27, x1]                       ; i32.load offset=16 (trap: out of bounds memory access)
;;   mov w8, w1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L2:
;;   brk #0xc0de                             ; i32.load offset=16 (trap: out of bounds memory access)
