;; Rounding calls the runtime where the CPU has no instruction for it.
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
;;   movd eax, xmm0
;;   movss [rbp-0x18], xmm0
;;   mov esi, eax
;;   mov r11, [r14+0x10]
;;   call qword ptr [r11+0x90]               ; f32.nearest
;;   mov eax, eax
;;   movd xmm1, eax
;;   movaps xmm8, xmm1
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
