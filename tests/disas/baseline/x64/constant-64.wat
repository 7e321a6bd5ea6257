;; A constant that fits in 32 bits is sign-extended, a larger one goes through a register.
(module
  (func (param i64) (result i64)
    (i64.xor
      (i64.and (local.get 0) (i64.const -16))
      (i64.const 0x123456789abcdef0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov rax, rsi
;;   and rax, 0xfffffffffffffff0
;;   mov rcx, 0x123456789abcdef0
;;   xor rax, rcx
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
