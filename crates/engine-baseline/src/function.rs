//! One function, from prologue to side tables.

use crate::generator::{Generator, Local};
use crate::visitor::{Both, Reachable};
use crate::{CompileError, Validators};
use engine_decoder::{Body, DecodeError, DecodedModule, DefinedFuncIndex, ValKind, ValType};
use engine_machine::Kinds;
use engine_machine::abi::{CallLayout, Location, frame};
use engine_machine::masm::Masm;
use engine_machine::{Reg, RegSet, Tier, TrapCode};
use wasmparser::{BinaryReader, BinaryReaderError, FuncValidator, FunctionBody, ValidatorResources};

/// A leaf function with at most this many locals and bytes of body runs in the host's reserve of stack without asking: its
/// frame is below 40 KiB, a sixth of the reserve.
const LEAF_LOCALS: usize = 64;
const LEAF_BYTES: usize = 4096;

/// Code of a function, in bytes, beyond which it is refused.
const MAX_CODE: u32 = 1 << 29;

/// Frame slots of a function beyond which it is refused.
const MAX_SLOTS: u32 = 1 << 24;

/// Bodies above this size are likely to need branches beyond the shortest forms' reach, so these are not tried. (A smaller
/// body may need them too: one call can return a thousand results.)
const FAR_BODY: usize = 64 << 10;

impl<'a, M: Masm> Generator<'a, M> {
    /// Validates and compiles a function into the batch. `false`: without `far` branches, one did not reach; the batch is
    /// as before.
    pub fn compile(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        at: Body<'a>,
        far: bool,
        validators: &mut Validators,
    ) -> Result<bool, CompileError> {
        self.func = self.env.module.func_index(func);
        let Body { bytes: body, offset } = at;
        let far = far || body.len() > FAR_BODY;
        self.masm.set_far_branches(far);
        self.begin(body.len());
        let mut visitor = Reachable { generator: self };
        if validators.quick.walk(decoded, func, body, &mut visitor).is_err() {
            // Invalid, refused, or beyond the quick validator: the other one knows which.
            self.masm.emitter().abandon_function();
            self.begin(body.len());
            let allocations = core::mem::take(&mut validators.slow);
            let mut validator = decoded.func_to_validate(func).into_validator(allocations);
            let result = self.compile_slowly(body, offset, &mut validator);
            validators.slow = validator.into_allocations();
            if let Err(error) = result {
                self.masm.emitter().abandon_function();
                return Err(DecodeError::from_body(decoded, func, at, error).into());
            }
            validators.quick.add_used(decoded, body);
        }
        self.finish();
        let refused = match self.refused {
            Some(reason) => {
                self.masm.emitter().abandon_function();
                Some(reason)
            }
            None => {
                let frame_size = self.frame_size();
                let func = self.func;
                match self.masm.emitter().end_function(func, Tier::Baseline, frame_size) {
                    Some(_) => None,
                    None if !far => return Ok(false),
                    None => Some("its code is too large for the CPU's branches"),
                }
            }
        };
        match refused {
            Some(reason) => Err(CompileError::Refused { func: self.func, reason, offset }),
            None => Ok(true),
        }
    }

    /// Bytes from the frame pointer down to the last slot, and no less than the frame's head.
    fn frame_size(&self) -> u32 {
        (frame::RESULT_AREA.unsigned_abs() + 8 * self.max_slots).next_multiple_of(16)
    }

    /// Refuses a function whose code or frame is beyond what 32-bit offsets are safe with. One operator adds less than the
    /// distance to their limits.
    fn too_large(&mut self) -> bool {
        if self.masm.emitter().position() > MAX_CODE || self.max_slots > MAX_SLOTS {
            self.refused = Some("its code or frame is too large");
        }
        self.refused.is_some()
    }

    /// Begins a function, before its body is looked at.
    fn begin(&mut self, body_len: usize) {
        self.masm.emitter().begin_function();
        self.body_len = body_len;
        self.refused = None;
        self.runs.clear();
        self.num_locals = self.env.module.func_type(self.func).params().len() as u32;
    }

