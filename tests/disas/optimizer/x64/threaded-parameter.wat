;; What was tested is used behind the branch: on the way past the test it is the constant.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (local.set 2
      (if (result i32) (i32.lt_u (local.get 0) (local.get 1))
        (then (i32.load (local.get 0)))
        (else (i32.const 5))))
    (if (result i32) (i32.lt_u (local.get 2) (i32.const 6))
      (then (i32.add (local.get 2) (i32.load offset=4 (local.get 0))))
      (else (local.get 2)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   mov r15, [r14+8]
;;   cmp esi, edi
;;   jae L1
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   jmp L2
;; L1:
;;   mov eax, 5
;;   jmp L3
;; L2:
;;   cmp eax, 6
;;   jae L4
;; L3:
;;   add eax, [r15+rsi+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;; L4:
;;   leave
;;   ret
;; L5:
;;   ud2                                     ; (trap: call stack exhausted)
