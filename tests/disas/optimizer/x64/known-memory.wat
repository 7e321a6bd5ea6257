;; What was stored or loaded is known, until something may have changed it.
(module
  (memory 1)
  (global $sp (mut i32) (i32.const 4096))
  (func (param i32 i32) (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (i32.store offset=8 (global.get $sp) (local.get 1))
    (i32.store offset=12 (global.get $sp) (local.get 0))
    (i32.add (i32.load offset=8 (global.get $sp)) (i32.load (local.get 0)))
    (i32.store (local.get 1) (i32.const 1))
    (i32.add (i32.load offset=8 (global.get $sp)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 8
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L1
;;   mov r15, [r14+8]
;;   mov r9, rsi
;;   mov r8d, [r14+0x40]
;;   lea esi, [r8-0x10]
;;   mov [r14+0x40], esi
;;   mov [r15+rsi+8], edi                    ; i32.store offset=8 (trap: out of bounds memory access)
;;   mov r12, r9
;;   mov [r15+rsi+0xc], r12d                 ; i32.store offset=12 (trap: out of bounds memory access)
;;   mov r9d, [r15+r12]                      ; i32.load (trap: out of bounds memory access)
;;   mov dword ptr [r15+rdi], 1              ; i32.store (trap: out of bounds memory access)
;;   lea eax, [r9+rdi]
;;   add eax, [r15+rsi+8]                    ; i32.load offset=8 (trap: out of bounds memory access)
;;   leave
;;   ret
;; L1:
;;   ud2                                     ; (trap: call stack exhausted)
