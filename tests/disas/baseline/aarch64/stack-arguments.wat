;; Arguments and results beyond the registers travel on the stack.
(module
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64 i64)
    (local.get 8) (local.get 7) (local.get 6) (local.get 5))
  (func (result i64)
    (call $many
      (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))
    (drop) (drop) (drop)))

;; function 0 "many":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x80
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   stur x15, [x29, #-0x10]
;;   ldr x0, [x29, #0x10]
;;   stur x0, [x29, #-0x60]
;;   stur x7, [x29, #-0x68]
;;   stur x6, [x29, #-0x70]
;;   stur x5, [x29, #-0x78]
;;   ldur x15, [x29, #-0x10]
;;   ldur x16, [x29, #-0x78]
;;   str x16, [x15]
;;   ldur x8, [x29, #-0x60]
;;   ldur x9, [x29, #-0x68]
;;   ldur x10, [x29, #-0x70]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x20
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x60
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   sub sp, sp, #0x10
;;   mov w16, #0x8
;;   str x16, [sp]
;;   mov w0, #0x0
;;   mov w1, #0x1
;;   mov w2, #0x2
;;   mov w3, #0x3
;;   mov w4, #0x4
;;   mov w5, #0x5
;;   mov w6, #0x6
;;   mov w7, #0x7
;;   sub x15, x29, #0x40
;;   bl <function 0 "many">                  ; call $many
;;   ldur x28, [x29, #-0x8]
;;   ldur x16, [x29, #-0x40]
;;   stur x16, [x29, #-0x30]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