    /// Adds a run of declared locals.
    pub fn declare_locals(&mut self, count: u32, ty: wasmparser::ValType) {
        self.num_locals += count;
        self.runs.push((self.num_locals, ty.into()));
    }

    /// The operators begin: everything up to the prologue's end.
    pub fn start(&mut self, operators: &'a [u8]) {
        let env = self.env;
        let ty = env.module.func_type(self.func);
        let num_params = ty.params().len();
        let rounding_calls = !crate::numeric::has_rounding(&self.masm);
        self.lookahead.scan(operators, num_params, self.num_locals as usize, rounding_calls);
        self.define_locals(ty.params());
        self.reset(operators);
        self.operators_start = self.body_len - operators.len();
        self.uses_memory = self.lookahead.uses_memory && !env.module.memories.is_empty();
        let layout = &env.calls[env.module.functions[self.func.index()].index()];
        self.assign_homes(layout);
        self.enter(layout, num_params);
        let (_, results) = env.kinds(env.module.functions[self.func.index()]);
        self.enter_function(Kinds::List(results));
    }

    /// An operator begins at this position. Returns whether code is to be generated for it: not if the function is refused.
    #[inline]
    pub fn begin_operator(&mut self, position: usize) -> bool {
        debug_assert!(self.check());
        self.position = position;
        self.masm.emitter().set_wasm_offset((self.operators_start + position) as u32);
        self.refused.is_none() && !self.too_large()
    }

    /// After the last operator.
    fn finish(&mut self) {
        if self.refused.is_none() {
            self.emit_deferred();
            let (prologue, frame_size) = (self.prologue, self.frame_size());
            self.masm.set_frame_size(prologue, frame_size);
        }
    }

    /// Compiles a body with wasmparser's validator.
    fn compile_slowly(
        &mut self,
        body: &'a [u8],
        offset: u64,
        validator: &mut FuncValidator<ValidatorResources>,
    ) -> Result<(), BinaryReaderError> {
        let reader = BinaryReader::new_features(body, offset, *validator.features());
        let mut declarations = FunctionBody::new(reader).get_locals_reader()?;
        for _ in 0..declarations.get_count() {
            let at = declarations.original_position();
            let (count, ty) = declarations.read()?;
            // The validator knows the limit on locals.
            validator.define_locals(at, count, ty)?;
            self.declare_locals(count, ty);
        }
        let mut reader = declarations.get_binary_reader();
        let start = (reader.original_position() - offset) as usize;
        self.start(&body[start..]);
        while !reader.eof() {
            let at = reader.original_position();
            if !self.begin_operator((at - offset) as usize - start) {
                // Only the error matters now, and an invalid body is a better one.
                reader.visit_operator(&mut validator.visitor(at))??;
                continue;
            }
            let mut both = Both { validator, generator: self, offset: at };
            reader.visit_operator(&mut both)??;
        }
        let end = reader.original_position();
        if self.refused.is_some() {
            return reader.finish_expression(&validator.visitor(end));
        }
        reader.finish_expression(&Both { validator, generator: self, offset: end })
    }

    /// Sets the locals up that the function uses, and its parameters.
    fn define_locals(&mut self, params: &[ValType]) {
        let local = |kind| Local { kind, home: None, cache: None, pending: 0 };
        let num_locals = self.num_locals as usize;
        if self.locals.len() < num_locals {
            self.locals.resize(num_locals, local(ValKind::I32));
        }
        let mut runs = self.runs.iter();
        let mut run = (params.len() as u32, ValKind::I32);
        for &index in &self.lookahead.touched {
            let kind = match params.get(index as usize) {
                Some(ty) => ty.kind(),
                None => {
                    while index >= run.0 {
                        run = *runs.next().expect("the scan stays below the number of locals");
                    }
                    run.1
                }
            };
            self.locals[index as usize] = local(kind);
        }
    }

