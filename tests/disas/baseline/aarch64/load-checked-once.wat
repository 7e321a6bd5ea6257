;;! memory = checked
;; The access is compared with the memory's length, and masked against speculation.
(module
  (memory 1)
  (func (param $p i32) (param $n i32) (result i32)
    ;; One check serves the accesses at $p, in the loop too, which does not assign it; after the assignment there is another.
    (i32.store offset=4 (local.get $p) (i32.load (local.get $p)))
    (loop $again
      (i32.store offset=8 (local.get $p) (local.get $n))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $p (i32.add (local.get $p) (local.get $n)))
    (i32.add (i32.load (local.get $p)) (i32.load (i32.const 4096)))))

;; function 0:
;;   stp x29, x30, [sp, #-0x10]!
;;   mov x29, sp
;;   sub sp, sp, #0x30
;;   stur x28, [x29, #-0x8]
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L2
;;   ldr x27, [x28, #0x30]
;;   ldr x16, [x28, #0x38]
;;   cmp x0, x16
;;   b.hi L3
;;   csel x0, x0, xzr, ls
;;   csdb
;;   ldr w2, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   add x17, x27, x0
;;   str w2, [x17, #0x4]                     ; i32.store offset=4 (trap: out of bounds memory access)
;; L1:
;;   ldr x16, [x28]
;;   ldr x16, [x16]
;;   cmp sp, x16
;;   b.ls L4
;;   add x17, x27, x0
;;   str w1, [x17, #0x8]                     ; i32.store offset=8 (trap: out of bounds memory access)
;;   sub w1, w1, #0x1
;;   cmp w1, #0x0
;;   b.ne L1
;;   add w0, w0, w1
;;   ldr x16, [x28, #0x38]
;;   cmp x0, x16
;;   b.hi L5
;;   csel x0, x0, xzr, ls
;;   csdb
;;   ldr w2, [x27, x0]                       ; i32.load (trap: out of bounds memory access)
;;   ldr w3, [x27, #0x1000]                  ; i32.load (trap: out of bounds memory access)
;;   add w2, w2, w3
;;   mov w8, w2
;;   mov sp, x29
;;   ldp x29, x30, [sp], #0x10
;;   ret
;; L2:
;;   brk #0xc0de                             ; (trap: call stack exhausted)
;; L3:
;;   brk #0xc0de                             ; i32.load (trap: out of bounds memory access)
;; L4:
;;   brk #0xc0de                             ; loop $again (trap: interrupt)
;; L5:
;;   brk #0xc0de                             ; i32.load (trap: out of bounds memory access)
