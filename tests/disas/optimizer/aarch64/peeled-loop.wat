;;! memory = checked
;; The first turn stands before the loop: the others know that the pointer is in bounds.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (loop
      (local.set 2 (i32.rotl (i32.xor (i32.mul (local.get 2) (i32.const 37)) (i32.load (local.get 0))) (i32.const 9)))
      (local.set 2 (i32.add (i32.xor (local.get 2) (i32.shr_u (local.get 2) (i32.const 3))) (i32.const 77)))
      (local.set 2 (i32.rotl (i32.xor (i32.mul (local.get 2) (i32.const 41)) (local.get 1)) (i32.const 5)))
      (i32.store offset=4 (local.get 0) (local.get 2))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 2)))

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
;;   ldr w2, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   ror w2, w2, #0x17
;;   lsr w3, w2, #0x3
;;   eor w2, w3, w2
;;   add w2, w2, #0x4d
;;   mov w16, #0x29
;;   mul w2, w2, w16
;;   eor w2, w2, w1
;;   ror w8, w2, #0x1b
;;   add x17, x27, x0
;;   str w8, [x17, #0x4]                     ; i32.store offset=4 (trap: out of bounds memory access)
;;   sub w15, w1, #0x1
;;   cmp w15, #0x0
;;   b.eq L2
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   ldr w1, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   mov w16, #0x25
;;   mul w2, w8, w16
;;   eor w1, w2, w1
;;   ror w1, w1, #0x17
;;   lsr w2, w1, #0x3
;;   eor w1, w2, w1
;;   add w1, w1, #0x4d
;;   mov w16, #0x29
;;   mul w1, w1, w16
;;   eor w1, w1, w15
;;   ror w8, w1, #0x1b
;;   add x17, x27, x0
;;   str w8, [x17, #0x4]                     ; i32.store offset=4 (trap: out of bounds memory access)
;;   sub w15, w15, #0x1
;;   cmp w15, #0x0
;;   b.ne L1
;; L2:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L4:
;;   brk #0xc0de                             ; i32.load (trap: out of bounds memory access)
;; L5:
;;   brk #0xc0de                             ; loop (trap: interrupt)
