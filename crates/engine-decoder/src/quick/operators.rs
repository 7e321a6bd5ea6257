//! The walk over a body: one decoding of each operator, its validation, its visit.

use super::reader::Reader;
use super::stack::{BlockTy, FrameKind, Stacks, label_types, params, results};
use super::types::{FuncTypes, Ty, Types};
use super::{BodyVisitor, Locals, Undecided};
use crate::body_features::of_type;
use crate::features::Features;
use crate::module::{DecodedModule, Module};
use crate::types::{GlobalType, TableType};
use wasmparser::{
    BinaryReader, BlockType, BrTable, HeapType, Ieee32, Ieee64, MemArg, MemArgTarget, Operator,
    OperatorsReader, WasmModuleResources as _,
};

pub(super) struct Walk<'w, 'a, V> {
    pub decoded: &'a DecodedModule,
    pub module: &'a Module,
    pub types: &'a FuncTypes,
    pub stacks: &'w mut Stacks,
    pub locals: &'w Locals,
    pub tables: &'w mut u32,
    /// Proposals beyond WebAssembly 1.0 that were met. Set where operators are rare, so that the others pay nothing.
    pub used: &'w mut Features,
    pub reader: Reader<'a>,
    pub visitor: &'w mut V,
}

type Checked<T = ()> = Result<T, Undecided>;

/// One `match` over all opcodes: operators with fixed types, loads, stores, and the others as written out.
macro_rules! dispatch {
    ($this:ident, $opcode:expr;
     fixed { $($fixed:literal $fixed_visit:ident: $shape:ident $operand:ident $result:ident;)* }
     newer $proposal:ident { $($newer:literal $newer_visit:ident: $newer_shape:ident $newer_operand:ident $newer_result:ident;)* }
     loads { $($load:literal $load_visit:ident: $load_ty:ident $load_align:literal;)* }
     stores { $($store:literal $store_visit:ident: $store_ty:ident $store_align:literal;)* }
     $($other:literal => $body:expr,)*
    ) => {
        match $opcode {
            $($fixed => {
                $this.stacks.$shape(Ty::$operand, Ty::$result)?;
                $this.visitor.$fixed_visit();
            })*
            $($newer => {
                $this.uses(Features::$proposal);
                $this.stacks.$newer_shape(Ty::$newer_operand, Ty::$newer_result)?;
                $this.visitor.$newer_visit();
            })*
            $($load => {
                let memarg = $this.memarg($load_align)?;
                $this.stacks.unary(Ty::I32, Ty::$load_ty)?;
                $this.visitor.$load_visit(memarg);
            })*
            $($store => {
                let memarg = $this.memarg($store_align)?;
                $this.stacks.pop(Ty::$store_ty)?;
                $this.stacks.pop(Ty::I32)?;
                $this.visitor.$store_visit(memarg);
            })*
            $($other => $body,)*
            _ => return Err(Undecided),
        }
    };
}

impl<'a, V: BodyVisitor<'a>> Walk<'_, 'a, V> {
    /// Walks to the end of the body.
    pub fn run(mut self) -> Checked {
        while self.reader.at < self.reader.bytes.len() {
            // Bytes behind the function's `end`.
            if self.stacks.is_done() {
                return Err(Undecided);
            }
            if !self.visitor.operator(self.reader.at) {
                return Err(Undecided);
            }
            self.operator()?;
        }
        if self.stacks.is_done() { Ok(()) } else { Err(Undecided) }
    }

    #[inline(always)]
    fn uses(&mut self, feature: Features) {
        *self.used = self.used.with(feature);
    }

