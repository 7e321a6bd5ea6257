;;! memory = checked
;; What was found in bounds before a loop is in bounds in it, whatever the loop stores.
(module
  (memory 1)
  (func (param i32 i32)
    (i32.store offset=4 (local.get 0) (i32.const 0))
    (loop
      (i32.store (local.get 0) (local.get 1))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov r15, [r14+0x30]
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L4
;;   cmovb rsi, r11
;;   mov dword ptr [r15+rsi+4], 0            ; i32.store offset=4 (trap: out of bounds memory access)
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   mov [r15+rsi], edi                      ; i32.store (trap: out of bounds memory access)
;;   lea r12d, [rdi-1]
;;   test r12d, r12d
;;   je L2
;;   mov [r15+rsi], r12d                     ; (trap: out of bounds memory access)
;;   lea eax, [rdi-2]
;;   test eax, eax
;;   je L2
;;   mov [r15+rsi], eax                      ; (trap: out of bounds memory access)
;;   lea eax, [rdi-3]
;;   test eax, eax
;;   je L2
;;   mov [r15+rsi], eax                      ; (trap: out of bounds memory access)
;;   add edi, 0xfffffffc
;;   jne short L1
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
;; L4:
;;   ud2                                     ; i32.store offset=4 (trap: out of bounds memory access)
;; L5:
;;   ud2                                     ; loop (trap: interrupt)
