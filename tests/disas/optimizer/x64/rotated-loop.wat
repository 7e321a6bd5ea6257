;; A loop that is tested at its top ends with the test: one branch a turn.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (block
      (loop
        (br_if 1 (i32.ge_u (local.get 0) (local.get 1)))
        (local.set 2 (i32.add (local.get 2) (i32.load (local.get 0))))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (br 0)))
    (local.get 2)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   mov r15, [r14+8]
;;   mov eax, 0
;;   jmp L2
;; L1:
;;   mov r13d, [r15+rsi]                     ; i32.load (trap: out of bounds memory access)
;;   add eax, r13d
;;   lea r13d, [rsi+4]
;;   cmp r13d, edi
;;   jae L3
;;   add esi, 8
;;   add eax, [r15+r13]                      ; (trap: out of bounds memory access)
;; L2:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   cmp esi, edi
;;   jb short L1
;; L3:
;;   leave
;;   ret
;; L4:
;;   ud2                                     ; (trap: call stack exhausted)
;; L5:
;;   ud2                                     ; loop (trap: interrupt)
