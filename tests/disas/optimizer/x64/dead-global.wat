;; Of two assignments with nothing between them that could be left, the second one is made. The load may trap.
(module
  (memory 1)
  (global $sp (mut i32) (i32.const 4096))
  (func (param i32) (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (global.set $sp (i32.add (global.get $sp) (local.get 0)))
    (i32.load (local.get 0))
    (global.set $sp (i32.const 7))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov edi, [r14+0x40]
;;   add edi, 0xfffffff0
;;   add edi, esi
;;   mov [r14+0x40], edi
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   mov edi, 7
;;   mov [r14+0x40], edi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
