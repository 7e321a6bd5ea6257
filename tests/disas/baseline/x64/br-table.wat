;; A table of offsets in the code, the index bounded first.
(module
  (func (param i32) (result i32)
    (block
      (block
        (block
          (br_table 0 1 2 (local.get 0)))
        (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   mov eax, esi
;;   cmp eax, 2
;;   jae L4
;;   mov ecx, 0
;;   cmovae eax, ecx
;;   lea r11, [rip+L1]
;;   lea r11, [r11+rax*4]
;;   movsxd rax, [r11]
;;   lea r11, [r11+rax+4]
;;   jmp r11
;; L1:
;;   .branch L2
;;   .branch L3
;; L2:
;;   mov eax, 0xa
;;   leave
;;   ret
;; L3:
;;   mov eax, 0x14
;;   leave
;;   ret
;; L4:
;;   mov eax, 0x1e
;;   leave
;;   ret
;; L5:
;;   ud2                                     ; (trap: call stack exhausted)
