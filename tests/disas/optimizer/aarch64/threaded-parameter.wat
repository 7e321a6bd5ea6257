;; What was tested is used behind the branch: on the way past the test it is the constant.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (local.set 2
      (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
        (then (i32.load (local.get 0)))
        (else (i32.const 5))))
    (if (result i32) (i32.lt_u (local.get 2) (i32.const 6))
      (then (i32.add (local.get 2) (i32.load offset=4 (local.get 0))))
      (else (local.get 2)))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   ldr x27, [x28, #0x8]
;;   cmp w0, w1
;;   b.hs L1
;;   ldr w8, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   b L2
;; L1:
;;   mov w8, #0x5
;;   b L3
;; L2:
;;   cmp w8, #0x6
;;   b.hs L4
;; L3:
;;   add x17, x27, x0
;;   ldr w11, [x17, #0x4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   add w8, w11, w8
;; L4:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L5:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
