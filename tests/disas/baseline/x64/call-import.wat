;; An import is called through its code and vmctx pointers.
(module
  (import "host" "function" (func $import (param i32) (result i32)))
  (func (param i32) (result i32) (call $import (local.get 0))))

;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov [rbp-0x18], esi
;;   mov rax, [r14+0x30]
;;   mov r14, [r14+0x38]
;;   call rax                                ; call $import
;;   mov r14, [rbp-8]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
