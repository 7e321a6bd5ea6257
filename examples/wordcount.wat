;; Counts the lines, words and bytes of files, as `wc` does, with nothing but WASI preview 1:
;;
;;     engine run --dir examples examples/wordcount.wat poem.txt
;;
;; Paths are taken from the first directory that the host has opened (descriptor 3); without a path, standard input is
;; counted. Exits with 0, or with 1 if a file cannot be read.
;;
;; Memory: 0      a buffer descriptor for fd_read and fd_write {address, length}
;;         8      result of a call: bytes read or written, descriptor opened
;;         16     number of arguments, then the size of their text
;;         64     digits of a number, written from the right
;;         128    messages
;;         4096   argument pointers, then their text
;;         65536  what was read
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (memory (export "memory") 2)
  (data (i32.const 128) " \n")
  (data (i32.const 136) "wordcount: cannot read ")
  (data (i32.const 160) "wordcount: the arguments are too long\n")

  (global $descriptor i32 (i32.const 0))
  (global $result i32 (i32.const 8))
  (global $argc i32 (i32.const 16))
  (global $digits_end i32 (i32.const 96))
  (global $space i32 (i32.const 128))
  (global $newline i32 (i32.const 129))
  (global $argv i32 (i32.const 4096))
  (global $buffer i32 (i32.const 65536))
  (global $buffer_size i32 (i32.const 65536))

  (global $failed (mut i32) (i32.const 0))

  ;; Writes bytes to a descriptor; what a full pipe refuses is written again.
  (func $write (param $fd i32) (param $address i32) (param $length i32)
    (loop $again
      (if (i32.eqz (local.get $length)) (then (return)))
      (i32.store (global.get $descriptor) (local.get $address))
      (i32.store offset=4 (global.get $descriptor) (local.get $length))
      (if (call $fd_write (local.get $fd) (global.get $descriptor) (i32.const 1) (global.get $result))
        (then (call $proc_exit (i32.const 1))))
      (local.set $address (i32.add (local.get $address) (i32.load (global.get $result))))
      (local.set $length (i32.sub (local.get $length) (i32.load (global.get $result))))
      (br $again)))

  ;; Length of a string that ends in a zero byte.
  (func $length (param $string i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $string))
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $string)))

  (func $print_number (param $n i64)
    (local $first i32)
    (local.set $first (global.get $digits_end))
    (loop $digit
      (local.set $first (i32.sub (local.get $first) (i32.const 1)))
      (i64.store8 (local.get $first) (i64.add (i64.const 48) (i64.rem_u (local.get $n) (i64.const 10))))
      (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $n) (i64.const 0))))
    (call $write (i32.const 1) (local.get $first) (i32.sub (global.get $digits_end) (local.get $first))))

  (func $is_space (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (i32.const 32))
      (i32.lt_u (i32.sub (local.get $byte) (i32.const 9)) (i32.const 5))))

  ;; Counts what one buffer holds. Words go on across buffers, so the state comes in and goes out.
  (func $count (param $length i32) (param $in_word i32) (result i64 i64 i32) ;; lines, words, in a word
    (local $lines i64) (local $words i64) (local $at i32) (local $byte i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $length)))
        (local.set $byte (i32.load8_u (i32.add (global.get $buffer) (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $lines
          (i64.add (local.get $lines) (i64.extend_i32_u (i32.eq (local.get $byte) (i32.const 10)))))
        (if (call $is_space (local.get $byte))
          (then (local.set $in_word (i32.const 0)))
          (else
            (local.set $words (i64.add (local.get $words) (i64.extend_i32_u (i32.eqz (local.get $in_word)))))
            (local.set $in_word (i32.const 1))))
        (br $next)))
    (local.get $lines) (local.get $words) (local.get $in_word))

  ;; Counts and reports everything that a descriptor gives; returns whether it could be read.
  (func $report (param $fd i32) (result i32)
    (local $lines i64) (local $words i64) (local $bytes i64) (local $in_word i32) (local $more_words i64)
    (block $end
      (loop $more
        (i32.store (global.get $descriptor) (global.get $buffer))
        (i32.store offset=4 (global.get $descriptor) (global.get $buffer_size))
        (if (call $fd_read (local.get $fd) (global.get $descriptor) (i32.const 1) (global.get $result))
          (then (return (i32.const 0))))
        (br_if $end (i32.eqz (i32.load (global.get $result))))
        (local.set $bytes (i64.add (local.get $bytes) (i64.load32_u (global.get $result))))
        (call $count (i32.load (global.get $result)) (local.get $in_word))
        (local.set $in_word)
        (local.set $more_words)
        (local.set $lines (i64.add (local.get $lines)))
        (local.set $words (i64.add (local.get $words) (local.get $more_words)))
        (br $more)))
    (call $print_number (local.get $lines))
    (call $write (i32.const 1) (global.get $space) (i32.const 1))
    (call $print_number (local.get $words))
    (call $write (i32.const 1) (global.get $space) (i32.const 1))
    (call $print_number (local.get $bytes))
    (i32.const 1))

  (func $report_file (param $path i32)
    (local $fd i32) (local $read i32)
    (if (i32.eqz
          (call $path_open
            (i32.const 3) (i32.const 1) (local.get $path) (call $length (local.get $path))
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (global.get $result)))
      (then
        (local.set $fd (i32.load (global.get $result)))
        (local.set $read (call $report (local.get $fd)))
        (drop (call $fd_close (local.get $fd)))))
    (if (local.get $read)
      (then
        (call $write (i32.const 1) (global.get $space) (i32.const 1))
        (call $write (i32.const 1) (local.get $path) (call $length (local.get $path)))
        (call $write (i32.const 1) (global.get $newline) (i32.const 1)))
      (else
        (call $write (i32.const 2) (i32.const 136) (i32.const 23))
        (call $write (i32.const 2) (local.get $path) (call $length (local.get $path)))
        (call $write (i32.const 2) (global.get $newline) (i32.const 1))
        (global.set $failed (i32.const 1)))))

  (func (export "_start")
    (local $i i32) (local $count i32) (local $table_size i32)
    (drop (call $args_sizes_get (global.get $argc) (i32.add (global.get $argc) (i32.const 4))))
    (local.set $count (i32.load (global.get $argc)))
    (local.set $table_size (i32.mul (local.get $count) (i32.const 4)))
    (if (i64.gt_u
          (i64.add
            (i64.mul (i64.extend_i32_u (local.get $count)) (i64.const 4))
            (i64.load32_u offset=4 (global.get $argc)))
          (i64.extend_i32_u (i32.sub (global.get $buffer) (global.get $argv))))
      (then
        (call $write (i32.const 2) (i32.const 160) (i32.const 38))
        (call $proc_exit (i32.const 1))))
    (drop (call $args_get (global.get $argv) (i32.add (global.get $argv) (local.get $table_size))))
    (if (i32.le_u (local.get $count) (i32.const 1))
      (then
        (if (call $report (i32.const 0))
          (then (call $write (i32.const 1) (global.get $newline) (i32.const 1)))
          (else (global.set $failed (i32.const 1))))))
    (local.set $i (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
        (call $report_file (i32.load (i32.add (global.get $argv) (i32.mul (local.get $i) (i32.const 4)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $proc_exit (global.get $failed))))
