;;! interruptible = off
;; Recursion is unrolled twice, and then calls.
(module
  (func $sum (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0)))))

;; function 0 "sum":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L7
;;   mov [rbp-0x18], rsi
;;   test esi, esi
;;   je L5
;;   lea eax, [rsi-1]
;;   mov [rbp-0x20], rax
;;   test eax, eax
;;   je L3
;;   lea eax, [rsi-2]
;;   mov [rbp-0x28], rax
;;   test eax, eax
;;   je L1
;;   add esi, 0xfffffffd
;;   call <function 0 "sum">                 ; call $sum
;;   add eax, [rbp-0x28]
;;   jmp L2
;; L1:
;;   mov eax, 0
;; L2:
;;   add eax, [rbp-0x20]
;;   jmp L4
;; L3:
;;   mov eax, 0
;; L4:
;;   add eax, [rbp-0x18]
;;   jmp L6
;; L5:
;;   mov eax, 0
;; L6:
;;   leave
;;   ret
;; L7:
;;   ud2                                     ; (trap: call stack exhausted)
