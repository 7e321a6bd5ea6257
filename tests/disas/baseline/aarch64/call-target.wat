;; What an indirect call calls is compared with its word in the vmctx; what is new is noted out of line.
;;! tier-up = 100000
;;! interruptible = off
(module
  (type $t (func))
  (table 4 funcref)
  (elem declare func $f)
  (func $f (param i32) (call_indirect (type $t) (local.get 0))))

;; function 0 "f":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x20
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L7
;;   add x16, x28, #0x60
;;   mov w17, #0xeea3
;;   movk w17, #0x3, lsl #16
;;   ldr w8, [x16]
;;   adds w8, w8, w17
;;   str w8, [x16]
;;   b.hs L3
;; L1:
;;   ldr x16, [x28, #0x38]
;;   cmp x0, x16
;;   b.hs L8
;;   csel x8, x0, xzr, lo
;;   csdb
;;   ldr x16, [x28, #0x30]
;;   add x8, x16, x8, lsl #5
;;   ldr w9, [x8, #0x10]
;;   ldr w10, [x28, #0x40]
;;   cmp w9, w10
;;   b.ne L4
;;   ldr w9, [x8, #0x18]
;;   ldr w10, [x28, #0x74]
;;   cmp w9, w10
;;   b.ne L5
;; L2:
;;   ldr x9, [x8]
;;   ldr x8, [x8, #0x8]
;;   stur w0, [x29, #-0x18]
;;   mov x28, x8
;;   blr x9                                  ; call_indirect (type $t)
;;   ldur x28, [x29, #-0x8]
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L3:
;;   mov w17, #0x0
;;   ldr x16, [x28, #0x10]
;;   ldr x16, [x16, #0x68]
;;   blr x16                                 ; local.get 0
;;   b L1
;; L4:
;;   cmp w9, #0x0
;;   b.eq L9
;;   brk #0xc0de                             ; call_indirect (type $t) (trap: indirect call type mismatch)
;; L5:
;;   cmp w10, #0x0
;;   b.eq L6
;;   mov w9, #0x1
;; L6:
;;   str w9, [x28, #0x74]
;;   b L2
;; L7:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L8:
;;   brk #0xc0de                             ; call_indirect (type $t) (trap: undefined element)
;; L9:
;;   brk #0xc0de                             ; (trap: uninitialized element)
