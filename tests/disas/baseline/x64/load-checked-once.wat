;;! memory = checked
;; The access is compared with the memory's length, and masked against speculation.
(module
  (memory 1)
  (func (param $p i32) (param $n i32) (result i32)
    ;; One check serves the accesses at $p, in the loop too, which does not assign it; after the assignment there is another.
    (i32.store offset=4 (local.get $p) (i32.load (local.get $p)))
    (loop $again
      (i32.store offset=8 (local.get $p) (local.get $n))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.set $p (i32.add (local.get $p) (local.get $n)))
    (i32.add (i32.load (local.get $p)) (i32.load (i32.const 4096)))))

;; function 0:
;;   push rbp
;;   mov rbp, rsp
;;   push r14
;;   sub rsp, 0x28
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L2
;;   mov r15, [r14+0x30]
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L3
;;   cmovb rsi, r11
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   mov [r15+rsi+4], eax                    ; i32.store offset=4 (trap: out of bounds memory access)
;; L1:
;;   mov r11, [r14]
;;   cmp rsp, [r11]
;;   jbe L4
;;   mov [r15+rsi+8], edi                    ; i32.store offset=8 (trap: out of bounds memory access)
;;   sub edi, 1
;;   test edi, edi
;;   jne short L1
;;   add esi, edi
;;   xor r11d, r11d
;;   cmp [r14+0x38], rsi
;;   jb L5
;;   cmovb rsi, r11
;;   mov eax, [r15+rsi]                      ; i32.load (trap: out of bounds memory access)
;;   mov ecx, [r15+0x1000]                   ; i32.load (trap: out of bounds memory access)
;;   add eax, ecx
;;   leave
;;   ret
;; L2:
;;   ud2                                     ; (trap: call stack exhausted)
;; L3:
;;   ud2                                     ; i32.load (trap: out of bounds memory access)
;; L4:
;;   ud2                                     ; loop $again (trap: interrupt)
;; L5:
;;   ud2                                     ; i32.load (trap: out of bounds memory access)
