;; What was stored or loaded is known, until something may have changed it.
(module
  (memory 1)
  (global $sp (mut i32) (i32.const 4096))
  (func (param i32 i32) (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (i32.store offset=8 (global.get $sp) (local.get 1))
    (i32.store offset=12 (global.get $sp) (local.get 0))
    (i32.add (i32.load offset=8 (global.get $sp)) (i32.load (local.get 0)))
    (i32.store (local.get 1) (i32.const 1))
    (i32.add (i32.load offset=8 (global.get $sp)))))

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
;;   ldr w8, [x28, #0x40]
;;   sub w7, w8, #0x10
;;   str w7, [x28, #0x40]
;;   add x17, x27, x7
;;   str w1, [x17, #0x8]                     ; i32.store offset=8 (trap: out of bounds memory access)
;;   add x17, x27, x7
;;   str w0, [x17, #0xc]                     ; i32.store offset=12 (trap: out of bounds memory access)
;;   ldr w9, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   mov w16, #0x1
;;   str w16, [x27, x1]                      ; i32.store (trap: out of bounds memory access)
;;   add x17, x27, x7
;;   ldr w10, [x17, #0x8]                    ; i32.load offset=8 (trap: out of bounds memory access)
;;   add w11, w9, w1
;;   add w8, w11, w10
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