    #[inline(always)]
    fn operator(&mut self) -> Checked {
        dispatch! { self, self.reader.byte()?;
        fixed {
            0x45 visit_i32_eqz: unary I32 I32;
            0x46 visit_i32_eq: binary I32 I32;
            0x47 visit_i32_ne: binary I32 I32;
            0x48 visit_i32_lt_s: binary I32 I32;
            0x49 visit_i32_lt_u: binary I32 I32;
            0x4a visit_i32_gt_s: binary I32 I32;
            0x4b visit_i32_gt_u: binary I32 I32;
            0x4c visit_i32_le_s: binary I32 I32;
            0x4d visit_i32_le_u: binary I32 I32;
            0x4e visit_i32_ge_s: binary I32 I32;
            0x4f visit_i32_ge_u: binary I32 I32;
            0x50 visit_i64_eqz: unary I64 I32;
            0x51 visit_i64_eq: binary I64 I32;
            0x52 visit_i64_ne: binary I64 I32;
            0x53 visit_i64_lt_s: binary I64 I32;
            0x54 visit_i64_lt_u: binary I64 I32;
            0x55 visit_i64_gt_s: binary I64 I32;
            0x56 visit_i64_gt_u: binary I64 I32;
            0x57 visit_i64_le_s: binary I64 I32;
            0x58 visit_i64_le_u: binary I64 I32;
            0x59 visit_i64_ge_s: binary I64 I32;
            0x5a visit_i64_ge_u: binary I64 I32;
            0x5b visit_f32_eq: binary F32 I32;
            0x5c visit_f32_ne: binary F32 I32;
            0x5d visit_f32_lt: binary F32 I32;
            0x5e visit_f32_gt: binary F32 I32;
            0x5f visit_f32_le: binary F32 I32;
            0x60 visit_f32_ge: binary F32 I32;
            0x61 visit_f64_eq: binary F64 I32;
            0x62 visit_f64_ne: binary F64 I32;
            0x63 visit_f64_lt: binary F64 I32;
            0x64 visit_f64_gt: binary F64 I32;
            0x65 visit_f64_le: binary F64 I32;
            0x66 visit_f64_ge: binary F64 I32;
            0x67 visit_i32_clz: unary I32 I32;
            0x68 visit_i32_ctz: unary I32 I32;
            0x69 visit_i32_popcnt: unary I32 I32;
            0x6a visit_i32_add: binary I32 I32;
            0x6b visit_i32_sub: binary I32 I32;
            0x6c visit_i32_mul: binary I32 I32;
            0x6d visit_i32_div_s: binary I32 I32;
            0x6e visit_i32_div_u: binary I32 I32;
            0x6f visit_i32_rem_s: binary I32 I32;
            0x70 visit_i32_rem_u: binary I32 I32;
            0x71 visit_i32_and: binary I32 I32;
            0x72 visit_i32_or: binary I32 I32;
            0x73 visit_i32_xor: binary I32 I32;
            0x74 visit_i32_shl: binary I32 I32;
            0x75 visit_i32_shr_s: binary I32 I32;
            0x76 visit_i32_shr_u: binary I32 I32;
            0x77 visit_i32_rotl: binary I32 I32;
            0x78 visit_i32_rotr: binary I32 I32;
            0x79 visit_i64_clz: unary I64 I64;
            0x7a visit_i64_ctz: unary I64 I64;
            0x7b visit_i64_popcnt: unary I64 I64;
            0x7c visit_i64_add: binary I64 I64;
            0x7d visit_i64_sub: binary I64 I64;
            0x7e visit_i64_mul: binary I64 I64;
            0x7f visit_i64_div_s: binary I64 I64;
            0x80 visit_i64_div_u: binary I64 I64;
            0x81 visit_i64_rem_s: binary I64 I64;
            0x82 visit_i64_rem_u: binary I64 I64;
            0x83 visit_i64_and: binary I64 I64;
            0x84 visit_i64_or: binary I64 I64;
            0x85 visit_i64_xor: binary I64 I64;
            0x86 visit_i64_shl: binary I64 I64;
            0x87 visit_i64_shr_s: binary I64 I64;
            0x88 visit_i64_shr_u: binary I64 I64;
            0x89 visit_i64_rotl: binary I64 I64;
            0x8a visit_i64_rotr: binary I64 I64;
            0x8b visit_f32_abs: unary F32 F32;
            0x8c visit_f32_neg: unary F32 F32;
            0x8d visit_f32_ceil: unary F32 F32;
            0x8e visit_f32_floor: unary F32 F32;
            0x8f visit_f32_trunc: unary F32 F32;
            0x90 visit_f32_nearest: unary F32 F32;
            0x91 visit_f32_sqrt: unary F32 F32;
            0x92 visit_f32_add: binary F32 F32;
            0x93 visit_f32_sub: binary F32 F32;
            0x94 visit_f32_mul: binary F32 F32;
            0x95 visit_f32_div: binary F32 F32;
            0x96 visit_f32_min: binary F32 F32;
            0x97 visit_f32_max: binary F32 F32;
            0x98 visit_f32_copysign: binary F32 F32;
            0x99 visit_f64_abs: unary F64 F64;
            0x9a visit_f64_neg: unary F64 F64;
            0x9b visit_f64_ceil: unary F64 F64;
            0x9c visit_f64_floor: unary F64 F64;
            0x9d visit_f64_trunc: unary F64 F64;
            0x9e visit_f64_nearest: unary F64 F64;
            0x9f visit_f64_sqrt: unary F64 F64;
            0xa0 visit_f64_add: binary F64 F64;
            0xa1 visit_f64_sub: binary F64 F64;
            0xa2 visit_f64_mul: binary F64 F64;
            0xa3 visit_f64_div: binary F64 F64;
            0xa4 visit_f64_min: binary F64 F64;
            0xa5 visit_f64_max: binary F64 F64;
            0xa6 visit_f64_copysign: binary F64 F64;
            0xa7 visit_i32_wrap_i64: unary I64 I32;
            0xa8 visit_i32_trunc_f32_s: unary F32 I32;
            0xa9 visit_i32_trunc_f32_u: unary F32 I32;
            0xaa visit_i32_trunc_f64_s: unary F64 I32;
            0xab visit_i32_trunc_f64_u: unary F64 I32;
            0xac visit_i64_extend_i32_s: unary I32 I64;
            0xad visit_i64_extend_i32_u: unary I32 I64;
            0xae visit_i64_trunc_f32_s: unary F32 I64;
            0xaf visit_i64_trunc_f32_u: unary F32 I64;
            0xb0 visit_i64_trunc_f64_s: unary F64 I64;
            0xb1 visit_i64_trunc_f64_u: unary F64 I64;
            0xb2 visit_f32_convert_i32_s: unary I32 F32;
            0xb3 visit_f32_convert_i32_u: unary I32 F32;
            0xb4 visit_f32_convert_i64_s: unary I64 F32;
            0xb5 visit_f32_convert_i64_u: unary I64 F32;
            0xb6 visit_f32_demote_f64: unary F64 F32;
            0xb7 visit_f64_convert_i32_s: unary I32 F64;
            0xb8 visit_f64_convert_i32_u: unary I32 F64;
            0xb9 visit_f64_convert_i64_s: unary I64 F64;
            0xba visit_f64_convert_i64_u: unary I64 F64;
            0xbb visit_f64_promote_f32: unary F32 F64;
            0xbc visit_i32_reinterpret_f32: unary F32 I32;
            0xbd visit_i64_reinterpret_f64: unary F64 I64;
            0xbe visit_f32_reinterpret_i32: unary I32 F32;
            0xbf visit_f64_reinterpret_i64: unary I64 F64;
        }
        newer SIGN_EXTENSION {
            0xc0 visit_i32_extend8_s: unary I32 I32;
            0xc1 visit_i32_extend16_s: unary I32 I32;
            0xc2 visit_i64_extend8_s: unary I64 I64;
            0xc3 visit_i64_extend16_s: unary I64 I64;
            0xc4 visit_i64_extend32_s: unary I64 I64;
        }
        loads {
            0x28 visit_i32_load: I32 2;
            0x29 visit_i64_load: I64 3;
            0x2a visit_f32_load: F32 2;
            0x2b visit_f64_load: F64 3;
            0x2c visit_i32_load8_s: I32 0;
            0x2d visit_i32_load8_u: I32 0;
            0x2e visit_i32_load16_s: I32 1;
            0x2f visit_i32_load16_u: I32 1;
            0x30 visit_i64_load8_s: I64 0;
            0x31 visit_i64_load8_u: I64 0;
            0x32 visit_i64_load16_s: I64 1;
            0x33 visit_i64_load16_u: I64 1;
            0x34 visit_i64_load32_s: I64 2;
            0x35 visit_i64_load32_u: I64 2;
        }
        stores {
            0x36 visit_i32_store: I32 2;
            0x37 visit_i64_store: I64 3;
            0x38 visit_f32_store: F32 2;
            0x39 visit_f64_store: F64 3;
            0x3a visit_i32_store8: I32 0;
            0x3b visit_i32_store16: I32 1;
            0x3c visit_i64_store8: I64 0;
            0x3d visit_i64_store16: I64 1;
            0x3e visit_i64_store32: I64 2;
        }
        0x00 => {
            self.stacks.set_unreachable();
            self.visitor.visit_unreachable();
        },
        0x01 => self.visitor.visit_nop(),
        0x02 => {
            let (ty, visited) = self.block_type()?;
            self.open(FrameKind::Block, ty)?;
            self.visitor.visit_block(visited);
        },
        0x03 => {
            let (ty, visited) = self.block_type()?;
            self.open(FrameKind::Loop, ty)?;
            self.visitor.visit_loop(visited);
        },
        0x04 => {
            let (ty, visited) = self.block_type()?;
            self.stacks.pop(Ty::I32)?;
            self.open(FrameKind::If, ty)?;
            self.visitor.visit_if(visited);
        },
        0x05 => {
            let frame = self.stacks.close(self.types)?;
            if frame.kind != FrameKind::If {
                return Err(Undecided);
            }
            self.stacks.open(FrameKind::Else, frame.ty, params(self.types, frame.ty));
            self.visitor.visit_else();
        },
        0x0b => {
            self.end()?;
            self.visitor.visit_end();
        },
        0x0c => {
            let depth = self.reader.u32()?;
            let frame = *self.stacks.target(depth)?;
            self.stacks.pop_types(label_types(self.types, frame))?;
            self.stacks.set_unreachable();
            self.visitor.visit_br(depth);
        },
        0x0d => {
            let depth = self.reader.u32()?;
            self.stacks.pop(Ty::I32)?;
            let frame = *self.stacks.target(depth)?;
            let types = label_types(self.types, frame);
            if types.len() > 0 {
                self.stacks.pop_types(types)?;
                self.stacks.push_types(types);
            }
            self.visitor.visit_br_if(depth);
        },
        0x0e => {
            let table = self.br_table()?;
            self.visitor.visit_br_table(table);
        },
        0x0f => {
            let function = self.stacks.function_type();
            self.stacks.pop_types(results(self.types, function))?;
            self.stacks.set_unreachable();
            self.visitor.visit_return();
        },
        0x10 => {
            let func = self.reader.u32()?;
            let ty = *self.module.functions.get(func as usize).ok_or(Undecided)?;
            self.call(ty.0)?;
            self.visitor.visit_call(func);
        },
        0x11 => {
            let ty = self.reader.u32()?;
            let table = self.reader.u32()?;
            if Ty::of_ref(self.table(table)?.element) != Ty::FuncRef {
                return Err(Undecided);
            }
            self.stacks.pop(Ty::I32)?;
            self.call(ty)?;
            self.visitor.visit_call_indirect(ty, table);
        },
        0x1a => {
            self.stacks.pop_any()?;
            self.visitor.visit_drop();
        },
        0x1b => {
            self.select()?;
            self.visitor.visit_select();
        },
        0x1c => {
            self.uses(Features::REFERENCE_TYPES);
            let ty = self.typed_select()?;
            self.visitor.visit_typed_select(ty);
        },
        0x20 => {
            let index = self.reader.u32()?;
            self.stacks.push(self.locals.get(index)?);
            self.visitor.visit_local_get(index);
        },
        0x21 => {
            let index = self.reader.u32()?;
            self.stacks.pop(self.locals.get(index)?)?;
            self.visitor.visit_local_set(index);
        },
        0x22 => {
            let index = self.reader.u32()?;
            let ty = self.locals.get(index)?;
            self.stacks.unary(ty, ty)?;
            self.visitor.visit_local_tee(index);
        },
        0x23 => {
            let index = self.reader.u32()?;
            self.stacks.push(Ty::of(self.global(index)?.content));
            self.visitor.visit_global_get(index);
        },
        0x24 => {
            let index = self.reader.u32()?;
            let global = self.global(index)?;
            if !global.mutable {
                return Err(Undecided);
            }
            self.stacks.pop(Ty::of(global.content))?;
            self.visitor.visit_global_set(index);
        },
        0x25 => {
            self.uses(Features::REFERENCE_TYPES);
            let index = self.reader.u32()?;
            let element = Ty::of_ref(self.table(index)?.element);
            self.stacks.unary(Ty::I32, element)?;
            self.visitor.visit_table_get(index);
        },
        0x26 => {
            self.uses(Features::REFERENCE_TYPES);
            let index = self.reader.u32()?;
            let element = Ty::of_ref(self.table(index)?.element);
            self.stacks.pop(element)?;
            self.stacks.pop(Ty::I32)?;
            self.visitor.visit_table_set(index);
        },
        0x3f => {
            let memory = self.memory()?;
            self.stacks.push(Ty::I32);
            self.visitor.visit_memory_size(memory);
        },
        0x40 => {
            let memory = self.memory()?;
            self.stacks.unary(Ty::I32, Ty::I32)?;
            self.visitor.visit_memory_grow(memory);
        },
        0x41 => {
            let value = self.reader.i32()?;
            self.stacks.push(Ty::I32);
            self.visitor.visit_i32_const(value);
        },
        0x42 => {
            let value = self.reader.i64()?;
            self.stacks.push(Ty::I64);
            self.visitor.visit_i64_const(value);
        },
        0x43 => {
            let bits = u32::from_le_bytes(self.reader.array()?);
            self.stacks.push(Ty::F32);
            self.visitor.visit_f32_const(Ieee32::from(f32::from_bits(bits)));
        },
        0x44 => {
            let bits = u64::from_le_bytes(self.reader.array()?);
            self.stacks.push(Ty::F64);
            self.visitor.visit_f64_const(Ieee64::from(f64::from_bits(bits)));
        },
        0xd0 => {
            self.uses(Features::REFERENCE_TYPES);
            let (ty, heap) = match self.reader.byte()? {
                0x70 => (Ty::FuncRef, HeapType::FUNC),
                0x6f => (Ty::ExternRef, HeapType::EXTERN),
                _ => return Err(Undecided),
            };
            self.stacks.push(ty);
            self.visitor.visit_ref_null(heap);
        },
        0xd1 => {
            self.uses(Features::REFERENCE_TYPES);
            let ty = self.stacks.pop_any()?;
            if !ty.is_ref() && ty != Ty::Bottom {
                return Err(Undecided);
            }
            self.stacks.push(Ty::I32);
            self.visitor.visit_ref_is_null();
        },
        0xd2 => {
            self.uses(Features::REFERENCE_TYPES);
            let func = self.reader.u32()?;
            let declared = |resources: &wasmparser::ValidatorResources| resources.is_function_referenced(func);
            if func as usize >= self.module.functions.len() || !self.decoded.resources.as_ref().is_some_and(declared) {
                return Err(Undecided);
            }
            self.stacks.push(Ty::FuncRef);
            self.visitor.visit_ref_func(func);
        },
        0xfc => self.prefixed()?,
        }
        Ok(())
    }

