;; What an indirect call calls is compared with its word in the vmctx; what is new is noted out of line.
;;! tier-up = 100000
;;! interruptible = off
(module
  (type $t (func))
  (table 4 funcref)
  (elem declare func $f)
  (func $f (param i32) (call_indirect (type $t) (local.get 0))))

;; function 0 "f":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L7
;;   add dword ptr [r14+0x60], 0x3eea3
;;   jb L3
;; L1:
;;   cmp rsi, [r14+0x38]
;;   jae L8
;;   mov eax, esi
;;   mov r11d, 0
;;   cmovae rax, r11
;;   shl rax, 5
;;   add rax, [r14+0x30]
;;   mov ecx, [rax+0x10]
;;   mov edx, [r14+0x40]
;;   cmp ecx, edx
;;   jne L4
;;   mov ecx, [rax+0x18]
;;   mov edx, [r14+0x74]
;;   cmp ecx, edx
;;   jne L5
;; L2:
;;   mov rcx, [rax]
;;   mov rax, [rax+8]
;;   mov [rbp-0x18], esi
;;   mov r14, rax
;;   call rcx                                ; call_indirect (type $t)
;;   mov r14, [rbp-8]
;;   leave
;;   ret
;; L3:
;;   mov r11d, 0
;;   mov rax, [r14+0x10]
;;   call qword ptr [rax+0x68]               ; local.get 0
;;   jmp short L1
;; L4:
;;   test ecx, ecx
;;   je L9
;;   ud2                                     ; call_indirect (type $t) (trap: indirect call type mismatch)
;; L5:
;;   test edx, edx
;;   je L6
;;   mov ecx, 1
;; L6:
;;   mov [r14+0x74], ecx
;;   jmp short L2
;; L7:
;;   ud2                                     ; (trap: call stack exhausted)
;; L8:
;;   ud2                                     ; call_indirect (type $t) (trap: undefined element)
;; L9:
;;   ud2                                     ; (trap: uninitialized element)
