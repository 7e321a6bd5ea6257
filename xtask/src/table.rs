//! Tables for people: columns as wide as their widest cell, numbers to the right.

/// Prints rows under a header. A cell that starts with a digit, a minus or a dot is aligned to the right.
pub fn print(header: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            let padding = " ".repeat(width - cell.chars().count());
            let number = cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
            if number {
                text.push_str(&padding)
            };
            text.push_str(cell);
            if !number {
                text.push_str(&padding)
            };
            text.push_str("  ");
        }
        println!("{}", text.trim_end());
    };
    line(&mut header.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}
