//! From a validated body to the graph, operator by operator.
//!
//! ```text
//!  mod.rs        the builder: blocks, edges, operands
//!  ssa.rs        locals to values
//!  control.rs    structured control flow
//!  inline.rs     calls by the callee's body
//!  operators.rs  everything else
//! ```
//!
//! Unreachable operators build nothing. All work is paid for from `fuel`, which is proportional to the body's size: a body that takes more is
//! declined, so compile time is linear whatever a body does.

mod control;
mod inline;
mod operators;
mod ssa;

use crate::Entry;
use crate::ir::*;
use control::Control;
use engine_decoder::{BodyVisitor, DecodedModule, FuncIndex, ValKind};
use engine_machine::abi::frame;
use engine_machine::{Arch, ModuleEnv};
use inline::{Inlining, Scope};
use ssa::{Current, Definitions, Pending};

/// Steps of construction that a byte of body may take, and that every body may take. Real code takes 3 a byte (`esbuild.wasm`).
const FUEL_PER_BYTE: u32 = 64;
const FUEL: u32 = 100_000;

/// Values that a call passes on the stack, or that a label takes. They are all live at once, so that the time for their registers grows
/// with the square.
const MAX_VALUES: usize = 64;

/// Builds graphs; its memory is reused.
pub(crate) struct Builder<'a> {
    pub graph: Graph,
    env: &'a ModuleEnv,
    has_rounding: bool,
    func: FuncIndex,
    entry: Entry,
    /// The block being built; none where code is unreachable.
    block: Block,
    reachable: bool,
    in_loop: u32,
    stack: Vec<Value>,
    control: Vec<Control<'a>>,
    /// Kinds of variables: locals, and at an entry into a loop the operands below enclosing blocks.
    kinds: Vec<ValKind>,
    num_locals: u32,
    current: Vec<Current>,
    touched: Vec<u32>,
    definitions: Definitions,
    incomplete: Vec<(Block, u32, Value)>,
    pending: Vec<Pending>,
    arguments: Vec<Value>,
    sealing: Vec<Value>,
    /// Operands that edges carry: where those of each edge begin, and all of them.
    edge_first: Vec<u32>,
    edge_values: Vec<Value>,
    /// `br_table`s seen so far.
    tables: u32,
    /// The block in which an entry into a loop begins, once its loop was met.
    loop_entry: Option<Block>,
    /// Slots of baseline code's frame that are live where it is left for optimised code.
    pub foreign_slots: u32,
    /// The body being built: the function's, or an inlined one.
    scope: Scope<'a>,
    inlining: Inlining<'a>,
    /// Wasm offset of the operator being built.
    offset: u32,
    pub fuel: u32,
    pub refused: Option<&'static str>,
}

impl<'a> Builder<'a> {
    pub fn new(env: &'a ModuleEnv) -> Builder<'a> {
        let target = &env.flags.target;
        Builder {
            graph: Graph::default(),
            env,
            has_rounding: target.arch == Arch::Aarch64 || target.sse41,
            func: FuncIndex(0),
            entry: Entry::Function,
            block: Block::NONE,
            reachable: true,
            in_loop: NO_LOOP,
            stack: Vec::new(),
            control: Vec::new(),
            kinds: Vec::new(),
            num_locals: 0,
            current: Vec::new(),
            touched: Vec::new(),
            definitions: Definitions::default(),
            incomplete: Vec::new(),
            pending: Vec::new(),
            arguments: Vec::new(),
            sealing: Vec::new(),
            edge_first: Vec::new(),
            edge_values: Vec::new(),
            tables: 0,
            loop_entry: None,
            foreign_slots: 0,
            scope: Scope::default(),
            inlining: Inlining::default(),
            offset: 0,
            fuel: 0,
            refused: None,
        }
    }

    /// Begins a function. Calls are inlined if `bodies` says where bodies are.
    pub fn begin(
        &mut self,
        func: FuncIndex,
        entry: Entry,
        body_len: usize,
        bodies: Option<&'a DecodedModule>,
    ) {
        self.graph.clear();
        self.func = func;
        self.entry = entry;
        self.block = Block::NONE;
        self.reachable = true;
        self.in_loop = NO_LOOP;
        self.stack.clear();
        self.control.clear();
        self.kinds.clear();
        self.current.clear();
        self.touched.clear();
        self.definitions.clear();
        self.incomplete.clear();
        self.pending.clear();
        self.arguments.clear();
        self.edge_first.clear();
        self.edge_values.clear();
        self.tables = 0;
        self.loop_entry = None;
        self.foreign_slots = 0;
        self.scope = Scope::new(func, body_len);
        self.inlining.begin(bodies, body_len);
        self.offset = 0;
        self.fuel = (body_len as u32).saturating_mul(FUEL_PER_BYTE).saturating_add(FUEL);
        self.refused = None;
        let env = self.env;
        let params = env.module.func_type(func).params();
        self.kinds.extend(params.iter().map(|ty| ty.kind()));
    }

    /// The function's parameters become the first locals.
    fn enter(&mut self) {
        let env = self.env;
        self.num_locals = self.kinds.len() as u32;
        if self.kinds.contains(&ValKind::V128) {
            self.refused = Some("it uses vectors");
        }
        let nowhere = Current { block: Block::NONE, value: Value(0) };
        self.current.resize(self.kinds.len(), nowhere);
        let entry = self.graph.new_block(NO_LOOP);
        self.graph.blocks[entry.index()].sealed = true;
        self.switch_to(entry);
        let layout = &env.calls[env.module.functions[self.func.index()].index()];
        for (index, &(kind, place)) in layout.params.iter().enumerate() {
            let inst = match place {
                engine_machine::abi::Location::Reg(_) => Inst::new(Op::Arg, kind, 0, [index as u32, 0, 0]),
                engine_machine::abi::Location::Stack(offset) => {
                    let offset = frame::STACK_PARAMS + offset as i32;
                    Inst::new(Op::Slot, kind, 0, [offset as u32, 0, 0])
                }
            };
            let value = self.emit(inst);
            self.write_variable(index as u32, value);
        }
        let (_, results) = env.kinds(env.module.functions[self.func.index()]);
        self.enter_function(engine_machine::Kinds::List(results));
    }

    /// The body is complete. Fixes what was left open, and says whether there is a graph.
    pub fn finish(&mut self) -> Result<(), &'static str> {
        if self.fuel == 0 {
            return Err("it takes too long to optimise");
        }
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        for index in 0..self.graph.loops.len() {
            let data = self.graph.loops[index];
            let outer = if data.parent == NO_LOOP { 0 } else { self.graph.loops[data.parent as usize].depth };
            let is_loop = self.graph.block(data.header).preds.len() > 1;
            self.graph.loops[index].depth = outer + u32::from(is_loop);
            if let Some(outermost) = self.graph.loops.get(data.parent as usize)
                && self.graph.block(outermost.header).preds.len() < 2
            {
                self.graph.loops[index].parent = outermost.parent;
            }
        }
        for index in 0..self.graph.blocks.len() {
            let in_loop = self.graph.blocks[index].in_loop;
            if let Some(data) = self.graph.loops.get(in_loop as usize)
                && self.graph.block(data.header).preds.len() < 2
            {
                self.graph.blocks[index].in_loop = data.parent;
            }
        }
        match (self.entry, self.loop_entry) {
            (Entry::Loop { .. }, None) => return Err("there is no such loop"),
            (Entry::Loop { .. }, Some(entry)) => self.graph.enter_at(entry),
            (Entry::Function, _) => {}
        }
        self.graph.drop_replaced_params();
        Ok(())
    }

