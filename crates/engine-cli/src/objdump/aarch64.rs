//! AArch64 instructions as text.

use super::listing::{Instruction, TARGET};
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Operand};

/// Disassembles a function's code. What is no instruction is shown as a word of data.
pub(super) fn disassemble(code: &[u8]) -> Vec<Instruction> {
    let decoder = InstDecoder::default();
    let words = code.chunks(4).enumerate();
    words
        .map(|(i, word)| {
            let offset = 4 * i as u32;
            let length = word.len() as u32;
            let Ok(decoded) = decoder.decode(&mut U8Reader::new(word)) else {
                let bytes = word.iter().rev().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
                return Instruction { offset, length, target: None, text: format!(".word {bytes:#010x}") };
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
            Instruction { offset, length, target, text }
        })
        .collect()
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
        assert_eq!(disassemble(&[0, 0, 0, 0])[0].text, ".word 0x00000000");
    }
}
