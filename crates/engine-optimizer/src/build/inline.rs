//! Calls by the callee's body.
//!
//! An inlined body is built where its call stands, as a block of the source whose parameters are the arguments: its locals are further variables,
//! `return` is a branch to its end, and its operators have offsets of their own behind the function's ([`InlinedBody`]). It is validated before it is
//! begun, as a callee may be a function that nobody has looked at yet; an invalid one is called, and nothing is said of it.
//!
//! Whether a call is worth its callee's body is decided by the callee's *weight*, about the number of its instructions, against a limit that depends on
//! where the call is. All bodies that are inlined in a function are paid for from its `growth`, so that compile time stays proportional to its size.

use super::{Builder, Current, FUEL_PER_BYTE};
use crate::ir::*;
use engine_decoder::{BodyVisitor, DecodedModule, FuncIndex, QuickValidator, TypeIndex, ValKind};
use engine_machine::{InlinedBody, Kinds, MAX_WASM_OFFSET};
use wasmparser::{VisitOperator, for_each_visit_operator};

/// Bodies around a call in which bodies are still inlined.
const MAX_DEPTH: usize = 4;

/// How often a function's body may stand in itself.
const MAX_RECURSION: usize = 2;

/// Weight of a body that is inlined, by whether the call is in a loop, or in that body itself. `RATIONALE.md` has the figures.
const MAX_WEIGHT: u32 = 8;
const MAX_WEIGHT_IN_LOOP: u32 = 16;
const MAX_WEIGHT_IN_ITSELF: u32 = 24;

/// A function with a body of more bytes inlines nothing heavier than `MAX_WEIGHT_IN_LARGE`: as a rule it is one loop with a place for everything, of
/// which little is hot, and what is hot loses registers to all the others.
const LARGE: usize = 4096;
const MAX_WEIGHT_IN_LARGE: u32 = 4;

/// Weight of all bodies that are inlined in a function: so much, and one for so many bytes of its own body, but no more than the maximum.
const GROWTH: u32 = 40;
const BYTES_PER_GROWTH: usize = 32;
const MAX_GROWTH: u32 = 100;

/// What a body costs beyond its weight, so that many empty ones are not free.
const BODY: u32 = 2;

/// Declared locals and bytes of a body that is inlined. Its weight says nothing of either.
const MAX_LOCALS: u32 = 32;
const MAX_BYTES: usize = 512;

/// A body being built.
#[derive(Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    func: u32,
    /// The variable that is its first local.
    pub first_variable: u32,
    /// Its outermost block in the stack of open blocks.
    pub control: usize,
    /// Offset of its first byte.
    pub start: u32,
    pub body_len: usize,
    pub operators: &'a [u8],
    /// Position of the operator being built.
    pub position: usize,
}

impl<'a> Scope<'a> {
    pub fn new(func: FuncIndex, body_len: usize) -> Scope<'a> {
        Scope { func: func.0, body_len, ..Scope::default() }
    }
    pub fn begin_operators(&mut self, operators: &'a [u8]) {
        self.start += (self.body_len - operators.len()) as u32;
        self.operators = operators;
    }
    /// The offset of the operator being built in its own body.
    fn own_offset(&self) -> u32 {
        (self.body_len - self.operators.len() + self.position) as u32
    }
    /// Whether the call being built is followed by `unreachable`, which compilers put behind calls that do not return.
    fn is_last_call(&self) -> bool {
        let (code, mut behind) = match self.operators.get(self.position..) {
            Some([code, behind @ ..]) => (*code, behind),
            _ => return false,
        };
        let immediates = if code == opcode::CALL_INDIRECT { 2 } else { 1 };
        for _ in 0..immediates {
            let length = behind.iter().take_while(|byte| **byte >= 0x80).count() + 1;
            behind = behind.get(length..).unwrap_or_default();
        }
        behind.first() == Some(&opcode::UNREACHABLE)
    }
}

/// A body to be inlined.
struct Worthwhile<'a> {
    decoded: &'a DecodedModule,
    body: &'a [u8],
    growth: u32,
    /// The offset behind it.
    end: u32,
}

/// Inlining in one function, and what is known for all of a module.
#[derive(Default)]
pub(super) struct Inlining<'a> {
    /// Where bodies are, if calls are to be inlined.
    pub bodies: Option<&'a DecodedModule>,
    /// Weight that may still be added.
    growth: u32,
    /// Whether the function is a large one.
    large: bool,
    /// The offset of the next body.
    next_offset: u32,
    /// The bodies around that which is being built.
    around: Vec<Scope<'a>>,
    /// By function: its weight, counted from `WEIGHTS`, or `UNKNOWN` or `NEVER`.
    weights: Vec<u8>,
    validators: Vec<QuickValidator>,
}

