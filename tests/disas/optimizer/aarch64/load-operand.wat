;; A load that only the next operation needs is its operand; a store between them forbids that.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (i32.add (local.get 1) (i32.load offset=4 (local.get 0))))
  (func (param i32 f64) (result f64)
    (f64.sub (local.get 1) (f64.load (local.get 0))))
  (func (param i32 i32) (result i32)
    (i32.load (local.get 0))
    (i32.store (local.get 1) (i32.const 0))
    (local.get 1)
    (i32.sub)))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   ldr x27, [x28, #0x8]
;;   add x17, x27, x0
;;   ldr w3, [x17, #0x4]                     ; i32.load offset=4 (trap: out of bounds memory access)
;;   add w8, w1, w3
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
;;   ldr x27, [x28, #0x8]
;;   ldr d3, [x27, x0]                       ; f64.load (trap: out of bounds memory access)
;;   fsub d24, d0, d3
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
;;   ldr x27, [x28, #0x8]
;;   ldr w2, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   str wzr, [x27, x1]                      ; i32.store (trap: out of bounds memory access)
;;   sub w8, w2, w1
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
