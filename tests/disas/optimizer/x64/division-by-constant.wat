;; No division by a constant divides.
(module
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 10)))
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 7)))
  (func (param i32) (result i32) (i32.rem_s (local.get 0) (i32.const -3)))
  (func (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 8)))
  (func (param i64) (result i64) (i64.div_u (local.get 0) (i64.const 1000000007)))
  (func (param i64) (result i64) (i64.rem_s (local.get 0) (i64.const 5))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov edi, 0xcccccccd
;;   imul rsi, rdi
;;   shr rsi, 0x20
;;   mov rax, rsi
;;   shr eax, 3
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   imul rdi, rsi, 0x24924925
;;   shr rdi, 0x20
;;   sub esi, edi
;;   shr esi, 1
;;   lea eax, [rsi+rdi]
;;   shr eax, 2
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 2:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   movsxd r10, esi
;;   imul r8, r10, 0x55555556
;;   shr r8, 0x20
;;   mov r12, rsi
;;   shr r12d, 0x1f
;;   lea r10d, [r8+r12]
;;   mov r9d, 0
;;   sub r9d, r10d
;;   imul r10d, r9d, 0xfffffffd
;;   mov rax, rsi
;;   sub eax, r10d
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 3:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov rbx, rsi
;;   sar ebx, 0x1f
;;   shr ebx, 0x1d
;;   lea eax, [rbx+rsi]
;;   sar eax, 3
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 4:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov rdi, 0x89705f3112a28fe5
;;   mov rax, rsi
;;   mul rdi
;;   mov rax, rdx
;;   shr rax, 0x1d
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 5:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r8, 0x6666666666666667
;;   mov rax, rsi
;;   imul r8
;;   sar rdx, 1
;;   mov r9, rsi
;;   shr r9, 0x3f
;;   lea r8, [rdx+r9]
;;   imul r8, 5
;;   mov rax, rsi
;;   sub rax, r8
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
