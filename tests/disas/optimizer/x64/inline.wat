;;! interruptible = off
;; The body of a small function stands in place of its call, and another one's in it: nothing is called, and what is constant is folded.
(module
  (memory 1)
  (func $field (param i32 i32) (result i32) (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2)))))
  (func $third (param i32) (result i32) (call $field (local.get 0) (i32.const 3)))
  (func (param i32) (result i32) (i32.add (call $third (local.get 0)) (call $field (local.get 0) (i32.const 1)))))

;; function 0 "field":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r15, [r14+8]
;;   lea edx, [rsi+rdi*4]
;;   mov eax, [r15+rdx]                      ; i32.load (trap: out of bounds memory access)
;;   leave
;;   ret
;;
;; function 1 "third":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r15, [r14+8]
;;   lea edx, [rsi+0xc]
;;   mov eax, [r15+rdx]                      ; i32.load (trap: out of bounds memory access)
;;   leave
;;   ret
;;
;; function 2:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r15, [r14+8]
;;   lea edi, [rsi+0xc]
;;   mov eax, [r15+rdi]                      ; i32.load (trap: out of bounds memory access)
;;   add esi, 4
;;   add eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   leave
;;   ret
