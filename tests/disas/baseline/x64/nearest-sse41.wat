;;! cpu = sse4.1
(module
  (func (param f32) (result f32) (f32.nearest (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   movaps xmm1, xmm0
;;   roundss xmm1, xmm1, 8
;;   movaps xmm8, xmm1
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
