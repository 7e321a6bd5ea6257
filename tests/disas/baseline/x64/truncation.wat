;; The trapping truncation looks for its reason out of line; the saturating one never traps.
(module
  (func (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (param f64) (result i32) (i32.trunc_sat_f64_u (local.get 0))))
