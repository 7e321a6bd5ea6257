;;! interruptible = off
;; The body of a small function stands in place of its call, and another one's in it: nothing is called, and what is constant is folded.
(module
  (memory 1)
  (func $field (param i32 i32) (result i32) (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2)))))
  (func $third (param i32) (result i32) (call $field (local.get 0) (i32.const 3)))
  (func (param i32) (result i32) (i32.add (call $third (local.get 0)) (call $field (local.get 0) (i32.const 1)))))

;; function 0 "field":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x27, [x28, #0x8]
;;   add w2, w0, w1, lsl #2
;;   ldr w8, [x27, x2]                       ; i32.load (trap: out of bounds memory access)
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;;
;; function 1 "third":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x27, [x28, #0x8]
;;   add w2, w0, #0xc
;;   ldr w8, [x27, x2]                       ; i32.load (trap: out of bounds memory access)
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;;
;; function 2:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x27, [x28, #0x8]
;;   add w6, w0, #0xc
;;   ldr w3, [x27, x6]                       ; i32.load (trap: out of bounds memory access)
;;   add w6, w0, #0x4
;;   ldr w6, [x27, x6]                       ; i32.load (trap: out of bounds memory access)
;;   add w8, w3, w6
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
