;; A comparison and the branch that uses it are one pair of instructions.
(module
  (func (param i32 i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
      (then (local.get 0))
      (else (local.get 1)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   cmp esi, edi
;;   jae L1
;;   mov eax, esi
;;   jmp L2
;; L1:
;;   mov eax, edi
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
