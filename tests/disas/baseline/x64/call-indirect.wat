;; Bounds, then signature, then the call: one load deep.
(module
  (type $t (func (param i32) (result i32)))
  (table 10 funcref)
  (func (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   cmp rdi, [r14+0x38]
;;   jae L3
;;   mov eax, edi
;;   mov r11d, 0
;;   cmovae rax, r11
;;   shl rax, 5
;;   add rax, [r14+0x30]
;;   mov ecx, [rax+0x10]
;;   mov edx, [r14+0x40]
;;   cmp ecx, edx
;;   jne L1
;;   mov rcx, [rax]
;;   mov rax, [rax+8]
;;   mov [rbp-0x18], esi
;;   mov [rbp-0x20], edi
;;   mov r14, rax
;;   call rcx                                ; call_indirect (type $t)
;;   mov r14, [rbp-8]
;;   leave
;;   ret
;; L1:
;;   test ecx, ecx
;;   je L4
;;   ud2                                     ; (trap: indirect call type mismatch)
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; call_indirect (type $t) (trap: undefined element)
;; L4:
;;   ud2                                     ; (trap: uninitialized element)
