//! A quick look over a body's bytes before it is compiled: which locals matter, and what its loops do.
//!
//! A single-pass compiler meets a loop header before it knows what the loop uses. One scan that decodes nothing but
//! opcodes, local indices and lengths answers what decides code quality:
//! * how often each local is used, weighted by loop depth: the most used get a register of their own;
//! * which of them each loop uses and assigns, and whether the loop calls: the registers live at its header;
//! * which locals are read before they are surely written: only those are zeroed at entry.
//!
//! The scan runs before validation, so it trusts nothing: anything it does not understand ends it, and the function is
//! compiled without its answers, correctly if less well (and, if the body is invalid, refused by the validator).

/// What a loop does.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct LoopFacts {
    /// Locals it reads or writes: bit `index % 64`, so a superset when there are more than 64.
    pub used: u64,
    /// Locals it writes, likewise.
    pub assigned: u64,
    /// Whether it calls anything, the runtime included.
    pub calls: bool,
}

/// A local's facts.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct LocalFacts {
    /// Uses, each weighted by 8 to the power of its loop depth.
    pub weight: u32,
    /// Whether some read is not preceded by a write on every path.
    pub read_before_write: bool,
    /// Depth and identity of the open block in which it was written.
    written_depth: u32,
    written_block: u32,
}

/// Results of a scan. Reused from function to function.
#[derive(Default, Debug)]
pub(crate) struct Lookahead {
    /// By local index. Only parameters and those in `touched` mean something.
    pub locals: Vec<LocalFacts>,
    /// Parameters and locals that are used, in ascending order; all locals if the scan is not complete.
    pub touched: Vec<u32>,
    num_params: u32,
    num_locals: u32,
    /// By order of the `loop` operators.
    pub loops: Vec<LoopFacts>,
    /// Whether the function calls anything, the runtime included.
    pub calls: bool,
    /// Whether it uses memory 0's base.
    pub uses_memory: bool,
    /// Whether the scan reached the end.
    pub complete: bool,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// Identity: differs for every block and every arm of an `if`.
    id: u32,
    /// Its loop, or `NO_LOOP`.
    loop_index: u32,
    /// For a loop, the loop around it.
    outer: u32,
}

const NO_LOOP: u32 = u32::MAX;
const NOT_WRITTEN: u32 = u32::MAX;

/// Facts of a local that the function has not used.
const UNTOUCHED: LocalFacts =
    LocalFacts { weight: 0, read_before_write: false, written_depth: NOT_WRITTEN, written_block: 0 };

/// How to get past an opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    Unknown,
    Plain,
    Index,
    Memory,
    Float32,
    Float64,
    LocalGet,
    LocalSet,
    Block,
    Loop,
    Else,
    End,
    BrTable,
    Call,
    CallIndirect,
    Select,
    Prefixed,
    Round,
}

const fn fill(mut forms: [Form; 256], from: usize, to: usize, form: Form) -> [Form; 256] {
    let mut i = from;
    while i <= to {
        forms[i] = form;
        i += 1;
    }
    forms
}

/// By opcode (core specification, "Binary Format", "Instructions").
static FORMS: [Form; 256] = {
    let f = [Form::Unknown; 256];
    let f = fill(f, 0x00, 0x01, Form::Plain);
    let f = fill(f, 0x02, 0x02, Form::Block);
    let f = fill(f, 0x03, 0x03, Form::Loop);
    let f = fill(f, 0x04, 0x04, Form::Block);
    let f = fill(f, 0x05, 0x05, Form::Else);
    let f = fill(f, 0x0b, 0x0b, Form::End);
    let f = fill(f, 0x0c, 0x0d, Form::Index);
    let f = fill(f, 0x0e, 0x0e, Form::BrTable);
    let f = fill(f, 0x0f, 0x0f, Form::Plain);
    let f = fill(f, 0x10, 0x10, Form::Call);
    let f = fill(f, 0x11, 0x11, Form::CallIndirect);
    let f = fill(f, 0x1a, 0x1b, Form::Plain);
    let f = fill(f, 0x1c, 0x1c, Form::Select);
    let f = fill(f, 0x20, 0x20, Form::LocalGet);
    let f = fill(f, 0x21, 0x22, Form::LocalSet);
    let f = fill(f, 0x23, 0x24, Form::Index);
    // table.get and table.set call the runtime.
    let f = fill(f, 0x25, 0x26, Form::Call);
    let f = fill(f, 0x28, 0x3e, Form::Memory);
    let f = fill(f, 0x3f, 0x3f, Form::Index);
    let f = fill(f, 0x40, 0x40, Form::Call);
    let f = fill(f, 0x41, 0x42, Form::Index);
    let f = fill(f, 0x43, 0x43, Form::Float32);
    let f = fill(f, 0x44, 0x44, Form::Float64);
    let f = fill(f, 0x45, 0xc4, Form::Plain);
    // Roundings may call the runtime.
    let f = fill(f, 0x8d, 0x90, Form::Round);
    let f = fill(f, 0x9b, 0x9e, Form::Round);
    let f = fill(f, 0xd0, 0xd0, Form::Index);
    let f = fill(f, 0xd1, 0xd1, Form::Plain);
    let f = fill(f, 0xd2, 0xd2, Form::Index);
    fill(f, 0xfc, 0xfc, Form::Prefixed)
};

