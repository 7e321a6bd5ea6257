;;! interruptible = off
;; A loop that need not poll.
(module
  (func (param i32)
    (loop
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if 0 (local.get 0)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;; L1:
;;   sub esi, 1
;;   test esi, esi
;;   jne short L1
;;   leave
;;   ret
