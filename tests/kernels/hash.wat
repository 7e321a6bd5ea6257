;; Hashes a megabyte a hundred times, byte by byte, as FNV-1a does, and rotates: dependent integer arithmetic.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)

  ;; Prints a number and a newline. Memory: 0 buffer descriptor, 8 bytes written, 16 to 48 digits, from the right.
  (func $print (param $n i64)
    (local $at i32)
    (i32.store8 (i32.const 47) (i32.const 10))
    (local.set $at (i32.const 47))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i64.store8 (local.get $at) (i64.add (i64.const 48) (i64.rem_u (local.get $n) (i64.const 10))))
      (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $n) (i64.const 0))))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 48) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (global $buffer i32 (i32.const 64))
  (global $end i32 (i32.const 1048640))

  ;; Fills the buffer with the upper bytes of a linear congruential generator (Numerical Recipes).
  (func $fill
    (local $at i32) (local $seed i32)
    (local.set $at (global.get $buffer))
    (local.set $seed (i32.const 1))
    (loop $next
      (local.set $seed (i32.add (i32.mul (local.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store8 (local.get $at) (i32.shr_u (local.get $seed) (i32.const 24)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (global.get $end)))))

  (func $hash (param $hash i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $buffer))
    (loop $next
      (local.set $hash
        (i32.mul (i32.xor (local.get $hash) (i32.load8_u (local.get $at))) (i32.const 16777619)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (global.get $end))))
    (i32.rotl (local.get $hash) (i32.const 13)))

  (func (export "_start")
    (local $round i32) (local $hash i32)
    (call $fill)
    (local.set $hash (i32.const 0x811c9dc5))
    (loop $next
      (local.set $hash (call $hash (local.get $hash)))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $round) (i32.const 100))))
    (call $print (i64.extend_i32_u (local.get $hash)))))
