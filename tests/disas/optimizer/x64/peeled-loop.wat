;;! memory = checked
;; The first turn stands before the loop: the others know that the pointer is in bounds.
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local i32)
    (loop
      (local.set 2 (i32.rotl (i32.xor (i32.mul (local.get 2) (i32.const 37)) (i32.load (local.get 0))) (i32.const 9)))
      (local.set 2 (i32.add (i32.xor (local.get 2) (i32.shr_u (local.get 2) (i32.const 3))) (i32.const 77)))
      (local.set 2 (i32.rotl (i32.xor (i32.mul (local.get 2) (i32.const 41)) (local.get 1)) (i32.const 5)))
      (i32.store offset=4 (local.get 0) (local.get 2))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 2)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov r15, [r14+0x30]
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L4
;;   cmovb rsi, r11
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   rol eax, 9
;;   mov rcx, rax
;;   shr ecx, 3
;;   xor ecx, eax
;;   lea eax, [rcx+0x4d]
;;   imul eax, 0x29
;;   xor eax, edi
;;   rol eax, 5
;;   mov [r15+rsi+4], eax                    ; i32.store offset=4 (trap: out of bounds memory access)
;;   lea ecx, [rdi-1]
;;   test ecx, ecx
;;   je L2
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L5
;;   imul eax, 0x25
;;   xor eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   rol eax, 9
;;   mov rdx, rax
;;   shr edx, 3
;;   xor edx, eax
;;   lea eax, [rdx+0x4d]
;;   imul eax, 0x29
;;   xor eax, ecx
;;   rol eax, 5
;;   mov [r15+rsi+4], eax                    ; i32.store offset=4 (trap: out of bounds memory access)
;;   add ecx, 0xffffffff
;;   jne short L1
;; L2:
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
;; L4:
;;   ud2                                     ; i32.load (trap: out of bounds memory access)
;; L5:
;;   ud2                                     ; loop (trap: interrupt)
