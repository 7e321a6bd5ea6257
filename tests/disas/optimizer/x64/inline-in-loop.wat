;;! interruptible = off
;; An inlined body returns from its middle, and its locals are zero each time round the loop.
(module
  (memory 1)
  (func $next (param i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get 0)) (then (return (local.get $n))))
    (local.set $n (i32.load (local.get 0)))
    (i32.mul (local.get $n) (local.get $n)))
  (func (param i32) (result i32)
    (loop $loop (result i32)
      (br_if $loop (local.tee 0 (call $next (local.get 0))))
      (local.get 0))))

;; function 0 "next":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r15, [r14+8]
;;   test esi, esi
;;   jne L1
;;   mov eax, 0
;;   leave
;;   ret
;; L1:
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   imul eax, eax
;;   leave
;;   ret
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r15, [r14+8]
;;   mov rax, rsi
;; L1:
;;   test eax, eax
;;   jne L2
;;   mov eax, 0
;;   jmp L6
;; L2:
;;   mov eax, [r15+rax]                      ; i32.load (trap: out of bounds memory access)
;;   imul eax, eax
;;   test eax, eax
;;   je L6
;;   test eax, eax
;;   jne L3
;;   mov eax, 0
;;   jmp L6
;; L3:
;;   mov eax, [r15+rax]                      ; (trap: out of bounds memory access)
;;   imul eax, eax
;;   test eax, eax
;;   je L6
;;   test eax, eax
;;   jne L4
;;   mov eax, 0
;;   jmp L6
;; L4:
;;   mov eax, [r15+rax]                      ; (trap: out of bounds memory access)
;;   imul eax, eax
;;   test eax, eax
;;   je L6
;;   test eax, eax
;;   jne L5
;;   mov eax, 0
;;   jmp L6
;; L5:
;;   mov eax, [r15+rax]                      ; (trap: out of bounds memory access)
;;   imul eax, eax
;;   test eax, eax
;;   jne short L1
;; L6:
;;   leave
;;   ret
