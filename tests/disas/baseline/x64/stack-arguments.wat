;; Arguments and results beyond the registers travel on the stack.
(module
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64 i64)
    (local.get 8) (local.get 7) (local.get 6) (local.get 5))
  (func (result i64)
    (call $many
      (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))
    (drop) (drop) (drop)))

;; function 0 "many":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x78
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov [rbp-0x10], r10
;;   mov rsi, [rbp+0x10]
;;   mov rdi, [rbp+0x18]
;;   mov [rbp-0x60], rdi
;;   mov [rbp-0x68], rsi
;;   mov [rbp-0x70], r13
;;   mov [rbp-0x78], r12
;;   mov r10, [rbp-0x10]
;;   mov r11, [rbp-0x78]
;;   mov [r10], r11
;;   mov rax, [rbp-0x60]
;;   mov rdx, [rbp-0x68]
;;   mov rcx, [rbp-0x70]
;;   leave
;;   ret 0x10
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x58
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   sub rsp, 0x10
;;   mov r11d, 7
;;   mov [rsp], r11
;;   mov r11d, 8
;;   mov [rsp+8], r11
;;   mov esi, 0
;;   mov edi, 1
;;   mov ebx, 2
;;   mov r8d, 3
;;   mov r9d, 4
;;   mov r12d, 5
;;   mov r13d, 6
;;   lea r10, [rbp-0x40]
;;   call <function 0 "many">                ; call $many
;;   mov r14, [rbp-8]
;;   mov r11, [rbp-0x40]
;;   mov [rbp-0x30], r11
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
