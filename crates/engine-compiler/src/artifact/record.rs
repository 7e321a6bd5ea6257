//! A compiled function as bytes.
//!
//! ```text
//!   0  function  tier  code  relocations  sites  inlined bodies  loop headers  values  frame size    u32 each; of the lists, how many
//!  36  code, then the lists: relocation (8 bytes), site (8), inlined body (12), loop header (16), value (8)
//! ```

use super::{array_at, u32_at};
use core::ops::Range;
use engine_decoder::{FuncIndex, ValKind};
use engine_machine::{
    CodeBatch, CompiledFunction, Entry, HeaderValue, InlinedBody, LoopHeader, Reg, RelocTarget, Relocation,
    Site, Tier, TrapCode,
};

const HEAD: usize = 36;
const KINDS: [ValKind; 6] =
    [ValKind::I32, ValKind::I64, ValKind::F32, ValKind::F64, ValKind::V128, ValKind::Ref];

/// Appends a function of a batch.
pub(crate) fn encode(batch: &CodeBatch, function: &CompiledFunction, out: &mut Vec<u8>) {
    let (code, relocations) = (batch.code_of(function), batch.relocations_of(function));
    let (sites, inlined) = (batch.sites_of(function), batch.inlined_of(function));
    let headers = &batch.loop_headers[range(&function.loop_headers)];
    let values = || headers.iter().flat_map(|header| &batch.header_values[range(&header.values)]);
    let mut word = |value: u32| out.extend_from_slice(&value.to_le_bytes());
    word(function.func.0);
    word(function.tier as u32);
    word(code.len() as u32);
    word(relocations.len() as u32);
    word(sites.len() as u32);
    word(inlined.len() as u32);
    word(headers.len() as u32);
    word(values().count() as u32);
    word(function.frame_size);
    out.extend_from_slice(code);
    let mut words = |pair: [u32; 2]| push_pair(out, pair);
    for relocation in relocations {
        let RelocTarget::Function(callee) = relocation.target;
        words([relocation.offset, callee.0]);
    }
    for site in sites {
        let trap = site.trap().map_or(0, |trap| trap as u32);
        words([site.offset, trap << 24 | site.wasm_offset()]);
    }
    for body in inlined {
        for word in [body.start, body.func.0, body.call] {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
    let mut words = |pair: [u32; 2]| push_pair(out, pair);
    for header in headers {
        words([header.offset, header.wasm_offset]);
        words([header.stack_height, header.values.len() as u32]);
    }
    for value in values() {
        let kind = KINDS.iter().position(|&kind| kind == value.kind).expect("all kinds are listed") as u32;
        words([value.local, kind | (value.reg.index() as u32) << 8 | u32::from(value.dirty) << 16]);
    }
}

fn push_pair(out: &mut Vec<u8>, pair: [u32; 2]) {
    out.extend_from_slice(&(u64::from(pair[0]) | u64::from(pair[1]) << 32).to_le_bytes());
}

/// Adds a function to a batch, if these are the bytes of one.
pub(crate) fn decode(bytes: &[u8], batch: &mut CodeBatch) -> Option<FuncIndex> {
    let head: &[u8; HEAD] = bytes.first_chunk()?;
    let [func, tier, code, relocations, sites, inlined, headers, values, frame_size] =
        core::array::from_fn(|i| u32_at(head, 4 * i));
    let mut rest = Rest(&bytes[HEAD..]);
    let tier = [Tier::Baseline, Tier::Optimized].into_iter().find(|&t| t as u32 == tier)?;
    let code = rest.take(code as usize, 1)?;
    let relocations = rest.pairs(relocations)?;
    let sites = rest.pairs(sites)?;
    let inlined = rest.take(inlined as usize, 12)?;
    let headers = rest.take(headers as usize, 16)?;
    let values = rest.pairs(values)?;
    if !rest.0.is_empty() || code.is_empty() {
        return None;
    }

    let before = Lengths::of(batch);
    let start = batch.code.len().next_multiple_of(CodeBatch::ALIGNMENT as usize);
    batch.code.resize(start, 0);
    batch.code.extend_from_slice(code);
    batch.relocations.extend(
        relocations
            .map(|[offset, callee]| Relocation { offset, target: RelocTarget::Function(FuncIndex(callee)) }),
    );
    batch
        .sites
        .extend(sites.map(|[offset, info]| {
            Site::new(offset, TrapCode::from_u8((info >> 24) as u8), info & 0xff_ffff)
        }));
    for body in inlined.chunks_exact(12) {
        let body: &[u8; 12] = body.first_chunk()?;
        let [start, func, call] = core::array::from_fn(|i| u32_at(body, 4 * i));
        batch.inlined.push(InlinedBody { start, func: FuncIndex(func), call });
    }
    let mut value = batch.header_values.len() as u32;
    for header in headers.chunks_exact(16) {
        let header: &[u8; 16] = header.first_chunk()?;
        let end = value.checked_add(u32_at(header, 12))?;
        batch.loop_headers.push(LoopHeader {
            offset: u32_at(header, 0),
            wasm_offset: u32_at(header, 4),
            stack_height: u32_at(header, 8),
            values: value..end,
        });
        value = end;
    }
    batch.header_values.extend(values.map(|[local, facts]| HeaderValue {
        local,
        kind: KINDS[(facts & 0xff) as usize % KINDS.len()],
        reg: Reg::from_index((facts >> 8) as u8 & 63),
        dirty: facts >> 16 != 0,
    }));
    if value as usize != batch.header_values.len() {
        before.restore(batch);
        return None;
    }
    batch.functions.push(CompiledFunction {
        func: FuncIndex(func),
        tier,
        entry: Entry::Function,
        code: start as u32..batch.code.len() as u32,
        relocations: before.relocations as u32..batch.relocations.len() as u32,
        sites: before.sites as u32..batch.sites.len() as u32,
        inlined: before.inlined as u32..batch.inlined.len() as u32,
        loop_headers: before.loop_headers as u32..batch.loop_headers.len() as u32,
        frame_size,
    });
    Some(FuncIndex(func))
}

/// How long the lists of a batch are.
struct Lengths {
    code: usize,
    relocations: usize,
    sites: usize,
    inlined: usize,
    loop_headers: usize,
    header_values: usize,
}

impl Lengths {
    fn of(batch: &CodeBatch) -> Lengths {
        Lengths {
            code: batch.code.len(),
            relocations: batch.relocations.len(),
            sites: batch.sites.len(),
            inlined: batch.inlined.len(),
            loop_headers: batch.loop_headers.len(),
            header_values: batch.header_values.len(),
        }
    }
    fn restore(self, batch: &mut CodeBatch) {
        batch.code.truncate(self.code);
        batch.relocations.truncate(self.relocations);
        batch.sites.truncate(self.sites);
        batch.inlined.truncate(self.inlined);
        batch.loop_headers.truncate(self.loop_headers);
        batch.header_values.truncate(self.header_values);
    }
}

/// What has not been read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize, size: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count.checked_mul(size)?)?;
        self.0 = rest;
        Some(taken)
    }
    fn pairs(&mut self, count: u32) -> Option<impl ExactSizeIterator<Item = [u32; 2]> + use<'b>> {
        let bytes = self.take(count as usize, 8)?;
        Some(bytes.chunks_exact(8).map(|pair| {
            let pair: &[u8; 8] = pair.first_chunk().expect("chunks have eight bytes");
            [u32::from_le_bytes(array_at(pair, 0)), u32::from_le_bytes(array_at(pair, 4))]
        }))
    }
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}
