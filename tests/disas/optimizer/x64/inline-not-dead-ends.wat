;;! interruptible = off
;; A call that does not return is not worth its callee's body.
(module
  (global $code (mut i32) (i32.const 0))
  (func $fail (param i32) (global.set $code (local.get 0)))
  (func (param i32)
    (if (local.get 0) (then (call $fail (i32.const 1)) unreachable))))

;; function 0 "fail":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov [r14+0x30], esi
;;   leave
;;   ret
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   test esi, esi
;;   jne L1
;;   leave
;;   ret
;; L1:
;;   mov esi, 1
;;   call <function 0 "fail">                ; call $fail
;;   ud2                                     ; unreachable (trap: unreachable)
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
