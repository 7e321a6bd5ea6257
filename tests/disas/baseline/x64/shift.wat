;; A shift by a constant needs no particular register, one by a variable needs ecx.
(module
  (func (param i32 i32) (result i32)
    (i32.shl (i32.shr_u (local.get 0) (i32.const 3)) (local.get 1))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov eax, esi
;;   shr eax, 3
;;   mov r11, rax
;;   xchg rdi, rcx
;;   shl r11d, cl
;;   xchg rdi, rcx
;;   mov rax, r11
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
