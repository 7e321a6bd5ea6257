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
    /// Bytes of its body, inner loops included. While it is open, where it begins.
    pub bytes: u32,
}

/// A local's facts.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct LocalFacts {
    /// Uses, each weighted by 8 to the power of its loop depth.
    pub weight: u32,
    /// Whether some read is not preceded by a write on every path.
    pub read_before_write: bool,
    /// Depth and identity of the open block in which it was written. Only for locals beyond the first 64.
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

/// An open block. The facts around it are put away here while it is open.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Identity: differs for every block and every arm of an `if`.
    id: u32,
    /// Its loop, or `NO_LOOP`.
    loop_index: u32,
    /// Locals written for sure where it begins.
    written: u64,
    /// For a loop, what was found around it.
    outer: LoopFacts,
}

const NO_LOOP: u32 = u32::MAX;
const NOT_WRITTEN: u32 = u32::MAX;

/// Facts of a local that the function has not used.
const UNTOUCHED: LocalFacts =
    LocalFacts { weight: 0, read_before_write: false, written_depth: NOT_WRITTEN, written_block: 0 };

/// Locals whose facts are bits of a word.
const DIRECT: u32 = 64;

/// An opcode's form: how to get past it and what it means, as bits.
type Form = u32;

/// Bits 0 to 3: bytes of opcode and fixed immediates (1, 5 or 9).
const FIXED: Form = 0xf;
const PLAIN: Form = 1;
/// Bits 4 to 7: all set if one LEB128 number follows.
const INDEX: Form = 0xf0 | PLAIN;
/// Bits 8 to 11: all set if two follow.
const TWO: Form = 0xf00 | PLAIN;
/// Bits 12 and 13: uses a local.
const GET: Form = 1 << 12;
const SET: Form = 1 << 13;
const LOCAL: Form = 1 << 14;
const MEMORY: Form = 1 << 15;
const CALLS: Form = 1 << 16;
/// Calls the runtime on CPUs without instructions for roundings.
const ROUND: Form = 1 << 17;
/// Needs a closer look.
const SPECIAL: Form = 1 << 18;
/// Bit 24 and above: the first immediate byte from which on it needs one. (0 stands for 256.)
const LIMIT: u32 = 24;
const _: () = assert!(DIRECT == 1 << 6);

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
    const LOCAL_INDEX: Form = INDEX | LOCAL | DIRECT << LIMIT;
    // Bit 6 of the alignment says that a memory's index follows.
    const MEMARG: Form = TWO | MEMORY | 0x40 << LIMIT;
    let f = [SPECIAL; 256];
    let f = fill(f, 0x00, 0x01, PLAIN);
    let f = fill(f, 0x0c, 0x0d, INDEX);
    let f = fill(f, 0x0f, 0x0f, PLAIN);
    let f = fill(f, 0x10, 0x10, INDEX | CALLS);
    let f = fill(f, 0x11, 0x11, TWO | CALLS);
    let f = fill(f, 0x1a, 0x1b, PLAIN);
    let f = fill(f, 0x20, 0x20, LOCAL_INDEX | GET);
    let f = fill(f, 0x21, 0x22, LOCAL_INDEX | SET);
    let f = fill(f, 0x23, 0x24, INDEX);
    // table.get and table.set call the runtime.
    let f = fill(f, 0x25, 0x26, INDEX | CALLS);
    let f = fill(f, 0x28, 0x3e, MEMARG);
    let f = fill(f, 0x3f, 0x3f, INDEX);
    let f = fill(f, 0x40, 0x40, INDEX | CALLS);
    let f = fill(f, 0x41, 0x42, INDEX);
    let f = fill(f, 0x43, 0x43, 5);
    let f = fill(f, 0x44, 0x44, 9);
    let f = fill(f, 0x45, 0xc4, PLAIN);
    let f = fill(f, 0x8d, 0x90, PLAIN | ROUND);
    let f = fill(f, 0x9b, 0x9e, PLAIN | ROUND);
    let f = fill(f, 0xd0, 0xd0, INDEX);
    let f = fill(f, 0xd1, 0xd1, PLAIN);
    fill(f, 0xd2, 0xd2, INDEX)
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
    /// The next eight bytes; zeros behind the end.
    #[inline(always)]
    fn word(&self) -> u64 {
        match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(&chunk) => u64::from_le_bytes(chunk),
            None => self.last_word(),
        }
    }
    #[cold]
    fn last_word(&self) -> u64 {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        rest.iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
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
}

