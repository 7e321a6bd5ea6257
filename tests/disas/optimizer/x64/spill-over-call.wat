;; A value that is needed behind calls is stored once, and loaded once behind each.
(module
  (import "" "" (func $f))
  (func (param i32 i32) (result i32) (local i32)
    (local.set 2 (i32.mul (local.get 0) (local.get 1)))
    (call $f)
    (local.set 0 (i32.xor (i32.add (local.get 2) (i32.const 1)) (local.get 2)))
    (call $f)
    (i32.sub (local.get 0) (local.get 2))))

;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov [rbp-0x18], rsi
;;   mov [rbp-0x20], rdi
;;   mov rax, [r14+0x30]
;;   mov r12, [r14+0x38]
;;   mov r14, r12
;;   call rax                                ; call $f
;;   mov r14, [rbp-8]
;;   mov rax, [r14+0x30]
;;   mov r13, [r14+0x38]
;;   mov r14, r13
;;   call rax                                ; call $f
;;   mov r12, [rbp-0x18]
;;   imul r12d, [rbp-0x20]
;;   lea eax, [r12+1]
;;   xor eax, r12d
;;   sub eax, r12d
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
