;; A load that only the next operation needs is its operand; a store between them forbids that.
(module
  (memory 1)
  (func (param i32 i32) (result i32)
    (i32.add (local.get 1) (i32.load offset=4 (local.get 0))))
  (func (param i32 f64) (result f64)
    (f64.sub (local.get 1) (f64.load (local.get 0))))
  (func (param i32 i32) (result i32)
    (i32.load (local.get 0))
    (i32.store (local.get 1) (i32.const 0))
    (local.get 1)
    (i32.sub)))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov rax, rdi
;;   add eax, [r15+rsi+4]                    ; i32.load offset=4 (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   movaps xmm8, xmm0
;;   subsd xmm8, [r15+rsi]                   ; f64.load (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 2:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   mov dword ptr [r15+rdi], 0              ; i32.store (trap: out of bounds memory access)
;;   sub eax, edi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
