;; Multiplies two matrices of 600 by 600 doubles and prints the sum of the product: float arithmetic, addresses.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 132)

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

  (global $n i32 (i32.const 600))
  ;; Three matrices, row by row.
  (global $a i32 (i32.const 64))
  (global $b i32 (i32.const 2880064))
  (global $c i32 (i32.const 5760064))

  ;; Address of an element.
  (func $at (param $matrix i32) (param $row i32) (param $column i32) (result i32)
    (i32.add (local.get $matrix)
      (i32.shl (i32.add (i32.mul (local.get $row) (global.get $n)) (local.get $column)) (i32.const 3))))

  ;; a[i][j] = (i * 7 + j * 3) mod 11, b[i][j] = (i * 5 + j * 2) mod 13
  (func $fill
    (local $i i32) (local $j i32)
    (loop $row
      (local.set $j (i32.const 0))
      (loop $column
        (f64.store (call $at (global.get $a) (local.get $i) (local.get $j))
          (f64.convert_i32_u (i32.rem_u
            (i32.add (i32.mul (local.get $i) (i32.const 7)) (i32.mul (local.get $j) (i32.const 3))) (i32.const 11))))
        (f64.store (call $at (global.get $b) (local.get $i) (local.get $j))
          (f64.convert_i32_u (i32.rem_u
            (i32.add (i32.mul (local.get $i) (i32.const 5)) (i32.mul (local.get $j) (i32.const 2))) (i32.const 13))))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $column (i32.lt_u (local.get $j) (global.get $n))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $row (i32.lt_u (local.get $i) (global.get $n)))))

  ;; to[j] += factor * from[j] for a row
  (func $add_row (param $to i32) (param $from i32) (param $factor f64)
    (local $end i32)
    (local.set $end (i32.add (local.get $to) (i32.shl (global.get $n) (i32.const 3))))
    (loop $column
      (f64.store (local.get $to)
        (f64.add (f64.load (local.get $to)) (f64.mul (local.get $factor) (f64.load (local.get $from)))))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))
      (br_if $column (i32.lt_u (local.get $to) (local.get $end)))))

  (func (export "_start")
    (local $i i32) (local $k i32) (local $at i32) (local $sum f64)
    (call $fill)
    (loop $row
      (local.set $k (i32.const 0))
      (loop $middle
        (call $add_row
          (call $at (global.get $c) (local.get $i) (i32.const 0))
          (call $at (global.get $b) (local.get $k) (i32.const 0))
          (f64.load (call $at (global.get $a) (local.get $i) (local.get $k))))
        (local.set $k (i32.add (local.get $k) (i32.const 1)))
        (br_if $middle (i32.lt_u (local.get $k) (global.get $n))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $row (i32.lt_u (local.get $i) (global.get $n))))
    (local.set $at (global.get $c))
    (loop $add
      (local.set $sum (f64.add (local.get $sum) (f64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $add (i32.lt_u (local.get $at) (i32.const 8640064))))
    (call $print (i64.trunc_f64_u (local.get $sum)))))
