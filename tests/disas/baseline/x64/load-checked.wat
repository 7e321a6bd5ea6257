;;! memory = checked
;; The access is compared with the memory's length, and masked against speculation.
(module
  (memory 1)
  (func (param i32) (result i32)
    (i32.load offset=16 (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+0x30]
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L2
;;   cmovb rsi, r11
;;   mov eax, [r15+rsi+0x10]                 ; i32.load offset=16 (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;; L2:
;;   ud2                                     ; i32.load offset=16 (trap: out of bounds memory access)