/// What has been found since the innermost loop began, and where the scan is.
struct State {
    used: u64,
    assigned: u64,
    /// Locals written for sure.
    written: u64,
    /// Locals read while not surely written, in the whole function.
    read_early: u64,
    /// Forms of all operators since the innermost loop began, united.
    seen: Form,
    depth: u32,
    weight: u32,
    next_block: u32,
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
        for param in self.locals[..num_params].iter_mut().skip(DIRECT as usize) {
            param.written_depth = 0;
            param.written_block = 0;
        }
        self.num_params = num_params as u32;
        self.num_locals = num_locals as u32;
        self.loops.clear();
        self.blocks.clear();
        let params = if num_params < 64 { (1 << num_params) - 1 } else { u64::MAX };
        self.blocks.push(Block { id: 0, loop_index: NO_LOOP, written: params, outer: LoopFacts::default() });
        self.uses_memory = false;
        self.calls = false;
        // Parameters and locals beyond the direct ones are noted when they are met.
        self.touched.extend(DIRECT..self.num_params);
        self.complete = self.run(operators, params, rounding_calls).is_some() && self.blocks.is_empty();
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
    fn run(&mut self, operators: &[u8], params: u64, rounding_calls: bool) -> Option<()> {
        let calls = CALLS | if rounding_calls { ROUND } else { 0 };
        let mut cursor = Cursor { bytes: operators, at: 0 };
        let mut state = State {
            used: 0,
            assigned: 0,
            written: params,
            read_early: 0,
            seen: 0,
            depth: 0,
            weight: weight_at(0),
            next_block: 1,
        };
        let mut weights = [0_u64; DIRECT as usize];
        // Most operators only need to be passed, and mispredicted branches are what a scan costs. So immediates are passed
        // and the first locals counted without branches; whatever needs more goes to `special`. The chain from one
        // operator to the next is kept short: both ways to pass numbers are computed beside the table's look-up.
        while cursor.at < operators.len() {
            let word = cursor.word();
            let form = FORMS[(word & 0xff) as usize];
            let first = word as u32 >> 8 & 0xff;
            // The top bits of bytes that end a number, the opcode left out: the first one's position, and the second's.
            let ends = !word & 0x8080_8080_8080_8000;
            let one = ends.trailing_zeros() / 8;
            let two = (ends & ends.wrapping_sub(1)).trailing_zeros() / 8;
            let numbers = (one & form >> 4 | two & form >> 8) & 0xf;
            let limit = (form >> LIMIT).wrapping_sub(1) & 0xff;
            if (form & SPECIAL != 0) | (numbers > 7) | (first > limit) {
                cursor.at += 1;
                self.special(word as u8, &mut cursor, &mut state, calls)?;
                continue;
            }
            cursor.at += (form & FIXED) as usize + numbers as usize;
            state.seen |= form;
            let set = u64::from(form >> 13 & 1) << (first & 63);
            let get = u64::from(form >> 12 & 1) << (first & 63);
            state.used |= get | set;
            state.assigned |= set;
            state.read_early |= get & !state.written;
            state.written |= set;
            weights[(first & 63) as usize] += u64::from(state.weight & 0_u32.wrapping_sub(form >> 14 & 1));
        }
        if cursor.at > operators.len() {
            return None;
        }
        // The function's own block counts as a loop around all.
        self.calls = state.seen & calls != 0;
        self.uses_memory |= state.seen & MEMORY != 0;
        let mut touched = params | state.used;
        if self.num_locals < DIRECT {
            touched &= (1 << self.num_locals) - 1;
        }
        while touched != 0 {
            let index = touched.trailing_zeros();
            touched &= touched - 1;
            // A bit may be another local's, 64 or more further on.
            let weight = u32::try_from(weights[index as usize]).unwrap_or(u32::MAX);
            if weight == 0 && index >= self.num_params {
                continue;
            }
            let local = &mut self.locals[index as usize];
            local.weight = weight;
            local.read_before_write = state.read_early >> index & 1 != 0;
            self.touched.push(index);
        }
        Some(())
    }

