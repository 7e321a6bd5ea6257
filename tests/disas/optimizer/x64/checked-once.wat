;;! memory = checked
;; An index is compared with the memory's length once, also behind stores.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.load offset=4 (local.get 0)))
    (if (local.get 1) (then (i32.store offset=8 (local.get 0) (local.get 1))))
    (i32.load offset=12 (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   mov r15, [r14+0x30]
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L3
;;   cmovb rsi, r11
;;   mov r8d, [r15+rsi+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   mov [r15+rsi], r8d                      ; i32.store (trap: out of bounds memory access)
;;   test edi, edi
;;   je L1
;;   mov [r15+rsi+8], edi                    ; i32.store offset=8 (trap: out of bounds memory access)
;; L1:
;;   mov eax, [r15+rsi+0xc]                  ; i32.load offset=12 (trap: out of bounds memory access)
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; i32.load offset=4 (trap: out of bounds memory access)
