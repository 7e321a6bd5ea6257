;;! cpu = sse4.1
(module
  (func (param f32) (result f32) (f32.nearest (local.get 0))))
