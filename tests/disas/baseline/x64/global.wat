;; A global of the module's own lies in the vmctx; an imported one behind a pointer.
(module
  (import "host" "global" (global $import (mut i32)))
  (global $own (mut i32) (i32.const 1))
  (func
    (global.set $own (i32.add (global.get $own) (i32.const 1)))
    (global.set $import (global.get $own))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov eax, [r14+0x40]
;;   add eax, 1
;;   mov [r14+0x40], eax
;;   mov eax, [r14+0x40]
;;   mov rcx, [r14+0x30]
;;   mov [rcx], eax
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
