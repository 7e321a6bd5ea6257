;; A constant becomes an immediate.
(module
  (func (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 42))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   lea eax, [rsi+0x2a]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
