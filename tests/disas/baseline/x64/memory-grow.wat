;; The runtime is entered through a stub; the memory's base and length are read again afterwards.
(module
  (memory 1)
  (func (param i32) (result i32)
    (drop (memory.grow (local.get 0)))
    (i32.load (i32.const 0))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov [rbp-0x18], esi
;;   mov edx, esi
;;   mov esi, 0
;;   mov r11, [r14+0x10]
;;   call qword ptr [r11]                    ; memory.grow
;;   mov eax, eax
;;   mov eax, [r15]                          ; i32.load (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
