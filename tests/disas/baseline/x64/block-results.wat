;; Two edges meet with two results: a parallel move.
(module
  (func (param i32 i32) (result i32 i32)
    (block (result i32 i32)
      (local.get 1)
      (local.get 0)
      (br_if 0 (local.get 0))
      (drop)
      (i32.const 5))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x38
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov [rbp-0x28], edi
;;   mov [rbp-0x30], esi
;;   test esi, esi
;;   je L1
;;   jmp L2
;; L1:
;;   mov dword ptr [rbp-0x30], 5
;; L2:
;;   mov eax, [rbp-0x28]
;;   mov edx, [rbp-0x30]
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
