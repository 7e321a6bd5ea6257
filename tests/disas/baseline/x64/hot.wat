;; A function that counts what it executes: at its entry, and in its loop, below which there is a constant.
;;! tier-up = 100000
;;! interruptible = off
(module
  (func (param i32 i64) (result i64)
    (i64.const 7)
    (loop (param i64) (result i64)
      (local.set 1 (i64.mul (local.get 1)))
      (local.get 1)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i64.const 9)
    (loop
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get 0) (i32.const 50))))
    (i64.add)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x38
;;   add dword ptr [r14+0x38], 0x1b866f
;;   jb L7
;; L1:
;;   mov qword ptr [rbp-0x28], 7
;; L2:
;;   add dword ptr [r14+0x3c], 0xb2421
;;   jb L8
;; L3:
;;   imul rdi, [rbp-0x28]
;;   sub esi, 1
;;   test esi, esi
;;   je L4
;;   mov r11, rdi
;;   mov [rbp-0x28], r11
;;   jmp short L2
;; L4:
;;   mov [rbp-0x28], rdi
;; L5:
;;   add dword ptr [r14+0x3c], 0x9d496
;;   jb L10
;; L6:
;;   add esi, 1
;;   cmp esi, 0x32
;;   jb short L5
;;   mov rax, [rbp-0x28]
;;   add rax, 9
;;   leave
;;   ret
;; L7:
;;   mov r11d, 0
;;   mov rax, [r14+0x10]
;;   call qword ptr [rax+0x68]               ; i64.const 7
;;   jmp short L1
;; L8:
;;   mov [rbp-0x18], esi
;;   mov [rbp-0x20], rdi
;;   mov esi, 0
;;   mov edx, 3
;;   mov ecx, 3
;;   mov r11, [r14+0x10]
;;   call qword ptr [r11+0x70]               ; loop (type 1) (param i64) (result i64)
;;   test rax, rax
;;   je L9
;;   jmp rax
;; L9:
;;   mov esi, [rbp-0x18]
;;   mov rdi, [rbp-0x20]
;;   jmp short L3
;; L10:
;;   mov [rbp-0x18], esi
;;   mov [rbp-0x20], rdi
;;   mov qword ptr [rbp-0x30], 9
;;   mov esi, 0
;;   mov edx, 0x18
;;   mov ecx, 0x18
;;   mov r11, [r14+0x10]
;;   call qword ptr [r11+0x70]               ; loop
;;   test rax, rax
;;   je L11
;;   jmp rax
;; L11:
;;   mov esi, [rbp-0x18]
;;   mov rdi, [rbp-0x20]
;;   jmp L6
