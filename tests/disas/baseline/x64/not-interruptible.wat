;;! interruptible = off
;; A loop that need not poll.
(module
  (func (param i32)
    (loop
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if 0 (local.get 0)))))
