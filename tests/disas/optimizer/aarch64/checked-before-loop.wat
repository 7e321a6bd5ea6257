;;! memory = checked
;; What was found in bounds before a loop is in bounds in it, whatever the loop stores.
(module
  (memory 1)
  (func (param i32 i32)
    (i32.store offset=4 (local.get 0) (i32.const 0))
    (loop
      (i32.store (local.get 0) (local.get 1))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L3
;;   ldr x27, [x28, #0x30]
;;   ldr x16, [x28, #0x38]
;;   cmp x0, x16
;;   b.hi L4
;;   csel x0, x0, xzr, ls
;;   csdb
;;   add x17, x27, x0
;;   str wzr, [x17, #0x4]                    ; i32.store offset=4 (trap: out of bounds memory access)
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   str w1, [x27, x0]                       ; i32.store (trap: out of bounds memory access)
;;   sub w11, w1, #0x1
;;   cmp w11, #0x0
;;   b.eq L2
;;   str w11, [x27, x0]                      ; (trap: out of bounds memory access)
;;   sub w14, w1, #0x2
;;   cmp w14, #0x0
;;   b.eq L2
;;   str w14, [x27, x0]                      ; (trap: out of bounds memory access)
;;   sub w19, w1, #0x3
;;   cmp w19, #0x0
;;   b.eq L2
;;   str w19, [x27, x0]                      ; (trap: out of bounds memory access)
;;   sub w1, w1, #0x4
;;   cmp w1, #0x0
;;   b.ne L1
;; L2:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L4:
;;   brk #0xc0de                             ; i32.store offset=4 (trap: out of bounds memory access)
;; L5:
;;   brk #0xc0de                             ; loop (trap: interrupt)