    /// Operators with the prefix 0xfc.
    fn prefixed(&mut self) -> Checked {
        let opcode = self.reader.u32()?;
        self.uses(match opcode {
            0..=7 => Features::SATURATING_FLOAT_TO_INT,
            8..=14 => Features::BULK_MEMORY,
            _ => Features::REFERENCE_TYPES,
        });
        macro_rules! truncation {
            ($visit:ident, $operand:ident, $result:ident) => {{
                self.stacks.unary(Ty::$operand, Ty::$result)?;
                self.visitor.$visit();
            }};
        }
        match opcode {
            0 => truncation!(visit_i32_trunc_sat_f32_s, F32, I32),
            1 => truncation!(visit_i32_trunc_sat_f32_u, F32, I32),
            2 => truncation!(visit_i32_trunc_sat_f64_s, F64, I32),
            3 => truncation!(visit_i32_trunc_sat_f64_u, F64, I32),
            4 => truncation!(visit_i64_trunc_sat_f32_s, F32, I64),
            5 => truncation!(visit_i64_trunc_sat_f32_u, F32, I64),
            6 => truncation!(visit_i64_trunc_sat_f64_s, F64, I64),
            7 => truncation!(visit_i64_trunc_sat_f64_u, F64, I64),
            8 => {
                let segment = self.data_segment()?;
                let memory = self.memory_index()?;
                self.pop_three()?;
                self.visitor.visit_memory_init(segment, memory);
            }
            9 => {
                let segment = self.data_segment()?;
                self.visitor.visit_data_drop(segment);
            }
            10 => {
                let destination = self.memory_index()?;
                let source = self.memory_index()?;
                self.pop_three()?;
                self.visitor.visit_memory_copy(destination, source);
            }
            11 => {
                let memory = self.memory_index()?;
                self.pop_three()?;
                self.visitor.visit_memory_fill(memory);
            }
            12 => {
                let (segment, segment_ty) = self.element_segment()?;
                let table = self.reader.u32()?;
                if Ty::of_ref(self.table(table)?.element) != segment_ty {
                    return Err(Undecided);
                }
                self.pop_three()?;
                self.visitor.visit_table_init(segment, table);
            }
            13 => {
                let (segment, _) = self.element_segment()?;
                self.visitor.visit_elem_drop(segment);
            }
            14 => {
                let destination = self.reader.u32()?;
                let source = self.reader.u32()?;
                if self.table(destination)?.element != self.table(source)?.element {
                    return Err(Undecided);
                }
                self.pop_three()?;
                self.visitor.visit_table_copy(destination, source);
            }
            15 => {
                let table = self.reader.u32()?;
                let element = Ty::of_ref(self.table(table)?.element);
                self.stacks.pop(Ty::I32)?;
                self.stacks.unary(element, Ty::I32)?;
                self.visitor.visit_table_grow(table);
            }
            16 => {
                let table = self.reader.u32()?;
                self.table(table)?;
                self.stacks.push(Ty::I32);
                self.visitor.visit_table_size(table);
            }
            17 => {
                let table = self.reader.u32()?;
                let element = Ty::of_ref(self.table(table)?.element);
                self.stacks.pop(Ty::I32)?;
                self.stacks.pop(element)?;
                self.stacks.pop(Ty::I32)?;
                self.visitor.visit_table_fill(table);
            }
            _ => return Err(Undecided),
        }
        Ok(())
    }

