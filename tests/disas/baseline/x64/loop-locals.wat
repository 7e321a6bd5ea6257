;; Locals stay in registers around a loop.
(module
  (func (param i32) (result i32)
    (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if 0 (local.get 0)))
    (local.get 1)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   xor edi, edi
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   add edi, esi
;;   sub esi, 1
;;   test esi, esi
;;   jne short L1
;;   mov eax, edi
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; loop (trap: interrupt)
