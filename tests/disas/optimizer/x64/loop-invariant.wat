;; The product is computed before the loop; the loop is tested at its end.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (loop
      (local.set 2 (i32.add (local.get 2) (i32.load offset=8 (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.mul (local.get 1) (local.get 1))))
      (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
    (local.get 2)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov r15, [r14+8]
;;   mov r8, rdi
;;   imul r8d, edi
;;   mov eax, 0
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   add eax, [r15+rsi+8]                    ; i32.load offset=8 (trap: out of bounds memory access)
;;   lea r12d, [rsi+r8]
;;   cmp r12d, edi
;;   jae L2
;;   lea esi, [r8+r12]
;;   add eax, [r15+r12+8]                    ; (trap: out of bounds memory access)
;;   cmp esi, edi
;;   jb short L1
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
;; L4:
;;   ud2                                     ; loop (trap: interrupt)
