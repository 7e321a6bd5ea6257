;; Direct calls go to the jump table; what is needed afterwards is in its slot.
(module
  (func $callee (param i32 i64 f64) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (i32.add
      (local.get 0)
      (call $callee (local.get 0) (i64.const 1) (f64.const 2)))))

;; function 0 "callee":
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov eax, esi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
;;
;; function 1:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x38
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r11, 0x4000000000000000
;;   movq xmm0, r11
;;   mov [rbp-0x18], esi
;;   mov edi, 1
;;   call <function 0 "callee">              ; call $callee
;;   mov r14, [rbp-8]
;;   mov esi, [rbp-0x18]
;;   add eax, esi
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
