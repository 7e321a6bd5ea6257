;; An inner loop and the one around it both end with their tests, each in one piece.
(module
  (memory 1)
  (func (param i32 i32) (local i32)
    (block $end
      (loop $outer
        (br_if $end (i32.eqz (local.get 0)))
        (i32.store (local.get 0) (local.get 1))
        (local.set 2 (local.get 1))
        (block $out
          (loop $inner
            (br_if $out (i32.eqz (i32.load (local.get 2))))
            (local.set 2 (i32.load offset=4 (local.get 2)))
            (br $inner)))
        (local.set 0 (i32.load offset=8 (local.get 0)))
        (br $outer)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L6
;;   mov r15, [r14+8]
;;   jmp L5
;; L1:
;;   mov [r15+rsi], edi                      ; i32.store (trap: out of bounds memory access)
;;   mov rax, rdi
;;   jmp L3
;; L2:
;;   mov eax, [r15+rax+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   mov ecx, [r15+rax]                      ; i32.load (trap: out of bounds memory access)
;;   test ecx, ecx
;;   je L4
;;   mov eax, [r15+rax+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   mov ecx, [r15+rax]                      ; i32.load (trap: out of bounds memory access)
;;   test ecx, ecx
;;   je L4
;;   mov eax, [r15+rax+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   mov ecx, [r15+rax]                      ; i32.load (trap: out of bounds memory access)
;;   test ecx, ecx
;;   je L4
;;   mov eax, [r15+rax+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;; L3:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L7
;;   mov ecx, [r15+rax]                      ; i32.load (trap: out of bounds memory access)
;;   test ecx, ecx
;;   jne short L2
;; L4:
;;   mov esi, [r15+rsi+8]                    ; i32.load offset=8 (trap: out of bounds memory access)
;; L5:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L8
;;   test esi, esi
;;   jne short L1
;;   leave
;;   ret
;; L6:
;;   ud2                                     ; (trap: call stack exhausted)
;; L7:
;;   ud2                                     ; loop $inner (trap: interrupt)
;; L8:
;;   ud2                                     ; loop $outer (trap: interrupt)
