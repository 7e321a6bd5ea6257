;; The decrement's own flags decide; bits are tested without a mask being computed.
(module
  (func (param i32 i32) (result i32)
    (block
      (br_if 0 (i32.eqz (i32.and (local.get 1) (i32.const 12))))
      (loop
        (local.set 1 (i32.mul (local.get 1) (local.get 1)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (local.get 1)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   test dil, 0xc
;;   jne L1
;;   mov rax, rdi
;;   jmp L3
;; L1:
;;   mov rax, rdi
;; L2:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   imul eax, eax
;;   lea ecx, [rsi-1]
;;   test ecx, ecx
;;   je L3
;;   lea ecx, [rsi-2]
;;   imul eax, eax
;;   test ecx, ecx
;;   je L3
;;   lea ecx, [rsi-3]
;;   imul eax, eax
;;   test ecx, ecx
;;   je L3
;;   add esi, 0xfffffffc
;;   imul eax, eax
;;   test esi, esi
;;   jne short L2
;; L3:
;;   leave
;;   ret
;; L4:
;;   ud2                                     ; (trap: call stack exhausted)
;; L5:
;;   ud2                                     ; loop (trap: interrupt)