    /// Takes steps from the fuel.
    #[inline]
    pub fn burn(&mut self, steps: u32) {
        self.fuel = self.fuel.saturating_sub(steps);
    }

    // ---- blocks ----

    /// Ends the current block's instructions, if there is one.
    fn leave(&mut self) {
        if !self.block.is_none() {
            self.save_variables();
            self.graph.blocks[self.block.index()].insts.1 = self.graph.order.len() as u32;
            self.block = Block::NONE;
        }
    }

    /// Goes on in a block.
    fn switch_to(&mut self, block: Block) {
        self.leave();
        let start = self.graph.order.len() as u32;
        self.graph.blocks[block.index()].insts = (start, start);
        self.graph.layout.push(block);
        self.block = block;
        self.reachable = true;
    }

    /// Ends the current block; what follows is unreachable until a block is entered.
    fn end_block(&mut self, term: Term) {
        let block = &mut self.graph.blocks[self.block.index()];
        debug_assert_eq!(block.term, Term::None);
        block.term = term;
        block.offset = self.offset;
        self.leave();
        self.reachable = false;
    }

    /// Refuses what takes too many values at once.
    fn check_values(&mut self, count: usize) {
        if count > MAX_VALUES {
            self.refused = Some("it carries too many values at once");
        }
    }

    /// An edge from the current block that carries the top `count` operands.
    fn edge(&mut self, to: Block, count: usize) -> Edge {
        // An operator that makes very many edges ends as soon as it can.
        let count = if self.refused.is_some() { 0 } else { count };
        let edge = self.graph.new_edge(self.block, to);
        self.edge_first.push(self.edge_values.len() as u32);
        self.edge_values.extend_from_slice(&self.stack[self.stack.len() - count..]);
        self.burn(1 + count as u32);
        edge
    }

    /// A block whose only predecessor is an edge made here.
    fn block_behind(&mut self) -> (Block, Edge) {
        let block = self.graph.new_block(self.in_loop);
        let edge = self.edge(block, 0);
        self.graph.blocks[block.index()].sealed = true;
        (block, edge)
    }

    // ---- operands and instructions ----

    #[inline]
    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }
    #[inline]
    fn pop(&mut self) -> Value {
        match self.stack.pop() {
            Some(value) => self.graph.resolve(value),
            None => {
                debug_assert!(false, "valid code has its operands");
                self.refused = Some("an operand is missing");
                Value(0)
            }
        }
    }

    /// Adds a pinned instruction to the current block.
    fn emit(&mut self, inst: Inst) -> Value {
        debug_assert!(!inst.op.is_pure() && self.reachable);
        let value = self.graph.push(inst, self.offset);
        self.graph.order.push(value);
        value
    }
}

impl<'a> BodyVisitor<'a> for Builder<'a> {
    fn locals(&mut self, count: u32, ty: wasmparser::ValType) {
        let kind = ValKind::from(ty);
        self.kinds.resize(self.kinds.len() + count as usize, kind);
    }
    fn start(&mut self, operators: &'a [u8]) {
        self.scope.begin_operators(operators);
        if self.inlining.is_inside() {
            self.enter_inlined();
        } else {
            self.enter();
        }
    }
    #[inline(always)]
    fn operator(&mut self, position: usize) -> bool {
        self.scope.position = position;
        self.offset = self.scope.start + position as u32;
        self.burn(1);
        self.fuel > 0 && self.refused.is_none()
    }
}
