;;! memory = checked
;; An index is compared with the memory's length once, also behind stores.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.load offset=4 (local.get 0)))
    (if (local.get 1) (then (i32.store offset=8 (local.get 0) (local.get 1))))
    (i32.load offset=12 (local.get 0))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L2
;;   ldr x27, [x28, #0x30]
;;   ldr x16, [x28, #0x38]
;;   cmp x0, x16
;;   b.hi L3
;;   csel x0, x0, xzr, ls
;;   csdb
;;   add x17, x27, x0
;;   ldr w5, [x17, #0x4]                     ; i32.load offset=4 (trap: out of bounds memory access)
;;   str w5, [x27, x0]                       ; i32.store (trap: out of bounds memory access)
;;   cmp w1, #0x0
;;   b.eq L1
;;   add x17, x27, x0
;;   str w1, [x17, #0x8]                     ; i32.store offset=8 (trap: out of bounds memory access)
;; L1:
;;   add x17, x27, x0
;;   ldr w8, [x17, #0xc]                     ; i32.load offset=12 (trap: out of bounds memory access)
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L2:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L3:
;;   brk #0xc0de                             ; i32.load offset=4 (trap: out of bounds memory access)