    // ---- immediates ----

    #[inline(always)]
    fn memarg(&mut self, max_align: u8) -> Checked<MemArg> {
        let first = self.reader.byte()?;
        let (align, memory) = if first <= max_align { (first, 0) } else { self.long_memarg(max_align)? };
        let offset = u64::from(self.reader.u32()?);
        if memory as usize >= self.module.memories.len() {
            return Err(Undecided);
        }
        Ok(MemArg { align, max_align, offset, target: MemArgTarget::Memory(memory), ordering: None })
    }

    /// Alignment and memory of an access whose flags, the first byte of which has been read, are more than an alignment
    /// in one byte: bit 6 announces the index of a memory.
    #[cold]
    fn long_memarg(&mut self, max_align: u8) -> Checked<(u8, u32)> {
        self.reader.at -= 1;
        let flags = self.reader.u32()?;
        let align = (flags & 0x3f) as u8;
        if align > max_align {
            return Err(Undecided);
        }
        match flags & !0x3f {
            0 => Ok((align, 0)),
            0x40 if self.decoded.enabled.contains(Features::MULTI_MEMORY) => Ok((align, self.reader.u32()?)),
            _ => Err(Undecided),
        }
    }

    /// The index of a memory; without the proposal for several, a zero byte.
    fn memory(&mut self) -> Checked<u32> {
        if !self.decoded.enabled.contains(Features::MULTI_MEMORY) && self.reader.peek()? != 0 {
            return Err(Undecided);
        }
        self.memory_index()
    }

