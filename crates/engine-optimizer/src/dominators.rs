//! The dominator tree.

use crate::ir::*;

/// Immediate dominators and depths, by block. Of reachable blocks only.
#[derive(Default)]
pub(crate) struct Dominators {
    idom: Vec<Block>,
    /// Position in the layout.
    position: Vec<u32>,
    depth: Vec<u32>,
}

/// Steps that a search for a common dominator may take: then the entry, which dominates everything, is good enough.
const MAX_STEPS: u32 = 512;

/// Steps of all merges of a function: for each of its blocks, and for every function. The register allocator makes them too, and cannot give
/// up.
const STEPS_PER_BLOCK: u64 = 64;
const STEPS: u64 = 100_000;
const TOO_DEEP: &str = "its control flow is too deep";

impl Dominators {
    /// The algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm", 2001). In a graph with the loops of the source, one
    /// pass is enough: all predecessors of a block but those that jump back to a loop's header come before it, and those are dominated by it.
    ///
    /// # Errors
    /// If the graph is so deep that this, or what follows, would not be linear.
    pub fn compute(&mut self, graph: &Graph) -> Result<(), &'static str> {
        self.idom.clear();
        self.depth.clear();
        self.idom.resize(graph.blocks.len(), Block::NONE);
        self.depth.resize(graph.blocks.len(), 0);
        self.position.clear();
        self.position.resize(graph.blocks.len(), 0);
        for (position, &block) in graph.layout.iter().enumerate() {
            self.position[block.index()] = position as u32;
        }
        let Some((&entry, rest)) = graph.layout.split_first() else { return Ok(()) };
        let mut steps = STEPS + STEPS_PER_BLOCK * graph.layout.len() as u64;
        self.idom[entry.index()] = entry;
        let mut changed = true;
        while core::mem::take(&mut changed) {
            steps = steps.checked_sub(rest.len() as u64).ok_or(TOO_DEEP)?;
            for &block in rest {
                let mut idom = Block::NONE;
                // The last first: where each of many blocks in a row may leave for one that follows them all, its neighbours among
                // the predecessors are neighbours in the tree.
                for &edge in graph.block(block).preds.iter().rev() {
                    let from = graph.edges[edge.index()].from;
                    if !self.idom[from.index()].is_none() {
                        idom = if idom.is_none() { from } else { self.merge(idom, from, &mut steps)? };
                    }
                }
                changed |= graph.irregular && self.idom[block.index()] != idom;
                self.idom[block.index()] = idom;
            }
        }
        for &block in rest {
            self.depth[block.index()] = self.depth[self.idom[block.index()].index()] + 1;
        }
        self.check_loops(graph, steps)
    }

    /// Whether the paths around loops, and the loops around blocks, are few enough for the steps that are left: what flows around a loop is
    /// followed along the first, and settles in the order of the second.
    fn check_loops(&self, graph: &Graph, steps: u64) -> Result<(), &'static str> {
        let mut around = 0;
        for &block in &graph.layout {
            around += u64::from(graph.depth(block));
            for edge in graph.succs(block) {
                let to = graph.target(edge);
                if self.position[to.index()] <= self.position[block.index()] {
                    around += u64::from(self.depth(block).saturating_sub(self.depth(to)));
                }
            }
        }
        if around > steps { Err(TOO_DEEP) } else { Ok(()) }
    }

    /// The block nearest to two blocks that dominates both.
    fn merge(&self, mut a: Block, mut b: Block, steps: &mut u64) -> Result<Block, &'static str> {
        while a != b {
            *steps = steps.checked_sub(1).ok_or(TOO_DEEP)?;
            if self.position[a.index()] > self.position[b.index()] {
                a = self.idom(a);
            } else {
                b = self.idom(b);
            }
        }
        Ok(a)
    }

    /// The block nearest to two blocks that dominates both, or `otherwise`, which does too, if that is too far to look.
    pub fn common(&self, a: Block, b: Block, otherwise: Block) -> Block {
        let (mut a, mut b) = (a, b);
        for _ in 0..MAX_STEPS {
            if a == b {
                return a;
            }
            if self.position[a.index()] > self.position[b.index()] {
                a = self.idom(a);
            } else {
                b = self.idom(b);
            }
        }
        otherwise
    }

    pub fn idom(&self, block: Block) -> Block {
        self.idom[block.index()]
    }
    pub fn depth(&self, block: Block) -> u32 {
        self.depth[block.index()]
    }
}
