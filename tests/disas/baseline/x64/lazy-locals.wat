;; `local.get` makes no code by itself; an assignment in between is what does.
(module
  (func (param i32 i32) (result i32)
    (local.get 0)
    (local.set 0 (local.get 1))
    (local.get 0)
    (i32.sub)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov eax, esi
;;   mov esi, edi
;;   sub eax, esi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
