;;! interruptible = off
;; An inlined body returns from its middle, and its locals are zero each time round the loop.
(module
  (memory 1)
  (func $next (param i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get 0)) (then (return (local.get $n))))
    (local.set $n (i32.load (local.get 0)))
    (i32.mul (local.get $n) (local.get $n)))
  (func (param i32) (result i32)
    (loop $loop (result i32)
      (br_if $loop (local.tee 0 (call $next (local.get 0))))
      (local.get 0))))

;; function 0 "next":
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x27, [x28, #0x8]
;;   cmp w0, #0x0
;;   b.ne L1
;;   mov w8, #0x0
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L1:
;;   ldr w5, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   mul w8, w5, w5
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;;
;; function 1:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x10
;;   stur x28, [x29, #-0x8]
;;   ldr x27, [x28, #0x8]
;;   mov x8, x0
;; L1:
;;   cmp w8, #0x0
;;   b.ne L2
;;   mov w8, #0x0
;;   b L6
;; L2:
;;   ldr w20, [x27, x8]                      ; i32.load (trap: out of bounds memory access)
;;   mul w8, w20, w20
;;   cmp w8, #0x0
;;   b.eq L6
;;   cmp w8, #0x0
;;   b.ne L3
;;   mov w8, #0x0
;;   b L6
;; L3:
;;   ldr w25, [x27, x8]                      ; (trap: out of bounds memory access)
;;   mul w8, w25, w25
;;   cmp w8, #0x0
;;   b.eq L6
;;   cmp w8, #0x0
;;   b.ne L4
;;   mov w8, #0x0
;;   b L6
;; L4:
;;   ldr w0, [x27, x8]                       ; (trap: out of bounds memory access)
;;   mul w8, w0, w0
;;   cmp w8, #0x0
;;   b.eq L6
;;   cmp w8, #0x0
;;   b.ne L5
;;   mov w8, #0x0
;;   b L6
;; L5:
;;   ldr w0, [x27, x8]                       ; (trap: out of bounds memory access)
;;   mul w8, w0, w0
;;   cmp w8, #0x0
;;   b.ne L1
;; L6:
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
