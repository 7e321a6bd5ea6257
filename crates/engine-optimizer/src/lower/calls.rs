//! Where values cross the function's border: arguments, results, calls.

use super::{Lower, def, preg, usage};
use crate::ir::*;
use crate::lir::*;
use engine_decoder::{FuncIndex, ValKind};
use engine_machine::abi::{Location, frame};
use engine_machine::masm::Masm;
use regalloc2::{Operand, RegClass, VReg};

impl Lower<'_> {
    pub(super) fn arguments(&mut self, graph: &Graph, func: FuncIndex) {
        let env = self.env;
        let layout = &env.calls[env.module.functions[func.index()].index()];
        let data = graph.block(graph.layout[0]);
        let mut operands = Vec::new();
        for &value in &graph.order[data.insts.0 as usize..data.insts.1 as usize] {
            let inst = graph.inst(value);
            if inst.op == Op::Arg
                && self.needed[value.index()]
                && let Location::Reg(reg) = layout.params[inst.args[0] as usize].1
            {
                let vreg = self.vreg(graph, value);
                operands.push(Operand::reg_fixed_def(vreg, preg(reg)));
            }
        }
        self.push(LOp::Args, &operands);
    }

    pub(super) fn return_values(&mut self, graph: &Graph, func: FuncIndex, first: u32, count: u32) {
        let env = self.env;
        let layout = &env.calls[env.module.functions[func.index()].index()];
        let values = &graph.pool[first as usize..(first + count) as usize];
        if layout.result_bytes > 0 {
            let area = self.new_vreg(RegClass::Int);
            self.push(LOp::LoadFrame { kind: ValKind::I64, offset: frame::RESULT_AREA }, &[def(area)]);
            for (&value, &(kind, place)) in values.iter().zip(&layout.results) {
                if let Location::Stack(offset) = place {
                    let vreg = self.reg(graph, value);
                    self.push(LOp::StoreAt { kind, offset: offset as i32 }, &[usage(area), usage(vreg)]);
                }
            }
        }
        let mut operands = Vec::new();
        for (&value, &(_, place)) in values.iter().zip(&layout.results) {
            if let Location::Reg(reg) = place {
                let vreg = self.reg(graph, value);
                operands.push(Operand::reg_fixed_use(vreg, preg(reg)));
            }
        }
        self.push(LOp::Return, &operands);
    }

    pub(super) fn call<M: Masm>(&mut self, graph: &Graph, value: Value, inst: Inst) {
        self.code.has_calls = true;
        let env = self.env;
        let CallData { callee, ty, first, count } = graph.calls[inst.args[0] as usize];
        let arguments = &graph.pool[first as usize..(first + count) as usize];
        if let Callee::Runtime(entry) = callee {
            let mut operands = Vec::new();
            if self.needed[value.index()] {
                let d = self.vreg(graph, value);
                operands.push(Operand::reg_fixed_def(d, preg(M::CONVENTION.host_results[0])));
            }
            for (&argument, &reg) in arguments.iter().zip(&M::CONVENTION.host_args[1..]) {
                let vreg = self.reg(graph, argument);
                operands.push(Operand::reg_fixed_use(vreg, preg(reg)));
            }
            return self.push(LOp::CallRuntime { entry }, &operands);
        }
        let layout = &env.calls[ty as usize];
        self.code.result_bytes = self.code.result_bytes.max(layout.result_bytes);
        let mut operands = Vec::new();
        let target = match callee {
            Callee::Address(code, vmctx) => {
                // Not a parameter register, nor the result area's.
                let at = M::CONVENTION.int_results[0];
                let code = self.callee_word(graph, code);
                let vmctx = self.callee_word(graph, vmctx);
                operands.push(Operand::reg_fixed_use(code, preg(at)));
                operands.push(usage(vmctx));
                Target::Address
            }
            Callee::Function(func) => Target::Function(func),
            Callee::Runtime(_) => return,
        };
        for (&argument, &(_, place)) in arguments.iter().zip(&layout.params) {
            if let Location::Stack(_) = place {
                let vreg = self.reg(graph, argument);
                operands.push(Operand::any_use(vreg));
            }
        }
        for (&argument, &(_, place)) in arguments.iter().zip(&layout.params) {
            if let Location::Reg(reg) = place {
                let vreg = self.reg(graph, argument);
                operands.push(Operand::reg_fixed_use(vreg, preg(reg)));
            }
        }
        // The results: the first is the call's own value, the others follow it.
        let mut after = Vec::new();
        for (i, &(kind, place)) in layout.results.iter().enumerate() {
            let result = Value(value.0 + i as u32);
            debug_assert!(i == 0 || graph.inst(result).op == Op::CallResult);
            if !self.needed[result.index()] {
                continue;
            }
            let vreg = self.vreg(graph, result);
            match place {
                Location::Reg(reg) => operands.push(Operand::reg_fixed_def(vreg, preg(reg))),
                Location::Stack(offset) => after.push((vreg, kind, offset)),
            }
        }
        self.push(LOp::Call { ty, target }, &operands);
        for (vreg, kind, offset) in after {
            self.push(LOp::LoadResult { kind, offset }, &[def(vreg)]);
        }
    }

    /// A word that says where a call goes. What the vmctx says is loaded for each call: to keep it over one costs as much.
    pub(super) fn callee_word(&mut self, graph: &Graph, value: Value) -> VReg {
        let inst = graph.inst(value);
        if inst.op != Op::VmLoad {
            return self.reg(graph, value);
        }
        let vreg = self.new_vreg(RegClass::Int);
        self.push(LOp::VmLoad { kind: ValKind::I64, offset: inst.args[0] as i32 }, &[def(vreg)]);
        vreg
    }
}
