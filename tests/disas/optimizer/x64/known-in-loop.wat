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
;;   jbe L3
;;   mov r15, [r14+8]
;;   mov r8d, [r14+0x40]
;;   mov [r15+r8], edi                       ; i32.store (trap: out of bounds memory access)
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   mov [r15+rsi+4], r8d                    ; i32.store offset=4 (trap: out of bounds memory access)
;;   lea r12d, [rsi-4]
;;   test r12d, r12d
;;   je L2
;;   mov [r15+r12+4], r8d                    ; (trap: out of bounds memory access)
;;   lea eax, [rsi-8]
;;   test eax, eax
;;   je L2
;;   mov [r15+rax+4], r8d                    ; (trap: out of bounds memory access)
;;   lea eax, [rsi-0xc]
;;   test eax, eax
;;   je L2
;;   mov [r15+rax+4], r8d                    ; (trap: out of bounds memory access)
;;   add esi, 0xfffffff0
;;   jne short L1
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
;; L4:
;;   ud2                                     ; loop (trap: interrupt)