/// A position in the body.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
    /// Passes a LEB128 number of any width.
    #[inline]
    fn skip_leb(&mut self) -> Option<()> {
        while self.byte()? >= 0x80 {}
        Some(())
    }
    /// Reads an unsigned LEB128 number of 32 bits; nonsense from malformed input.
    #[inline]
    fn leb(&mut self) -> Option<u32> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(u32::from(first));
        }
        let mut value = u32::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte < 0x80 {
                return Some(value);
            }
        }
    }
    /// Passes a block type or value type; `None` for references with a heap type of their own (0x62 to 0x64).
    #[inline]
    fn skip_type(&mut self) -> Option<()> {
        if matches!(self.bytes.get(self.at), Some(0x62..=0x64)) { None } else { self.skip_leb() }
    }
    fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|&at| at <= self.bytes.len())?;
        Some(())
    }
}

impl Lookahead {
    /// Scans the operators of a body with `num_locals` locals, the first `num_params` of them parameters.
    /// `rounding_calls` says whether float roundings call the runtime.
    pub fn scan(&mut self, operators: &[u8], num_params: usize, num_locals: usize, rounding_calls: bool) {
        // Declaring locals costs a module nothing, so neither may the ones that are never used: only those touched are reset.
        for &index in &self.touched {
            self.locals[index as usize] = UNTOUCHED;
        }
        self.touched.clear();
        if self.locals.len() < num_locals {
            self.locals.resize(num_locals, UNTOUCHED);
        }
        for (index, param) in self.locals[..num_params].iter_mut().enumerate() {
            param.written_depth = 0;
            param.written_block = 0;
            self.touched.push(index as u32);
        }
        self.num_params = num_params as u32;
        self.num_locals = num_locals as u32;
        self.loops.clear();
        self.blocks.clear();
        self.blocks.push(Block { id: 0, loop_index: NO_LOOP, outer: NO_LOOP });
        self.calls = false;
        self.uses_memory = false;
        self.complete = self.run(operators, rounding_calls).is_some() && self.blocks.is_empty();
        if !self.complete {
            self.loops.clear();
            self.calls = true;
            self.uses_memory = true;
            self.locals[..num_locals].fill(LocalFacts { read_before_write: true, ..UNTOUCHED });
            self.touched.clear();
            self.touched.extend(0..num_locals as u32);
        }
        self.touched.sort_unstable();
    }

