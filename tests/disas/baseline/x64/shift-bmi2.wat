;;! cpu = bmi2
;; With BMI2 the count may be in any register.
(module
  (func (param i32 i32) (result i32)
    (i32.shl (local.get 0) (local.get 1))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   shlx eax, esi, edi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
