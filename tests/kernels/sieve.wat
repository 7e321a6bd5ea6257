;; Counts the primes below thirty million with the sieve of Eratosthenes: byte loads and stores, tight loops.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 458)

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

  (global $limit i32 (i32.const 30000000))
  ;; A byte for each number, from here on: not zero if it is a multiple.
  (global $marks i32 (i32.const 64))

  (func (export "_start")
    (local $i i32) (local $multiple i32) (local $count i64)
    (local.set $i (i32.const 2))
    (loop $next
      (if (i32.eqz (i32.load8_u (i32.add (global.get $marks) (local.get $i))))
        (then
          (local.set $count (i64.add (local.get $count) (i64.const 1)))
          (local.set $multiple (i32.shl (local.get $i) (i32.const 1)))
          (block $done
            (loop $mark
              (br_if $done (i32.ge_u (local.get $multiple) (global.get $limit)))
              (i32.store8 (i32.add (global.get $marks) (local.get $multiple)) (i32.const 1))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $i)))
              (br $mark)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (global.get $limit))))
    (call $print (local.get $count))))