    /// `None` if there was something it did not understand.
    fn run(&mut self, operators: &[u8], rounding_calls: bool) -> Option<()> {
        let mut cursor = Cursor { bytes: operators, at: 0 };
        let mut next_block = 1;
        let mut depth = 0u32;
        let mut weight = weight_at(depth);
        let mut innermost = NO_LOOP;
        while cursor.at < operators.len() {
            match FORMS[usize::from(cursor.byte()?)] {
                Form::Plain => {}
                Form::LocalGet => {
                    let index = cursor.leb()?;
                    self.touch(index)?;
                    let local = &mut self.locals[index as usize];
                    local.weight = local.weight.saturating_add(weight);
                    let written = self
                        .blocks
                        .get(local.written_depth as usize)
                        .is_some_and(|block| block.id == local.written_block);
                    local.read_before_write |= !written;
                    if innermost != NO_LOOP {
                        self.loops[innermost as usize].used |= 1 << (index & 63);
                    }
                }
                Form::LocalSet => {
                    let index = cursor.leb()?;
                    self.touch(index)?;
                    let local = &mut self.locals[index as usize];
                    local.weight = local.weight.saturating_add(weight);
                    let written = self
                        .blocks
                        .get(local.written_depth as usize)
                        .is_some_and(|block| block.id == local.written_block);
                    if !written {
                        local.written_depth = self.blocks.len() as u32 - 1;
                        local.written_block = self.blocks.last()?.id;
                    }
                    if innermost != NO_LOOP {
                        self.loops[innermost as usize].used |= 1 << (index & 63);
                        self.loops[innermost as usize].assigned |= 1 << (index & 63);
                    }
                }
                Form::Index => cursor.skip_leb()?,
                Form::Memory => {
                    self.uses_memory = true;
                    let align = cursor.leb()?;
                    if align & 0x40 != 0 {
                        cursor.skip_leb()?;
                    }
                    cursor.skip_leb()?;
                }
                Form::Float32 => cursor.skip(4)?,
                Form::Float64 => cursor.skip(8)?,
                Form::Block => {
                    cursor.skip_type()?;
                    self.blocks.push(Block { id: next_block, loop_index: NO_LOOP, outer: NO_LOOP });
                    next_block += 1;
                }
                Form::Loop => {
                    cursor.skip_type()?;
                    let outer = innermost;
                    innermost = self.loops.len() as u32;
                    self.loops.push(LoopFacts::default());
                    self.blocks.push(Block { id: next_block, loop_index: innermost, outer });
                    next_block += 1;
                    depth += 1;
                    weight = weight_at(depth);
                }
                Form::Else => {
                    self.blocks.last_mut()?.id = next_block;
                    next_block += 1;
                }
                Form::End => {
                    let block = self.blocks.pop()?;
                    if block.loop_index != NO_LOOP {
                        let inner = self.loops[block.loop_index as usize];
                        innermost = block.outer;
                        if innermost != NO_LOOP {
                            let outer = &mut self.loops[innermost as usize];
                            outer.used |= inner.used;
                            outer.assigned |= inner.assigned;
                            outer.calls |= inner.calls;
                        }
                        depth -= 1;
                        weight = weight_at(depth);
                    }
                }
                Form::BrTable => {
                    let count = cursor.leb()?;
                    for _ in 0..=count {
                        cursor.skip_leb()?;
                    }
                }
                Form::Call => {
                    cursor.skip_leb()?;
                    self.call(innermost);
                }
                Form::CallIndirect => {
                    cursor.skip_leb()?;
                    cursor.skip_leb()?;
                    self.call(innermost);
                }
                Form::Select => {
                    let count = cursor.leb()?;
                    for _ in 0..count {
                        cursor.skip_type()?;
                    }
                }
                Form::Round => {
                    if rounding_calls {
                        self.call(innermost);
                    }
                }
                Form::Prefixed => match cursor.leb()? {
                    // Saturating truncations.
                    0..=7 => {}
                    // Two indices: memory.init, memory.copy, table.init, table.copy.
                    8 | 10 | 12 | 14 => {
                        cursor.skip_leb()?;
                        cursor.skip_leb()?;
                        self.call(innermost);
                    }
                    // One index: data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill.
                    9 | 11 | 13 | 15..=17 => {
                        cursor.skip_leb()?;
                        self.call(innermost);
                    }
                    _ => return None,
                },
                Form::Unknown => return None,
            }
        }
        Some(())
    }

    /// Notes that a local is used; `None` if there is no such local.
    #[inline]
    fn touch(&mut self, index: u32) -> Option<()> {
        if index >= self.num_locals {
            return None;
        }
        if self.locals[index as usize].weight == 0 && index >= self.num_params {
            self.touched.push(index);
        }
        Some(())
    }

    #[inline]
    fn call(&mut self, innermost: u32) {
        self.calls = true;
        if innermost != NO_LOOP {
            self.loops[innermost as usize].calls = true;
        }
    }
}

