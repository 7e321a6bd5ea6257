;;! memory = checked
;; A byte times four is less than the memory's smallest length; a word is not.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (i32.add
      (i32.load offset=256 (i32.shl (i32.and (local.get 0) (i32.const 255)) (i32.const 2)))
      (i32.load (local.get 1)))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   ldr x27, [x28, #0x30]
;;   and w7, w0, #0xff
;;   lsl w7, w7, #0x2
;;   add x17, x27, x7
;;   ldr w4, [x17, #0x100]                   ; i32.load offset=256 (trap: out of bounds memory access)
;;   ldr x16, [x28, #0x38]
;;   cmp x1, x16
;;   b.hi L2
;;   csel x1, x1, xzr, ls
;;   csdb
;;   ldr w7, [x27, x1]                       ; i32.load (trap: out of bounds memory access)
;;   add w8, w4, w7
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L2:
;;   brk #0xc0de                             ; i32.load (trap: out of bounds memory access)
