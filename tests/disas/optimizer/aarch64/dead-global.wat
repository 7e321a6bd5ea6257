;; Of two assignments with nothing between them that could be left, the second one is made. The load may trap.
(module
  (memory 1)
  (global $sp (mut i32) (i32.const 4096))
  (func (param i32) (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (global.set $sp (i32.add (global.get $sp) (local.get 0)))
    (i32.load (local.get 0))
    (global.set $sp (i32.const 7))))

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
;;   ldr w6, [x28, #0x40]
;;   sub w6, w6, #0x10
;;   add w6, w6, w0
;;   str w6, [x28, #0x40]
;;   ldr w8, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   mov w7, #0x7
;;   str w7, [x28, #0x40]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