// Zeros, so that asking for few functions of many costs no more than that.
const UNKNOWN: u8 = 0;
const NEVER: u8 = 1;
const WEIGHTS: u8 = 2;
const _: () = assert!(MAX_WEIGHT_IN_ITSELF + (WEIGHTS as u32) < u8::MAX as u32);

impl<'a> Inlining<'a> {
    pub fn begin(&mut self, bodies: Option<&'a DecodedModule>, body_len: usize) {
        self.bodies = bodies;
        self.growth = (GROWTH + (body_len / BYTES_PER_GROWTH) as u32).min(MAX_GROWTH);
        self.large = body_len > LARGE;
        self.next_offset = body_len as u32;
        self.around.clear();
    }
    /// Whether an inlined body is being built.
    pub fn is_inside(&self) -> bool {
        !self.around.is_empty()
    }

    /// The weight of a function's body, unless it is never inlined. It takes at most [`MAX_BYTES`] of a body to know, and no time the second time, so a call costs
    /// no more than a constant.
    fn weight(&mut self, decoded: &'a DecodedModule, func: FuncIndex, body: &'a [u8]) -> Option<u32> {
        let defined = decoded.module.defined(func)?;
        if self.weights.is_empty() {
            self.weights = vec![UNKNOWN; decoded.module.bodies.len()];
        }
        let known = self.weights.get_mut(defined.index())?;
        if *known == UNKNOWN {
            let mut validator = self.validators.pop().unwrap_or_default();
            let mut scan = Scan::default();
            let valid = body.len() <= MAX_BYTES && validator.walk(decoded, defined, body, &mut scan).is_ok();
            self.validators.push(validator);
            let returns = scan.last != [opcode::UNREACHABLE, opcode::END];
            *known = if valid && returns { scan.weight as u8 + WEIGHTS } else { NEVER };
        }
        known.checked_sub(WEIGHTS).map(u32::from)
    }
}

impl<'a> Builder<'a> {
    /// The body of a function, and what it costs, if it is worthwhile to build it in place of the call here.
    fn worthwhile(&mut self, func: FuncIndex) -> Option<Worthwhile<'a>> {
        let decoded = self.inlining.bodies?;
        let body = decoded.body_if_there(func)?;
        let around = &self.inlining.around;
        let again = around.iter().chain([&self.scope]).filter(|scope| scope.func == func.0).count();
        if around.len() >= MAX_DEPTH || again > MAX_RECURSION || self.scope.is_last_call() {
            return None;
        }
        let limit = match self.in_loop {
            _ if self.inlining.large => MAX_WEIGHT_IN_LARGE,
            _ if again > 0 => MAX_WEIGHT_IN_ITSELF,
            NO_LOOP => MAX_WEIGHT,
            _ => MAX_WEIGHT_IN_LOOP,
        };
        let weight = self.inlining.weight(decoded, func, body)?;
        let growth = weight + BODY;
        let end = self.inlining.next_offset + body.len() as u32;
        if weight > limit || growth > self.inlining.growth || end > MAX_WASM_OFFSET || self.fuel == 0 {
            return None;
        }
        Some(Worthwhile { decoded, body, growth, end })
    }

    /// The function that the `call_indirect` being built has always called, of this type, and the offset of its reference in the vmctx, if its body is to
    /// stand here.
    pub(super) fn expected_target(&mut self, ty: TypeIndex) -> Option<(FuncIndex, u32)> {
        let env = self.env;
        let module = &env.module;
        let func = env.call_targets.only(FuncIndex(self.scope.func), self.scope.own_offset())?;
        let escaped = module.escaped_index(func)?;
        if *module.func_type(func) != module.types[ty.index()] {
            return None;
        }
        self.worthwhile(func)?;
        Some((func, env.layout.funcref(escaped)))
    }

    /// Builds the body of a function in place of a call with the top operands as arguments, if that is worthwhile. Otherwise nothing has happened.
    pub(super) fn inline(&mut self, func: FuncIndex) -> bool {
        let Some(Worthwhile { decoded, body, growth, end }) = self.worthwhile(func) else { return false };
        self.inlining.growth -= growth;
        self.fuel = self.fuel.saturating_add(body.len() as u32 * FUEL_PER_BYTE);
        self.graph.inlined.push(InlinedBody { start: self.inlining.next_offset, func, call: self.offset });
        let scope = Scope {
            first_variable: self.kinds.len() as u32,
            start: self.inlining.next_offset,
            ..Scope::new(func, body.len())
        };
        self.inlining.next_offset = end;
        self.build_inlined(decoded, func, body, scope);
        true
    }

    #[inline(never)]
    fn build_inlined(
        &mut self,
        decoded: &'a DecodedModule,
        func: FuncIndex,
        body: &'a [u8],
        scope: Scope<'a>,
    ) {
        let env = self.env;
        let outer = core::mem::replace(&mut self.scope, scope);
        self.inlining.around.push(outer);
        let (params, _) = env.kinds(env.module.functions[func.index()]);
        self.kinds.extend_from_slice(params);
        let mut validator = self.inlining.validators.pop().unwrap_or_default();
        let result = match env.module.defined(func) {
            Some(defined) => validator.walk(decoded, defined, body, self).map_err(|_| ()),
            None => Err(()),
        };
        self.inlining.validators.push(validator);
        if result.is_err() && self.fuel > 0 && self.refused.is_none() {
            self.refused = Some("an inlined body is not valid");
        }
        if let Some(outer) = self.inlining.around.pop() {
            self.scope = outer;
        }
        if !self.reachable {
            self.set_unreachable();
        }
    }

    /// The arguments become the first locals of the body that begins.
    pub(super) fn enter_inlined(&mut self) {
        let env = self.env;
        let (params, results) = env.kinds(env.module.functions[self.scope.func as usize]);
        let first = self.scope.first_variable;
        let nowhere = Current { block: Block::NONE, value: Value(0) };
        self.current.resize(self.kinds.len(), nowhere);
        let height = self.stack.len() - params.len();
        for index in 0..params.len() {
            let value = self.graph.resolve(self.stack[height + index]);
            self.write_variable(first + index as u32, value);
        }
        self.stack.truncate(height);
        for variable in first + params.len() as u32..self.kinds.len() as u32 {
            let zero = self.graph.constant(self.kinds[variable as usize], 0);
            self.write_variable(variable, zero);
        }
        self.burn(self.kinds.len() as u32 - first);
        self.scope.control = self.open_inlined(Kinds::List(results));
    }
}

