;; A loop that only stores leaves globals as they were.
(module
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (func (param i32 i32)
    (i32.store (global.get $g) (local.get 1))
    (loop
      (i32.store offset=4 (local.get 0) (global.get $g))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   mov r15, [r14+8]
;;   mov ebx, [r14+0x40]
;;   mov [r15+rbx], edi                      ; i32.store (trap: out of bounds memory access)
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov [r15+rsi+4], ebx                    ; i32.store offset=4 (trap: out of bounds memory access)
;;   add esi, 0xfffffffc
;;   jne short L1
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; loop (trap: interrupt)
