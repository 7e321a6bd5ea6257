(module
  (func (param i32 i32) (result i32) (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2))))
  (func (param i64 i64) (result i64) (i64.add (i64.shl (local.get 1) (i64.const 3)) (local.get 0)))
  (func (param i32 i32) (result i32) (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 5)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   lea eax, [rsi+rdi*4]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   lea rax, [rsi+rdi*8]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 2:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   shl edi, 5
;;   lea eax, [rsi+rdi]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
