;;! cpu = popcnt
(module
  (func (param i32) (result i32) (i32.popcnt (local.get 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   popcnt eax, esi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
