;; The trapping truncation looks for its reason out of line; the saturating one never traps.
(module
  (func (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (param f64) (result i32) (i32.trunc_sat_f64_u (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   cvttsd2si rax, xmm0
;;   movsxd r11, eax
;;   cmp r11, rax
;;   je short L1
;;   ucomisd xmm0, xmm0
;;   jp L3
;;   jmp L4
;; L1:
;;   mov eax, eax
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; i32.trunc_f64_s (trap: invalid conversion to integer)
;; L4:
;;   ud2                                     ; (trap: integer overflow)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   cvttsd2si rax, xmm0
;;   mov r11d, eax
;;   cmp r11, rax
;;   je short L1
;;   xorps xmm15, xmm15
;;   mov eax, 0
;;   ucomisd xmm0, xmm15
;;   jp short L1
;;   jbe short L1
;;   mov eax, 0xffffffff
;; L1:
;;   mov eax, eax
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
