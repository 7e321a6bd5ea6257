;; A loop's parameter that most ways round leave as it is lives in the frame: only the way that changes it stores it.
(module
  (func $next (import "" "next") (result i32))
  (func (param $seldom i32) (result i32)
    (local $case i32)
    (loop $loop (result i32)
      (local.set $case (call $next))
      (br_if $loop (i32.eq (local.get $case) (i32.const 1)))
      (br_if $loop (i32.eq (local.get $case) (i32.const 2)))
      (br_if $loop (i32.eq (local.get $case) (i32.const 3)))
      (if (i32.eq (local.get $case) (i32.const 4))
        (then
          (local.set $seldom (i32.add (local.get $seldom) (i32.const 5)))
          (br $loop)))
      (br_if $loop (i32.eq (local.get $case) (i32.const 6)))
      (br_if $loop (i32.eq (local.get $case) (i32.const 7)))
      (br_if $loop (i32.eq (local.get $case) (i32.const 8)))
      (local.get $seldom))))

;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x18
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L3
;;   mov [rbp-0x18], rsi
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   mov rax, [r14+0x30]
;;   mov r9, [r14+0x38]
;;   mov r14, r9
;;   call rax                                ; call $next
;;   mov r14, [rbp-8]
;;   cmp eax, 1
;;   je short L1
;;   cmp eax, 2
;;   je short L1
;;   cmp eax, 3
;;   je short L1
;;   mov r13, [rbp-0x18]
;;   mov rdi, r13
;;   cmp eax, 4
;;   jne L2
;;   mov rax, rdi
;;   add eax, 5
;;   mov [rbp-0x18], rax
;;   jmp short L1
;; L2:
;;   cmp eax, 6
;;   je short L1
;;   cmp eax, 7
;;   je short L1
;;   cmp eax, 8
;;   je short L1
;;   mov rax, rdi
;;   leave
;;   ret
;; L3:
;;   ud2                                     ; (trap: call stack exhausted)
;; L4:
;;   ud2                                     ; loop $loop (result i32) (trap: interrupt)
