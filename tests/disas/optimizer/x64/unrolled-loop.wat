;; A small loop has two turns, each with its test.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (loop
      (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1)))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (local.get 1))))
    (local.get 0)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   mov r15, [r14+8]
;;   mov rax, rsi
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   mov r9, rdi
;;   add r9d, [r15+rax]                      ; i32.load (trap: out of bounds memory access)
;;   mov [r15+rax], r9d                      ; i32.store (trap: out of bounds memory access)
;;   lea r9d, [rax+4]
;;   cmp r9d, edi
;;   jb L2
;;   mov rax, r9
;;   jmp L3
;; L2:
;;   mov r13, rdi
;;   add r13d, [r15+r9]                      ; i32.load (trap: out of bounds memory access)
;;   mov [r15+r9], r13d                      ; i32.store (trap: out of bounds memory access)
;;   add eax, 8
;;   cmp eax, edi
;;   jb short L1
;; L3:
;;   leave
;;   ret
;; L4:
;;   ud2                                     ; (trap: call stack exhausted)
;; L5:
;;   ud2                                     ; loop (trap: interrupt)
