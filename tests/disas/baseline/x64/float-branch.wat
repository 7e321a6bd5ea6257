;; An unordered comparison sets the parity flag: NaN is not equal to itself.
(module
  (func (param f64) (result i32)
    (if (result i32) (f64.eq (local.get 0) (local.get 0))
      (then (i32.const 1))
      (else (i32.const 0)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   ucomisd xmm0, xmm0
;;   jp L1
;;   jne L1
;;   mov eax, 1
;;   jmp L2
;; L1:
;;   mov eax, 0
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
