//! Graphs that are broken on purpose.

use super::*;
use engine_decoder::{DecodedModule, Features};
use engine_machine::{AccessMode, Arch, CodeFlags, TargetFeatures};

fn env() -> ModuleEnv {
    let bytes = wat::parse_str("(module (func (param i32) (result i32) local.get 0))").expect("well-formed");
    let decoded = DecodedModule::decode(bytes, Features::default()).expect("valid");
    let flags = CodeFlags {
        target: TargetFeatures::floor(Arch::X64),
        memory_access: AccessMode::Guarded,
        spectre: true,
        interruptible: false,
        canonicalize_nans: false,
        tier_up_budget: 0,
    };
    ModuleEnv::new(decoded.module.clone(), flags)
}

/// `entry -> header(i = [0, next]) -> header | end`, which counts up to an argument.
struct Counting {
    graph: Graph,
    entry: Block,
    end: Block,
    limit: Value,
    param: Value,
    next: Value,
    back: Edge,
}

fn counting() -> Counting {
    let mut graph = Graph::default();
    graph.clear();
    let entry = graph.new_block(NO_LOOP);
    let header = graph.new_block(0);
    let end = graph.new_block(NO_LOOP);
    graph.loops.push(LoopData { header, parent: NO_LOOP, depth: 1 });
    graph.layout.extend([entry, header, end]);
    let limit = graph.push(Inst::new(Op::Arg, ValKind::I32, 0, [0; 3]), 0);
    graph.order.push(limit);
    graph.blocks[entry.index()].insts = (0, 1);
    let param = graph.push(Inst::new(Op::Param, ValKind::I32, 0, [header.0, 0, 2]), 0);
    graph.blocks[header.index()].params.push(param);
    let next = graph.add_imm(Op::Add, ValKind::I32, param, 1);
    let zero = graph.constant(ValKind::I32, 0);
    graph.pool.extend([zero, next, next]);
    let condition = graph.add_compare(engine_machine::masm::Cond::LtU, next, limit);
    let enter = graph.new_edge(entry, header);
    let back = graph.new_edge(header, header);
    let leave = graph.new_edge(header, end);
    graph.blocks[entry.index()].term = Term::Jump(enter);
    graph.blocks[header.index()].term = Term::Branch(condition, back, leave);
    graph.blocks[end.index()].term = Term::Return { first: 2, count: 1 };
    Counting { graph, entry, end, limit, param, next, back }
}

/// What is said of the graph when it was broken.
fn complaint(break_it: impl FnOnce(&mut Counting)) -> String {
    let mut counting = counting();
    break_it(&mut counting);
    verify(&counting.graph, &env(), None).expect_err("the graph is broken")
}

#[test]
fn a_right_graph_passes_before_and_behind_the_schedule() {
    let Counting { mut graph, .. } = counting();
    assert_eq!(verify(&graph, &env(), None), Ok(()));
    let mut schedule = Schedule::default();
    schedule.run(&mut graph).expect("scheduled");
    assert_eq!(verify(&graph, &env(), Some(&schedule)), Ok(()));
}

#[test]
fn operands_that_do_not_dominate_are_found() {
    let said = complaint(|c| c.graph.pool[0] = c.next);
    assert!(said.contains("too early"), "{said}");
}

#[test]
fn operands_behind_their_users_are_found() {
    let said = complaint(|c| {
        let first = c.graph.push(Inst::new(Op::TrapDiv, ValKind::I32, 0, [c.limit.0, c.limit.0, 0]), 0);
        c.graph.order.insert(0, first);
        c.graph.blocks[c.entry.index()].insts = (0, 2);
    });
    assert!(said.contains("too early"), "{said}");
}

#[test]
fn wrong_kinds_are_found() {
    let said = complaint(|c| c.graph.insts[c.param.index()].kind = ValKind::I64);
    assert!(said.contains("gets"), "{said}");
}

#[test]
fn a_missing_argument_is_found() {
    let said = complaint(|c| c.graph.insts[c.param.index()].args[2] = 1);
    assert!(said.contains("1 arguments for 2 edges"), "{said}");
}

#[test]
fn a_wrong_place_among_the_predecessors_is_found() {
    let said = complaint(|c| c.graph.edges[c.back.index()].slot = 0);
    assert!(said.contains("not at its place"), "{said}");
}

#[test]
fn a_predecessor_that_does_not_jump_is_found() {
    let said = complaint(|c| {
        let edge = c.graph.new_edge(c.entry, c.end);
        assert_eq!(c.graph.target(edge), c.end);
    });
    assert!(said.contains("from nowhere"), "{said}");
}

#[test]
fn a_header_that_does_not_dominate_its_loop_is_found() {
    let said = complaint(|c| {
        c.graph.blocks[c.entry.index()].in_loop = 0;
    });
    assert!(said.contains("does not dominate"), "{said}");
}

#[test]
fn a_jump_back_to_no_header_is_found() {
    let said = complaint(|c| c.graph.loops[0].header = c.end);
    assert!(said.contains("no header") || said.contains("does not dominate"), "{said}");
}

#[test]
fn a_replaced_value_behind_the_schedule_is_found() {
    let Counting { mut graph, limit, param, .. } = counting();
    let mut schedule = Schedule::default();
    schedule.run(&mut graph).expect("scheduled");
    let other = graph.push(graph.inst(param), 0);
    graph.replace(limit, other);
    assert!(verify(&graph, &env(), Some(&schedule)).is_err());
}
