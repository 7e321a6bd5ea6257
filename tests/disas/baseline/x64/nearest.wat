;; Rounding calls the runtime where the CPU has no instruction for it.
(module
  (func (param f32) (result f32) (f32.nearest (local.get 0))))
