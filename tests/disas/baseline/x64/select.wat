;; Integers are chosen without a branch.
(module
  (func (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (i32.gt_s (local.get 2) (i32.const 5)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x48
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   cmp ebx, 5
;;   mov eax, edi
;;   cmovg eax, esi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
