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
;;   jbe L2
;;   mov r15, [r14+0x30]
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L3
;;   cmovb rsi, r11
;;   mov dword ptr [r15+rsi+4], 0            ; i32.store offset=4 (trap: out of bounds memory access)
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   mov [r15+rsi], edi                      ; i32.store (trap: out of bounds memory access)
;;   add edi, 0xffffffff
;;   jne short L1
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; i32.store offset=4 (trap: out of bounds memory access)
;; L4:
;;   ud2                                     ; loop (trap: interrupt)