    /// Gives the most used locals their home registers.
    fn assign_homes(&mut self, layout: &CallLayout) {
        for (class, homes) in [(false, M::INT_HOMES), (true, M::FLOAT_HOMES)] {
            let facts = &self.lookahead.locals;
            let mut best: Vec<u32> = core::mem::take(&mut self.candidates);
            best.clear();
            best.extend(self.lookahead.touched.iter().copied().filter(|&index| {
                let local = &self.locals[index as usize];
                // A parameter is at home where it arrives; for others one use is not worth a register.
                let least = if (index as usize) < layout.params.len() { 1 } else { 2 };
                local.kind.is_float() == class && facts[index as usize].weight >= least
            }));
            if best.len() > homes.len() {
                let heavier = |index: &u32| (core::cmp::Reverse(facts[*index as usize].weight), *index);
                best.select_nth_unstable_by_key(homes.len(), heavier);
                best.truncate(homes.len());
                best.sort_unstable();
            }
            let mut left = RegSet::of(homes);
            let arrival = |index: u32| match layout.params.get(index as usize) {
                Some(&(_, Location::Reg(reg))) => Some(reg),
                _ => None,
            };
            for &index in &best {
                if let Some(reg) = arrival(index) {
                    left.remove(reg);
                    self.set_home(index, reg);
                }
            }
            let mut left = homes.iter().copied().filter(|&reg| left.contains(reg));
            for &index in &best {
                if arrival(index).is_none()
                    && let Some(reg) = left.next()
                {
                    self.set_home(index, reg);
                }
            }
            self.candidates = best;
        }
        let unused = RegSet::of(M::INT_HOMES).union(RegSet::of(M::FLOAT_HOMES)).without(self.homes);
        self.temporaries = M::TEMPORARIES.union(unused);
        self.free = self.temporaries;
    }

    fn set_home(&mut self, index: u32, reg: Reg) {
        self.locals[index as usize].home = Some(reg);
        self.local_of[reg.index()] = index;
        self.homes.insert(reg);
    }

    /// Prologue, parameters and zeroed locals.
    fn enter(&mut self, layout: &CallLayout, num_params: usize) {
        self.prologue = self.masm.prologue();
        let leaf = !self.lookahead.calls
            && !self.env.flags.interruptible
            && self.num_locals as usize <= LEAF_LOCALS
            && self.operators.len() <= LEAF_BYTES;
        if !leaf {
            self.masm.stack_check(TrapCode::StackOverflow);
        }
        self.charge_entry();
        if layout.result_bytes > 0 {
            self.masm.store_frame(ValKind::I64, frame::RESULT_AREA, M::CONVENTION.result_area);
        }
        let known = self.lookahead.complete;
        // Register parameters first: stack parameters and zeros may go to the registers of those that do not stay there.
        for (index, &(kind, place)) in layout.params.iter().enumerate() {
            let needed = !known || self.lookahead.locals[index].weight > 0;
            let Location::Reg(reg) = place else { continue };
            match self.locals[index].home {
                Some(home) => {
                    debug_assert_eq!(home, reg);
                    self.valid.insert(home);
                    self.dirty.insert(home);
                }
                None if needed => self.masm.store_frame(kind, frame::slot(index as u32), reg),
                None => {}
            }
        }
        for (index, &(kind, place)) in layout.params.iter().enumerate() {
            let needed = !known || self.lookahead.locals[index].weight > 0;
            let Location::Stack(offset) = place else { continue };
            let from = frame::STACK_PARAMS + offset as i32;
            match self.locals[index].home {
                Some(home) => {
                    self.masm.load_frame(kind, home, from);
                    self.valid.insert(home);
                    self.dirty.insert(home);
                }
                None if needed => {
                    let scratch = Self::scratch(kind);
                    self.masm.load_frame(kind, scratch, from);
                    self.masm.store_frame(kind, frame::slot(index as u32), scratch);
                }
                None => {}
            }
        }
        for i in num_params..self.lookahead.touched.len() {
            let index = self.lookahead.touched[i] as usize;
            let facts = self.lookahead.locals[index];
            let Local { kind, home, .. } = self.locals[index];
            if !facts.read_before_write {
                continue;
            }
            match home {
                Some(home) => {
                    self.masm.zero(home);
                    self.valid.insert(home);
                    self.dirty.insert(home);
                }
                None => self.masm.store_frame_imm(kind, frame::slot(index as u32), 0),
            }
        }
        self.load_memory_base();
    }
}