    fn memory_index(&mut self) -> Checked<u32> {
        let index = self.reader.u32()?;
        if (index as usize) < self.module.memories.len() { Ok(index) } else { Err(Undecided) }
    }

    fn data_segment(&mut self) -> Checked<u32> {
        let index = self.reader.u32()?;
        let count = self.decoded.resources.as_ref().and_then(|resources| resources.data_count());
        if count.is_some_and(|count| index < count) { Ok(index) } else { Err(Undecided) }
    }

    fn element_segment(&mut self) -> Checked<(u32, Ty)> {
        let index = self.reader.u32()?;
        match self.module.elements.get(index as usize).map(|segment| Ty::of_ref(segment.ty)) {
            None | Some(Ty::Unknown) => Err(Undecided),
            Some(ty) => Ok((index, ty)),
        }
    }

    fn table(&self, index: u32) -> Checked<&'a TableType> {
        self.module.tables.get(index as usize).ok_or(Undecided)
    }

    #[inline]
    fn global(&self, index: u32) -> Checked<GlobalType> {
        self.module.globals.get(index as usize).copied().ok_or(Undecided)
    }

    #[inline]
    fn block_type(&mut self) -> Checked<(BlockTy, BlockType)> {
        let first = self.reader.peek()?;
        if first & 0xc0 == 0x40 {
            self.reader.at += 1;
            if first == 0x40 {
                return Ok((BlockTy::Empty, BlockType::Empty));
            }
            return match Ty::from_byte(first) {
                Ty::Unknown => Err(Undecided),
                Ty::V128 if !self.decoded.enabled.contains(Features::SIMD) => Err(Undecided),
                ty => {
                    self.uses(of_type(ty));
                    Ok((BlockTy::One(ty), BlockType::Type(ty.to_wasmparser())))
                }
            };
        }
        self.uses(Features::MULTI_VALUE);
        let index = self.reader.i64()?;
        match u32::try_from(index) {
            Ok(index) if (index as usize) < self.types.len() => {
                Ok((BlockTy::Func(index), BlockType::FuncType(index)))
            }
            _ => Err(Undecided),
        }
    }

    // ---- rules ----

    #[inline]
    fn open(&mut self, kind: FrameKind, ty: BlockTy) -> Checked {
        let params = params(self.types, ty);
        self.stacks.pop_types(params)?;
        self.stacks.open(kind, ty, params);
        Ok(())
    }

    #[inline]
    fn end(&mut self) -> Checked {
        let frame = self.stacks.close(self.types)?;
        if frame.kind == FrameKind::If {
            // Without `else`, what the block takes is what it leaves.
            let (params, results) = (params(self.types, frame.ty), results(self.types, frame.ty));
            let same =
                params.len() == results.len() && (0..params.len()).all(|i| params.get(i) == results.get(i));
            if !same {
                return Err(Undecided);
            }
        }
        // The function's results are the caller's.
        if frame.kind != FrameKind::Function {
            self.stacks.push_types(results(self.types, frame.ty));
        }
        Ok(())
    }

    #[inline]
    fn call(&mut self, ty: u32) -> Checked {
        let (params, results) = self.types.get(ty).ok_or(Undecided)?;
        self.stacks.pop_types(Types::List(params))?;
        self.stacks.push_types(Types::List(results));
        Ok(())
    }

    fn select(&mut self) -> Checked {
        self.stacks.pop(Ty::I32)?;
        let (a, b) = (self.stacks.pop_any()?, self.stacks.pop_any()?);
        let ty = match (a, b) {
            (Ty::Bottom, ty) | (ty, Ty::Bottom) => ty,
            (a, b) if a == b => a,
            _ => return Err(Undecided),
        };
        if ty.is_ref() {
            return Err(Undecided);
        }
        self.stacks.push(ty);
        Ok(())
    }

    fn typed_select(&mut self) -> Checked<wasmparser::ValType> {
        if self.reader.u32()? != 1 {
            return Err(Undecided);
        }
        let ty = match Ty::from_byte(self.reader.byte()?) {
            Ty::Unknown => return Err(Undecided),
            Ty::V128 if !self.decoded.enabled.contains(Features::SIMD) => return Err(Undecided),
            ty => ty,
        };
        self.stacks.pop(Ty::I32)?;
        self.stacks.binary(ty, ty)?;
        Ok(ty.to_wasmparser())
    }

    fn br_table(&mut self) -> Checked<BrTable<'a>> {
        let start = self.reader.at - 1;
        let reader = BinaryReader::new_features(&self.reader.bytes[start..], 0, self.decoded.features);
        let mut operators = OperatorsReader::new(reader);
        let Ok(Operator::BrTable { targets }) = operators.read() else { return Err(Undecided) };
        self.reader.at = start + operators.original_position() as usize;
        self.stacks.pop(Ty::I32)?;
        let default = *self.stacks.target(targets.default())?;
        let types = label_types(self.types, default);
        *self.tables = self.tables.wrapping_add(1).max(1);
        let table = *self.tables;
        let mut last = None;
        for depth in targets.targets() {
            let target = self.stacks.target(depth.map_err(|_| Undecided)?)?;
            // Blocks are checked once for each table, and so are runs of blocks of one type.
            if core::mem::replace(&mut target.table, table) == table {
                continue;
            }
            let target = *target;
            let key = (target.kind == FrameKind::Loop, target.ty);
            if last.replace(key) == Some(key) {
                continue;
            }
            let label = label_types(self.types, target);
            if label.len() != types.len() {
                return Err(Undecided);
            }
            self.stacks.match_types(label)?;
        }
        self.stacks.pop_types(types)?;
        self.stacks.set_unreachable();
        Ok(targets)
    }

    fn pop_three(&mut self) -> Checked {
        self.stacks.pop(Ty::I32)?;
        self.stacks.pop(Ty::I32)?;
        self.stacks.pop(Ty::I32)
    }
}
