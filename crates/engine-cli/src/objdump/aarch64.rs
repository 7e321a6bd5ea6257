//! AArch64 instructions as text.

use super::listing::{Instruction, TARGET};
use super::tables;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Opcode, Operand};

/// Disassembles a function's code. What is no instruction is shown as a word of data.
pub(super) fn disassemble(code: &[u8]) -> Vec<Instruction> {
    let decoder = InstDecoder::default();
    let mut instructions: Vec<Instruction> = Vec::new();
    let mut offset = 0u32;
    while let Some(word) = code.get(offset as usize..).and_then(|rest| rest.get(..4)) {
        let Ok(decoded) = decoder.decode(&mut U8Reader::new(word)) else {
            let bytes = word.iter().rev().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
            instructions.push(Instruction {
                offset,
                length: 4,
                target: None,
                text: format!(".word {bytes:#010x}"),
            });
            offset += 4;
            continue;
        };
        let relative = decoded.operands.iter().find_map(|operand| match operand {
            Operand::PCOffset(relative) => Some(*relative),
            _ => None,
        });
        let target = relative.and_then(|relative| u32::try_from(i64::from(offset) + relative).ok());
        let text = decoded.to_string();
        let text = match (target, text.find('$')) {
            // The disassembler writes a relative address as `$+0x8`, always as the last operand.
            (Some(_), Some(dollar)) => format!("{}{TARGET}", &text[..dollar]),
            _ => text,
        };
        instructions.push(Instruction { offset, length: 4, target, text });
        offset += 4;
        // A branch table follows the jump that goes through it, and its address was taken before.
        let mut recent = instructions.iter().rev().take(8);
        if decoded.opcode == Opcode::BR && recent.any(|instruction| instruction.target == Some(offset)) {
            instructions.extend(tables::entries(code, offset, &instructions));
            offset = instructions.last().map_or(offset, |last| last.offset + last.length);
        }
    }
    instructions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_have_targets() {
        let code: Vec<u8> =
            [0x5400_0040u32, 0xd503_201f, 0xd65f_03c0].iter().flat_map(|w| w.to_le_bytes()).collect();
        let instructions = disassemble(&code);
        assert_eq!(instructions[0].target, Some(8));
        assert_eq!(instructions[0].text, format!("b.eq {TARGET}"));
        assert_eq!(instructions[1].text, "nop");
        assert_eq!(instructions[2].text, "ret");
    }

    #[test]
    fn data_is_shown() {
        assert_eq!(disassemble(&[0xff; 4])[0].text, ".word 0xffffffff");
    }
}
