;; Where the first half of a condition is not met, the second branch is not gone through.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (if (result i32)
      (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
        (then (i32.ne (i32.load (local.get 0)) (local.get 1)))
        (else (i32.const 0)))
      (then (i32.load offset=4 (local.get 0)))
      (else (i32.load offset=8 (local.get 1))))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov r15, [r14+8]
;;   cmp esi, edi
;;   jae L1
;;   mov r8d, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   cmp edi, r8d
;;   je L1
;;   mov eax, [r15+rsi+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   jmp L2
;; L1:
;;   mov eax, [r15+rdi+8]                    ; i32.load offset=8 (trap: out of bounds memory access)
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
