;; An offset beyond the guard is checked even in a guarded memory.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=0x10000000 (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   lea rax, [rsi+0x10000004]
;;   cmp [r14+0x38], rax
;;   jb L2
;;   lea rax, [rax-4]
;;   mov r11d, 0
;;   cmovb rax, r11
;;   mov eax, [r15+rax]                      ; i32.load offset=268435456 (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;; L2:
;;   ud2                                     ; i32.load offset=268435456 (trap: out of bounds memory access)
