//! Units that wait to be compiled, and the bytes of their bodies while the module is still arriving.

use crate::counters::Share;
use crate::state::Level;
use core::ops::Range;
use engine_decoder::{Body, DecodedModule, DefinedFuncIndex};
use engine_machine::Entry;
use std::collections::VecDeque;
use std::sync::Arc;

/// Wasm bytes of the bodies that a thread takes at a time. Their machine code is about a batch's, and compiling them takes about a
/// millisecond.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Units that are compared to find the hottest. More never wait but in programs that run everything.
const LOOKED_AT: usize = 256;

/// A function to be compiled by a tier, with the place of its body in the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompilationUnit {
    /// The function.
    pub func: DefinedFuncIndex,
    /// The tier.
    pub level: Level,
    /// Where the code is to be entered. Code of the first tier is entered by calls.
    pub entry: Entry,
    /// Where its body is, from the module's first byte.
    pub body: Range<usize>,
}

/// What a queue keeps of a unit.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub func: DefinedFuncIndex,
    pub entry: Entry,
    pub body: Range<usize>,
}

/// Bytes of a module that contain whole bodies, kept until these are compiled.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Offset of the first byte from the module's.
    pub offset: usize,
    pub bytes: Box<[u8]>,
}

impl Segment {
    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }
}

/// Units of one tier.
#[derive(Default)]
pub(crate) struct Queue {
    pub units: VecDeque<Unit>,
    /// Units queued or being compiled.
    pub outstanding: usize,
    /// Whether more may come.
    pub open: bool,
    /// Wasm bytes of the bodies queued.
    pub bytes: usize,
    /// What the units' bodies are read from, in order; empty when they are read from the whole module.
    pub segments: VecDeque<Arc<Segment>>,
    /// What the engine counts as waiting: units and bytes.
    pub shares: [Share; 2],
}

impl Queue {
    pub fn push(&mut self, unit: Unit) {
        self.bytes += unit.body.len();
        self.units.push_back(unit);
        self.outstanding += 1;
    }

    /// Lets the engine know how much waits here, after units were pushed.
    pub fn count(&mut self) {
        let [units, bytes] = &mut self.shares;
        units.set(self.units.len());
        bytes.set(self.bytes);
    }

    /// Drops what has not been taken.
    pub fn clear(&mut self) {
        self.outstanding -= self.units.len();
        self.units.clear();
        self.segments.clear();
        self.bytes = 0;
        self.count();
    }

    /// Takes the unit that counts most.
    pub fn take_hottest(&mut self, heat: impl Fn(&Unit) -> u64) -> (Vec<Unit>, Bodies) {
        let units = self.units.iter().take(LOOKED_AT).enumerate();
        // Of equals, the one that came first.
        let hottest = units.max_by_key(|(i, unit)| (heat(unit), core::cmp::Reverse(*i))).map(|(i, _)| i);
        let unit = hottest.and_then(|i| self.units.remove(i));
        self.bytes -= unit.as_ref().map_or(0, |unit| unit.body.len());
        self.count();
        (unit.into_iter().collect(), Bodies { segments: Vec::new() })
    }

    /// Takes units off the front, some [`PIECE_BYTES`] of them, with the segments they are in.
    pub fn take(&mut self) -> (Vec<Unit>, Bodies) {
        let mut bytes = 0;
        let fits = |unit: &&Unit| {
            let first = bytes == 0;
            bytes += unit.body.len().max(1);
            first || bytes <= PIECE_BYTES
        };
        let count = self.units.iter().take_while(fits).count();
        let units: Vec<_> = self.units.drain(..count).collect();
        self.bytes -= units.iter().map(|unit| unit.body.len()).sum::<usize>();
        self.count();
        let mut segments = Vec::new();
        if let (Some(_), Some(last)) = (units.first(), units.last()) {
            while let Some(segment) = self.segments.front()
                && segment.offset < last.body.end
            {
                segments.push(Arc::clone(segment));
                // Units behind it may be in the same one.
                if segment.end() > last.body.end {
                    break;
                }
                self.segments.pop_front();
            }
        }
        (units, Bodies { segments })
    }
}

/// Where the bodies of a piece are read from.
#[derive(Debug)]
pub(crate) struct Bodies {
    segments: Vec<Arc<Segment>>,
}

impl Bodies {
    /// Whether the bodies are in the whole module.
    pub fn in_module(&self) -> bool {
        self.segments.is_empty()
    }

    /// A unit's body.
    pub fn get<'p>(&'p self, decoded: &'p DecodedModule, unit: &Unit) -> Body<'p> {
        let range = unit.body.clone();
        let offset = range.start as u64;
        if range.is_empty() {
            // Nobody's bytes: it may stand at the end of a segment.
            return Body { bytes: &[], offset };
        }
        if self.in_module() {
            return Body { bytes: &decoded.bytes[range], offset };
        }
        let at = self.segments.partition_point(|segment| segment.end() <= range.start);
        let segment = &self.segments[at];
        Body { bytes: &segment.bytes[range.start - segment.offset..range.end - segment.offset], offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(func: u32, body: Range<usize>) -> Unit {
        Unit { func: DefinedFuncIndex(func), entry: Entry::Function, body }
    }

    #[test]
    fn pieces_have_about_the_same_size_and_at_least_one_unit() {
        let mut queue = Queue::default();
        let large = PIECE_BYTES * 2;
        for (func, len) in [large, 10, PIECE_BYTES - 10, 1, 0].into_iter().enumerate() {
            queue.push(unit(func as u32, 0..len));
        }
        assert_eq!(queue.bytes, large + PIECE_BYTES + 1);
        let counts = [0; 4].map(|_| queue.take().0.len());
        assert_eq!(counts, [1, 2, 2, 0]);
        assert_eq!((queue.bytes, queue.outstanding), (0, 5));
    }

    #[test]
    fn segments_go_with_the_last_unit_in_them() {
        let mut queue = Queue::default();
        let segment = |offset: usize, len: usize| {
            Arc::new(Segment { offset, bytes: (offset..offset + len).map(|i| i as u8).collect() })
        };
        queue.segments.extend([segment(100, 20), segment(125, PIECE_BYTES + 50)]);
        let units =
            [unit(0, 100..110), unit(1, 110..120), unit(2, 130..140), unit(3, 140..125 + PIECE_BYTES + 50)];
        for unit in &units {
            queue.push(unit.clone());
        }
        let decoded = DecodedModule::decode(wat::parse_str("(module)").unwrap(), Default::default()).unwrap();
        let (taken, bodies) = queue.take();
        assert_eq!((taken.len(), bodies.segments.len(), queue.segments.len()), (3, 2, 1));
        for unit in &units[..3] {
            let body = bodies.get(&decoded, unit);
            assert_eq!((body.bytes[0], body.bytes.len()), (unit.body.start as u8, 10));
        }
        let (taken, bodies) = queue.take();
        assert_eq!((taken.len(), bodies.segments.len(), queue.segments.len()), (1, 1, 0));
        assert_eq!(bodies.get(&decoded, &units[3]).bytes[0], 140);
    }
}
