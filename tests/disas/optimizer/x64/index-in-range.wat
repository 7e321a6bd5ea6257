;;! memory = checked
;; A byte times four is less than the memory's smallest length; a word is not.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (i32.add
      (i32.load offset=256 (i32.shl (i32.and (local.get 0) (i32.const 255)) (i32.const 2)))
      (i32.load (local.get 1)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+0x30]
;;   and esi, 0xff
;;   shl esi, 2
;;   mov eax, [r15+rsi+0x100]                ; i32.load offset=256 (trap: out of bounds memory access)
;;   xor r11d, r11d
;;   cmp [r14+0x38], rdi
;;   jb L2
;;   cmovb rdi, r11
;;   add eax, [r15+rdi]                      ; i32.load (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;; L2:
;;   ud2                                     ; i32.load (trap: out of bounds memory access)
