;; The decrement's own flags decide; bits are tested without a mask being computed.
(module
  (func (param i32 i32) (result i32)
    (block
      (br_if 0 (i32.eqz (i32.and (local.get 1) (i32.const 12))))
      (loop
        (local.set 1 (i32.mul (local.get 1) (local.get 1)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (local.get 1)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L4
;;   tst w1, #0xc
;;   b.ne L1
;;   mov x8, x1
;;   b L3
;; L1:
;;   mov x8, x1
;; L2:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L5
;;   mul w8, w8, w8
;;   sub w19, w0, #0x1
;;   cmp w19, #0x0
;;   b.eq L3
;;   sub w19, w0, #0x2
;;   mul w8, w8, w8
;;   cmp w19, #0x0
;;   b.eq L3
;;   sub w19, w0, #0x3
;;   mul w8, w8, w8
;;   cmp w19, #0x0
;;   b.eq L3
;;   sub w0, w0, #0x4
;;   mul w8, w8, w8
;;   cmp w0, #0x0
;;   b.ne L2
;; L3:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L4:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L5:
;;   brk #0xc0de                             ; loop (trap: interrupt)
