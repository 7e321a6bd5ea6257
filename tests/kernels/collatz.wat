;; Adds up the lengths of the Collatz sequences of the numbers below a million: 64-bit arithmetic, branches, calls.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

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

  (global $limit i64 (i64.const 1000000))

  ;; Steps until 1.
  (func $length (param $n i64) (result i64)
    (local $steps i64)
    (block $done
      (loop $step
        (br_if $done (i64.eq (local.get $n) (i64.const 1)))
        (if (i64.eqz (i64.and (local.get $n) (i64.const 1)))
          (then (local.set $n (i64.shr_u (local.get $n) (i64.const 1))))
          (else (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 3)) (i64.const 1)))))
        (local.set $steps (i64.add (local.get $steps) (i64.const 1)))
        (br $step)))
    (local.get $steps))

  (func (export "_start")
    (local $n i64) (local $sum i64)
    (local.set $n (i64.const 1))
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (call $length (local.get $n))))
      (local.set $n (i64.add (local.get $n) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $n) (global.get $limit))))
    (call $print (local.get $sum))))
