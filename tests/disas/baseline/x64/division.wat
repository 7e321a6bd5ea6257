;; The fault of the CPU's own division is the trap; the one quotient that does not exist needs a test.
(module
  (func (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1)))
  (func (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 10))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   mov eax, esi
;;   test edi, edi
;;   je L3
;;   cmp edi, 0xffffffff
;;   jne short L1
;;   cmp eax, 1
;;   jo L4
;; L1:
;;   cdq
;;   idiv edi
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; i32.div_s (trap: integer divide by zero)
;; L4:
;;   ud2                                     ; (trap: integer overflow)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov eax, esi
;;   test edi, edi
;;   je L4
;;   cmp edi, 0xffffffff
;;   jne short L1
;;   xor edx, edx
;;   jmp short L2
;; L1:
;;   cdq
;;   idiv edi
;; L2:
;;   mov eax, edx
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
;; L4:
;;   ud2                                     ; i32.rem_s (trap: integer divide by zero)
;;
;; function 2:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov eax, 0xa
;;   mov ecx, eax
;;   mov eax, esi
;;   xor edx, edx
;;   div ecx
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
