;; A constant is stored from the instruction.
(module
  (memory 1)
  (func (param i32)
    (i32.store8 offset=1 (local.get 0) (i32.const 7))
    (i64.store (local.get 0) (i64.const -1))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov byte ptr [r15+rsi+1], 7             ; i32.store8 offset=1 (trap: out of bounds memory access)
;;   mov qword ptr [r15+rsi], 0xffffffffffffffff; i64.store (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
