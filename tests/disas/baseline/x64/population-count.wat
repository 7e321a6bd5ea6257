;; Without the instruction, bits are counted by arithmetic.
(module
  (func (param i32) (result i32) (i32.popcnt (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   push rcx
;;   mov r11, rsi
;;   mov rax, rsi
;;   shr r11d, 1
;;   mov ecx, 0x55555555
;;   and r11d, ecx
;;   sub eax, r11d
;;   mov r11, rax
;;   mov ecx, 0x33333333
;;   and eax, ecx
;;   shr r11d, 2
;;   and r11d, ecx
;;   add eax, r11d
;;   mov r11, rax
;;   shr r11d, 4
;;   add eax, r11d
;;   mov ecx, 0xf0f0f0f
;;   and eax, ecx
;;   mov ecx, 0x1010101
;;   imul eax, ecx
;;   shr eax, 0x18
;;   pop rcx
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
