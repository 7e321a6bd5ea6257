;; A loop that turns three times, as constants say, is no loop: its counter becomes three constants.
(module
  (memory 1)
  (func (param i32) (result i32) (local i32 i32)
    (loop
      (local.set 2 (i32.add (local.get 2)
        (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2))))))
      (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 3))))
    (local.get 2)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov edi, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   lea r12d, [rsi+4]
;;   mov r9d, [r15+r12]                      ; (trap: out of bounds memory access)
;;   lea r12d, [rsi+8]
;;   mov r10d, [r15+r12]                     ; (trap: out of bounds memory access)
;;   lea r12d, [rdi+r9]
;;   lea eax, [r12+r10]
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
