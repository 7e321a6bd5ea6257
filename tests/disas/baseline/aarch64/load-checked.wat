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
;;   cmp x0, x16
;;   b.hi L2
;;   csel x0, x0, xzr, ls
;;   csdb
;;   add x17, x27, x0
;;   ldr w1, [x17, #0x10]                    ; i32.load offset=16 (trap: out of bounds memory access)
;;   mov w8, w1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L2:
;;   brk #0xc0de                             ; i32.load offset=16 (trap: out of bounds memory access)
