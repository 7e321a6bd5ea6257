;; Direct calls go to the jump table; what is needed afterwards is in its slot.
(module
  (func $callee (param i32 i64 f64) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (i32.add
      (local.get 0)
      (call $callee (local.get 0) (i64.const 1) (f64.const 2)))))

;; function 0 "callee":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   mov w8, w0
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;;
;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x40
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L1
;;   fmov d0, #2.0
;;   stur w0, [x29, #-0x18]
;;   mov w1, #0x1
;;   bl <function 0 "callee">                ; call $callee
;;   ldur x28, [x29, #-0x8]
;;   ldur w0, [x29, #-0x18]
;;   add w8, w8, w0
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
