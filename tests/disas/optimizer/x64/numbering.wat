;; Equal operations are one; what nobody needs is gone.
(module
  (func (param i32 i32) (result i32)
    (drop (i32.mul (local.get 0) (local.get 1)))
    (i32.mul
      (i32.xor (i32.add (local.get 0) (local.get 1)) (i32.const 5))
      (i32.add (local.get 1) (local.get 0)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   lea ebx, [rsi+rdi]
;;   mov rax, rbx
;;   xor eax, 5
;;   imul eax, ebx
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
