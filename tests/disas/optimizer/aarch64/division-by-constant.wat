;; No division by a constant divides.
(module
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 10)))
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 7)))
  (func (param i32) (result i32) (i32.rem_s (local.get 0) (i32.const -3)))
  (func (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 8)))
  (func (param i64) (result i64) (i64.div_u (local.get 0) (i64.const 1000000007)))
  (func (param i64) (result i64) (i64.rem_s (local.get 0) (i64.const 5))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov w5, #0xcccd
;;   movk w5, #0xcccc, lsl #16
;;   mul x4, x0, x5
;;   lsr x4, x4, #0x20
;;   lsr w8, w4, #0x3
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov w16, #0x4925
;;   movk w16, #0x2492, lsl #16
;;   mul x7, x0, x16
;;   lsr x5, x7, #0x20
;;   sub w7, w0, w5
;;   lsr w6, w7, #0x1
;;   add w6, w6, w5
;;   lsr w8, w6, #0x2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 2:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   sxtw x10, w0
;;   mov w16, #0x5556
;;   movk w16, #0x5555, lsl #16
;;   mul x10, x10, x16
;;   lsr x9, x10, #0x20
;;   lsr w11, w0, #0x1f
;;   add w10, w9, w11
;;   mov w11, #0x0
;;   sub w10, w11, w10
;;   mov w16, #0xfffffffd
;;   mul w10, w10, w16
;;   sub w8, w0, w10
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 3:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   asr w5, w0, #0x1f
;;   lsr w4, w5, #0x1d
;;   add w4, w4, w0
;;   asr w8, w4, #0x3
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 4:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov x4, #0x8fe5
;;   movk x4, #0x12a2, lsl #16
;;   movk x4, #0x5f31, lsl #32
;;   movk x4, #0x8970, lsl #48
;;   umulh x3, x0, x4
;;   lsr x8, x3, #0x1d
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 5:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov x8, #0x6667
;;   movk x8, #0x6666, lsl #16
;;   movk x8, #0x6666, lsl #32
;;   movk x8, #0x6666, lsl #48
;;   smulh x8, x0, x8
;;   asr x7, x8, #0x1
;;   lsr x9, x0, #0x3f
;;   add x8, x7, x9
;;   mov w16, #0x5
;;   mul x8, x8, x16
;;   sub x8, x0, x8
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
