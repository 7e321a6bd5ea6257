;; A mask compared with zero is a `test`.
(module
  (func (param i32)
    (block
      (br_if 0 (i32.eqz (i32.and (local.get 0) (i32.const 8))))
      (unreachable))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   test sil, 8
;;   je L1
;;   ud2                                     ; unreachable (trap: unreachable)
;; L1:
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