/// Weight of a use at a loop depth.
fn weight_at(depth: u32) -> u32 {
    1 << (3 * depth.min(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans the only function of a module in the text format, which has no declared locals before `params`.
    fn scan(params: usize, locals: usize, body: &str) -> Lookahead {
        let names: String = (0..locals - params).map(|_| "(local i32)").collect();
        let types: String = (0..params).map(|_| "(param i32)").collect();
        let wasm =
            wat::parse_str(format!("(module (memory 1) (func $f {types} {names} {body}))")).expect("parses");
        let mut lookahead = Lookahead::default();
        for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
            if let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("valid") {
                let mut operators = body.get_binary_reader_for_operators().expect("valid");
                let bytes = operators.read_bytes(operators.bytes_remaining()).expect("all of it");
                lookahead.scan(bytes, params, locals, false);
            }
        }
        assert!(lookahead.complete);
        lookahead
    }

    fn zeroed(params: usize, locals: usize, body: &str) -> Vec<usize> {
        let facts = scan(params, locals, body).locals;
        (0..locals).filter(|&i| facts[i].read_before_write).collect()
    }

    #[test]
    fn reads_behind_writes_need_no_zero() {
        assert_eq!(zeroed(1, 3, "local.get 0 local.set 1 local.get 1 local.get 2 drop drop"), [2]);
        // Inside the block that wrote, and in blocks inside that.
        assert_eq!(zeroed(0, 1, "i32.const 1 local.set 0 loop block local.get 0 br_if 1 end end"), []);
        // A block may be left before its write.
        assert_eq!(
            zeroed(1, 2, "block local.get 0 br_if 0 i32.const 1 local.set 1 end local.get 1 drop"),
            [1]
        );
        // Each arm for itself.
        let arms = "local.get 0 if i32.const 1 local.set 1 local.get 1 drop else local.get 1 drop end";
        assert_eq!(zeroed(1, 2, arms), [1]);
        // The first iteration reads before it writes.
        assert_eq!(zeroed(0, 1, "loop local.get 0 br_if 0 i32.const 0 local.set 0 end"), [0]);
        // Written again deeper: the outer write still counts.
        assert_eq!(
            zeroed(0, 1, "i32.const 1 local.set 0 block i32.const 2 local.set 0 end local.get 0 drop"),
            []
        );
    }

    #[test]
    fn loops_know_what_they_use() {
        let body =
            "loop local.get 0 drop loop i32.const 1 local.set 1 end end loop call $f end local.get 2 drop";
        let lookahead = scan(0, 3, body);
        let facts: Vec<_> = lookahead.loops.iter().map(|l| (l.used, l.assigned, l.calls)).collect();
        assert_eq!(facts, [(0b11, 0b10, false), (0b10, 0b10, false), (0, 0, true)]);
        assert!(lookahead.calls && !lookahead.uses_memory);
        let weights: Vec<_> = lookahead.locals.iter().map(|local| local.weight).collect();
        assert_eq!(weights, [8, 64, 1]);
    }

    #[test]
    fn all_forms_of_operators_are_passed() {
        let body = "i32.const 300 f32.const 1 drop f64.const 2 drop i32.load offset=1000 drop
            i32.const 0 i32.const 0 i32.const 0 memory.fill i32.const 0 i32.const 0 i32.const 0 memory.copy
            memory.size memory.grow drop ref.null func ref.is_null drop i64.const -1 i64.extend8_s drop
            f32.const 1 i32.trunc_sat_f32_s drop block i32.const 0 br_table 0 0 0 end
            i32.const 1 i32.const 2 i32.const 3 select drop ref.null extern ref.null extern i32.const 1
            select (result externref) drop";
        assert!(scan(0, 1, body).uses_memory);
    }

    #[test]
    fn nonsense_ends_the_scan() {
        let mut lookahead = Lookahead::default();
        for body in [
            &[0xff][..],
            &[0x20, 0x80],
            &[0x02, 0x40],
            &[0x0b, 0x0b],
            &[0x20, 5, 0x0b],
            &[0x0e, 0xff, 0xff, 0x7f],
        ] {
            lookahead.scan(body, 0, 2, false);
            assert!(!lookahead.complete && lookahead.calls);
            assert!(lookahead.locals[..2].iter().all(|local| local.read_before_write && local.weight == 0));
        }
    }
}
