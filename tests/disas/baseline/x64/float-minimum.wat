;; NaN and signed zeroes make `min` more than the CPU's own.
(module
  (func (param f64 f64) (result f64) (f64.min (local.get 0) (local.get 1))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   movaps xmm14, xmm0
;;   ucomisd xmm0, xmm1
;;   jne short L2
;;   jp short L1
;;   orps xmm14, xmm1
;;   jmp short L3
;; L1:
;;   addsd xmm14, xmm1
;;   jmp short L3
;; L2:
;;   minsd xmm14, xmm1
;; L3:
;;   movaps xmm2, xmm14
;;   movaps xmm8, xmm2
;;   leave
;;   ret
;; L4:
;;   ud2                                     ; (trap: call stack exhausted)
