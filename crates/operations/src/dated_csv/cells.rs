//! Lines of a CSV text, and the cells of a line.

use std::borrow::Cow;

/// A line that is not blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the file, the first being 1.
    pub number: usize,
    /// Its text.
    pub text: &'a str,
}

/// The lines that are not blank, without the mark that some programs write before the first.
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(index, text)| Line { number: index + 1, text });
    lines.filter(|line| !line.text.trim().is_empty()).collect()
}

/// Cells between commas, without the spaces around them. A cell in quotes may hold commas, and two quotes in it are one.
pub fn cells(line: &str) -> Result<Vec<Cow<'_, str>>, &'static str> {
    if !line.contains('"') {
        return Ok(line.split(',').map(|cell| cell.trim().into()).collect());
    }
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let next = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => {
                let (cell, after) = quoted_cell(quoted)?;
                cells.push(cell.trim().to_owned().into());
                match after.trim_start() {
                    "" => None,
                    after => Some(
                        after
                            .strip_prefix(',')
                            .ok_or("text after a closing quote: put all of the cell in quotes")?,
                    ),
                }
            }
            None => {
                let (cell, next) =
                    rest.split_once(',').map_or((rest, None), |(cell, next)| (cell, Some(next)));
                cells.push(cell.trim().into());
                next
            }
        };
        let Some(next) = next else { return Ok(cells) };
        rest = next;
    }
}

/// What lies before the closing quote, and what after it.
fn quoted_cell(text: &str) -> Result<(String, &str), &'static str> {
    let (mut cell, mut rest) = (String::new(), text);
    loop {
        let (before, after) =
            rest.split_once('"').ok_or("a quote is not closed on its line: close it, or take it out")?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return Ok((cell, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_commas_outside_of_quotes() {
        for (line, expected) in [
            ("a, b ,c", &["a", "b", "c"][..]),
            ("a,,", &["a", "", ""]),
            ("\"a\",\"b\"", &["a", "b"]),
            (" \"1,000\" , 2", &["1,000", "2"]),
            ("\"x \"\"y\"\"\",1", &["x \"y\"", "1"]),
            ("\"\",1,", &["", "1", ""]),
            ("5\",1", &["5\"", "1"]),
        ] {
            assert_eq!(cells(line).map(|cells| cells.join("|")), Ok(expected.join("|")), "{line}");
        }
        assert!(cells("1,\"2").is_err_and(|what| what.contains("not closed")));
        assert!(cells("\"1\"2,3").is_err_and(|what| what.contains("after a closing quote")));
    }

    #[test]
    fn blank_lines_count_and_are_left_out() {
        let numbers = |text| lines(text).iter().map(|line| line.number).collect::<Vec<_>>();
        assert_eq!(numbers("\u{feff}a\r\n\r\n \nb"), [1, 4]);
        assert_eq!(numbers(""), [0; 0]);
    }
}
