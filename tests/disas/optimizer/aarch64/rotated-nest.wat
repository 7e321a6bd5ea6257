;; An inner loop and the one around it both end with their tests, each in one piece.
(module
  (memory 1)
  (func (param i32 i32) (local i32)
    (block $end
      (loop $outer
        (br_if $end (i32.eqz (local.get 0)))
        (i32.store (local.get 0) (local.get 1))
        (local.set 2 (local.get 1))
        (block $out
          (loop $inner
            (br_if $out (i32.eqz (i32.load (local.get 2))))
            (local.set 2 (i32.load offset=4 (local.get 2)))
            (br $inner)))
        (local.set 0 (i32.load offset=8 (local.get 0)))
        (br $outer)))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L6
;;   ldr x27, [x28, #0x8]
;;   b L5
;; L1:
;;   str w1, [x27, x0]                       ; i32.store (trap: out of bounds memory access)
;;   mov x15, x1
;;   b L3
;; L2:
;;   add x17, x27, x15
;;   ldr w19, [x17, #0x4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   ldr w20, [x27, x19]                     ; i32.load (trap: out of bounds memory access)
;;   cmp w20, #0x0
;;   b.eq L4
;;   add x17, x27, x19
;;   ldr w20, [x17, #0x4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   ldr w23, [x27, x20]                     ; i32.load (trap: out of bounds memory access)
;;   cmp w23, #0x0
;;   b.eq L4
;;   add x17, x27, x20
;;   ldr w23, [x17, #0x4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   ldr w26, [x27, x23]                     ; i32.load (trap: out of bounds memory access)
;;   cmp w26, #0x0
;;   b.eq L4
;;   add x17, x27, x23
;;   ldr w15, [x17, #0x4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;; L3:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L7
;;   ldr w19, [x27, x15]                     ; i32.load (trap: out of bounds memory access)
;;   cmp w19, #0x0
;;   b.ne L2
;; L4:
;;   add x17, x27, x0
;;   ldr w0, [x17, #0x8]                     ; i32.load offset=8 (trap: out of bounds memory access)
;; L5:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L8
;;   cmp w0, #0x0
;;   b.ne L1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L6:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L7:
;;   brk #0xc0de                             ; loop $inner (trap: interrupt)
;; L8:
;;   brk #0xc0de                             ; loop $outer (trap: interrupt)
