;; Float constants are behind the code, and operands.
(module
  (func (param f64) (result f64)
    (f64.add (f64.mul (local.get 0) (f64.const 1.1)) (f64.const 0x1.23456789abcdep3))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mulsd xmm0, [rip+L2]
;;   movaps xmm8, xmm0
;;   addsd xmm8, [rip+L3]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;   int3
;;   int3
;;   int3
;;   int3
;;   int3
;;   int3
;; L2:
;;   .constant 0x3ff199999999999a
;; L3:
;;   .constant 0x40223456789abcde