/// First bytes of operators.
mod opcode {
    pub const UNREACHABLE: u8 = 0x00;
    pub const NOP: u8 = 0x01;
    pub const BLOCK: u8 = 0x02;
    pub const LOOP: u8 = 0x03;
    pub const ELSE: u8 = 0x05;
    pub const END: u8 = 0x0b;
    pub const BR: u8 = 0x0c;
    pub const BR_TABLE: u8 = 0x0e;
    pub const CALL: u8 = 0x10;
    pub const CALL_INDIRECT: u8 = 0x11;
    pub const DROP: u8 = 0x1a;
    pub const LOCAL_GET: u8 = 0x20;
    pub const LOCAL_TEE: u8 = 0x22;
    pub const I32_CONST: u8 = 0x41;
    pub const F64_CONST: u8 = 0x44;
    pub const PREFIX: u8 = 0xfc;
}

/// Weighs a body.
#[derive(Default)]
struct Scan<'a> {
    operators: &'a [u8],
    weight: u32,
    locals: u32,
    last: [u8; 2],
}

impl<'a> BodyVisitor<'a> for Scan<'a> {
    fn locals(&mut self, count: u32, ty: wasmparser::ValType) {
        let refused = ValKind::from(ty) == ValKind::V128;
        self.locals = self.locals.saturating_add(if refused { MAX_LOCALS + 1 } else { count });
    }
    fn start(&mut self, operators: &'a [u8]) {
        self.operators = operators;
    }
    fn operator(&mut self, position: usize) -> bool {
        let code = self.operators.get(position).copied().unwrap_or_default();
        self.last = [self.last[1], code];
        self.weight += match code {
            opcode::NOP | opcode::BLOCK | opcode::ELSE | opcode::END | opcode::BR | opcode::DROP => 0,
            opcode::LOCAL_GET..=opcode::LOCAL_TEE | opcode::I32_CONST..=opcode::F64_CONST => 0,
            opcode::CALL | opcode::CALL_INDIRECT | opcode::BR_TABLE | opcode::PREFIX => 4,
            opcode::LOOP => 8,
            _ => 1,
        };
        self.weight <= MAX_WEIGHT_IN_ITSELF && self.locals <= MAX_LOCALS
    }
}

macro_rules! ignore {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline(always)]
        fn $visit(&mut self $($(, _: $argty)*)?) {}
    )*};
}

impl<'a> VisitOperator<'a> for Scan<'_> {
    type Output = ();
    for_each_visit_operator!(ignore);
}