    /// An operator that is more than passed. The cursor stands behind its opcode.
    #[inline(never)]
    fn special(&mut self, opcode: u8, cursor: &mut Cursor<'_>, state: &mut State, calls: Form) -> Option<()> {
        match opcode {
            0x02..=0x04 => {
                cursor.skip_type()?;
                let is_loop = opcode == 0x03;
                let loop_index = if is_loop { self.loops.len() as u32 } else { NO_LOOP };
                let calls = state.seen & calls != 0;
                let outer = LoopFacts { used: state.used, assigned: state.assigned, calls, bytes: 0 };
                self.blocks.push(Block { id: state.next_block, loop_index, written: state.written, outer });
                state.next_block += 1;
                if is_loop {
                    self.loops.push(LoopFacts { bytes: cursor.at as u32, ..LoopFacts::default() });
                    (state.used, state.assigned) = (0, 0);
                    self.uses_memory |= state.seen & MEMORY != 0;
                    state.seen = 0;
                    state.depth += 1;
                    state.weight = weight_at(state.depth);
                }
            }
            0x05 => {
                let block = self.blocks.last_mut()?;
                block.id = state.next_block;
                state.next_block += 1;
                state.written = block.written;
            }
            0x0b => {
                let block = self.blocks.pop()?;
                state.written = block.written;
                if block.loop_index != NO_LOOP {
                    self.uses_memory |= state.seen & MEMORY != 0;
                    let begin = self.loops[block.loop_index as usize].bytes;
                    let found = LoopFacts {
                        used: state.used,
                        assigned: state.assigned,
                        calls: state.seen & calls != 0,
                        bytes: cursor.at as u32 - begin,
                    };
                    self.loops[block.loop_index as usize] = found;
                    state.used |= block.outer.used;
                    state.assigned |= block.outer.assigned;
                    state.seen = if found.calls | block.outer.calls { CALLS } else { 0 };
                    state.depth -= 1;
                    state.weight = weight_at(state.depth);
                }
            }
            0x0e => {
                let count = cursor.leb()?;
                for _ in 0..=count {
                    cursor.skip_leb()?;
                }
            }
            0x1c => {
                let count = cursor.leb()?;
                for _ in 0..count {
                    cursor.skip_type()?;
                }
            }
            // With a memory's index, or longer numbers.
            0x28..=0x3e => {
                state.seen |= MEMORY;
                let align = cursor.leb()?;
                if align & 0x40 != 0 {
                    cursor.skip_leb()?;
                }
                cursor.skip_leb()?;
            }
            0x20..=0x22 => {
                let index = cursor.leb()?;
                self.distant_local(index, opcode != 0x20, state)?;
            }
            0xfc => match cursor.leb()? {
                // Saturating truncations.
                0..=7 => {}
                // Two indices: memory.init, memory.copy, table.init, table.copy.
                8 | 10 | 12 | 14 => {
                    cursor.skip_leb()?;
                    cursor.skip_leb()?;
                    state.seen |= CALLS;
                }
                // One index: data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill.
                9 | 11 | 13 | 15..=17 => {
                    cursor.skip_leb()?;
                    state.seen |= CALLS;
                }
                _ => return None,
            },
            // Numbers that end beyond the word.
            _ => {
                let form = FORMS[usize::from(opcode)];
                if form & SPECIAL != 0 {
                    return None;
                }
                state.seen |= form;
                cursor.skip_leb()?;
                if form & TWO == TWO {
                    cursor.skip_leb()?;
                }
            }
        }
        Some(())
    }

    /// A use of a local that is none of the first, or written with more bytes than it needs; `None` if there is no such local.
    fn distant_local(&mut self, index: u32, set: bool, state: &mut State) -> Option<()> {
        if index >= self.num_locals || index < DIRECT {
            return None;
        }
        let bit = 1 << (index & 63);
        state.used |= bit;
        state.assigned |= if set { bit } else { 0 };
        let local = &mut self.locals[index as usize];
        if local.weight == 0 && index >= self.num_params {
            self.touched.push(index);
        }
        local.weight = local.weight.saturating_add(state.weight);
        let written = self
            .blocks
            .get(local.written_depth as usize)
            .is_some_and(|block| block.id == local.written_block);
        if !set {
            local.read_before_write |= !written;
        } else if !written {
            local.written_depth = self.blocks.len() as u32 - 1;
            local.written_block = self.blocks.last()?.id;
        }
        Some(())
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
            &[0x20, 70, 0x0b],
            &[0x0e, 0xff, 0xff, 0x7f],
        ] {
            lookahead.scan(body, 0, 2, false);
            assert!(!lookahead.complete && lookahead.calls);
            assert!(lookahead.locals[..2].iter().all(|local| local.read_before_write && local.weight == 0));
        }
    }
}
